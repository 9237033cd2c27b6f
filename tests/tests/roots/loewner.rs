//! The statistics that the core accumulates: what they are, and the orders of NUMERICS section 7.

use crate::common;
use crate::common::root::{request, root, root_bound};
use crate::common::run::{PLAIN, Run};
use crate::common::{U64, assert_relative, generated, largest};
use proptest::prelude::{Strategy, any, prop};
use proptest::proptest;
use shampoo_core::config::Config;
use shampoo_core::linalg::inverse_root::Method;
use shampoo_core::scalar::{F32, F64, Precision};
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::{Random, packed_len, packed_to_full, to_packed};
use shampoo_tests::oracle::loewner::gap;
use shampoo_tests::oracle::naive::{Shampoo, kronecker, matmul, mode_product};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::Ridge;
use shampoo_tests::tolerance::{Check, Size};

/// Statistics alone: no root is asked for.
const COLLECT: Config = Config {
    schedule: shampoo_core::schedule::Schedule {
        start_preconditioning_step: u64::MAX,
        ..shampoo_core::schedule::Schedule::EVERY_STEP
    },
    precondition_vectors: true,
    ..PLAIN
};

/// Full statistics, one matrix a mode, as the core holds them after these gradients.
fn accumulated<P: Precision>(shape: &[usize], config: Config, gradients: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut run = Run::<P>::new(shape, config);
    run.steps(gradients, 0.1);
    let packed = run.statistics();
    let mut rest = packed.as_slice();
    let mut take = |&d: &usize| {
        let (one, more) = rest.split_at(packed_len(d));
        rest = more;
        packed_to_full(d, one)
    };
    shape.iter().map(&mut take).collect()
}

/// A gradient whose unfoldings have rank at most `rank`: a core of that many rows a mode, times Gaussian matrices.
fn gradient(random: &mut Random, shape: &[usize], rank: usize) -> Vec<f64> {
    let numel = shape.iter().product();
    if shape.iter().all(|&d| d <= rank) {
        return random.gaussians(numel);
    }
    let mut tensor = random.gaussians(numel);
    for (mode, &d) in shape.iter().enumerate() {
        let left = random.gaussians(d * rank.min(d));
        let right = random.gaussians(rank.min(d) * d);
        tensor = mode_product(shape, &tensor, mode, &matmul([d, rank.min(d), d], &left, &right));
    }
    tensor
}

/// eps I + (1/r) sum g g^T against the Kronecker product of the k-th roots of eps I + H_i.
fn both_sides(shape: &[usize], epsilon: f64, rank: f64, gradients: &[Vec<f64>]) -> (f64, f64) {
    family(shape, &vec![1.0 / shape.len() as f64; shape.len()], epsilon, rank, gradients)
}

/// The same against other powers, a number a mode.
fn family(shape: &[usize], powers: &[f64], epsilon: f64, rank: f64, gradients: &[Vec<f64>]) -> (f64, f64) {
    let config = Config { initial_statistics: epsilon, ..COLLECT };
    let factors = accumulated::<F64>(shape, config, gradients);
    let numel: usize = shape.iter().product();
    let mut lower: Vec<f64> = (0..numel * numel).map(|k| if k / numel == k % numel { epsilon } else { 0.0 }).collect();
    for g in gradients {
        lower.iter_mut().enumerate().for_each(|(k, x)| *x += g[k / numel] * g[k % numel] / rank);
    }
    let (mut upper, mut order, mut kappa) = (vec![1.0], 1, 1.0_f64);
    for ((&d, factor), power) in shape.iter().zip(&factors).zip(powers) {
        let spectrum = narrow::decompose(d, factor);
        let root = spectrum.inverse_power(-power, Ridge::None);
        upper = kronecker([order, order], &upper, [d, d], &root);
        order *= d;
        kappa = kappa.max(spectrum.condition(Ridge::None));
    }
    let slack = Check::LoewnerSlack.bound_at(U64, Size { order: numel, kappa, ..Size::default() });
    (gap(numel, &lower, &upper), slack)
}

