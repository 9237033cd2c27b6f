//! Whole sequences of one parameter: an error changes nothing, and no accepted gradient makes a parameter NaN.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{F32, F32RootF64, Precision, Real};
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Tensor, Workspace, lengths};
use shampoo_fuzz::numbers::{Number, all_bits};
use shampoo_fuzz::settings::{Numbers, Settings, size};

#[derive(Debug)]
struct Case {
    shape: Vec<usize>,
    settings: Settings,
    wide_roots: bool,
    weights: Numbers,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
struct Step {
    gradient: Numbers,
    rate: Rate,
    misfit: Option<Misfit>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Rate {
    Usual,
    Zero,
    Any(Number),
}

/// Buffers that may not fit.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Misfit {
    Gradient(i8),
    Parameter(i8),
    Update(i8),
    Direction(i8),
    Work(i8),
    Root(i8),
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let rank = usize::from(u8::arbitrary(u)?) % 5;
        let shape = (0..rank).map(|_| size(u)).collect::<Result<_>>()?;
        Ok(Self {
            shape,
            settings: Settings::arbitrary(u)?,
            wide_roots: bool::arbitrary(u)?,
            weights: Numbers::arbitrary(u)?,
            steps: Vec::arbitrary(u)?,
        })
    }
}

fuzz_target!(|case: Case| if case.wide_roots { run::<F32RootF64>(&case) } else { run::<F32>(&case) });

type Heap<P> = Tensor<P, Vec<f32>, Vec<f32>, Vec<Slot>>;

fn state<P: Precision<Work = f32, Store = f32>>(tensor: &Heap<P>) -> (Vec<u64>, Vec<Slot>, u64) {
    let numbers = [tensor.statistics(), tensor.roots(), tensor.graft_state(), tensor.momentum()];
    (numbers.iter().flat_map(|x| all_bits(x)).collect(), tensor.slots().to_vec(), tensor.count())
}

fn run<P: Precision<Work = f32, Store = f32>>(case: &Case) {
    let config = case.settings.0;
    let Ok(need) = lengths::<P>(&case.shape, &config) else { return };
    // The largest order is 16 with these sizes, or the whole of a merged tensor.
    if need.numel > 256 || need.root > 1 << 14 {
        return;
    }
    let kept = || vec![f32::NAN; need.statistics];
    let (graft, momentum) = (vec![f32::NAN; need.graft], vec![f32::NAN; need.momentum]);
    let tensor = Heap::<P>::new(&case.shape, config, kept(), kept(), graft, momentum, vec![Slot::EMPTY; need.slots]);
    let mut tensor = tensor.expect("what has lengths can be made");
    let mut weights: Vec<f32> = case.weights.take(need.numel);
    weights.iter_mut().for_each(|w| *w = if w.is_finite() && w.abs() < 1e30 { *w } else { 1.0 });
    for step in case.steps.iter().take(6) {
        let mut gradient: Vec<f32> = step.gradient.take(need.numel);
        let rate = match step.rate {
            Rate::Usual => 0.125,
            Rate::Zero => 0.0,
            Rate::Any(rate) => rate.value(),
        };
        let mut parameter = weights.clone();
        let nan = |length: usize| vec![f32::NAN; length];
        let (mut update, mut direction, mut work) = (nan(need.numel), nan(need.numel), nan(need.work));
        let mut root = vec![P::Root::from_f64(f64::NAN); need.root];
        let to = |length: usize, by: i8| length.saturating_add_signed(by.into());
        match step.misfit {
            Some(Misfit::Gradient(by)) => gradient.resize(to(need.numel, by), 1.0),
            Some(Misfit::Parameter(by)) => parameter.resize(to(need.numel, by), 1.0),
            Some(Misfit::Update(by)) => update.resize(to(need.numel, by), 1.0),
            Some(Misfit::Direction(by)) => direction.resize(to(need.numel, by), 1.0),
            Some(Misfit::Work(by)) => work.resize(to(need.work, by), 1.0),
            Some(Misfit::Root(by)) => root.resize(to(need.root, by), P::Root::default()),
            None => {}
        }
        let before = (state(&tensor), all_bits(&update));
        let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
        let done = tensor.step(&parameter, &gradient, rate, &mut update, &mut workspace, &Portable);
        if let Err(error) = done {
            assert_eq!((state(&tensor), all_bits(&update)), before, "{error:?}");
            continue;
        }
        assert!(gradient.len() == need.numel && gradient.iter().all(|x| x.is_finite()));
        assert!(tensor.statistics().iter().all(|x| x.is_finite()), "{:?}", tensor.statistics());
        assert!(tensor.graft_state().iter().all(|x| x.is_finite()), "{:?}", tensor.graft_state());
        // A rate or a decay of any size may carry parameters away, be the step as it may.
        if rate.abs() > 1.0 || !case.settings.is_moderate() {
            return;
        }
        assert!(tensor.momentum().iter().all(|x| x.is_finite()), "{:?}", tensor.momentum());
        assert!(update.iter().all(|x| x.is_finite()), "{update:?} of {gradient:?}");
        weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
        if weights.iter().any(|w| w.abs() > 1e30) {
            return;
        }
    }
}
