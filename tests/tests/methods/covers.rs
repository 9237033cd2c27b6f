//! Laws of every cover, and of SM3 over it.

use crate::common::run::{PLAIN, Run as Statistics, narrow, widen};
use crate::common::{U32, U64, assert_absolute, assert_relative, bits, generated};
use proptest::prelude::{any, prop};
use proptest::proptest;
use shampoo_core::config::Config;
use shampoo_core::diagonal::cover::{AxisCover, Cover, ListCover};
use shampoo_core::diagonal::sm3::{Sm3, Variant, scratch_len_of};
use shampoo_core::diagonal::{Gradient, adagrad};
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{F32, F64, Precision, Real};
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::{Random, packed_index, packed_len};
use shampoo_tests::oracle::naive::{axis_covers, sm3_average, sm3_i, sm3_ii};
use shampoo_tests::tolerance::{Check, Size};

const VARIANTS: [Variant; 2] = [Variant::I, Variant::II];

/// Compressed rows of the sets of each entry, from the entries of each set.
fn lists(cover: &[Vec<usize>], entries: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut offsets, mut ids) = (vec![0], vec![]);
    for entry in 0..entries {
        ids.extend((0..cover.len()).filter(|&set| cover[set].contains(&entry)));
        offsets.push(ids.len());
    }
    (offsets, ids)
}

/// Every entry in a set of its own, or in some of `sets` sets.
fn random_cover(random: &mut Random, entries: usize, sets: usize) -> Vec<Vec<usize>> {
    let mut cover = vec![vec![]; sets];
    for entry in 0..entries {
        let home = random.below(sets);
        for (set, list) in cover.iter_mut().enumerate() {
            if set == home || random.below(3) == 0 {
                list.push(entry);
            }
        }
    }
    cover
}

fn stream<T: Real>(random: &mut Random, entries: usize) -> Vec<Vec<T>> {
    let mut number = || if random.below(4) == 0 { 0.0 } else { f64::from(random.gaussian() as f32) };
    (0..6).map(|_| narrow(&(0..entries).map(|_| number()).collect::<Vec<_>>())).collect()
}

/// SM3 and its memory.
struct Run<'c, T, C> {
    rule: Sm3,
    cover: &'c C,
    mu: Vec<T>,
}

impl<'c, T: Real, C: Cover> Run<'c, T, C> {
    fn new(rule: Sm3, cover: &'c C) -> Self {
        Self { rule, cover, mu: vec![T::default(); cover.sets()] }
    }

    fn step(&mut self, raw: &[T], numerator: &[T]) -> Vec<T> {
        let nan = T::from_f64(f64::NAN);
        let mut out = vec![nan; self.cover.entries()];
        let mut scratch = vec![nan; scratch_len_of(self.cover)];
        let gradient = Gradient { raw, numerator };
        self.rule.step(&mut out, gradient, self.cover, &mut self.mu, &mut scratch, &Portable);
        out
    }

    /// The second moments, read back from steps along a vector of ones.
    fn nu(&mut self, raw: &[T]) -> Vec<f64> {
        let step = widen(&self.step(raw, &vec![T::one(); raw.len()]));
        step.iter().map(|x| if *x == 0.0 { 0.0 } else { 1.0 / (x * x) }).collect()
    }
}

/// The naive second moments, of either variant.
fn naive(rule: Sm3, cover: &[Vec<usize>], mu: &mut [f64], g: &[f64]) -> Vec<f64> {
    let variant = if rule.variant == Variant::I { sm3_i } else { sm3_ii };
    sm3_average(variant, mu, cover, g, [rule.averaging.decay(), rule.averaging.weight()])
}

fn assert_ordered(chain: [&[f64]; 3], slack: f64) {
    for k in 0..chain[0].len() {
        let numbers = chain.map(|x| x[k]);
        assert!(numbers.is_sorted_by(|x, y| *x <= y * (1.0 + slack)), "entry {k}: {numbers:?}");
    }
}

