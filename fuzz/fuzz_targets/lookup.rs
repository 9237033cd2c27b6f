//! Tables: an error changes nothing, what is accepted moves touched rows by finite numbers, equal ids are summed.
#![no_main]

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::kernel::Portable;
use shampoo_core::lookup::{Lookup, RowGraft, Update, Workspace, lengths, sum_rows};
use shampoo_core::scalar::{Bf16Store, Bf16x2Store, Bf16x3Store, F32, F32RootF64, F64, Precision, Real, Stored};
use shampoo_core::schedule::Slot;
use shampoo_fuzz::numbers::{Bits, all_bits};
use shampoo_fuzz::settings::{Numbers, Settings, figure};

#[derive(Debug)]
struct Case {
    settings: Settings,
    graft: RowGraft,
    vocabulary: usize,
    width: usize,
    precision: u8,
    batches: Vec<Batch>,
}

#[derive(Arbitrary, Debug)]
struct Batch {
    ids: Vec<Id>,
    rows: Numbers,
    rate: Rate,
    /// Entries too many or too few.
    misfit: Option<i8>,
    /// Numbers by which the workspace is short.
    short: Option<u8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Id {
    Near(u8),
    Far(u32),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Rate {
    Usual,
    Zero,
    Bits(u32),
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let graft = match u8::arbitrary(u)? % 4 {
            0 => RowGraft::None,
            1 => RowGraft::Sgd,
            2 => RowGraft::AdaGrad { epsilon: figure(u)? },
            _ => RowGraft::Sm3 { epsilon: figure(u)? },
        };
        let vocabulary = if u.ratio(1, 4)? { usize::arbitrary(u)? } else { usize::from(u8::arbitrary(u)? % 16) };
        let width = usize::from(u8::arbitrary(u)? % 9);
        let (settings, precision) = (Settings::arbitrary(u)?, u8::arbitrary(u)?);
        Ok(Self { settings, graft, vocabulary, width, precision, batches: Vec::arbitrary(u)? })
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

type Table<P> = Lookup<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Work>, Vec<Slot>>;

fn state<P: Precision<Work: Bits, Store: Bits>>(table: &Table<P>) -> (Vec<u64>, Vec<Slot>, u64) {
    let kept = [table.statistics(), table.roots()].map(all_bits).concat();
    ([kept, all_bits(table.graft_state())].concat(), table.slots().to_vec(), table.count())
}

fn run<P: Precision<Work: Bits, Store: Bits>>(case: &Case) {
    let (one, not_a_number) = (P::Work::from_f64(1.0), P::Work::from_f64(f64::NAN));
    let (vocabulary, width, config) = (case.vocabulary, case.width, case.settings.0);
    let need = lengths(vocabulary, width, 8, &config, case.graft);
    if need.graft > 1 << 12 {
        return;
    }
    let kept = || vec![P::Store::store(not_a_number); need.statistics];
    let slots = vec![Slot::EMPTY; need.slots];
    let table = Table::<P>::new(vocabulary, width, config, case.graft, kept(), kept(), vec![one; need.graft], slots);
    let Ok(mut table) = table else { return };
    let mut weights: BTreeMap<u32, Vec<P::Work>> = BTreeMap::new();
    for batch in case.batches.iter().take(6) {
        let id = |id: &Id| match *id {
            Id::Near(near) => u32::from(near) % (vocabulary.clamp(1, 16) as u32),
            Id::Far(far) => far,
        };
        let ids: Vec<u32> = batch.ids.iter().take(8).map(id).collect();
        let mut rows: Vec<P::Work> = batch.rows.take(ids.len() * width);
        if let Some(more) = batch.misfit {
            rows.resize(rows.len().saturating_add_signed(more.into()), one);
        }
        let rate = match batch.rate {
            Rate::Usual => 0.125,
            Rate::Zero => 0.0,
            Rate::Bits(bits) => f32::from_bits(bits).into(),
        };
        let looked_up: Vec<P::Work> =
            ids.iter().flat_map(|id| weights.get(id).cloned().unwrap_or(vec![one; width])).collect();
        let short = usize::from(batch.short.unwrap_or(0));
        let mut work = vec![not_a_number; need.work - short.min(need.work)];
        let mut root = vec![P::Root::from_f64(f64::NAN); need.root];
        let (mut keys, mut unique) = ([u64::MAX; 8], [u32::MAX; 8]);
        let nan = || vec![not_a_number; need.rows];
        let (mut sums, mut direction, mut out) = (nan(), nan(), nan());
        let mut workspace =
            Workspace { keys: &mut keys, sums: &mut sums, direction: &mut direction, work: &mut work, root: &mut root };
        let mut update = Update { ids: &mut unique, rows: &mut out };
        let before = state(&table);
        let done = table.step(&ids, &rows, &looked_up, rate, &mut update, &mut workspace, &Portable);
        let Ok(done) = done else {
            assert_eq!(state(&table), before, "{done:?}");
            assert!(unique == [u32::MAX; 8] && out.iter().all(|x| x.is_nan()), "the update was written");
            continue;
        };
        assert!(rows.len() == ids.len() * width && rows.iter().all(|x| x.is_finite()));
        assert!(ids.iter().all(|&id| (id as usize) < vocabulary));
        sums_are_right(&ids, &rows, width, &unique[..done.rows]);
        if ids.is_empty() {
            assert_eq!(state(&table), before);
        }
        assert!(table.statistics().iter().all(|x| Stored::<P::Work>::load(*x).is_finite()));
        assert!(table.graft_state().iter().all(|x| x.is_finite()));
        assert!(unique[done.rows..].iter().all(|&id| id == u32::MAX));
        assert!(out[done.rows * width..].iter().all(|x| x.is_nan()));
        let out = &out[..done.rows * width];
        let largest = looked_up.iter().fold(0.0, |m: f64, w| m.max(w.to_f64().abs()));
        if case.settings.pull(largest) < 1e36 {
            // A rate of any size may carry rows away, but to a side.
            assert!(out.iter().all(|x| x.is_finite() || (rate.abs() > 1.0 && !x.is_nan())), "{out:?}");
        }
        for (id, row) in unique.iter().zip(out.chunks(width.max(1))).take(done.rows) {
            let to = weights.entry(*id).or_insert_with(|| vec![one; width]);
            for (w, &u) in to.iter_mut().zip(row) {
                let moved = *w + u;
                *w = if moved.is_finite() && moved.to_f64().abs() < 1e30 { moved } else { one };
            }
        }
    }
}

/// Rows of equal id are summed in the order in which they came.
fn sums_are_right<T: Real + Bits>(ids: &[u32], rows: &[T], width: usize, unique: &[u32]) {
    let mut right: BTreeMap<u32, Vec<T>> = BTreeMap::new();
    for (k, &id) in ids.iter().enumerate() {
        let sum = right.entry(id).or_insert_with(|| vec![T::from_f64(-0.0); width]);
        sum.iter_mut().zip(&rows[k * width..]).for_each(|(s, &x)| *s += x);
    }
    let (mut keys, mut found, mut sums) =
        (vec![0; ids.len()], vec![0; ids.len()], vec![T::from_f64(f64::NAN); rows.len()]);
    let count = sum_rows(ids, rows, width, &mut keys, &mut found, &mut sums).expect("it fits");
    assert_eq!((&found[..count], unique.len()), (unique, right.len()));
    assert!(unique.iter().eq(right.keys()));
    let right: Vec<T> = right.into_values().flatten().collect();
    assert_eq!(all_bits(&sums[..count * width]), all_bits(&right));
}
