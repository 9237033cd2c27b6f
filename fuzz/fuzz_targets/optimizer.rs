//! Whole sequences of one parameter: an error changes nothing, and no accepted gradient makes a parameter NaN.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{Bf16Store, Bf16x2Store, Bf16x3Store, F32, F32RootF64, F64, Precision, Real, Stored};
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Tensor, Workspace, lengths};
use shampoo_fuzz::numbers::{Bits, Number, all_bits};
use shampoo_fuzz::settings::{Numbers, Settings, size};

#[derive(Debug)]
struct Case {
    shape: Vec<usize>,
    settings: Settings,
    precision: u8,
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
            precision: u8::arbitrary(u)?,
            weights: Numbers::arbitrary(u)?,
            steps: Vec::arbitrary(u)?,
        })
    }
}

fuzz_target!(|case: Case| match case.precision % 6 {
    0 => run::<F32>(&case),
    1 => run::<F32RootF64>(&case),
    2 => run::<Bf16Store>(&case),
    3 => run::<Bf16x2Store>(&case),
    4 => run::<Bf16x3Store>(&case),
    _ => run::<F64>(&case),
});

type Heap<P> = Tensor<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Work>, Vec<Slot>>;

fn state<P: Precision<Work: Bits, Store: Bits>>(tensor: &Heap<P>) -> (Vec<u64>, Vec<Slot>, u64) {
    let kept = [tensor.statistics(), tensor.roots()].map(all_bits);
    let work = [tensor.graft_state(), tensor.momentum()].map(all_bits);
    ([kept, work].concat().concat(), tensor.slots().to_vec(), tensor.count())
}

fn run<P: Precision<Work: Bits, Store: Bits>>(case: &Case) {
    let nan = P::Work::from_f64(f64::NAN);
    let config = case.settings.0;
    let Ok(need) = lengths::<P>(&case.shape, &config) else { return };
    // The largest order is 16 with these sizes, or the whole of a merged tensor.
    if need.numel > 256 || need.root > 1 << 14 {
        return;
    }
    let kept = || vec![P::Store::store(nan); need.statistics];
    let (graft, momentum) = (vec![nan; need.graft], vec![nan; need.momentum]);
    let tensor = Heap::<P>::new(&case.shape, config, kept(), kept(), graft, momentum, vec![Slot::EMPTY; need.slots]);
    let mut tensor = tensor.expect("what has lengths can be made");
    let mut weights: Vec<P::Work> = case.weights.take(need.numel);
    // Settings that carry momentum out of range leave nothing to be said of later steps.
    let mut within = true;
    for step in case.steps.iter().take(6) {
        for w in &mut weights {
            *w = if w.is_finite() && w.to_f64().abs() < 1e30 { *w } else { P::Work::from_f64(1.0) };
        }
        let largest = weights.iter().fold(0.0, |m: f64, w| m.max(w.to_f64().abs()));
        within &= case.settings.pull(largest) < 1e36;
        let mut gradient: Vec<P::Work> = step.gradient.take(need.numel);
        let rate = match step.rate {
            Rate::Usual => 0.125,
            Rate::Zero => 0.0,
            Rate::Any(rate) => rate.value(),
        };
        let mut parameter = weights.clone();
        let spoilt = |length: usize| vec![nan; length];
        let (mut update, mut direction, mut work) = (spoilt(need.numel), spoilt(need.numel), spoilt(need.work));
        let mut root = vec![P::Root::from_f64(f64::NAN); need.root];
        let to = |length: usize, by: i8| length.saturating_add_signed(by.into());
        match step.misfit {
            Some(Misfit::Gradient(by)) => gradient.resize(to(need.numel, by), P::Work::from_f64(1.0)),
            Some(Misfit::Parameter(by)) => parameter.resize(to(need.numel, by), P::Work::from_f64(1.0)),
            Some(Misfit::Update(by)) => update.resize(to(need.numel, by), P::Work::from_f64(1.0)),
            Some(Misfit::Direction(by)) => direction.resize(to(need.numel, by), P::Work::from_f64(1.0)),
            Some(Misfit::Work(by)) => work.resize(to(need.work, by), P::Work::from_f64(1.0)),
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
        let finite = |x: &P::Store| Stored::<P::Work>::load(*x).is_finite();
        assert!(tensor.statistics().iter().all(finite), "{:?}", tensor.statistics());
        assert!(tensor.graft_state().iter().all(|x| x.is_finite()), "{:?}", tensor.graft_state());
        if within {
            assert!(tensor.momentum().iter().all(|x| x.is_finite()), "{:?}", tensor.momentum());
            // A rate of any size may carry parameters away, but to a side.
            assert!(update.iter().all(|x| x.is_finite() || (rate.abs() > 1.0 && !x.is_nan())), "{update:?}");
        }
        weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
    }
}