#[test]
fn the_loewner_bound_holds() {
    let mut random = Random::new(61);
    for shape in [&[3, 4][..], &[1, 5], &[6, 2], &[5, 5], &[2, 3, 2], &[3, 1, 4], &[2, 2, 3]] {
        for rank in [1, 2, 6] {
            for epsilon in [1e-3, 1.0] {
                let gradients: Vec<_> = (0..5).map(|_| gradient(&mut random, shape, rank)).collect();
                // r is the geometric mean of the ranks of the unfoldings.
                let numel: usize = shape.iter().product();
                let ranks = shape.iter().map(|&d| rank.min(d).min(numel / d) as f64);
                let r = match shape.len() {
                    2 => rank.min(shape[0]).min(shape[1]) as f64,
                    k => ranks.product::<f64>().powf(1.0 / k as f64),
                };
                let (found, slack) = both_sides(shape, epsilon, r, &gradients);
                assert!(found >= -slack, "{shape:?}, rank {rank}, eps {epsilon}: {found:e}, slack {slack:e}");
            }
        }
    }
}

/// For matrices any pair of powers 1/p + 1/q = 1 will do, the ends among them.
#[test]
fn the_loewner_bound_holds_for_the_whole_family() {
    let mut random = Random::new(63);
    for shape in [[3, 4], [1, 5], [6, 2], [4, 4]] {
        for rank in [1, 2, 6] {
            for power in [0.0, 0.1, 1.0 / 3.0, 0.5, 0.75, 1.0] {
                let gradients: Vec<_> = (0..4).map(|_| gradient(&mut random, &shape, rank)).collect();
                let r = rank.min(shape[0]).min(shape[1]) as f64;
                let (found, slack) = family(&shape, &[power, 1.0 - power], 1e-2, r, &gradients);
                assert!(found >= -slack, "{shape:?}, rank {rank}, 1/p {power}: {found:e}, slack {slack:e}");
            }
        }
    }
    // Powers that do not sum to 1 lose it: 100^(1/4) 100^(1/2) < 100.
    let (found, slack) = family(&[2, 2], &[0.25, 0.5], 1e-3, 1.0, &[vec![10.0, 0.0, 0.0, 0.0]]);
    assert!(found < -1e3 * slack, "{found:e}");
}

/// (sum w)(sum w)^T <= r sum w w^T over r vectors: the statistics of a batch's summed gradient against those of its
/// single ones.
#[test]
fn a_summed_gradient_stays_below_r_times_the_single_ones() {
    let mut random = Random::new(64);
    let sides = |vectors: &[Vec<f64>], times: f64| {
        let d = vectors[0].len();
        let sum: Vec<f64> = (0..d).map(|i| vectors.iter().map(|w| w[i]).sum()).collect();
        let [summed, single] = [&[sum][..], vectors].map(|g| accumulated::<F64>(&[d], COLLECT, g).remove(0));
        let upper: Vec<f64> = single.iter().map(|x| times * x).collect();
        gap(d, &summed, &upper)
    };
    for d in [1, 2, 5, 8] {
        for r in [1, 2, 3, 9] {
            let vectors: Vec<_> = (0..r).map(|_| random.gaussians(d)).collect();
            let slack = Check::LoewnerSlack.bound_at(U64, Size { order: d * r, ..Size::default() });
            let found = sides(&vectors, r as f64);
            assert!(found >= -slack, "{d}, {r}: {found:e}");
            // Equal vectors need all of r.
            let equal = vec![vectors[0].clone(); r];
            assert!(sides(&equal, r as f64) >= -slack && sides(&equal, r as f64 - 0.5) < -1e3 * slack, "{d}, {r}");
        }
    }
}

