//! Lookup gradients: a table of which a batch reads rows (CASES A43, NUMERICS section 4).

use std::collections::BTreeMap;

use crate::common::run::{PLAIN, PSEUDO, Run, narrow, stored, widen};
use crate::common::{U32, U64, assert_absolute, assert_relative, bits, generated};
use proptest::prelude::*;
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::{ConfigError, RowsError, ShapeError};
use shampoo_core::fixed::{Fixed, Settings};
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{Method, Ridge};
use shampoo_core::lookup::{Lengths, Lookup, RowGraft, Touched, Update, Workspace, lengths, sum_rows};
use shampoo_core::momentum::{Buffers, Momentum};
use shampoo_core::scalar::{F32, F32RootF64, F64, Precision, Real};
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive;
use shampoo_tests::tolerance::{Check, Size};

type Heap<P> = Lookup<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Work>, Vec<Slot>>;

/// A table's state with workspace for a largest batch, and the table itself where it is small.
struct Table<P: Precision> {
    lookup: Heap<P>,
    need: Lengths,
    width: usize,
    weights: Vec<P::Work>,
    done: Touched,
}

/// The whole state, in bits.
type State = (Vec<u64>, Vec<u64>, Vec<u64>, Vec<Slot>, u64);

impl<P: Precision> Table<P> {
    fn new(vocabulary: usize, width: usize, batch: usize, config: Config, graft: RowGraft) -> Self {
        let need = lengths(vocabulary, width, batch, &config, graft);
        let kept = || vec![P::Store::default(); need.statistics];
        let (state, slots) = (vec![P::Work::default(); need.graft], vec![Slot::EMPTY; need.slots]);
        let lookup =
            Lookup::new(vocabulary, width, config, graft, kept(), kept(), state, slots).expect("legal settings");
        Self { lookup, need, width, weights: Vec::new(), done: Touched::default() }
    }

    /// With a table of ones.
    fn with_weights(mut self, vocabulary: usize) -> Self {
        self.weights = vec![P::Work::from_f64(1.0); vocabulary * self.width];
        self
    }

    fn state(&self) -> State {
        let lookup = &self.lookup;
        let (statistics, roots) = (stored::<P>(lookup.statistics()), stored::<P>(lookup.roots()));
        let graft = widen(lookup.graft_state());
        (bits(&statistics), bits(&roots), bits(&graft), lookup.slots().to_vec(), lookup.count())
    }

    /// One step with a spoiled workspace; ids and their rows of the update.
    fn try_step(&mut self, ids: &[u32], rows: &[f64], rate: f64) -> Result<(Vec<u32>, Vec<f64>), RowsError> {
        let nan = P::Work::from_f64(f64::NAN);
        let need = self.need;
        let (mut sums, mut direction, mut out) = (vec![nan; need.rows], vec![nan; need.rows], vec![nan; need.rows]);
        let (mut work, mut root) = (vec![nan; need.work], vec![P::Root::from_f64(f64::NAN); need.root]);
        let (mut keys, mut unique) = (vec![u64::MAX; need.batch], vec![u32::MAX; need.batch]);
        let mut looked_up = Vec::new();
        if !self.weights.is_empty() {
            ids.iter().for_each(|&id| looked_up.extend(&self.weights[id as usize * self.width..][..self.width]));
        }
        let (keys, sums, direction) = (&mut keys[..], &mut sums[..], &mut direction[..]);
        let mut workspace = Workspace { keys, sums, direction, work: &mut work, root: &mut root };
        let mut update = Update { ids: &mut unique, rows: &mut out };
        let rows = narrow(rows);
        self.done = self.lookup.step(ids, &rows, &looked_up, rate, &mut update, &mut workspace, &Portable)?;
        let touched = self.done.rows;
        if !self.weights.is_empty() {
            for (id, row) in unique[..touched].iter().zip(out.chunks(self.width)) {
                let weights = &mut self.weights[*id as usize * self.width..];
                weights.iter_mut().zip(row).for_each(|(w, &u)| *w += u);
            }
        }
        Ok((unique[..touched].to_vec(), widen(&out[..touched * self.width])))
    }

    #[track_caller]
    fn step(&mut self, ids: &[u32], rows: &[f64], rate: f64) -> (Vec<u32>, Vec<f64>) {
        self.try_step(ids, rows, rate).expect("a legal batch")
    }
}

/// Settings with two buffers of momentum, which tables do without: parameters have their first roots at once then.
#[derive(Clone, Copy, Debug, Default)]
struct Chosen;

