//! The input of a root as the methods see it: scaled, checked, loaded anew for every attempt.

use super::rational::row_stride;
use super::request::Factor;
use super::{Exponent, Outcome, Ridge};
use crate::error::RootError;
use crate::mat::MatMut;
use crate::mat::packed::{rows, rows_mut};
use crate::scalar::{LANES, Real, Stored, Tile, divide, exp2, log2};

/// What is worked on: 2^-shift times a packed triangle, which is passed to every call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    /// Order of the matrix.
    pub(super) n: usize,
    /// The power of two that was split off.
    pub(super) shift: i32,
    /// What the matrix is a part of: the root asked for is that of this multiple of it.
    pub(super) factor: Factor,
    /// Whether every entry is 0.
    pub(super) zero: bool,
}

impl Input {
    /// Looks at every number once: finite, and how large.
    pub(super) fn new<R: Real, S: Stored<R>>(
        triangle: &[S],
        n: usize,
        exponent: Exponent,
        ridge: Ridge,
        factor: Factor,
    ) -> Result<Self, RootError> {
        let largest = largest(triangle)?;
        let zero = largest == R::zero();
        // A multiple of p, whose own root is a power of two.
        let unit = match exponent {
            Exponent::Root(p @ 1..=16) => p.cast_signed(),
            _ => 1,
        };
        let ridge = match ridge {
            Ridge::Absolute(r) if r > 0.0 => Some(r.exponent()),
            _ => None,
        };
        let entries = (!zero).then(|| largest.exponent() + factor.exponent);
        let whole = entries.max(ridge).map_or(0, |top| top - divide(top, unit).map_or(0, |(_, rest)| rest));
        Ok(Self { n, shift: whole - factor.exponent, factor, zero })
    }

    /// A matrix of order n as it is.
    pub(super) const fn unscaled_of_order(n: usize) -> Self {
        Self { n, shift: 0, factor: Factor { fraction: 1.0, exponent: 0 }, zero: false }
    }

    /// The power of two between the scaled matrix and the one whose root is asked for.
    fn whole_shift(&self) -> i32 {
        self.shift + self.factor.exponent
    }

    /// What was found in units of the scaled matrix, in those of the one whose root is asked for.
    pub(super) fn unscaled(&self, x: f64) -> f64 {
        libm::scalbn(x * self.factor.fraction, self.whole_shift())
    }

    /// The ridge of the scaled matrix.
    pub(super) fn scaled_ridge(&self, ridge: Ridge) -> Ridge {
        match ridge {
            Ridge::Absolute(r) => Ridge::Absolute(libm::scalbn(r, -self.whole_shift()) / self.factor.fraction),
            relative => relative,
        }
    }

    /// What the input is multiplied by. A ridge alone may be far beyond the range of `R`, and 0 times infinity is NaN.
    fn scale<R: Real>(&self) -> Power<R> {
        Power::new(if self.zero { 0 } else { -self.shift })
    }

    /// 2^-shift A, both triangles, with `ridge` on the diagonal.
    pub(super) fn load<R: Real, S: Stored<R>>(&self, triangle: &[S], mut square: MatMut<'_, R>, ridge: R) {
        let scale = self.scale();
        for (to, from) in square.rows_mut().zip(rows(triangle)) {
            to.iter_mut().zip(from).for_each(|(x, s)| *x = scale.times(s.load()));
            if let Some(last) = from.len().checked_sub(1).and_then(|last| to.get_mut(last)) {
                *last += ridge;
            }
        }
        square.mirror_lower();
    }

