//! Numbers near the ends of the range: what is accepted stays finite for ever, what could not is refused.

use crate::common::run::{Run, narrow};
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::{ConfigError, RowsError, StepError};
use shampoo_core::graft::{Graft, Length};
use shampoo_core::kernel::{FastMath, Kernel, Portable};
use shampoo_core::kfac::{Terms, accumulate};
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::lookup::{Lookup, RowGraft, Update, Workspace, lengths};
use shampoo_core::mat::MatRef;
use shampoo_core::momentum::{Buffers, Filter, Momentum};
use shampoo_core::scalar::{Bf16Store, F32, F64, Mixed, Precision, Real};
use shampoo_core::schedule::Slot;
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::largest_gradient;

const SUMS: Config = Config { averaging: Averaging::Sum, ..Config::diagonal(Graft::Sgd) };

/// Every number that a step leaves behind.
#[track_caller]
fn assert_all_finite<P: Precision>(run: &Run<P>, update: &[f64], step: usize) {
    let tensor = &run.tensor;
    for (what, numbers) in
        [("weights", &run.weights[..]), ("momentum", tensor.momentum()), ("graft", tensor.graft_state())]
    {
        assert!(numbers.iter().all(|x| x.is_finite()), "{what} in step {step}: {numbers:?}");
    }
    assert!(update.iter().chain(&run.statistics()).all(|x| x.is_finite()), "step {step}: {update:?}");
}

/// A second moment that fades before the numerator does gives steps up to the largest number, and momentum sums them.
#[test]
fn steps_of_faded_second_moments_do_not_fill_momentum() {
    let nesterov = Momentum { nesterov: true, ..Momentum::heavy_ball(0.9) };
    let faded = Graft::RmsProp { beta2: 2.5e-20, epsilon: 0.0, bias_correction: false };
    let halved = Graft::RmsProp { beta2: 0.5, epsilon: 0.0, bias_correction: false };
    let adam = Graft::Adam { beta1: 0.99, beta2: 0.5, epsilon: 0.0 };
    let filter = |beta1| Filter { beta1, bias_correction: true };
    for (graft, filter, momentum) in [
        (faded, filter(0.9), nesterov),
        (adam, Filter::NONE, Momentum::heavy_ball(0.9)),
        (halved, filter(0.999), Momentum::heavy_ball(0.9)),
        (adam, Filter::NONE, Momentum { buffers: Buffers::Two, ..nesterov }),
    ] {
        let mut run = Run::<F32>::new(&[], Config { filter, momentum, ..Config::diagonal(graft) });
        for step in 0..400 {
            let update = run.step(&[if step == 0 { 9e18 } else { 0.0 }], 1e-3);
            assert_all_finite(&run, &update, step);
        }
    }
}

/// The same of what decay adds, whose rate may be as large as a number is.
#[test]
fn decay_does_not_fill_momentum() {
    let config = Config { weight_decay: WeightDecay::Coupled(1e10), ..Config::DEFAULT };
    let mut run = Run::<F32>::new(&[2], config).with_weights(&[3e38, -3e38]);
    for step in 0..20 {
        let update = run.step(&[1.0, 2.0], 1e-3);
        assert_all_finite(&run, &update, step);
    }
}

/// Steps that a gradient could have are not cut.
#[test]
fn the_largest_gradient_is_a_step_as_it_is() {
    let largest: Vec<f32> = narrow(&[largest_gradient::<F32>(3) * 0.999; 3]);
    let mut run = Run::<F32>::new(&[3], Config::diagonal(Graft::Sgd));
    let mut update = [0.0; 3];
    run.try_step(&largest, -1.0, &mut update).expect("legal");
    assert_eq!(update[..], largest);
}

/// A root of small numbers that is stale, because none is accepted of the large ones.
#[test]
fn a_stale_root_of_a_full_matrix_leaves_the_diagonal_step() {
    let graft = Graft::FullMatrix { ridge: Ridge::Relative(0.0) };
    let mut run = Run::<F32>::new(&[2], Config::diagonal(graft));
    for (step, g) in [[1e-22, 0.0], [0.0, 1e-22], [6e18, 6e18], [0.0, 1.0]].iter().enumerate() {
        let update = run.step(g, 1e-3);
        assert_all_finite(&run, &update, step);
    }
}