impl Settings for Chosen {
    const CONFIG: Config = Config {
        momentum: Momentum { buffers: Buffers::Two, ..Config::DEFAULT.momentum },
        schedule: Schedule { start_preconditioning_step: 2, ..Schedule::EVERY_STEP },
        ..Config::DEFAULT
    };
}

#[test]
fn settings_in_the_type_are_those_that_are_passed() {
    let graft = RowGraft::AdaGrad { epsilon: 1e-8 };
    let mut passed = Table::<F32>::new(5, 2, 3, Chosen::CONFIG, graft);
    let mut fixed = Table::<Fixed<F32, Chosen>>::new(5, 2, 3, Chosen::CONFIG, graft);
    let rows = [[1.0, 2.0, 3.0, -4.0, 0.5, 1.0], [0.25, 1.0, 3.0, 1.0, -0.5, 2.0]];
    for rows in rows.into_iter().cycle().take(4) {
        assert_eq!(fixed.step(&[1, 4, 2], &rows, 0.1), passed.step(&[1, 4, 2], &rows, 0.1));
        assert_eq!(fixed.state(), passed.state());
    }
    let other = Config { block_size: 1, ..Chosen::CONFIG };
    let refused = Lookup::<Fixed<F32, Chosen>, _, _, _>::new(5, 2, other, graft, [0.0; 2], [0.0; 2], [0.0; 5], []);
    assert_eq!(refused.err(), Some(ConfigError::NotFixed));
}

#[test]
fn a43_an_empty_batch_changes_nothing() {
    for graft in [RowGraft::None, RowGraft::Sgd, RowGraft::AdaGrad { epsilon: 0.0 }, RowGraft::Sm3 { epsilon: 0.0 }] {
        let mut table = Table::<F32>::new(5, 2, 2, PLAIN, graft).with_weights(5);
        let fresh = table.state();
        assert_eq!(table.step(&[], &[], 0.1), (vec![], vec![]));
        assert_eq!(table.state(), fresh);
        table.step(&[1], &[1.0, 2.0], 0.1);
        let (before, weights) = (table.state(), widen(&table.weights));
        assert_eq!(table.step(&[], &[], 0.1), (vec![], vec![]));
        assert_eq!((table.state(), widen(&table.weights)), (before, weights));
    }
}

#[test]
fn a43_repeated_rows_are_summed_first() {
    let config = Config { ridge: PSEUDO, ..PLAIN };
    let mut table = Table::<F64>::new(5, 2, 2, config, RowGraft::None).with_weights(5);
    let (ids, rows) = table.step(&[2, 2], &[1.0, 0.0, 0.0, 1.0], -1.0);
    assert_eq!(ids, [2]);
    assert_eq!(stored::<F64>(table.lookup.statistics()), [1.0, 1.0, 1.0]);
    assert_absolute(&rows, &[core::f64::consts::FRAC_1_SQRT_2; 2], Check::GoldenTwoStep.bound(U64));
    // The other rows and their memory.
    let others = [0, 1, 3, 4].map(|id| table.weights[2 * id..][..2].to_vec());
    assert!(others.iter().all(|row| row == &[1.0, 1.0]));
}

/// Memory and cost do not know the vocabulary: with 2^32 rows of 64 numbers nothing could be as long as the table.
#[test]
fn a43_a_vocabulary_that_no_memory_holds() {
    for vocabulary in [u32::MAX as usize + 1, usize::MAX] {
        let mut table = Table::<F32RootF64>::new(vocabulary, 64, 3, Config::DEFAULT, RowGraft::Sgd);
        let small = lengths(7, 64, 3, &Config::DEFAULT, RowGraft::Sgd);
        assert_eq!((table.need, table.need.graft), (small, 0));
        let rows = Random::new(3).gaussians(192);
        let (ids, out) = table.step(&[u32::MAX, 0, u32::MAX], &rows, 0.1);
        assert_eq!((ids, table.done.refresh.accepted), (vec![0, u32::MAX], 1));
        assert!(out.iter().all(|x| x.is_finite() && *x != 0.0));
    }
    // What does know it is refused and not wrapped.
    let graft = RowGraft::AdaGrad { epsilon: 0.0 };
    let alone = Config { precondition: false, ..PLAIN };
    let refused = Lookup::<F32, _, _, _>::new(usize::MAX, 64, alone, graft, vec![], vec![], vec![], vec![]);
    assert_eq!(refused.map(|_| ()).unwrap_err(), ConfigError::Shape(ShapeError::TooLarge));
    assert_eq!(lengths(usize::MAX, 64, usize::MAX, &PLAIN, graft).rows, usize::MAX);
    assert_eq!(lengths(usize::MAX, 64, 1, &PLAIN, graft).graft, usize::MAX);
}