    /// The same in rows of [`row_stride`] with complete diagonal tiles, 0 beyond the matrix in them, and anything right
    /// of them.
    pub(super) fn load_tiles<R: Real, S: Stored<R>>(&self, triangle: &[S], data: &mut [R], ridge: R) {
        let stride = row_stride(self.n).max(1);
        let scale = self.scale();
        let mut from = rows(triangle);
        for (tile, block) in data.chunks_exact_mut(stride.saturating_mul(LANES).max(1)).enumerate() {
            let start = tile * LANES;
            let mut diagonal = [[R::zero(); LANES]; LANES];
            for (i, to) in block.chunks_exact_mut(stride).enumerate() {
                let Some(to) = to.get_mut(..start) else { return };
                let entries = from.next().unwrap_or_default();
                let (left, right) = entries.split_at_checked(start).unwrap_or_default();
                to.iter_mut().zip(left).for_each(|(x, s)| *x = scale.times(s.load()));
                if left.is_empty() {
                    to.fill(R::zero());
                }
                for (j, s) in right.iter().enumerate() {
                    let x = scale.times(s.load()) + if i == j { ridge } else { R::zero() };
                    for (row, column) in [(i, j), (j, i)] {
                        if let Some(to) = diagonal.get_mut(row).and_then(|row| row.get_mut(column)) {
                            *to = x;
                        }
                    }
                }
            }
            for (to, row) in block.chunks_exact_mut(stride).zip(diagonal) {
                to.iter_mut().skip(start).zip(row).for_each(|(to, x)| *to = x);
            }
        }
    }

    /// 2^-shift A into one lane of a triangle.
    pub(super) fn load_lane<R: Real, S: Stored<R>>(&self, from: &[S], triangle: &mut [Tile<R>], lane: usize) {
        let scale = self.scale();
        for (tile, s) in triangle.iter_mut().zip(from) {
            if let Some(x) = tile.get_mut(lane) {
                *x = scale.times(s.load());
            }
        }
    }

    /// The power of two of the root that is exact, and what is left of the shift.
    fn shift_of_root(&self, exponent: Exponent) -> (i32, i32) {
        let shift = self.whole_shift();
        let order = match exponent {
            Exponent::Root(p) => i32::try_from(p).ok(),
            Exponent::Power(_) => None,
        };
        order.and_then(|p| divide(shift, p)).map_or((0, shift), |(whole, left)| (-whole, left))
    }

    /// Whether a power of two alone scales the root back.
    fn is_exact(&self, left: i32) -> bool {
        left == 0 && self.factor.fraction == 1.0
    }

    /// What scales the root back.
    fn scale_back<R: Real>(&self, exponent: Exponent) -> ScaleBack<R> {
        let (whole, left) = self.shift_of_root(exponent);
        if self.is_exact(left) {
            return ScaleBack { factor: R::one(), power: Power::new(whole), exact: true };
        }
        // Together, so that no power of the fraction leaves the range.
        let (factor, power) = exp2(-(f64::from(left) + log2(self.factor.fraction)) * exponent.alpha());
        ScaleBack { factor: R::from_f64(factor), power: Power::new(power.saturating_add(whole)), exact: false }
    }

    /// What scaling back and storing add to the relative error: every entry is rounded, so u ||X||_F / ||X||, and entries
    /// below the normal numbers together as one of the size of X, see [`store_entries`](Self::store_entries).
    pub(super) fn rounding<R: Real, S: Stored<R>>(&self, exponent: Exponent) -> f64 {
        let root_of_order = libm::sqrt(self.n as f64);
        let u = R::UNIT_ROUNDOFF.to_f64();
        let stored = if S::ROUNDOFF > u { S::ROUNDOFF * libm::sqrt(self.n as f64 + 1.0) } else { u };
        let (_, left) = self.shift_of_root(exponent);
        if self.is_exact(left) {
            return stored;
        }
        // The exponent of the factor is itself a rounded product, with a fraction of a rounded sum with a logarithm.
        let terms = f64::from(left).abs() + if self.factor.fraction == 1.0 { 0.0 } else { 2.0 };
        stored + u * (root_of_order + 2.0) + terms * exponent.alpha() * f64::EPSILON
    }

    /// Writes the root, the first n rows of the workspace, scaled back; refuses one that leaves the stored range.
    pub(super) fn store<R: Real, S: Stored<R>>(&self, workspace: &[R], exponent: Exponent, root: &mut [S]) -> Outcome {
        let stride = row_stride(self.n).max(1);
        let (mut largest, mut finite) = (R::zero(), true);
        for (row, own) in workspace.chunks(stride).zip(rows(root)) {
            for (&x, _) in row.iter().zip(own) {
                finite &= x.is_finite();
                largest = largest.maximum(x.abs());
            }
        }
        let back = self.scale_into_store::<R, S>(largest, exponent).filter(|_| finite);
        let Some(back) = back else { return Outcome::OutsideStore };
        for (row, own) in workspace.chunks(stride).zip(rows_mut(root)) {
            own.iter_mut().zip(row).for_each(|(to, &x)| *to = S::store(back.apply(x)));
        }
        Outcome::Accepted
    }

