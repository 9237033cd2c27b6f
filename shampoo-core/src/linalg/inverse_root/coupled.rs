//! What the coupled iterations share: the scale of the first matrix, and when to stop.

use crate::error::ShapeError;
use crate::kernel::Kernel;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{LANES, Real};

/// Iterations at most; kappa 1e10 takes 29.
pub(super) const MAX_ITERATIONS: u32 = 60;

/// Growth of max |M - I| that ends an iteration.
const GROWTH: f64 = 1.2;

/// How a coupled iteration scales its first matrix, whose spectrum must come to lie in (0, p + 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scaling {
    /// [`LambdaMax`](Scaling::LambdaMax) where the Frobenius norm shows that this is safe, else
    /// [`Frobenius`](Scaling::Frobenius).
    Auto,
    /// z = (p + 1) / (2 ||A||_F): always works.
    Frobenius,
    /// z = (p + 1) / (2 lambda_max): some iterations fewer. Power iteration may have missed the largest eigenvalue;
    /// the certificate then refuses what comes out.
    LambdaMax,
    /// The z that is best for a spectrum between the bounds: c^-p with
    /// c^p = (b^(1 + 1/p) - a^(1 + 1/p)) / ((p + 1) (b^(1/p) - a^(1/p))). One iteration fewer where it is that wide, some
    /// more where it is narrow. Without a positive lower bound as `LambdaMax`.
    Optimal,
}

/// What is known of the spectrum of a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// ||A||_F.
    pub frobenius: f64,
    /// An estimate of the largest eigenvalue, if there is one.
    pub largest: Option<f64>,
    /// A lower bound of the smallest eigenvalue; for a matrix with a ridge that is the ridge.
    pub smallest: f64,
}

impl Scaling {
    /// The factor z for the order p.
    ///
    /// ```
    /// use shampoo_core::linalg::inverse_root::{Extent, Scaling};
    /// let known = Extent { frobenius: 5.0, largest: Some(4.0), smallest: 0.0 };
    /// assert_eq!(Scaling::Frobenius.factor(2, known), 0.3);
    /// assert_eq!(Scaling::Auto.factor(2, known), 0.375);
    /// ```
    pub fn factor(self, p: u32, known: Extent) -> f64 {
        let p = f64::from(p);
        let Extent { frobenius, largest, smallest } = known;
        let largest = largest.unwrap_or(frobenius);
        let usual = (p + 1.0) / (2.0 * largest);
        match self {
            // An estimate of at least half of the norm keeps every eigenvalue below p + 1.
            Self::Auto if frobenius < 2.0 * largest => usual,
            Self::Auto | Self::Frobenius => (p + 1.0) / (2.0 * frobenius),
            Self::Optimal if smallest > 0.0 => 1.0 / best(p, smallest, largest.min(frobenius)),
            Self::LambdaMax | Self::Optimal => usual,
        }
    }
}

/// c^p for a spectrum from a to b.
fn best(p: f64, a: f64, b: f64) -> f64 {
    if b <= a {
        return a;
    }
    let power = |x: f64, y: f64| libm::pow(x, y);
    let difference = power(b, 1.0 + 1.0 / p) - power(a, 1.0 + 1.0 / p);
    difference / ((p + 1.0) * (power(b, 1.0 / p) - power(a, 1.0 / p)))
}

/// Why an iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stop {
    /// max |M - I| reached the tolerance.
    Tolerance,
    /// max |M - I| grew or became NaN: the iterate before is the result.
    Growth,
    /// The iteration limit.
    Limit,
}

/// The usual tolerance for order n: sqrt(u) / n, but not below 16 u, where rounding begins.
///
/// A norm of e of M - I, at most n times its largest entry, leaves a relative error of (p + 1) / (2 p^2) e^2 after the last
/// correction: at most u.
pub fn default_tolerance<T: Real>(n: usize) -> T {
    let u = T::UNIT_ROUNDOFF;
    (u.sqrt() / T::from_count(n.max(1))).maximum(u * T::from_f64(16.0))
}

/// The stop rule: until max |M - I| <= `tolerance`, until it grows by a factor of 1.2 (the iterate before is then
/// *selected*: blending would let NaN poison it), or to the limit.
///
/// ```
/// use shampoo_core::linalg::inverse_root::{Stop, Watch};
/// let mut watch = Watch::<f64>::new(2);
/// for (indicator, stop) in [(0.9, None), (0.5, None), (0.1, None), (0.13, Some(Stop::Growth))] {
///     assert_eq!(watch.see(indicator), stop);
///     watch.iterations += 1;
/// }
/// assert_eq!(watch.indicator, 0.1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Watch<T> {
    /// Where an iteration ends.
    pub tolerance: T,
    /// max |M - I| of the iterate that is kept.
    pub indicator: T,
    /// Iterations so far, which the caller counts.
    pub iterations: u32,
}

