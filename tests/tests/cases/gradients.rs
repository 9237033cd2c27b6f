//! CASES A14 to A22: gradients that are not finite, zero, tiny or huge; the exponent of the first step.

use crate::common::run::{PLAIN, PSEUDO, Run, narrow};
use crate::common::{U32, U64, assert_absolute, assert_relative, bits};
use shampoo_core::config::Config;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::StepError;
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{Method, Ridge, inverse_root, inverse_root_workspace_len};
use shampoo_core::scalar::{F32, F32RootF64, F64, Precision};
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::largest_gradient;
use shampoo_tests::tolerance::Check;

/// Sums, no graft and no momentum under the default ridge.
const RIDGED: Config = Config { ridge: Ridge::Relative(1e-6), ..PLAIN };

#[test]
fn a14_nan_does_not_enter_the_state() {
    let clean = |t: u64| [1.0 + t as f64, 0.5, -1.0, 2.0];
    let poisoned: Vec<f32> = narrow(&[1.0, f64::NAN, 0.0, 1.0]);
    let mut runs = [0; 2].map(|_| Run::<F32RootF64>::new(&[2, 2], Config::DEFAULT).with_weights(&[1.0; 4]));
    let mut never = runs[0].clone();
    for t in 0..6 {
        if t == 3 {
            let before = runs.each_ref().map(Run::state);
            // The runtime checks every parameter before it writes any; this is the check.
            let checked = runs[1].tensor.check(&poisoned, &runs[1].weights);
            assert_eq!(checked, Err(StepError::NonFiniteGradient { index: 1 }));
            let mut update = [9.0; 4];
            assert!(runs[1].try_step(&poisoned, 0.1, &mut update).is_err());
            assert_eq!(update, [9.0; 4]);
            assert_eq!(runs.each_ref().map(Run::state), before);
        }
        runs.iter_mut().for_each(|run| drop(run.step(&clean(t), 0.1)));
        never.step(&clean(t), 0.1);
    }
    runs.iter().for_each(|run| assert_eq!(run.state(), never.state()));
}

#[test]
fn a16_squares_that_overflow_are_refused() {
    let mut run = Run::<F32RootF64>::new(&[1, 2], RIDGED);
    let before = run.state();
    let error = run.try_step(&[3e19, 4e19], 0.1, &mut [0.0; 2]).unwrap_err();
    assert!(matches!(error, StepError::GradientTooLarge { value, limit } if value > limit), "{error}");
    assert_eq!(run.state(), before);
    assert!(Run::<F64>::new(&[1, 2], RIDGED).direction(&[3e19, 4e19])[0] > 0.0, "f64 has the room");
}

fn assert_stays_finite<P: Precision>(config: Config) {
    let mut run = Run::<P>::new(&[2, 3], config);
    let gradient: Vec<P::Work> = narrow(&[largest_gradient::<P>(6); 6]);
    let mut update = gradient.clone();
    for step in 0..8 {
        let before = run.state();
        match run.try_step(&gradient, 1e-3, &mut update) {
            Ok(()) => assert!(run.statistics().iter().all(|x| x.is_finite()), "inf in step {step}"),
            Err(_) => assert_eq!(run.state(), before),
        }
    }
}

#[test]
fn a16_averages_of_the_largest_legal_gradient_stay_finite() {
    let average = Config { averaging: Averaging::Ema { beta2: 0.9 }, ..RIDGED };
    assert_stays_finite::<F32>(average);
    assert_stays_finite::<F32RootF64>(average);
    assert_stays_finite::<F64>(average);
}

#[test]
fn a16_sums_of_the_largest_legal_gradient_stay_finite() {
    // Never inf in L: either the sum has room, or the step that would overflow it is refused.
    assert_stays_finite::<F32>(RIDGED);
    assert_stays_finite::<F32RootF64>(RIDGED);
    assert_stays_finite::<F64>(RIDGED);
}

fn assert_zero_first<P: Precision>(unit_roundoff: f64) {
    let mut run = Run::<P>::new(&[3, 2], RIDGED);
    assert!(run.step(&[0.0; 6], 0.1).iter().all(|&x| x == 0.0));
    assert_eq!((run.refresh.zero, run.refresh.rejected, run.refresh.accepted), (2, 0, 0));
    assert!(run.tensor.slots().iter().all(|slot| slot.stamp().is_none() && slot.failures() == 0));
    let found = run.direction(&[1., 0., 0., 1., 0., 0.]);
    let right = 0.9999995;
    assert_absolute(&found[..4], &[right, 0., 0., right], Check::Case.bound(unit_roundoff));
    assert_eq!(found[4..], [0.0; 2]);
}

#[test]
fn a17_all_zero_first_gradient() {
    assert_zero_first::<F64>(U64);
    assert_zero_first::<F32RootF64>(U32);
}

fn assert_fading<P: Precision>() {
    let mut run = Run::<P>::new(&[2, 2], Config { averaging: Averaging::Ema { beta2: 0.9 }, ..RIDGED });
    let identity = [1., 0., 0., 1.];
    run.step(&identity, 0.1);
    for step in 0..1200 {
        assert!(run.step(&[0.0; 4], 0.1).iter().all(|&x| x == 0.0), "step {step}");
    }
    // 4 units of 2^-149 times the identity are left where subnormal numbers are not flushed.
    assert!(run.statistics()[0] <= 4.0 * 2.0_f64.powi(-149));
    let right = 3.162276079;
    let error = Check::Case.bound(U32);
    assert_relative(&run.direction(&identity), &[right, 0., 0., right], error, 0.0);
}