    /// The same from the entries of the triangle, one after the other, none NaN and none larger than `largest`.
    pub(super) fn store_entries<R: Real, S: Stored<R>>(
        &self,
        entries: impl Iterator<Item = R>,
        largest: R,
        exponent: Exponent,
        root: &mut [S],
    ) -> Outcome {
        let Some(back) = self.scale_into_store::<R, S>(largest, exponent) else { return Outcome::OutsideStore };
        root.iter_mut().zip(entries).for_each(|(to, x)| *to = S::store(back.apply(x)));
        Outcome::Accepted
    }

    /// What scales a root back whose largest entry is this, where the store can hold it.
    fn scale_into_store<R: Real, S: Stored<R>>(&self, largest: R, exponent: Exponent) -> Option<ScaleBack<R>> {
        // No certificate allows for digits that were lost below the smallest normal number before scaling back.
        if largest.to_f64() < 2.0 * self.n as f64 * R::MIN_POSITIVE.to_f64() {
            return None;
        }
        let back: ScaleBack<R> = self.scale_back(exponent);
        // Scaling and rounding keep the order of magnitudes, so the largest entry tells of all.
        let largest = S::store(back.apply(largest)).load();
        // Below the smallest normal number digits are lost that no roundoff accounts for: in the store, or already where
        // the root was scaled back in coarser numbers. The n^2 entries of a root whose largest is small lose no more
        // together than u times that: each is rounded to u times the smallest normal number, in two words twice.
        let coarser = R::UNIT_ROUNDOFF.to_f64() > S::ROUNDOFF;
        let smallest = if coarser { S::SMALLEST.max(R::MIN_POSITIVE.to_f64()) } else { S::SMALLEST };
        let fits = largest.is_finite() && largest.to_f64() >= 2.0 * self.n as f64 * smallest;
        fits.then_some(back)
    }
}

/// Largest magnitude of a packed triangle.
fn largest<R: Real, S: Stored<R>>(triangle: &[S]) -> Result<R, RootError> {
    // Eight chains: one would wait for itself. 0 times what is not finite is NaN.
    let (mut largest, mut nothing) = ([R::zero(); LANES], [R::zero(); LANES]);
    let (tiles, rest) = triangle.as_chunks::<LANES>();
    let mut see = |entries: &[S]| {
        for ((largest, nothing), entry) in largest.iter_mut().zip(&mut nothing).zip(entries) {
            let x: R = entry.load();
            *largest = largest.maximum(x.abs());
            *nothing += x * R::zero();
        }
    };
    tiles.iter().for_each(|tile| see(tile));
    see(rest);
    if nothing.iter().any(|nothing| nothing.is_nan()) {
        for (row, entries) in rows(triangle).enumerate() {
            if let Some(column) = entries.iter().position(|entry| !entry.load().is_finite()) {
                return Err(RootError::NonFinite { row, column });
            }
        }
    }
    Ok(largest.into_iter().fold(R::zero(), R::maximum))
}

/// Multiplication by 2^k, as `ldexp` but quicker: one product, or two where 2^k itself is no normal number.
#[derive(Clone, Copy)]
struct Power<R> {
    first: R,
    second: R,
}

impl<R: Real> Power<R> {
    fn new(k: i32) -> Self {
        let whole = R::one().ldexp(k);
        if whole.is_finite() && whole >= R::MIN_POSITIVE {
            return Self { first: whole, second: R::one() };
        }
        Self { first: R::one().ldexp(k / 2), second: R::one().ldexp(k - k / 2) }
    }

    #[inline(always)]
    fn times(self, x: R) -> R {
        x * self.first * self.second
    }
}

/// Multiplication by `factor * 2^power`.
struct ScaleBack<R> {
    factor: R,
    power: Power<R>,
    /// The factor is 1.
    exact: bool,
}

impl<R: Real> ScaleBack<R> {
    fn apply(&self, x: R) -> R {
        self.power.times(if self.exact { x } else { x * self.factor })
    }
}