impl<T: Real> Watch<T> {
    /// Before the first iterate of order n, with the [`default_tolerance`].
    pub fn new(n: usize) -> Self {
        Self { tolerance: default_tolerance(n), indicator: T::MAX, iterations: 0 }
    }

    /// Takes the indicator of the newest iterate; NaN counts as growth.
    pub fn see(&mut self, indicator: T) -> Option<Stop> {
        // The first step may leave the neighbourhood of 1 for (0, 1], whatever the indicator says.
        if self.iterations > 1 && indicator > T::from_f64(GROWTH) * self.indicator {
            return Some(Stop::Growth);
        }
        self.see_rescaled(indicator)
    }

    /// The same after a step with a scale, which may leave the neighbourhood of 1 too.
    pub(super) fn see_rescaled(&mut self, indicator: T) -> Option<Stop> {
        if !indicator.is_finite() {
            return Some(Stop::Growth);
        }
        self.indicator = indicator;
        if indicator <= self.tolerance {
            return Some(Stop::Tolerance);
        }
        (self.iterations >= MAX_ITERATIONS).then_some(Stop::Limit)
    }
}

/// Cuts a workspace into squares of order n.
pub(super) fn squares<T, const COUNT: usize>(workspace: &mut [T], n: usize) -> Result<[&mut [T]; COUNT], ShapeError> {
    let length = n.saturating_mul(n);
    let needed = length.saturating_mul(COUNT);
    let short = ShapeError::Length { needed, found: workspace.len() };
    let mut each = workspace.get_mut(..needed).ok_or(short)?.chunks_exact_mut(length.max(1));
    Ok(core::array::from_fn(|_| each.next().unwrap_or_default()))
}

/// A square to read.
pub(super) fn view<T: Real>(square: &[T], n: usize) -> MatRef<'_, T> {
    MatRef::new(square, n, n).unwrap_or_else(|_| MatRef::empty())
}

/// C <- A B for matrices that commute.
pub(super) fn product<T: Real, K: Kernel<T> + ?Sized>(n: usize, c: &mut [T], a: &[T], b: &[T], kernel: &K) {
    if let Ok(c) = MatMut::new(c, n, n) {
        kernel.symm_product(c, view(a, n), view(b, n));
    }
}

/// B <- factor A, for B in whole rows.
pub(super) fn load<T: Real>(b: &mut [T], a: MatRef<'_, T>, factor: T) {
    let to = b.chunks_exact_mut(a.ncols().max(1));
    match a.contiguous_rows() {
        Some(rows) => to.zip(rows).for_each(|(b, a)| scale(b, a, factor)),
        None => to.enumerate().for_each(|(i, b)| {
            b.iter_mut().zip(a.row_entries(i)).for_each(|(b, a)| *b = factor * a);
        }),
    }
}

/// A <- value I.
pub(super) fn multiple_of_identity<T: Real>(square: &mut [T], n: usize, value: T) {
    square.fill(T::zero());
    add_to_diagonal(square, n, value);
}

/// A <- A + value I.
pub(super) fn add_to_diagonal<T: Real>(square: &mut [T], n: usize, value: T) {
    square.iter_mut().step_by(n.saturating_add(1)).for_each(|x| *x += value);
}

/// The rows of a square.
pub(super) fn rows<T>(square: &[T], n: usize) -> impl Iterator<Item = &[T]> {
    square.chunks_exact(n.max(1))
}

/// B <- factor A.
pub(super) fn scale<T: Real>(b: &mut [T], a: &[T], factor: T) {
    // Tiles of a known length are loaded and stored at once.
    let ((b_tiles, b_rest), (a_tiles, a_rest)) = (b.as_chunks_mut::<LANES>(), a.as_chunks::<LANES>());
    for (b, a) in b_tiles.iter_mut().zip(a_tiles) {
        b.iter_mut().zip(a).for_each(|(b, &a)| *b = factor * a);
    }
    b_rest.iter_mut().zip(a_rest).for_each(|(b, &a)| *b = factor * a);
}

/// Which entries of a matrix have something of their own to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entries {
    All,
    /// Those up to the diagonal of a symmetric matrix.
    Lower,
}

/// max |M - I|; NaN where an entry is NaN or infinite.
pub(super) fn distance_from_identity<T: Real>(m: &[T], n: usize, entries: Entries) -> T {
    // 0 times what is not finite is NaN.
    let (mut largest, mut sum) = (T::zero(), T::zero());
    let mut see = |distance: T| {
        largest = largest.maximum(distance.abs());
        sum += distance.abs();
    };
    for (i, row) in rows(m, n).enumerate() {
        let (left, right) = row.split_at_checked(i).unwrap_or((row, &[]));
        left.iter().for_each(|&x| see(x));
        let Some((&diagonal, right)) = right.split_first() else { continue };
        see(diagonal - T::one());
        if entries == Entries::All {
            right.iter().for_each(|&x| see(x));
        }
    }
    largest + sum * T::zero()
}
