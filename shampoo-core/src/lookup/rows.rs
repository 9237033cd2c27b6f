//! The rows of a batch, those of equal id summed.

use crate::error::{RowsError, ShapeError};
use crate::mat::MatRef;
use crate::scalar::Real;

/// Sums rows of equal id, in the order of their appearance; ids come out in ascending order.
///
/// Without it sum U^T U over the rows as they come is not G^T G of the table's gradient.
///
/// Returns the number of different ids: `unique` and `sums` begin with so many ids and rows. What follows is not
/// touched. `keys` begins with the ids in the upper halves of words, in ascending order, and their places in the batch
/// in the lower ones.
///
/// **Shapes**: `rows` as many rows of `width` numbers as there are ids; `keys`, `unique` at least one number an id,
/// `sums` at least as many as `rows`. **Errors**: [`RowsError`] for buffers that do not fit; nothing has changed then.
/// **Cost**: 2 b log2(b) comparisons and b width additions.
///
/// ```
/// use shampoo_core::lookup::sum_rows;
/// let rows = [1.0_f32, 0.0, 5.0, 5.0, 0.0, 1.0];
/// let (mut keys, mut unique, mut sums) = ([0; 3], [0; 3], [0.0; 6]);
/// assert_eq!(sum_rows(&[7, 2, 7], &rows, 2, &mut keys, &mut unique, &mut sums)?, 2);
/// assert_eq!((&unique[..2], &sums[..4]), (&[2, 7][..], &[5.0, 5.0, 1.0, 1.0][..]));
/// # Ok::<(), shampoo_core::error::RowsError>(())
/// ```
pub fn sum_rows<T: Real>(
    ids: &[u32],
    rows: &[T],
    width: usize,
    keys: &mut [u64],
    unique: &mut [u32],
    sums: &mut [T],
) -> Result<usize, RowsError> {
    check_lengths(ids, rows, width)?;
    for (needed, found) in [(ids.len(), keys.len()), (ids.len(), unique.len()), (rows.len(), sums.len())] {
        if found < needed {
            return Err(ShapeError::Length { needed, found }.into());
        }
    }
    let (Some(keys), Ok(rows)) = (keys.get_mut(..ids.len()), MatRef::new(rows, ids.len(), width)) else { return Ok(0) };
    for (index, (key, &id)) in (0_u32..).zip(keys.iter_mut().zip(ids)) {
        *key = u64::from(id) << 32 | u64::from(index);
    }
    sort(keys);
    let (mut unique, mut sums) = (unique.iter_mut(), sums.chunks_exact_mut(width.max(1)));
    let (mut count, mut last, mut sum) = (0, None, <&mut [T]>::default());
    for (id, index) in keys.iter().copied().map(split) {
        let row = rows.contiguous_row(index).unwrap_or_default();
        if last == Some(id) {
            sum.iter_mut().zip(row).for_each(|(s, &x)| *s += x);
            continue;
        }
        sum = sums.next().unwrap_or_default();
        sum.iter_mut().zip(row).for_each(|(s, &x)| *s = x);
        if let Some(to) = unique.next() {
            *to = id;
        }
        (count, last) = (count + 1, Some(id));
    }
    Ok(count)
}

/// Refuses another number of entries than ids and width say, and more ids than a word counts.
pub(super) fn check_lengths<T>(ids: &[u32], rows: &[T], width: usize) -> Result<(), RowsError> {
    let expected = ids.len().checked_mul(width).filter(|_| u32::try_from(ids.len()).is_ok());
    let expected = expected.ok_or(ShapeError::TooLarge)?;
    let found = rows.len();
    if expected == found { Ok(()) } else { Err(RowsError::Length { expected, found }) }
}

/// Id and place of a key.
const fn split(key: u64) -> (u32, usize) {
    ((key >> 32) as u32, (key & u32::MAX as u64) as usize)
}

/// The place of the first row of each id, in the order of [`sum_rows`], from the keys that it left.
pub(super) fn first_places(keys: &[u64]) -> impl Iterator<Item = usize> + '_ {
    let mut last = None;
    keys.iter().copied().map(split).filter_map(move |(id, index)| {
        let first = last != Some(id);
        last = Some(id);
        first.then_some(index)
    })
}

/// Ascending order by a heap: in place, and without the panic that core's own sorts keep for orders that are none.
fn sort(keys: &mut [u64]) {
    for root in (0..keys.len() / 2).rev() {
        sift(keys, root);
    }
    let mut heap = keys;
    while let Some(last) = heap.len().checked_sub(1) {
        swap(heap, 0, last);
        let Some(rest) = heap.get_mut(..last) else { return };
        heap = rest;
        sift(heap, 0);
    }
}

/// Lets the key at `at` sink until it is no smaller than those below it.
fn sift(heap: &mut [u64], mut at: usize) {
    loop {
        let left = 2 * at + 1;
        let (Some(&key), Some(&first)) = (heap.get(at), heap.get(left)) else { return };
        let child = match heap.get(left + 1) {
            Some(&second) if second > first => left + 1,
            _ => left,
        };
        if heap.get(child).is_none_or(|&below| below <= key) {
            return;
        }
        swap(heap, at, child);
        at = child;
    }
}

fn swap(keys: &mut [u64], i: usize, j: usize) {
    if let Ok([a, b]) = keys.get_disjoint_mut([i, j]) {
        core::mem::swap(a, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted() {
        let mut state = 1_u64;
        for length in 0..70 {
            let mut keys = [0_u64; 70];
            for key in &mut keys {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *key = state >> 58;
            }
            let mut right = keys;
            right[..length].sort_unstable();
            sort(&mut keys[..length]);
            assert_eq!(keys, right);
        }
    }

    #[test]
    fn sums_run_in_order_of_appearance() {
        // In any other order 1 would be lost, or not.
        let rows = [1e8_f32, 1.0, -1e8, 7.0];
        let (mut keys, mut unique, mut sums) = ([0; 4], [9; 4], [9.0; 4]);
        let count = sum_rows(&[3, 3, 3, 1], &rows, 1, &mut keys, &mut unique, &mut sums);
        assert_eq!(count, Ok(2));
        assert_eq!((unique, sums), ([1, 3, 9, 9], [7.0, 0.0, 9.0, 9.0]));
        assert!(first_places(&keys).eq([3, 0]));
    }
}