#[test]
fn a18_an_average_fades_to_subnormal_numbers() {
    assert_fading::<F32RootF64>();
    assert_fading::<F32>();
    let default_roots = Config { averaging: Averaging::Ema { beta2: 0.9 }, ..Config::DEFAULT };
    let mut run = Run::<F32>::new(&[2, 2], default_roots);
    run.step(&[1., 0., 0., 1.], 0.1);
    (0..1200).for_each(|_| assert!(run.step(&[0.0; 4], 0.1).iter().all(|x| x.is_finite())));
}

#[test]
fn a19_scale_invariance_to_the_bit() {
    let gradient = [1., 2., 3., -1.];
    for method in [Method::Spectral, Method::Auto, Method::CoupledNewton] {
        let first = |k: i32| {
            let scaled = gradient.map(|g: f64| g * 2.0_f64.powi(k));
            let narrow = Run::<F32>::new(&[2, 2], Config { method, ..RIDGED }).direction(&scaled);
            (Run::<F32RootF64>::new(&[2, 2], Config { method, ..RIDGED }).direction(&scaled), narrow)
        };
        let (plain, plain_narrow) = first(0);
        let right = [0.371390387, 0.928475687, 0.928476247, -0.371390387];
        assert_relative(&plain, &right, Check::Case.bound(U32), 0.0);
        assert_relative(&plain_narrow, &right, Check::CaseNarrow.bound(U32), 0.0);
        for k in [-40, -20, 20, 40] {
            let (scaled, scaled_narrow) = first(k);
            assert_eq!(bits(&scaled), bits(&plain), "{method:?} at 2^{k}");
            assert_eq!(bits(&scaled_narrow), bits(&plain_narrow), "{method:?} at 2^{k}");
        }
    }
    let exact = Run::<F64>::new(&[2, 2], PLAIN).direction(&gradient);
    assert_relative(&exact, &[0.371390676, 0.928476691, 0.928476691, -0.371390676], Check::Case.bound(U64), 0.0);
}

#[test]
fn a20_zero_over_zero_is_zero() {
    let correct = |bias_correction, epsilon| Graft::RmsProp { beta2: 0.9, epsilon, bias_correction };
    for epsilon in [0.0, 1e-46] {
        for (graft, right) in [
            (Graft::AdaGrad { epsilon }, 1.0),
            (correct(true, epsilon), 1.0),
            (correct(false, epsilon), 10.0_f64.sqrt()),
            (Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon }, 1.0),
        ] {
            // As a vector, where the graft is the whole step; the zero entry is 0, not NaN.
            let config = Config { graft, ..RIDGED };
            let found = Run::<F32>::new(&[2], config).direction(&[0.0, 2.0]);
            assert_relative(&found, &[0.0, right], Check::Case.bound(U32), 0.0);
        }
    }
}

#[test]
fn a21_one_spike_fades() {
    let config = Config { averaging: Averaging::Ema { beta2: 0.9 }, ..RIDGED };
    let mut exact = Run::<F64>::new(&[2, 2], config);
    let mut server = Run::<F32RootF64>::new(&[2, 2], Config { method: Method::Auto, ..config });
    let printed = [
        (0, 0.0031622761),
        (10, 0.0053552923),
        (50, 0.044006648),
        (100, 0.52298587),
        (150, 0.99322448),
        (200, 0.99996423),
    ];
    let mut before = 0.0;
    for t in 0..=200 {
        let gradient = if t == 0 { [1e4, 0., 0., 1e-2] } else { [1e-2, 0., 0., 1e-2] };
        let (found, in_f32) = (exact.direction(&gradient)[3], server.direction(&gradient)[3]);
        if let Some((_, right)) = printed.iter().find(|(step, _)| *step == t) {
            assert_relative(&[found], &[*right], Check::Case.bound(U64), 0.0);
            assert_relative(&[in_f32], &[*right], Check::CaseNarrow.bound(U32), 0.0);
        }
        assert!(found > before, "monotone at {t}");
        before = found;
        let kappa = condition(&exact);
        // (1 + r) / r at most; half of that once the small eigenvalue has grown to the ridge, at t = 105.
        let most = 1e6 * (1.0 + Check::GoldenCondition.bound(U64));
        assert!(kappa < most && (t > 100 || kappa > 0.5e6), "capped by the ridge until past 100: {t}, {kappa:e}");
    }
}

/// Condition number of L under the default ridge, as the report says.
fn condition(run: &Run<F64>) -> f64 {
    let request = run.tensor.config().request(2);
    let mut workspace = [0.0; inverse_root_workspace_len(2)];
    let triangle = &run.tensor.statistics()[..3];
    inverse_root(triangle, 2, &mut [0.0; 3], &request, &mut workspace, &Portable).unwrap().kappa
}

#[test]
fn a22_half_the_exponent_is_not_forgotten() {
    let found = Run::<F64>::new(&[2, 2], PLAIN).direction(&[2., 0., 0., 3.]);
    assert_absolute(&found, &[1., 0., 0., 1.], Check::Case.bound(U64));
    let mut cube = [0.0; 8];
    cube[0] = 8.0;
    for (ridge, right) in [(PSEUDO, 1.0), (Ridge::Relative(1e-6), 0.9999995)] {
        let found = Run::<F64>::new(&[2, 2, 2], Config { ridge, ..PLAIN }).direction(&cube);
        assert_absolute(&found[..1], &[right], Check::Case.bound(U64));
        assert_eq!(found[1..], [0.0; 7]);
        let found = Run::<F32RootF64>::new(&[2, 2, 2], Config { ridge, ..PLAIN }).direction(&cube);
        assert_absolute(&found[..1], &[right], Check::Case.bound(U32));
    }
}