/// The oracle's moments, and sum g^2 <= nu_II <= nu_I.
fn assert_laws<T: Real>(entries: usize, sets: usize, averaging: Averaging, seed: u64, u: f64) {
    let mut random = Random::new(seed);
    let cover = random_cover(&mut random, entries, sets);
    let (offsets, ids) = lists(&cover, entries);
    let list = ListCover::new(&offsets, &ids, sets).unwrap();
    let rules = VARIANTS.map(|variant| Sm3 { variant, averaging, epsilon: 0.0 });
    let mut runs = rules.map(|rule| (Run::<T, _>::new(rule, &list), vec![0.0; sets]));
    let mut squares = vec![0.0; entries];
    for (t, g) in stream::<T>(&mut random, entries).iter().enumerate() {
        let wide = widen(g);
        let (decay, weight) = (averaging.decay(), averaging.weight());
        squares.iter_mut().zip(&wide).for_each(|(v, g)| *v = decay * *v + weight * g * g);
        let [nu_i, nu_ii] = runs.each_mut().map(|(run, mu)| {
            let (found, right) = (run.nu(g), naive(run.rule, &cover, mu, &wide));
            assert_relative(
                &found,
                &right,
                Check::DiagonalVsNaive.bound_at(u, Size { order: t + 1, ..Size::default() }),
                0.0,
            );
            found
        });
        let slack = Check::DiagonalLaw.bound_at(u, Size { order: t + 7, ..Size::default() });
        assert_ordered([&squares, &nu_ii, &nu_i], slack);
    }
}

/// One set an entry: AdaGrad's bits.
fn assert_singletons<T: Real>(entries: usize, seed: u64) {
    let (offsets, ids): (Vec<_>, Vec<_>) = ((0..=entries).collect(), (0..entries).collect());
    let cover = ListCover::new(&offsets, &ids, entries).unwrap();
    for variant in VARIANTS {
        let mut run = Run::new(Sm3 { variant, ..Sm3::PAPER }, &cover);
        let mut v = vec![T::default(); entries];
        for g in stream::<T>(&mut Random::new(seed), entries) {
            let mut right = vec![T::default(); entries];
            adagrad::step(&mut right, Gradient::plain(&g), &mut v, 0.0, &Portable);
            assert_eq!(bits(&widen(&run.step(&g, &g))), bits(&widen(&right)), "{variant:?}");
            assert_eq!(bits(&widen(&run.mu)), bits(&widen(&v)), "{variant:?}");
        }
    }
}

/// The axis cover and the same sets as lists: the same bits.
fn assert_axes_as_lists<T: Real>(shape: &[usize], averaging: Averaging, seed: u64) {
    let entries = shape.iter().product();
    let sets = axis_covers(shape);
    let (offsets, ids) = lists(&sets, entries);
    let (axis, list) = (AxisCover::new(shape), ListCover::new(&offsets, &ids, sets.len()).unwrap());
    assert_eq!((axis.entries(), axis.sets()), (list.entries(), list.sets()));
    for variant in VARIANTS {
        let rule = Sm3 { variant, averaging, epsilon: 1e-10 };
        let (mut by_axes, mut by_lists) = (Run::new(rule, &axis), Run::new(rule, &list));
        for g in stream::<T>(&mut Random::new(seed), entries) {
            assert_eq!(bits(&widen(&by_axes.step(&g, &g))), bits(&widen(&by_lists.step(&g, &g))), "{variant:?}");
            assert_eq!(bits(&widen(&by_axes.mu)), bits(&widen(&by_lists.mu)), "{variant:?}");
        }
    }
}

