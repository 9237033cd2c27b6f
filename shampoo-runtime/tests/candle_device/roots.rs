//! Roots by the device's own products: certified by the host, or computed there.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use candle_nn::Optimizer;
use shampoo_core::config::Config;
use shampoo_core::kernel::{Accum, Kernel, Portable, TiledTriangle, Tridiagonal};
use shampoo_core::linalg::inverse_root::{Exponent, Method, Ridge};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::F32;
use shampoo_core::schedule::{Mode, Schedule};
use shampoo_core::statistics::TraceScaling;
use shampoo_runtime::Builder;
use shampoo_runtime::candle::CandleShampoo;
use shampoo_runtime::candle_device::DeviceShampoo;
use shampoo_tests::tolerance::Check;

use super::support::{Done, store, tensor, var};
use super::{CONFIG, bound, builder, difference, gradients};

/// What a device in `f32` can promise.
const NARROW: Config = Config { max_error: Some(5e-2), method: Method::Rational, ..CONFIG };

/// The portable kernel, which counts the roots that the host computes.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicU32>);

impl Kernel<f64> for Counting {
    fn gemm(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        Portable.gemm(c, accum, alpha, a, b);
    }

    fn tridiagonalize(
        &self,
        a: TiledTriangle<'_, f64>,
        t: Tridiagonal<'_, f64>,
        vectors: &mut [f64],
        rows: Range<usize>,
    ) {
        if rows.start == 0 {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Kernel::<f64>::tridiagonalize(&Portable, a, t, vectors, rows);
    }
}

/// 20 steps with the device's roots and with the host's: how far apart the variables end, how many roots were accepted, the
/// worst promise, and how many roots the host computed.
fn run(config: Config) -> Result<(f64, u32, f64, u32), Box<dyn core::error::Error>> {
    let shapes: [&[usize]; 2] = [&[33, 20], &[9, 5, 4]];
    let make = || shapes.map(|shape| var(shape, 1).expect("a legal shape")).to_vec();
    let (own, hosts, before) = (make(), make(), make());
    let kernel = Counting::default();
    let named = own.iter().enumerate().map(|(place, var)| (format!("var.{place}"), var.clone())).collect();
    let mut device = DeviceShampoo::with_names(named, builder(config).kernel(kernel.clone()))?.roots_on_device(true)?;
    let mut host = CandleShampoo::new(hosts.clone(), builder(config))?;
    let (mut accepted, mut worst) = (0, 0.0_f64);
    for step in 0..20 {
        device.try_step(&store(&gradients(&own, 100 + step)?)?)?;
        host.step(&store(&gradients(&hosts, 100 + step)?)?)?;
        let refresh = device.report().refresh;
        assert_eq!(refresh.rejected, 0);
        (accepted, worst) = (accepted + refresh.accepted, worst.max(refresh.worst_promise));
    }
    let mut apart = 0.0_f64;
    for ((own, host), before) in own.iter().zip(&hosts).zip(&before) {
        apart = apart.max(difference(own, host, before)?);
    }
    Ok((apart, accepted, worst, kernel.0.load(Ordering::Relaxed)))
}

#[test]
fn roots_of_the_device_are_accepted_and_close() -> Done {
    let settings = [
        NARROW,
        Config { ridge: Ridge::Absolute(1e-3), bias_correction: true, ..NARROW },
        Config { trace_scaling: Some(TraceScaling::SQUARE_ROOT), ..NARROW },
        Config { exponent_override: Some(Exponent::Root(2)), ..NARROW },
    ];
    for config in settings {
        let (apart, accepted, worst, by_host) = run(config)?;
        // [33, 20] has 3 x 2 blocks, [9, 5, 4] is one of three modes.
        assert_eq!((accepted, by_host), (20 * (2 * 6 + 3), 0), "{config:?}");
        assert!(worst > Check::Promise.bound(f64::EPSILON / 2.0), "these are not the host's: {worst:e}");
        let bound = Check::DeviceRoots.bound(f64::from(f32::EPSILON) / 2.0);
        assert!(apart <= bound, "{apart:e}, bound {bound:e}, {config:?}");
    }
    Ok(())
}

#[test]
fn roots_that_the_certificate_refuses_are_the_hosts() -> Done {
    let strict = Config { max_error: None, ..NARROW };
    let (apart, accepted, worst, by_host) = run(strict)?;
    assert!(by_host > 0 && accepted == 20 * 15, "{by_host} of {accepted}");
    assert!(worst <= Check::Promise.bound(f64::EPSILON / 2.0), "{worst:e}");
    let bound = bound(CONFIG.ridge.figure());
    assert!(apart <= bound, "{apart:e}, bound {bound:e}");
    Ok(())
}

/// What `f32` reaches at a condition number of 1e6; the host helps where it does not.
#[test]
fn most_ill_conditioned_roots_are_the_devices() -> Done {
    let (_, accepted, worst, by_host) = run(Config { ridge: Ridge::Relative(1e-6), ..NARROW })?;
    assert!(accepted == 20 * 15 && 10 * by_host < accepted, "{by_host} of {accepted}");
    assert!(worst <= 5e-2);
    Ok(())
}

/// With `f32` inside the host accepts the device's roots by default.
#[test]
fn a_precision_that_is_narrow_throughout() -> Done {
    let w = var(&[16, 12], 1)?;
    let builder = Builder::<F32>::with_precision().inline().config(CONFIG).mode(Mode::Sync);
    let mut optimizer = DeviceShampoo::new(vec![w.clone()], builder)?.roots_on_device(true)?;
    for step in 0..3 {
        optimizer.step(&store(&[(&w, tensor(w.dims(), step)?)])?)?;
        let refresh = optimizer.report().refresh;
        assert_eq!((refresh.accepted, refresh.rejected), (2, 0));
    }
    Ok(())
}

#[test]
fn late_roots_of_the_device_too() -> Done {
    let schedule = Schedule { mode: Mode::Pipelined { delay: 2 }, ..NARROW.schedule };
    let (apart, accepted, _, by_host) = run(Config { schedule, ..NARROW })?;

    assert!(accepted > 0 && by_host == 0);
    assert!(apart <= Check::DeviceRoots.bound(f64::from(f32::EPSILON) / 2.0), "{apart:e}");
    Ok(())
}