/// The kernel sums the squares of a batch before it divides by their number.
#[test]
fn a_factor_of_a_mean_has_room_for_the_sum() {
    for terms in [Terms::Mean, Terms::Sum, Terms::MeanLoss] {
        for b in [1, 4, 64] {
            let (mut refused, mut accepted) = (0, 0);
            for value in (160..=200).map(|x| 10.0_f32.powf(x as f32 / 10.0)) {
                let (batch, mut triangle, mut workspace) = (vec![value; 2 * b], [0.0_f32; 3], [0.0; 4]);
                let rows = MatRef::new(&batch, b, 2).expect("whole rows");
                let columns = MatRef::new(&batch, 2, b).expect("whole columns").transpose();
                for batch in [rows, columns] {
                    let averaging = Averaging::Ema { beta2: 0.9 };
                    match accumulate(&mut triangle, batch, averaging, terms, &mut workspace, &Portable) {
                        Ok(()) => accepted += 1,
                        Err(error) => {
                            assert!(matches!(error, RowsError::TooLarge { .. }), "{error}");
                            refused += 1;
                        }
                    }
                    assert!(triangle.iter().all(|x| x.is_finite()), "{terms:?} {b}: {value:e}");
                }
            }
            assert!(refused > 0 && accepted > 0, "{terms:?} {b}: {refused} {accepted}");
        }
    }
}

#[test]
fn a_factor_refuses_decays_that_are_none() {
    for (beta2, right) in [
        (1.0, ConfigError::Beta { value: 1.0 }),
        (-2.0, ConfigError::Beta { value: -2.0 }),
        (0.999_999_99, ConfigError::BetaRoundsToOne { value: 0.999_999_99 }),
    ] {
        let mut triangle = [1.0_f32];
        let batch = MatRef::new(&[2.0_f32], 1, 1).expect("one number");
        let done = accumulate(&mut triangle, batch, Averaging::Ema { beta2 }, Terms::Sum, &mut [0.0], &Portable);
        assert_eq!((done, triangle), (Err(RowsError::Config(right)), [1.0]));
    }
}

/// A length that no direction may have would leave the graft's own step for ever.
#[test]
fn a_given_length_beyond_that_of_a_gradient_is_refused() {
    fn validate<P: Precision>(length: f64) -> Result<(), ConfigError> {
        Config { graft: Graft::FixedNorm(Length::Given(length)), ..Config::DEFAULT }.validate::<P>()
    }
    let limit = largest_gradient::<F32>(1);
    assert_eq!(validate::<F32>(limit), Ok(()));
    let refused = |value| Err(ConfigError::Figure { field: "graft length", value });
    assert_eq!(validate::<F32>(1.01 * limit), refused(1.01 * limit));
    assert_eq!(validate::<Mixed<f64, f32, f64>>(1e30), refused(1e30));
    assert_eq!(validate::<F64>(1e30), Ok(()));
}

/// Sums that do not exist do not fill.
#[test]
fn what_is_not_summed_does_not_refuse_a_gradient() {
    let adagrad = Graft::AdaGrad { epsilon: 0.0 };
    let sm3 = Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 };
    let full = Graft::FullMatrix { ridge: Ridge::Relative(1e-6) };
    let normalized = |graft| Config { normalize_graft: true, ..Config::diagonal(graft) };
    for config in [SUMS, normalized(adagrad), normalized(sm3), normalized(full)] {
        let mut run = Run::<F32>::new(&[], config);
        for step in 0..30 {
            let update = run.step(&[5e18], 1e-3);
            assert_all_finite(&run, &update, step);
        }
    }
    let mut table = table(2, Config { precondition: false, averaging: Averaging::Sum, ..Config::DEFAULT }).unwrap();
    (0..30).for_each(|_| lookup(&mut table, &[5e18, 0.0], &[]).map(drop).expect("nothing is summed"));
}

/// Sums that do exist fill as before.
#[test]
fn what_is_summed_is_refused_before_it_overflows() {
    let summing = Config { averaging: Averaging::Sum, merge_limit: 1, ..Config::diagonal(Graft::Sgd) };
    let factors = Config { precondition: true, ..summing };
    for config in
        [factors, Config { normalize_graft: true, ..factors }, Config::diagonal(Graft::AdaGrad { epsilon: 0.0 })]
    {
        let mut run = Run::<F32>::new(&[2, 2], config);
        let refused = (0..30).find(|&step| {
            let before = run.state();
            let mut update = [0.0; 4];
            match run.try_step(&[4e18; 4], 1e-3, &mut update) {
                Ok(()) => {
                    assert_all_finite(&run, &update.map(f64::from), step);
                    false
                }
                Err(error) => {
                    assert!(matches!(error, StepError::GradientTooLarge { .. }), "{error}");
                    assert_eq!(run.state(), before);
                    true
                }
            }
        });
        assert!(refused.is_some_and(|step| step > 1), "{refused:?}");
    }
}

