#![cfg_attr(target_os = "none", no_std, no_main)]
//! The least code that trains: one network by Shampoo alone, every root in the step that needs it, settings in the type, and
//! buffers in a static, as long as constants say.

use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, StepError};
use shampoo_core::fixed::{Fixed, Settings};
use shampoo_core::kernel::{Compact, RationalOnly};
use shampoo_core::scalar::F32;
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_core::tensor::{Lengths, Tensor, Workspace};
use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::report::{Bits32, Checks};
use shampoo_firmware::{board, program, say};
use training::{BATCH, CLASSES, Method, Network, Random, Sizes, Verdicts, digest, fill_sines, read};

const STEPS: u32 = 100;

const SIZES: Sizes = Sizes::STANDARD;
const SHAPES: [[usize; 2]; 2] = SIZES.shapes();
const INNER: Lengths = Lengths::of(&SHAPES[0], &Chosen::CONFIG);
const OUTER: Lengths = Lengths::of(&SHAPES[1], &Chosen::CONFIG);

/// Steps from one root to the next.
const EVERY: u64 = 4;

/// The settings.
#[derive(Clone, Copy, Debug, Default)]
struct Chosen;

impl Settings for Chosen {
    const CONFIG: Config = Config {
        schedule: Schedule { precondition_every: EVERY, ..Schedule::EVERY_STEP },
        packed_products: true,
        ..Config::DEFAULT
    };
}

type Layer = Tensor<Fixed<F32, Chosen>, &'static mut [f32], &'static mut [f32], &'static mut [Slot]>;

/// State of a layer.
struct State<const STATISTICS: usize, const GRAFT: usize, const MOMENTUM: usize, const SLOTS: usize> {
    statistics: [[f32; STATISTICS]; 2],
    graft: [f32; GRAFT],
    momentum: [f32; MOMENTUM],
    slots: [Slot; SLOTS],
}

impl<const S: usize, const G: usize, const M: usize, const B: usize> State<S, G, M, B> {
    const EMPTY: Self =
        Self { statistics: [[0.0; S]; 2], graft: [0.0; G], momentum: [0.0; M], slots: [Slot::EMPTY; B] };

    fn layer(&'static mut self, shape: &[usize]) -> Result<Layer, ConfigError> {
        let [statistics, roots] = &mut self.statistics;
        Tensor::new(shape, Chosen::CONFIG, statistics, roots, &mut self.graft, &mut self.momentum, &mut self.slots)
    }
}

/// State of both layers, their weights, and what a step needs: the first layer is the larger one.
struct Memory {
    inner: State<{ INNER.statistics }, { INNER.graft }, { INNER.momentum }, { INNER.slots }>,
    outer: State<{ OUTER.statistics }, { OUTER.graft }, { OUTER.momentum }, { OUTER.slots }>,
    weights: [f32; INNER.numel + OUTER.numel],
    gradients: [f32; INNER.numel + OUTER.numel],
    update: [f32; INNER.numel],
    direction: [f32; INNER.numel],
    work: [f32; INNER.work],
    root: [f32; INNER.root],
}

static MEMORY: Cell<Memory> = Cell::new(Memory {
    inner: State::EMPTY,
    outer: State::EMPTY,
    weights: [0.0; INNER.numel + OUTER.numel],
    gradients: [0.0; INNER.numel + OUTER.numel],
    update: [0.0; INNER.numel],
    direction: [0.0; INNER.numel],
    work: [0.0; INNER.work],
    root: [0.0; INNER.root],
});

/// What came of it: the mean losses of the first and the last batch.
struct Trained {
    losses: [f32; 2],
    verdicts: Verdicts,
    digest: u32,
}

fn train(memory: &'static mut Memory) -> Result<Trained, StepError> {
    let Memory { inner, outer, weights, gradients, update, direction, work, root } = memory;
    let mut layers = [inner.layer(&SHAPES[0]), outer.layer(&SHAPES[1])];
    let mut workspace = Workspace { direction, work, root };
    let (mut sines, mut inputs) = ([0.0; SIZES.inputs - 1], [0.0; SIZES.inputs]);
    let (mut hidden, mut outputs) = ([0.0; SIZES.hidden], [0.0; CLASSES]);
    fill_sines(&mut sines);
    let mut random = Random::new(1);
    weights.iter_mut().for_each(|w| *w = 0.25 * random.signed());
    let mut trained = Trained { losses: [0.0; 2], verdicts: Verdicts::default(), digest: 0 };
    for step in 0..STEPS {
        let weight = 1.0 / BATCH as f32;
        let mut loss = 0.0;
        gradients.fill(0.0);
        for _ in 0..BATCH {
            let class = read(&mut random, &sines, &mut inputs);
            let (first, second) = weights.split_at(INNER.numel);
            let (hidden, outputs) = (&mut hidden, &mut outputs);
            let mut network = Network { sizes: SIZES, weights: [first, second], hidden, outputs };
            loss += weight * network.forward(&inputs, class);
            let (first, second) = gradients.split_at_mut(INNER.numel);
            network.backward(&inputs, weight, [first, second]);
        }
        trained.losses = [if step == 0 { loss } else { trained.losses[0] }, loss];
        let (own, others) = (weights.split_at_mut(INNER.numel), gradients.split_at(INNER.numel));
        for (layer, (weights, gradient)) in layers.iter_mut().zip([(own.0, others.0), (own.1, others.1)]) {
            let (Ok(layer), Some(update)) = (layer, update.get_mut(..weights.len())) else { continue };
            let rate = Method::Shampoo.learning_rate(SIZES);
            let refresh = layer.step(weights, gradient, rate, update, &mut workspace, &RationalOnly(Compact))?;
            trained.verdicts.add(&refresh);
            weights.iter_mut().zip(update).for_each(|(w, u)| *w += *u);
        }
    }
    trained.digest = digest(weights);
    Ok(trained)
}

fn run() -> bool {
    let (mut checks, mut trained) = (Checks::default(), None);
    let stack = board::stack(|| trained = MEMORY.take().and_then(|memory| train(memory).ok()));
    let Some(Trained { losses: [first, last], verdicts, digest }) = trained else {
        checks.check("training", false);
        return checks.finish();
    };
    let thousandths = |loss: f32| (1000.0 * loss) as u32;
    say!("digest smallest Shampoo ", STEPS, " ", Bits32(digest), " ", thousandths(last));
    say!("smallest loss_first_e3 ", thousandths(first), " memory_bytes ", size_of::<Memory>(), " stack ", stack);
    // Both factors of both layers.
    let roots = 4 * STEPS.div_ceil(EVERY as u32);
    checks.check("every root is accepted", verdicts.accepted == roots && verdicts.rejected == 0);
    checks.check("the loss falls", last < 0.1 * first);
    checks.at_most("stack", stack.into(), 4096 + 2 * size_of::<Layer>() as u64);
    checks.finish()
}

program!(run);