/// The same table as a dense parameter, with zeros where no row is touched, and one factor on the right.
fn dense<P: Precision>(vocabulary: usize, width: usize, config: Config, graft: Graft) -> Run<P> {
    let config = Config { graft, momentum: Momentum::NONE, max_preconditioned_dim: width, ..config };
    Run::<P>::new(&[vocabulary, width], config)
}

/// Touched and untouched rows of both over some steps of small batches with repeated ids.
fn assert_dense<P: Precision>(unit_roundoff: f64, config: Config, graft: RowGraft, other: Graft, seed: u64) {
    // More rows than columns, so that one side alone is within the limit; all of it one block.
    let (vocabulary, width, batch) = (11, 4, 6);
    let mut table = Table::<P>::new(vocabulary, width, batch, config, graft);
    let mut whole = dense::<P>(vocabulary, width, config, other);
    let random = &mut Random::new(seed);
    for _ in 0..6 {
        let ids: Vec<u32> = (0..1 + random.below(batch)).map(|_| random.below(vocabulary) as u32).collect();
        let rows: Vec<f64> = narrow::<f32>(&random.gaussians(ids.len() * width)).iter().map(|&x| x.into()).collect();
        let mut gradient = vec![P::Work::default(); vocabulary * width];
        for (id, row) in ids.iter().zip(rows.chunks(width)) {
            let to = &mut gradient[*id as usize * width..];
            to.iter_mut().zip(row).for_each(|(g, &x)| *g += P::Work::from_f64(x));
        }
        let (unique, out) = table.step(&ids, &rows, 0.1);
        let right = whole.step(&widen(&gradient), 0.1);
        let mut spread = vec![0.0; right.len()];
        unique.iter().zip(out.chunks(width)).for_each(|(&id, row)| {
            spread[id as usize * width..][..width].copy_from_slice(row);
        });
        let norm = naive::norm(&right);
        let size = Size { order: vocabulary, kappa: 1.0, root: 2.0, ..Size::default() };
        assert_relative(&spread, &right, Check::StepVsNaive.bound_at(unit_roundoff, size), norm);
        let statistics = (stored::<P>(table.lookup.statistics()), stored::<P>(whole.tensor.statistics()));
        assert_eq!(bits(&statistics.0), bits(&statistics.1), "zero rows add nothing");
        if !matches!(graft, RowGraft::None | RowGraft::Sgd) {
            let state = (widen(table.lookup.graft_state()), widen(whole.tensor.graft_state()));
            assert_eq!(bits(&state.0), bits(&state.1), "{graft:?}");
        }
    }
}

#[test]
fn rows_step_as_in_the_dense_table() {
    let averages = Config { averaging: Averaging::Ema { beta2: 0.9 }, ridge: Ridge::Relative(1e-6), ..PLAIN };
    let stale =
        Schedule { start_preconditioning_step: 1, statistics_every: 2, precondition_every: 3, ..Schedule::EVERY_STEP };
    let configs = [
        averages,
        Config { averaging: Averaging::Sum, initial_statistics: 1e-3, method: Method::Auto, ..averages },
        Config { schedule: stale, ..averages },
        Config { precondition: false, ..averages },
    ];
    let grafts = [
        (RowGraft::None, Graft::None),
        (RowGraft::Sgd, Graft::Sgd),
        (RowGraft::AdaGrad { epsilon: 1e-3 }, Graft::AdaGrad { epsilon: 1e-3 }),
        (RowGraft::Sm3 { epsilon: 0.0 }, Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 }),
    ];
    for (seed, config) in (40..).zip(configs) {
        for (graft, other) in grafts {
            assert_dense::<F64>(U64, config, graft, other, seed);
            assert_dense::<F32RootF64>(U32, config, graft, other, seed);
        }
    }
}

#[test]
fn columns_are_cut_into_independent_pieces() {
    let config =
        Config { block_size: 3, averaging: Averaging::Ema { beta2: 0.9 }, ridge: Ridge::Relative(1e-6), ..PLAIN };
    let mut whole = Table::<F32>::new(9, 7, 5, config, RowGraft::None);
    assert_eq!((whole.need.slots, whole.need.statistics), (3, 6 + 6 + 1));
    let mut pieces = [3, 3, 1].map(|width| Table::<F32>::new(9, width, 5, config, RowGraft::None));
    let random = &mut Random::new(8);
    for _ in 0..4 {
        let ids: Vec<u32> = (0..5).map(|_| random.below(9) as u32).collect();
        let rows = random.gaussians(35);
        let (unique, out) = whole.step(&ids, &rows, 0.1);
        for (k, piece) in pieces.iter_mut().enumerate() {
            let columns = |rows: &[f64]| -> Vec<f64> {
                rows.chunks(7).flat_map(|row| row[3 * k..(3 * k + 3).min(7)].to_vec()).collect()
            };
            let own = piece.step(&ids, &columns(&rows), 0.1);
            assert_eq!((own.0, bits(&own.1)), (unique.clone(), bits(&columns(&out))));
        }
    }
}

