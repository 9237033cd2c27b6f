//! Covers: sets of entries, each entry in at least one of them, that share a second moment.
//!
//! A cover is walked in runs of consecutive entries, so that what a run has in common is looked up once.
//! Source: \[SM3\] section 3.

use crate::capacity::product;
use crate::error::CoverError;
use crate::scalar::Real;

/// Which sets each entry belongs to.
///
/// **Shapes**: everywhere `mu` has one number for each set, and a run lies within one piece of
/// [`run_len`](Cover::run_len) entries that begins at a multiple of it.
pub trait Cover {
    /// Entries that are covered.
    fn entries(&self) -> usize;

    /// Sets: the numbers of state.
    fn sets(&self) -> usize;

    /// Entries that are handled together; at least 1, the last run may be shorter.
    fn run_len(&self) -> usize;

    /// out <- for each entry from `start` on the least mu of its sets.
    fn least<T: Real>(&self, mu: &[T], start: usize, out: &mut [T]);

    /// mu(r) <- max(mu(r), value) for each entry from `start` on and each of its sets r.
    fn raise<T: Real>(&self, mu: &mut [T], start: usize, values: &[T]);
}

/// The slices of a tensor: one set for each index of each axis, axis after axis; one set for a scalar.
///
/// For a matrix these are its rows and its columns.
///
/// ```
/// use shampoo_core::diagonal::cover::{AxisCover, Cover};
/// const COVER: AxisCover = AxisCover::new(&[2, 3]);
/// assert_eq!((COVER.entries(), COVER.sets()), (6, 5));
/// let mut out = [0.0; 3];
/// COVER.least(&[1.0, 4.0, 2.0, 5.0, 3.0], 3, &mut out); // the second row
/// assert_eq!(out, [2.0, 4.0, 3.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AxisCover<'a> {
    sizes: &'a [usize],
}

impl<'a> AxisCover<'a> {
    /// The cover of a row-major tensor of these sizes.
    pub const fn new(sizes: &'a [usize]) -> Self {
        Self { sizes }
    }

    /// The sum of the sizes, 1 for a scalar; saturates. The same as [`sets`](Cover::sets), in constant expressions.
    pub const fn set_count(&self) -> usize {
        let (mut sum, mut rest) = (if self.sizes.is_empty() { 1_usize } else { 0 }, self.sizes);
        while let [d, more @ ..] = rest {
            (sum, rest) = (sum.saturating_add(*d), more);
        }
        sum
    }

    /// The last size: entries along the last axis are consecutive.
    pub const fn width(&self) -> usize {
        if let [.., last] = self.sizes { *last } else { 1 }
    }

    /// The sets of the last axis.
    const fn first_of_last(&self) -> usize {
        self.set_count().saturating_sub(self.width())
    }

    /// The sets of all axes but the last that the entries of the run from `start` on belong to.
    fn outer_sets(&self, start: usize) -> impl Iterator<Item = usize> + '_ {
        let row = start / self.width().max(1);
        let outer = self.sizes.split_last().map_or(&[][..], |(_, outer)| outer);
        let mut offset = 0;
        (0..outer.len()).map(move |axis| {
            let inner = outer.get(axis + 1..).unwrap_or_default().iter().fold(1_usize, |n, &d| n.saturating_mul(d));
            let size = outer.get(axis).copied().unwrap_or(1).max(1);
            let set = offset + row / inner.max(1) % size;
            offset += size;
            set
        })
    }
}

impl Cover for AxisCover<'_> {
    fn entries(&self) -> usize {
        product(self.sizes)
    }

    fn sets(&self) -> usize {
        self.set_count()
    }

    fn run_len(&self) -> usize {
        self.width().max(1)
    }

    fn least<T: Real>(&self, mu: &[T], start: usize, out: &mut [T]) {
        let least = self.outer_sets(start).filter_map(|set| mu.get(set)).fold(T::MAX, |m, &x| m.minimum(x));
        least_along(least, mu.get(self.first_of_last()..).unwrap_or_default(), out);
    }

    fn raise<T: Real>(&self, mu: &mut [T], start: usize, values: &[T]) {
        let largest = raise_along(mu.get_mut(self.first_of_last()..).unwrap_or_default(), values);
        for set in self.outer_sets(start) {
            if let Some(mu) = mu.get_mut(set) {
                *mu = mu.maximum(largest);
            }
        }
    }
}

/// The least of a run's number and those of the sets of the last axis.
pub(crate) fn least_along<T: Real>(of_run: T, last: &[T], out: &mut [T]) {
    out.iter_mut().zip(last).for_each(|(out, &mu)| *out = of_run.minimum(mu));
}

/// Raises the sets of the last axis; returns the largest value, which the other sets of the run take in.
pub(crate) fn raise_along<T: Real>(last: &mut [T], values: &[T]) -> T {
    let mut largest = T::zero();
    for (mu, &value) in last.iter_mut().zip(values) {
        *mu = mu.maximum(value);
        largest = largest.maximum(value);
    }
    largest
}

