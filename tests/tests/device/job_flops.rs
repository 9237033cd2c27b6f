//! What a piece of a root says that it costs at most, against numbers that count their operations.

use super::counted::{Counted, flops};
use crate::common::root::request;
use crate::common::run::PSEUDO;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Job, Method, Progress, Request, Ridge, inverse_root_workspace_len,
};
use shampoo_core::scalar::Real;
use shampoo_tests::generate::{Random, low_rank, to_packed, with_condition};

const RIDGE: Ridge = Ridge::Relative(1e-6);

/// Every method and certificate, odd and even orders, the ladder, and the method that stands in for another.
fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for certificate in [Certificate::Full, Certificate::Probed] {
        for method in [Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral, Method::Auto] {
            requests.extend([2, 4].map(|p| Request { certificate, ..request(p, RIDGE, method) }));
        }
        requests.extend([
            Request { certificate, ..request(3, RIDGE, Method::Rational) },
            Request { certificate, ..request(7, RIDGE, Method::CoupledNewton) },
            Request { certificate, ..request(4, Ridge::Relative(1e-9), Method::Auto) },
            Request { certificate, exponent: Exponent::Power(1.0 / 3.0), ..request(1, RIDGE, Method::Auto) },
            Request { certificate, max_error: Some(1e-300), ..request(4, RIDGE, Method::Auto) },
        ]);
    }
    requests.extend([
        request(2, PSEUDO, Method::Auto),
        Request { exponent: Exponent::Power(0.4), ..request(1, RIDGE, Method::Auto) },
    ]);
    requests
}

/// The root step by step: flops said, and counted.
fn measure(full: &[f64], request: &Request) -> (u64, u64) {
    let n = full.len().isqrt();
    let triangle: Vec<Counted> = to_packed(n, full).into_iter().map(Counted::from_f64).collect();
    let mut workspace = vec![Counted::from_f64(f64::NAN); inverse_root_workspace_len(n)];
    let mut job = Job::start(&triangle, n, request).expect("finite input");
    let largest = request.largest_piece(n);
    let (mut said, mut counted) = (0, 0);
    loop {
        let bound = job.next_flops();
        assert!(bound <= largest, "{bound} of {largest}: {job:?}");
        let before = format!("{job:?}");
        let start = flops();
        let progress = job.step(&triangle, &mut workspace, &Portable).expect("buffers that are long enough");
        let spent = flops() - start;
        assert!(spent <= bound, "order {n}: {spent} flops where {bound} were said\n{before}\n{request:?}");
        (said, counted) = (said + bound, counted + spent);
        if progress == Progress::Done {
            assert_eq!(job.next_flops(), 0);
            return (said, counted);
        }
        assert!(job.next_flops() > 0, "there is more to do");
    }
}

#[test]
fn no_piece_costs_more_than_it_says() {
    let mut random = Random::new(17);
    for n in [1, 2, 3, 5, 8, 9, 16, 17, 24] {
        for a in [with_condition(&mut random, n, 1e4), low_rank(&mut random, n, n.div_ceil(3)), vec![1.0; n * n]] {
            for request in requests() {
                measure(&a, &request);
            }
        }
    }
}

/// Where tiles and what is done once do not count any more, what is said is not far from what is done.
#[test]
fn what_is_said_is_close_at_larger_orders() {
    let mut random = Random::new(18);
    let a = with_condition(&mut random, 64, 1e4);
    for method in [Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral] {
        for certificate in [Certificate::Full, Certificate::Probed] {
            let (said, counted) = measure(&a, &Request { certificate, ..request(4, RIDGE, method) });
            assert!(said < 2 * counted, "{method:?} {certificate:?}: {said} said, {counted} counted");
        }
    }
}
