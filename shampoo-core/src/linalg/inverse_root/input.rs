//! The input of a root as the methods see it: scaled, checked, loaded anew for every attempt.

use super::rational::row_stride;
use super::{Exponent, Outcome};
use crate::error::RootError;
use crate::mat::MatMut;
use crate::mat::packed::{rows, rows_mut};
use crate::scalar::{Real, Stored};

/// The packed input, 2^-shift times which is worked on.
pub(super) struct Input<'a, S> {
    triangle: &'a [S],
    /// Order of the matrix.
    pub(super) n: usize,
    /// The power of two that was split off.
    pub(super) shift: i32,
    /// Whether every entry is 0.
    pub(super) zero: bool,
}

impl<'a, S> Input<'a, S> {
    /// Looks at every number once: finite, and how large.
    pub(super) fn new<R: Real>(triangle: &'a [S], n: usize, exponent: Exponent) -> Result<Self, RootError>
    where
        S: Stored<R>,
    {
        let mut largest = R::zero();
        for (row, entries) in rows(triangle).enumerate() {
            for (column, entry) in entries.iter().enumerate() {
                let x = entry.load();
                if !x.is_finite() {
                    return Err(RootError::NonFinite { row, column });
                }
                largest = largest.maximum(x.abs());
            }
        }
        let zero = largest == R::zero();
        // A multiple of p, whose own root is a power of two.
        let unit = match exponent {
            Exponent::Root(p @ 1..=16) => p.cast_signed(),
            _ => 1,
        };
        let shift = if zero { 0 } else { largest.exponent().div_euclid(unit) * unit };
        Ok(Self { triangle, n, shift, zero })
    }

    /// 2^-shift A, both triangles, with `ridge` on the diagonal.
    pub(super) fn load<R: Real>(&self, mut square: MatMut<'_, R>, ridge: R)
    where
        S: Stored<R>,
    {
        for (to, from) in square.rows_mut().zip(rows(self.triangle)) {
            for (x, s) in to.iter_mut().zip(from) {
                *x = if self.shift == 0 { s.load() } else { s.load().ldexp(-self.shift) };
            }
        }
        square.mirror_lower();
        for i in 0..self.n {
            if let Some(x) = square.get_mut(i, i) {
                *x += ridge;
            }
        }
    }

    /// Writes the root, the first n rows of the workspace, scaled back; refuses an overflow.
    pub(super) fn store<R: Real>(&self, workspace: &[R], exponent: Exponent, root: &mut [S]) -> Outcome
    where
        S: Stored<R>,
    {
        // Where p divides the shift, scaling back is exact.
        let divisor = match exponent {
            Exponent::Root(p) => i32::try_from(p).ok().filter(|&p| self.shift.checked_rem(p) == Some(0)),
            Exponent::Power(_) => None,
        };
        let exact = divisor.and_then(|p| self.shift.checked_div(p));
        let factor = R::from_f64(libm::exp2(-f64::from(self.shift) * exponent.alpha()));
        let scaled = |x: R| match exact {
            Some(k) => S::store(x.ldexp(-k)),
            None => S::store(x * factor),
        };
        let squares = workspace.chunks(row_stride(self.n).max(1));
        let overflows = |row: &[R]| row.iter().any(|&x| !scaled(x).load().is_finite());
        if squares.clone().zip(1..=self.n).any(|(row, length)| row.get(..length).is_none_or(overflows)) {
            return Outcome::Overflow;
        }
        for (to, from) in rows_mut(root).zip(squares) {
            to.iter_mut().zip(from).for_each(|(to, &x)| *to = scaled(x));
        }
        Outcome::Accepted
    }
}
