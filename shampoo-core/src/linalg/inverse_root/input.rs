//! The input of a root as the methods see it: scaled, checked, loaded anew for every attempt.

use super::rational::row_stride;
use super::{Exponent, Outcome, Ridge};
use crate::error::RootError;
use crate::mat::MatMut;
use crate::mat::packed::rows;
use crate::scalar::{LANES, Real, Stored, Tile};

/// Powers of two up to here are multiplied by.
const PLAIN_POWER: u32 = 60;

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
    pub(super) fn new<R: Real>(triangle: &'a [S], n: usize, exponent: Exponent, ridge: Ridge) -> Result<Self, RootError>
    where
        S: Stored<R>,
    {
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
        let entries = (!zero).then(|| largest.exponent());
        let shift = entries.max(ridge).map_or(0, |top| top.checked_div_euclid(unit).unwrap_or(0) * unit);
        Ok(Self { triangle, n, shift, zero })
    }

    /// 2^-shift A, both triangles, with `ridge` on the diagonal.
    pub(super) fn load<R: Real>(&self, mut square: MatMut<'_, R>, ridge: R)
    where
        S: Stored<R>,
    {
        let scale = PowerOfTwo::new(-self.shift);
        for (to, from) in square.rows_mut().zip(rows(self.triangle)) {
            for (x, s) in to.iter_mut().zip(from) {
                *x = scale.apply(s.load());
            }
        }
        square.mirror_lower();
        for i in 0..self.n {
            if let Some(x) = square.get_mut(i, i) {
                *x += ridge;
            }
        }
    }

    /// 2^-shift A into one lane of a triangle.
    pub(super) fn load_lane<R: Real>(&self, triangle: &mut [Tile<R>], lane: usize)
    where
        S: Stored<R>,
    {
        let scale = PowerOfTwo::new(-self.shift);
        for (tile, s) in triangle.iter_mut().zip(self.triangle) {
            if let Some(x) = tile.get_mut(lane) {
                *x = scale.apply(s.load());
            }
        }
    }

    /// What scales the root back.
    fn scale_back<R: Real>(&self, exponent: Exponent) -> ScaleBack<R> {
        // Where p divides the shift it is a power of two.
        let whole = match exponent {
            Exponent::Root(p) => i32::try_from(p).ok(),
            Exponent::Power(_) => None,
        };
        let whole = whole.filter(|&p| self.shift.checked_rem(p) == Some(0)).and_then(|p| self.shift.checked_div(p));
        match whole {
            Some(power) => ScaleBack { factor: R::one(), power: PowerOfTwo::new(-power), exact: true },
            None => {
                let binary = -f64::from(self.shift) * exponent.alpha();
                let power = libm::floor(binary);
                let factor = R::from_f64(libm::exp2(binary - power));
                ScaleBack { factor, power: PowerOfTwo::new(power as i32), exact: false }
            }
        }
    }

    /// What scaling back and storing add to the relative error: every entry is rounded, so u ||X||_F / ||X||.
    pub(super) fn rounding<R: Real>(&self, exponent: Exponent) -> f64
    where
        S: Stored<R>,
    {
        let root_of_order = libm::sqrt(self.n as f64);
        let u = R::UNIT_ROUNDOFF.to_f64();
        let stored = if S::ROUNDOFF > u { S::ROUNDOFF * root_of_order } else { u };
        let back: ScaleBack<R> = self.scale_back(exponent);
        let scaled = if back.exact { 0.0 } else { u * (root_of_order + 2.0) };
        // The exponent of the factor is itself a rounded product.
        let factor = if back.exact { 0.0 } else { f64::from(self.shift).abs() * exponent.alpha() * f64::EPSILON };
        stored + scaled + factor
    }

    /// Writes the root, the first n rows of the workspace, scaled back; refuses one that leaves the stored range.
    pub(super) fn store<R: Real>(&self, workspace: &[R], exponent: Exponent, root: &mut [S]) -> Outcome
    where
        S: Stored<R>,
    {
        let rows = workspace.chunks(row_stride(self.n).max(1)).zip(1..=self.n);
        let entries = rows.flat_map(|(row, length)| row.iter().take(length).copied());
        let mut largest = R::zero();
        for x in entries.clone() {
            if x.is_nan() {
                return Outcome::OutsideStore;
            }
            largest = largest.maximum(x.abs());
        }
        self.store_entries(entries, largest, exponent, root)
    }

    /// The same from the entries of the triangle, one after the other, none NaN and none larger than `largest`.
    pub(super) fn store_entries<R: Real>(
        &self,
        entries: impl Iterator<Item = R>,
        largest: R,
        exponent: Exponent,
        root: &mut [S],
    ) -> Outcome
    where
        S: Stored<R>,
    {
        let back: ScaleBack<R> = self.scale_back(exponent);
        let kept = S::store(back.apply(largest)).load();
        // Below the smallest normal number digits are lost that no roundoff accounts for.
        if !kept.is_finite() || kept.to_f64() < S::SMALLEST {
            return Outcome::OutsideStore;
        }
        match back.plain() {
            Some(factor) => root.iter_mut().zip(entries).for_each(|(to, x)| *to = S::store(x * factor)),
            None => root.iter_mut().zip(entries).for_each(|(to, x)| *to = S::store(back.apply(x))),
        }
        Outcome::Accepted
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

/// Multiplication by 2^power.
#[derive(Clone, Copy)]
struct PowerOfTwo<R> {
    power: i32,
    /// The number itself where every type holds it with room to spare: a product costs less than a change of exponent.
    factor: Option<R>,
}

impl<R: Real> PowerOfTwo<R> {
    fn new(power: i32) -> Self {
        Self { power, factor: (power.unsigned_abs() <= PLAIN_POWER).then(|| R::one().ldexp(power)) }
    }

    fn apply(&self, x: R) -> R {
        match self.factor {
            Some(factor) => x * factor,
            None => x.ldexp(self.power),
        }
    }
}

/// Multiplication by `factor * 2^power`.
struct ScaleBack<R> {
    factor: R,
    power: PowerOfTwo<R>,
    /// The factor is 1.
    exact: bool,
}

impl<R: Real> ScaleBack<R> {
    /// The power of two where nothing else is multiplied by and a product does it.
    fn plain(&self) -> Option<R> {
        self.power.factor.filter(|_| self.exact)
    }

    fn apply(&self, x: R) -> R {
        let x = if self.exact { x } else { x * self.factor };
        self.power.apply(x)
    }
}
