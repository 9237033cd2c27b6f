//! The step of a table.

use core::ops::Range;

use super::layout::pieces;
use super::rows::{check_lengths, first_places, sum_rows};
use super::{Lookup, Touched, Update, Workspace, squares_of};
use crate::block::Factors;
use crate::config::WeightDecay;
use crate::error::{RowsError, ShapeError};
use crate::kernel::{Accum, Kernel};
use crate::linalg::norm::{first_non_finite, hypotenuse, max_abs, norm};
use crate::mat::packed::{packed_len, unpack};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Mixed, Precision, Real};
use crate::schedule::Slot;
use crate::statistics::{accumulate, largest_gradient};
use crate::tensor::{bound, mix, usable_factor};

impl<P: Precision, S, W, B> Lookup<P, S, W, B>
where
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Work]> + AsMut<[P::Work]>,
    B: AsRef<[Slot]> + AsMut<[Slot]>,
{
    /// One whole step: `update` receives the touched rows' ids and what is to be added to these rows of the table.
    ///
    /// `looked_up` holds the rows of the table as the batch read them, one for each id; it may be empty where no weight
    /// decay is set. Everything is checked before anything is written. An empty batch changes nothing and is not counted.
    ///
    /// **Shapes**: `rows` row-major, `width` numbers for each id; buffers at least as [`lengths`](Lookup::lengths) of
    /// the batch says. **Errors**: [`RowsError`]; nothing has changed then.
    /// **Cost**: 2 b width n flops each for statistics and directions, n the width or the block size, and the roots.
    #[expect(clippy::too_many_arguments, reason = "three inputs, an output, scratch, a rate and a kernel")]
    pub fn step<K: Kernel<P::Work> + Kernel<P::Root> + ?Sized>(
        &mut self,
        ids: &[u32],
        rows: &[P::Work],
        looked_up: &[P::Work],
        learning_rate: f64,
        update: &mut Update<'_, P::Work>,
        workspace: &mut Workspace<'_, P>,
        kernel: &K,
    ) -> Result<Touched, RowsError> {
        self.check(ids, rows)?;
        let decay = match self.config.weight_decay {
            // The other one is refused at construction.
            WeightDecay::None | WeightDecay::Gradient(_) => None,
            WeightDecay::Coupled(rate) | WeightDecay::Decoupled(rate) => Some(P::Work::from_f64(rate)),
        };
        if decay.is_some() || !looked_up.is_empty() {
            check_lengths(ids, looked_up, self.width)?;
        }
        if let Some(index) = first_non_finite(looked_up).filter(|_| decay.is_some()) {
            return Err(RowsError::NonFiniteTable { index });
        }
        let rate = P::Work::from_f64(learning_rate);
        if !rate.is_finite() {
            return Err(RowsError::LearningRate { value: learning_rate });
        }
        let need = self.lengths(ids.len());
        for (needed, found) in [
            (need.rows, update.rows.len()),
            (need.rows, workspace.direction.len()),
            (need.work, workspace.work.len()),
            (need.root, workspace.root.len()),
        ] {
            if found < needed {
                return Err(ShapeError::Length { needed, found }.into());
            }
        }
        let count = sum_rows(ids, rows, self.width, workspace.keys, update.ids, workspace.sums)?;
        let entries = count.saturating_mul(self.width);
        let (Some(keys), Some(unique), Some(sums), Some(out), Some(direction)) = (
            workspace.keys.get(..ids.len()),
            update.ids.get(..count),
            workspace.sums.get(..entries),
            update.rows.get_mut(..entries),
            workspace.direction.get_mut(..entries),
        ) else {
            return Ok(Touched::default());
        };
        if count == 0 {
            return Ok(Touched::default());
        }
        let step = self.count;
        if self.config.schedule.accumulates(step) {
            self.accumulate(sums, count, workspace.work, kernel);
        }
        let refresh = self.factors().refresh(step, f64::INFINITY, workspace.root, kernel);
        self.graft.step(out, sums, unique, self.width, self.state.as_mut(), workspace.work, kernel);
        if self.config.schedule.preconditions(step) {
            self.precondition(out, sums, count, direction, workspace.work, kernel);
        }
        let looked_up = MatRef::new(looked_up, ids.len(), self.width).unwrap_or(MatRef::empty());
        for (out, place) in out.chunks_exact_mut(self.width.max(1)).zip(first_places(keys)) {
            if let (Some(decay), Some(row)) = (decay, looked_up.contiguous_row(place)) {
                out.iter_mut().zip(row).for_each(|(u, &w)| *u += decay * w);
            }
            bound(out, P::Work::from_f64(largest_gradient::<P>(1)));
            out.iter_mut().for_each(|u| *u = -(rate * *u));
        }
        if self.sums() {
            self.headroom = self.headroom.with(squares_of(ids), max_abs(rows).to_f64());
        }
        self.count += 1;
        Ok(Touched { rows: count, refresh })
    }

    /// By the settings as they are here, without momentum, and not by those of the type.
    fn factors(&mut self) -> Factors<'_, Mixed<P::Work, P::Store, P::Root>> {
        let (statistics, roots, slots) = (self.statistics.as_mut(), self.roots.as_mut(), self.slots.as_mut());
        Factors::new(&self.columns, &self.config, None, statistics, roots, slots)
    }

    /// R <- b2 R + w2 U^T U for each piece of the columns.
    fn accumulate<K: Kernel<P::Work> + ?Sized>(
        &mut self,
        sums: &[P::Work],
        count: usize,
        work: &mut [P::Work],
        kernel: &K,
    ) {
        let Ok(sums) = MatRef::new(sums, count, self.width) else { return };
        let mut statistics = self.statistics.as_mut();
        for piece in pieces(&self.columns) {
            let order = piece.len();
            let Some((triangle, rest)) = statistics.split_at_mut_checked(packed_len(order)) else { return };
            statistics = rest;
            let (Some(own), Ok(mut square)) =
                (sums.block(0, piece.start, count, order), MatMut::new(&mut *work, order, order))
            else {
                return;
            };
            kernel.gram(square.reborrow(), Accum::Replace, num_traits::One::one(), own.transpose());
            accumulate(triangle, square.as_ref(), self.config.averaging);
        }
    }

    /// Replaces the graft's steps by U R^{-1/2}, given their length, in the pieces of the columns that have roots; or mixes
    /// the two, as long as a blended start says.
    fn precondition<K: Kernel<P::Work> + ?Sized>(
        &self,
        out: &mut [P::Work],
        sums: &[P::Work],
        count: usize,
        direction: &mut [P::Work],
        work: &mut [P::Work],
        kernel: &K,
    ) {
        let Ok(sums) = MatRef::new(sums, count, self.width) else { return };
        let longer = |length: f64, row: &[P::Work]| hypotenuse(length, norm(row, kernel).to_f64());
        let (mut graft_length, mut length) = (0.0, 0.0);
        let mut roots = self.roots.as_ref();
        for (piece, slot) in self.pieces().zip(self.slots.as_ref()) {
            let order = piece.len();
            let Some((root, rest)) = roots.split_at_checked(packed_len(order)) else { return };
            roots = rest;
            if slot.stamp().is_none() {
                continue;
            }
            let Some(to) = direction.get_mut(own(&piece, count)) else { return };
            let (Some(g), Ok(mut x), Ok(product)) = (
                sums.block(0, piece.start, count, order),
                MatMut::new(&mut *work, order, order),
                MatMut::new(&mut *to, count, order),
            ) else {
                return;
            };
            unpack(root, x.reborrow());
            kernel.gemm(product, Accum::Replace, num_traits::One::one(), g, x.as_ref());
            length = longer(length, to);
            let steps = out.chunks_exact(self.width.max(1)).filter_map(|row| row.get(piece.clone()));
            graft_length = steps.fold(graft_length, longer);
        }
        let blend = self.config.start.weight(self.count, self.config.schedule.start_preconditioning_step);
        let blend = P::Work::from_f64(blend);
        let Some(factor) = usable_factor::<P>(self.graft.factor(graft_length, length), length) else { return };
        for (piece, _) in self.pieces().zip(self.slots.as_ref()).filter(|(_, slot)| slot.stamp().is_some()) {
            let Some(from) = direction.get(own(&piece, count)) else { return };
            let rows = out.chunks_exact_mut(self.width.max(1)).zip(from.chunks_exact(piece.len().max(1)));
            for (to, from) in rows.filter_map(|(row, from)| Some((row.get_mut(piece.clone())?, from))) {
                mix(to, from, factor, blend, kernel);
            }
        }
    }

    /// The columns of each statistic.
    fn pieces(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        pieces(&self.columns)
    }
}

/// A piece's part of the directions, which lie piece after piece.
fn own(piece: &Range<usize>, count: usize) -> Range<usize> {
    piece.start.saturating_mul(count)..piece.end.saturating_mul(count)
}