/// An initial value that is infinite in the store, or that sums would carry out of range.
#[test]
fn initial_statistics_leave_room() {
    fn validate<P: Precision>(initial_statistics: f64) -> Result<(), ConfigError> {
        Config { initial_statistics, ..Config::DEFAULT }.validate::<P>()
    }
    let refused = |value| Err(ConfigError::Figure { field: "initial_statistics", value });
    assert_eq!(validate::<Mixed<f64, f32, f64>>(1e39), refused(1e39));
    assert_eq!(validate::<F32>(3.1e38), refused(3.1e38));
    assert_eq!(validate::<Bf16Store>(1e38), refused(1e38));
    assert_eq!(validate::<F64>(1e39), Ok(()));
    // What is accepted counts as filled.
    let config = Config { averaging: Averaging::Sum, initial_statistics: 8e37, ..Config::DEFAULT };
    let mut run = Run::<F32>::new(&[2, 2], config);
    let mut accepted = 0;
    while run.try_step(&[4.5e18; 4], 1e-3, &mut [0.0; 4]).is_ok() {
        accepted += 1;
        assert!(run.statistics().iter().all(|x| x.is_finite()));
    }
    assert_eq!(accepted, 1);
}

#[test]
fn a_quotient_beyond_the_range_is_0_in_the_approximate_kernel_too() {
    fn quotients<const NEWTON: bool>() -> [f32; 4] {
        let mut out = [9.0; 4];
        let (g, v) = ([1e30, -1e30, 1e30, f32::NAN], [1e-37, 1e-37, 1e-30, 1.0]);
        FastMath::<_, NEWTON>(Portable).scale_by_rsqrt(&mut out, &g, &v, 1.0, 0.0);
        out
    }
    for [plus, minus, beyond, nan] in [quotients::<false>(), quotients::<true>()] {
        assert_eq!([plus, minus, beyond], [0.0; 3]);
        assert!(nan.is_nan());
    }
}

/// Momentum would keep a NaN for ever.
#[test]
fn a_parameter_that_is_not_finite_is_refused_where_it_is_read() {
    let decays = [WeightDecay::Coupled(0.1), WeightDecay::Decoupled(0.1), WeightDecay::Gradient(0.1)];
    let decays = decays.map(|weight_decay| Config { weight_decay, ..Config::DEFAULT });
    let lars = Config { momentum: Momentum::heavy_ball(0.9), ..Config::diagonal(Graft::Lars { beta: 0.0 }) };
    for config in decays.into_iter().chain([lars]) {
        for poison in [f64::NAN, f64::INFINITY] {
            let mut run = Run::<F32>::new(&[2, 2], config).with_weights(&[1.0, 2.0, poison, poison]);
            let (before, mut update) = (run.state(), [7.0; 4]);
            let error = run.try_step(&[1.0; 4], 0.1, &mut update);
            assert_eq!(error, Err(StepError::NonFiniteParameter { index: 2 }), "{config:?}");
            assert_eq!((run.state(), update), (before, [7.0; 4]));
        }
    }
    let mut run = Run::<F32>::new(&[2], Config::DEFAULT).with_weights(&[f64::NAN; 2]);
    assert!(run.step(&[1.0; 2], 0.1).iter().all(|x| x.is_finite()), "it is not read");
}

type Table = Lookup<F32, Vec<f32>, Vec<f32>, Vec<Slot>>;

fn table(width: usize, config: Config) -> Result<Table, ConfigError> {
    let need = lengths(5, width, 1, &config, RowGraft::Sgd);
    let kept = || vec![0.0; need.statistics];
    Lookup::new(5, width, config, RowGraft::Sgd, kept(), kept(), Vec::new(), vec![Slot::EMPTY; need.slots])
}

/// The update of one row.
fn lookup(table: &mut Table, row: &[f32], looked_up: &[f32]) -> Result<Vec<f32>, RowsError> {
    let need = table.lengths(1);
    let (mut sums, mut direction, mut out) = (vec![0.0; need.rows], vec![0.0; need.rows], vec![0.0; need.rows]);
    let (mut work, mut root) = (vec![0.0; need.work], vec![0.0; need.root]);
    let (sums, direction, work, root) = (&mut sums[..], &mut direction[..], &mut work[..], &mut root[..]);
    let mut workspace = Workspace { keys: &mut [0], sums, direction, work, root };
    let mut update = Update { ids: &mut [0], rows: &mut out };
    table.step(&[1], row, looked_up, 0.1, &mut update, &mut workspace, &Portable)?;
    Ok(out)
}

#[test]
fn a_row_that_is_not_finite_is_refused_where_it_is_read() {
    for weight_decay in [WeightDecay::Coupled(0.1), WeightDecay::Decoupled(0.1)] {
        let mut table = table(2, Config { weight_decay, ..Config::DEFAULT }).unwrap();
        let refused = lookup(&mut table, &[1.0; 2], &[1.0, f32::NAN]);
        assert_eq!((refused, table.count()), (Err(RowsError::NonFiniteTable { index: 1 }), 0));
    }
    let mut table = table(2, Config::DEFAULT).unwrap();
    assert!(lookup(&mut table, &[1.0; 2], &[1.0, f32::NAN]).is_ok_and(|out| out.iter().all(|x| x.is_finite())));
}
