//! What the coupled iterations share: the scale of the first matrix, and when to stop.

use crate::error::ShapeError;
use crate::kernel::Kernel;
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

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

/// The usual tolerance: 16 u, but not below 1e-10, whose square is rounding in `f64`.
pub fn default_tolerance<T: Real>() -> T {
    T::from_f64((16.0 * T::UNIT_ROUNDOFF.to_f64()).max(1e-10))
}

/// The stop rule: until max |M - I| <= `tolerance`, until it grows by a factor of 1.2 (the iterate before is then
/// *selected*: blending would let NaN poison it), or to the limit.
///
/// ```
/// use shampoo_core::linalg::inverse_root::{Stop, Watch};
/// let mut watch = Watch::<f64>::new();
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

impl<T: Real> Default for Watch<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Watch<T> {
    /// Before the first iterate, with the [`default_tolerance`].
    pub fn new() -> Self {
        Self { tolerance: default_tolerance(), indicator: T::MAX, iterations: 0 }
    }

    /// Takes the indicator of the newest iterate; NaN counts as growth.
    pub fn see(&mut self, indicator: T) -> Option<Stop> {
        let before = core::mem::replace(&mut self.indicator, indicator);
        // The first step may leave the neighbourhood of 1 for (0, 1], whatever the indicator says.
        let grew = self.iterations > 1 && indicator > T::from_f64(GROWTH) * before;
        if grew || !indicator.is_finite() {
            self.indicator = before;
            return Some(Stop::Growth);
        }
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

/// A <- A + value I.
pub(super) fn add_to_diagonal<T: Real>(square: &mut [T], n: usize, value: T) {
    square.iter_mut().step_by(n.saturating_add(1)).for_each(|x| *x += value);
}

/// max |M - I|; NaN where an entry is NaN or infinite.
pub(super) fn distance_from_identity<T: Real>(m: &[T], n: usize) -> T {
    // 0 times what is not finite is NaN.
    let (mut largest, mut nothing) = (T::zero(), T::zero());
    let mut see = |distance: T| {
        largest = largest.maximum(distance.abs());
        nothing += distance * T::zero();
    };
    for (i, row) in m.chunks_exact(n.max(1)).enumerate() {
        let (left, right) = row.split_at_checked(i).unwrap_or((row, &[]));
        left.iter().for_each(|&x| see(x));
        if let Some((&diagonal, right)) = right.split_first() {
            see(diagonal - T::one());
            right.iter().for_each(|&x| see(x));
        }
    }
    largest + nothing
}