/// nu_II <= nu_I <= min over the modes of H_ii, and that <= their geometric mean: sqrt(L_ii R_jj) for a matrix.
fn assert_below_statistics<P: Precision>(shape: &[usize], averaging: Averaging, seed: u64, u: f64) {
    let cover = AxisCover::new(shape);
    let mut runs = VARIANTS.map(|variant| Run::<P::Work, _>::new(Sm3 { variant, averaging, epsilon: 0.0 }, &cover));
    let mut statistics = Statistics::<P>::new(shape, Config { averaging, precondition_vectors: true, ..PLAIN });
    let (numel, sets) = (shape.iter().product(), axis_covers(shape));
    for g in stream::<P::Work>(&mut Random::new(seed), numel) {
        let [nu_i, nu_ii] = runs.each_mut().map(|run| run.nu(&g));
        statistics.step(&widen(&g), 0.1);
        let diagonals = diagonals(&statistics.statistics(), shape);
        let own = |k: usize| sets.iter().zip(&diagonals).filter(move |(set, _)| set.contains(&k)).map(|(_, d)| *d);
        let least: Vec<f64> = (0..numel).map(|k| own(k).fold(f64::INFINITY, f64::min)).collect();
        let power = 1.0 / shape.len() as f64;
        let mean: Vec<f64> = (0..numel).map(|k| own(k).map(|d| d.powf(power)).product()).collect();
        let slack = Check::DiagonalLaw.bound_at(u, Size { order: numel + 6, ..Size::default() });
        assert_ordered([&nu_ii, &nu_i, &least], slack);
        assert_ordered([&nu_i, &least, &mean], slack);
    }
}

/// Diagonals of packed statistics, factor after factor: one number for each set of the axis cover.
fn diagonals(packed: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut rest = packed;
    let mut all = Vec::new();
    for &d in shape {
        let (own, more) = rest.split_at(packed_len(d));
        all.extend((0..d).map(|i| own[packed_index(i, i)]));
        rest = more;
    }
    all
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn random_covers(
        entries in 1_usize..=80,
        sets in 1_usize..=6,
        beta2 in prop::option::of(0.1..0.999_f64),
        seed in any::<u64>(),
    ) {
        let averaging = beta2.map_or(Averaging::Sum, |beta2| Averaging::Ema { beta2 });
        assert_laws::<f64>(entries, sets, averaging, seed, U64);
        assert_laws::<f32>(entries, sets, averaging, seed, U32);
    }

    #[test]
    fn singletons_are_adagrad(entries in 0_usize..=80, seed in any::<u64>()) {
        assert_singletons::<f64>(entries, seed);
        assert_singletons::<f32>(entries, seed);
    }

    #[test]
    fn axes_and_lists_have_the_same_bits(
        shape in prop::collection::vec(1_usize..=5, 0..=4),
        beta2 in prop::option::of(0.1..0.999_f64),
        seed in any::<u64>(),
    ) {
        let averaging = beta2.map_or(Averaging::Sum, |beta2| Averaging::Ema { beta2 });
        assert_axes_as_lists::<f64>(&shape, averaging, seed);
        assert_axes_as_lists::<f32>(&shape, averaging, seed);
    }

    #[test]
    fn second_moments_stay_below_the_statistics(
        shape in prop::collection::vec(1_usize..=5, 1..=3),
        beta2 in prop::option::of(0.1..0.999_f64),
        seed in any::<u64>(),
    ) {
        let averaging = beta2.map_or(Averaging::Sum, |beta2| Averaging::Ema { beta2 });
        assert_below_statistics::<F64>(&shape, averaging, seed, U64);
        assert_below_statistics::<F32>(&shape, averaging, seed, U32);
    }
}

fn assert_golden<T: Real>(u: f64) {
    let (offsets, ids) = lists(&axis_covers(&[2, 2]), 4);
    let list = ListCover::new(&offsets, &ids, 4).unwrap();
    let [first, second] = [[1., 2., 3., 4.], [2., 0., 1., 1.]].map(|g: [f64; 4]| narrow::<T>(&g));
    let mut run = Run::new(Sm3::PAPER, &list);
    run.step(&first, &first);
    let right = [core::f64::consts::FRAC_1_SQRT_2, 0., 0.31622777, 0.24253563];
    assert_absolute(&widen(&run.step(&second, &second)), &right, Check::GoldenDiagonal.bound(u));
    assert_eq!(widen(&run.mu), [8., 17., 10., 17.]);
    let axis = AxisCover::new(&[2, 2]);
    let mut moments = Run::new(Sm3::PAPER, &axis);
    moments.step(&first, &first);
    assert_relative(&moments.nu(&second), &[8., 4., 10., 17.], Check::DiagonalVsNaive.bound(u), 0.0);
}

#[test]
fn golden_rows_and_columns() {
    assert_golden::<f64>(U64);
    assert_golden::<f32>(U32);
}