#[test]
fn roots_get_stale_on_schedule_and_counts_are_the_tables_own() {
    let schedule = Schedule { precondition_every: 3, ..Schedule::EVERY_STEP };
    let config = Config { schedule, ridge: Ridge::Relative(1e-6), ..PLAIN };
    let mut table = Table::<F64>::new(4, 2, 2, config, RowGraft::Sgd);
    let mut stamps = Vec::new();
    for t in 0..5 {
        table.step(&[], &[], 0.1);
        table.step(&[t % 4, 3], &[1.0, 0.5, f64::from(t), 1.0], 0.1);
        stamps.push(table.lookup.slots()[0].stamp());
    }
    assert_eq!(stamps, [Some(0), Some(0), Some(0), Some(3), Some(3)]);
    assert_eq!(table.lookup.count(), 5);
}

#[test]
fn zero_rows_are_a_gradient_without_a_root() {
    let mut table = Table::<F32>::new(4, 2, 2, PLAIN, RowGraft::AdaGrad { epsilon: 0.0 });
    let (ids, out) = table.step(&[1, 1], &[0.0; 4], 0.1);
    assert_eq!((ids, table.done.refresh.zero, table.lookup.count()), (vec![1], 1, 1));
    assert!(out.iter().all(|&x| x == 0.0));
}

#[test]
fn decay_pulls_touched_rows_only() {
    for weight_decay in [WeightDecay::Coupled(0.1), WeightDecay::Decoupled(0.1)] {
        let config = Config { weight_decay, ridge: Ridge::Relative(1e-6), ..PLAIN };
        let mut table = Table::<F64>::new(3, 2, 4, config, RowGraft::Sgd).with_weights(3);
        table.step(&[2, 0, 2, 2], &[0.0; 8], 0.1);
        assert_absolute(&table.weights, &[0.99, 0.99, 1.0, 1.0, 0.99, 0.99], Check::GoldenTwoStep.bound(U64));
        // Decay needs the rows.
        table.weights.clear();
        assert_eq!(table.try_step(&[1], &[1.0, 1.0], 0.1), Err(RowsError::Length { expected: 2, found: 0 }));
    }
}