/// Any cover, as compressed rows: the sets of entry i are `ids[offsets[i]..offsets[i + 1]]`.
///
/// The lists are borrowed, so that a method's own memory stays one number a set.
///
/// ```
/// use shampoo_core::diagonal::cover::{Cover, ListCover};
/// use shampoo_core::error::CoverError;
/// // Entry 0 in set 0, entry 1 in sets 0 and 1.
/// let cover = ListCover::new(&[0, 1, 3], &[0, 0, 1], 2)?;
/// assert_eq!((cover.entries(), cover.sets()), (2, 2));
/// let mut out = [0.0; 2];
/// cover.least(&[5.0, 3.0], 0, &mut out);
/// assert_eq!(out, [5.0, 3.0]);
/// assert_eq!(ListCover::new(&[0, 1, 1], &[0], 1).err(), Some(CoverError::Uncovered { entry: 1 }));
/// # Ok::<(), CoverError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ListCover<'a> {
    offsets: &'a [usize],
    ids: &'a [usize],
    sets: usize,
}

/// Entries of a list cover that are handled together: enough for a vectorised root.
const LIST_RUN: usize = 64;

impl<'a> ListCover<'a> {
    /// A cover by these lists, looked at once. A set may be listed twice for an entry, and may be empty.
    ///
    /// **Shapes**: one offset more than entries. **Errors**: [`CoverError`]: offsets that do not start at 0, decrease or
    /// do not end at the number of ids; an entry in no set; a set that is not below `sets`. **Cost**: one pass.
    pub fn new(offsets: &'a [usize], ids: &'a [usize], sets: usize) -> Result<Self, CoverError> {
        let first = offsets.first().copied().ok_or(CoverError::Offset { index: 0 })?;
        if first != 0 {
            return Err(CoverError::Offset { index: 0 });
        }
        for (entry, (&begin, &end)) in offsets.iter().zip(offsets.iter().skip(1)).enumerate() {
            if end == begin {
                return Err(CoverError::Uncovered { entry });
            }
            if end < begin || end > ids.len() {
                return Err(CoverError::Offset { index: entry.saturating_add(1) });
            }
        }
        let last = offsets.len().saturating_sub(1);
        if offsets.last() != Some(&ids.len()) {
            return Err(CoverError::Offset { index: last });
        }
        match ids.iter().enumerate().find(|(_, set)| **set >= sets) {
            Some((index, &set)) => Err(CoverError::Set { index, set, sets }),
            None => Ok(Self { offsets, ids, sets }),
        }
    }

    /// The lists of the entries from `start` on.
    fn lists(&self, start: usize) -> impl Iterator<Item = &'a [usize]> {
        let offsets = self.offsets.get(start..).unwrap_or_default();
        let ids = self.ids;
        offsets.iter().zip(offsets.iter().skip(1)).map(move |(&begin, &end)| ids.get(begin..end).unwrap_or_default())
    }
}

impl Cover for ListCover<'_> {
    fn entries(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    fn sets(&self) -> usize {
        self.sets
    }

    fn run_len(&self) -> usize {
        self.entries().clamp(1, LIST_RUN)
    }

    fn least<T: Real>(&self, mu: &[T], start: usize, out: &mut [T]) {
        for (out, list) in out.iter_mut().zip(self.lists(start)) {
            *out = list.iter().filter_map(|&set| mu.get(set)).fold(T::MAX, |m, &x| m.minimum(x));
        }
    }

    fn raise<T: Real>(&self, mu: &mut [T], start: usize, values: &[T]) {
        for (&value, list) in values.iter().zip(self.lists(start)) {
            for &set in list {
                if let Some(mu) = mu.get_mut(set) {
                    *mu = mu.maximum(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_looked_at_once() {
        let error = |offsets: &[usize], ids: &[usize]| ListCover::new(offsets, ids, 2).err();
        assert_eq!(error(&[], &[]), Some(CoverError::Offset { index: 0 }));
        assert_eq!(error(&[1, 2], &[0, 0]), Some(CoverError::Offset { index: 0 }));
        assert_eq!(error(&[0, 2, 1], &[0, 1]), Some(CoverError::Offset { index: 2 }));
        assert_eq!(error(&[0, 1], &[0, 1]), Some(CoverError::Offset { index: 1 }));
        assert_eq!(error(&[0, 3], &[0, 1]), Some(CoverError::Offset { index: 1 }));
        assert_eq!(error(&[0, 0, 1], &[1]), Some(CoverError::Uncovered { entry: 0 }));
        assert_eq!(error(&[0, 1, 2], &[0, 2]), Some(CoverError::Set { index: 1, set: 2, sets: 2 }));
        assert_eq!(error(&[0], &[]), None, "no entries");
        assert_eq!(error(&[0, 1, 3], &[1, 0, 0]), None, "a set listed twice");
    }

    #[test]
    fn slices_of_a_cube() {
        let cover = AxisCover::new(&[2, 1, 2]);
        let sets: [_; 2] = [0, 2].map(|start| {
            let mut seen = [0.0; 5];
            cover.raise(&mut seen, start, &[1.0, 2.0]);
            seen
        });
        assert_eq!(sets, [[2.0, 0.0, 2.0, 1.0, 2.0], [0.0, 2.0, 2.0, 1.0, 2.0]]);
        assert_eq!((AxisCover::new(&[]).sets(), AxisCover::new(&[]).entries()), (1, 1));
        assert_eq!(AxisCover::new(&[usize::MAX, 2]).sets(), usize::MAX);
    }
}