/// A <= B gives A^a <= B^a for a in [0, 1], and B^-a <= A^-a; here A is what B was some gradients before.
#[test]
fn powers_keep_the_order_of_growing_statistics() {
    let mut random = Random::new(65);
    for d in [2, 3, 6] {
        for epsilon in [1e-3, 1.0] {
            let gradients: Vec<_> = (0..6).map(|_| random.gaussians(2 * d)).collect();
            let config = Config { initial_statistics: epsilon, ..COLLECT };
            let [a, b] = [2, 6].map(|count| accumulated::<F64>(&[d, 2], config, &gradients[..count]).remove(0));
            let spectra = [&a, &b].map(|x| narrow::decompose(d, x));
            let kappa = spectra.each_ref().map(|x| x.condition(Ridge::None)).into_iter().fold(1.0, f64::max);
            let size = Size { order: d, kappa, ..Size::default() };
            let slack = Check::LoewnerSlack.bound_at(U64, size);
            assert!(gap(d, &a, &b) >= -slack && gap(d, &b, &a) < -1e3 * slack, "they did not grow");
            for power in [0.0, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.9, 1.0] {
                let [low, high] = spectra.each_ref().map(|x| x.inverse_power(-power, Ridge::None));
                let found = gap(d, &low, &high);
                assert!(found >= -slack, "order {d}, power {power}: {found:e}");
            }
            for p in [1, 2, 3, 4, 6] {
                let asked = request(p, shampoo_core::linalg::inverse_root::Ridge::Absolute(0.0), Method::Spectral);
                let [low, high] = [&b, &a].map(|x| root::<f64, f64>(x, &asked).expect("positive definite").0);
                let bound = slack + 2.0 * root_bound(Method::Spectral, U64, Size { root: f64::from(p), ..size });
                let found = gap(d, &low, &high);
                assert!(found >= -bound, "order {d}, -1/{p}: {found:e}, allowed {bound:e}");
            }
        }
    }
}

#[test]
fn the_rank_in_the_bound_is_needed() {
    // 10 I: g g^T has the eigenvalue 200, the right side 100.
    let (found, slack) = both_sides(&[2, 2], 1e-3, 1.0, &[vec![10., 0., 0., 10.]]);
    assert!(found < -1e3 * slack, "{found:e}");
    assert!(both_sides(&[2, 2], 1e-3, 2.0, &[vec![10., 0., 0., 10.]]).0 >= -slack);
}

#[test]
fn equality_for_one_gradient_of_rank_one() {
    let mut random = Random::new(62);
    for [m, n] in [[3, 4], [1, 6], [5, 2]] {
        let g = matmul([m, 1, n], &random.gaussians(m), &random.gaussians(n));
        let factors = accumulated::<F64>(&[m, n], COLLECT, core::slice::from_ref(&g));
        let cut = Ridge::PseudoInverse(Check::LoewnerCut.bound(U64));
        let root = |d, factor: &[f64]| narrow::decompose(d, factor).inverse_power(-0.5, cut);
        let right = kronecker([m, m], &root(m, &factors[0]), [n, n], &root(n, &factors[1]));
        let left = matmul([m * n, 1, m * n], &g, &g);
        assert_relative(&left, &right, Check::LoewnerSlack.bound(U64), largest(&left));
    }
}

fn assert_statistics<P: Precision>(shape: &[usize], beta2: Option<f64>, epsilon: f64, seed: u64, u: f64) {
    let averaging = beta2.map_or(Averaging::Sum, |beta2| Averaging::Ema { beta2 });
    let config = Config { averaging, initial_statistics: epsilon, ..COLLECT };
    let mut random = Random::new(seed);
    let numel: usize = shape.iter().product();
    // Numbers that `f32` holds, so that both sides see the same gradients.
    let gaussians = |random: &mut Random| random.gaussians(numel).iter().map(|&x| f64::from(x as f32)).collect();
    let gradients: Vec<Vec<f64>> = (0..4).map(|_| gaussians(&mut random)).collect();
    let mut naive = Shampoo::new(shape, beta2.unwrap_or(1.0), epsilon);
    gradients.iter().for_each(|g| naive.accumulate(g));
    for (mode, (found, right)) in accumulated::<P>(shape, config, &gradients).iter().zip(&naive.statistics).enumerate()
    {
        let terms = 4 + numel / shape[mode];
        let bound = Check::KroneckerLaw.bound_at(u, Size { order: terms, ..Size::default() });
        assert_relative(&to_packed(shape[mode], found), &to_packed(shape[mode], right), bound, largest(right));
    }
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..=7, 1..=4)
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn statistics_are_the_naive_ones(
        shape in shapes(),
        beta2 in prop::option::of(0.01..0.9999_f64),
        epsilon in prop::sample::select(vec![0.0, 1e-6, 1.0]),
        seed in any::<u64>(),
    ) {
        assert_statistics::<F64>(&shape, beta2, epsilon, seed, U64);
        assert_statistics::<F32>(&shape, beta2, epsilon, seed, common::U32);
    }
}