#[test]
fn an_error_changes_nothing() {
    for graft in [RowGraft::Sgd, RowGraft::AdaGrad { epsilon: 0.0 }, RowGraft::Sm3 { epsilon: 0.0 }] {
        let mut table = Table::<F32>::new(4, 2, 3, PLAIN, graft);
        table.step(&[1, 3], &[1.0, 2.0, 3.0, 4.0], 0.1);
        let before = table.state();
        let refused = [
            (table.try_step(&[1], &[1.0], 0.1), RowsError::Length { expected: 2, found: 1 }),
            (table.try_step(&[1, 4], &[1.0; 4], 0.1), RowsError::Id { index: 1, id: 4 }),
            (table.try_step(&[1, 2], &[1.0, 1.0, 1.0, f64::NAN], 0.1), RowsError::NonFinite { row: 1, column: 1 }),
            (table.try_step(&[1], &[1.0; 2], f64::NAN), RowsError::LearningRate { value: 0.0 }),
            (table.try_step(&[1; 4], &[1.0; 8], 0.1), ShapeError::Length { needed: 8, found: 6 }.into()),
        ];
        for (found, right) in refused {
            match (found, right) {
                (Err(RowsError::LearningRate { value }), RowsError::LearningRate { .. }) => assert!(value.is_nan()),
                (found, right) => assert_eq!(found, Err(right)),
            }
        }
        // Small enough alone, but not twice in one row.
        let limit = (f64::from(f32::MAX) / 4.0).sqrt();
        let double = table.try_step(&[1, 1], &[0.9 * limit; 4], 0.1);
        assert!(matches!(double, Err(RowsError::TooLarge { .. })), "{double:?}");
        assert_eq!(table.state(), before);
        let (_, out) = table.step(&[1], &[0.9 * limit; 2], 0.1);
        assert!(out.iter().all(|x| x.is_finite()));
    }
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn repeated_ids_are_summed_as_a_map_sums_them(
        ids in prop::collection::vec(prop_oneof![0_u32..6, any::<u32>()], 0..40),
        width in 0_usize..4,
        seed in any::<u64>(),
    ) {
        let rows: Vec<f32> = narrow(&Random::new(seed).gaussians(ids.len() * width));
        let mut right = BTreeMap::new();
        for (k, &id) in ids.iter().enumerate() {
            let row = &rows[k * width..][..width];
            let sum = right.entry(id).or_insert_with(|| vec![-0.0_f32; width]);
            sum.iter_mut().zip(row).for_each(|(s, &x)| *s += x);
        }
        let (mut keys, mut unique, mut sums) = (vec![0; ids.len()], vec![9; ids.len()], vec![9.0_f32; rows.len()]);
        let count = sum_rows(&ids, &rows, width, &mut keys, &mut unique, &mut sums).expect("it fits");
        prop_assert_eq!(count, right.len());
        prop_assert!(unique[..count].iter().eq(right.keys()));
        let found: Vec<u32> = sums[..count * width].iter().map(|x| x.to_bits()).collect();
        prop_assert_eq!(found, right.values().flatten().map(|x| x.to_bits()).collect::<Vec<_>>());
        prop_assert!(unique[count..].iter().all(|&x| x == 9) && sums[count * width..].iter().all(|&x| x == 9.0));
    }

    #[test]
    fn a_batch_steps_as_the_textbook_says(
        seed in any::<u64>(), batch in 1_usize..10, vocabulary in 1_usize..8, width in 1_usize..6,
    ) {
        let random = &mut Random::new(seed);
        let config = Config { initial_statistics: 0.1, ..PLAIN };
        let mut table = Table::<F64>::new(vocabulary, width, batch, config, RowGraft::None);
        let mut statistic: Vec<f64> =
            (0..width * width).map(|k| if k / width == k % width { 0.1 } else { 0.0 }).collect();
        for _ in 0..3 {
            let ids: Vec<u32> = (0..batch).map(|_| random.below(vocabulary) as u32).collect();
            let rows = random.gaussians(batch * width);
            let mut g = vec![0.0; vocabulary * width];
            for (id, row) in ids.iter().zip(rows.chunks(width)) {
                g[*id as usize * width..].iter_mut().zip(row).for_each(|(g, x)| *g += x);
            }
            let right = naive::gram(width, &naive::transpose(width, &g));
            statistic.iter_mut().zip(right).for_each(|(s, x)| *s += x);
            let spectrum = shampoo_tests::oracle::narrow::decompose(width, &statistic);
            let ridge = shampoo_tests::oracle::root::Ridge::None;
            let root = spectrum.inverse_root(2, ridge);
            let p = naive::matmul([vocabulary, width, width], &g, &root);
            let (unique, out) = table.step(&ids, &rows, -1.0);
            let size = Size { order: width, kappa: spectrum.condition(ridge), root: 2.0, ..Size::default() };
            let bound = Check::StepVsNaive.bound_at(U64, size);
            for (id, row) in unique.iter().zip(out.chunks(width)) {
                assert_relative(row, &p[*id as usize * width..][..width], bound, naive::norm(&p));
            }
        }
    }
}

/// From its start step s to 2 s a blended table mixes the rows with the preconditioned ones.
#[test]
fn a_blended_start_mixes_both_steps() {
    let switch = Config { schedule: Schedule { start_preconditioning_step: 2, ..Schedule::EVERY_STEP }, ..PLAIN };
    let switch = Config { ridge: PSEUDO, ..switch };
    let never = Config { precondition: false, ..switch };
    let [mut blended, mut switched, mut plain] = [Config { start: Start::Blend, ..switch }, switch, never]
        .map(|config| Table::<F64>::new(4, 3, 2, config, RowGraft::AdaGrad { epsilon: 0.0 }));
    let mut random = Random::new(101);
    for (t, weight) in [0.0, 0.0, 0.0, 0.5, 1.0, 1.0].into_iter().enumerate() {
        let rows = random.gaussians(6);
        let [found, p, g] = [&mut blended, &mut switched, &mut plain].map(|table| table.step(&[1, 3], &rows, 0.1).1);
        let right: Vec<f64> = p.iter().zip(&g).map(|(p, g)| weight * p + (1.0 - weight) * g).collect();
        assert_absolute(&found, &right, Check::GoldenTwoStep.bound(U64));
        assert_eq!(p == g, t < 2, "the two differ once there is a root");
    }
}
