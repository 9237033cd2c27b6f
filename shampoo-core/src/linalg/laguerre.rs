//! Largest eigenvalue of a symmetric tridiagonal matrix by Laguerre's iteration.
//!
//! The characteristic polynomial has real zeros only, so from above the spectrum the iteration converges
//! monotonically, cubically at a simple zero and in one step at an n-fold one. At a cluster it is linear, and steps
//! are stretched as long as they stay above the spectrum.
//!
//! How short a step s may be: with d the distance of the nearest zero and a, b the sums over the others in
//! f = 1/d + a and g = 1/d^2 + b, b d^2 <= a d and b <= a^2, so q = f^2/g - 1 >= a d. The step has 1/s^2 <= g, so
//! d - s <= d (b d^2)/2 <= d q^2/2, and this is at most q^2 s where q <= 1. Where q > 1 zeros are clustered.

use crate::linalg::Progress;
use crate::scalar::Real;

/// Sweeps at most; about 4 suffice for a single largest eigenvalue, 40 for a cluster.
pub(crate) const MAX_SWEEPS: u32 = 80;

/// Steps that shrink by less than this are those towards a cluster.
pub(crate) const LINEAR: f64 = 0.4;

/// The largest eigenvalue, and Gershgorin's bound of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Largest<T> {
    /// The eigenvalue.
    pub value: T,
    /// Largest sum of a diagonal entry and the magnitudes beside it.
    pub bound: T,
}

/// Largest eigenvalue of the tridiagonal matrix.
///
/// **Shapes**: `diagonal` n numbers, `off_diagonal[i]` couples i - 1 and i (the first one is not read).
/// **Accuracy**: a few unit roundoffs of the spectral norm. **Cost**: 3 to 40 sweeps of n divisions.
/// **Reference**: Wilkinson, The Algebraic Eigenvalue Problem, 7.25, with the pivots of x I - T and
/// their derivatives.
///
/// ```
/// use shampoo_core::linalg::laguerre::largest_eigenvalue;
/// let path = largest_eigenvalue(&[1.0_f64, 2.0, 1.0], &[0.0, -1.0, -1.0]);
/// assert!((path.value - 3.0).abs() < 1e-14 && path.bound == 4.0);
/// ```
pub fn largest_eigenvalue<T: Real>(diagonal: &[T], off_diagonal: &[T]) -> Largest<T> {
    let mut descent = Descent::start(diagonal, off_diagonal);
    while descent.step(diagonal, off_diagonal) == Progress::Working {}
    descent.largest()
}

/// A descent to the largest eigenvalue under way: plain data, the matrix is passed to every call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Descent<T> {
    /// Above the spectrum; in the end the eigenvalue.
    x: T,
    /// At x; `None` where x is not above the spectrum.
    derivatives: Option<(T, T)>,
    /// Factor of a step, and the step before.
    stretch: T,
    before: T,
    /// A step this short is rounding.
    enough: T,
    sweeps: u32,
    /// Gershgorin's bound, and the largest diagonal entry.
    bound: T,
    below: T,
}

impl<T: Real> Descent<T> {
    /// Looks at every entry, and evaluates the start.
    pub(crate) fn start(diagonal: &[T], off_diagonal: &[T]) -> Self {
        let beside = |i: usize| {
            let before = if i == 0 { T::zero() } else { off_diagonal.get(i).map_or(T::zero(), |e| e.abs()) };
            before + off_diagonal.get(i + 1).map_or(T::zero(), |e| e.abs())
        };
        let (mut bound, mut below) = (-T::MAX, -T::MAX);
        for (i, &d) in diagonal.iter().enumerate() {
            bound = bound.maximum(d + beside(i));
            below = below.maximum(d);
        }
        // The largest diagonal entry is a Rayleigh quotient.
        let width = bound.abs().maximum(below.abs());
        let enough = T::from_f64(2.0) * T::UNIT_ROUNDOFF * width;
        // A little above, so that no pivot is 0 where the bound itself is an eigenvalue.
        let x = bound + T::from_f64(8.0) * T::UNIT_ROUNDOFF * width;
        let derivatives = logarithmic_derivatives(diagonal, off_diagonal, x);
        Self { x, derivatives, stretch: T::one(), before: T::zero(), enough, sweeps: 0, bound, below }
    }

    /// One iteration: one evaluation, or two where a stretched step went too far.
    pub(crate) fn step(&mut self, diagonal: &[T], off_diagonal: &[T]) -> Progress {
        let Some((f, g)) = self.derivatives.filter(|_| self.sweeps < MAX_SWEEPS) else { return Progress::Done };
        self.sweeps += 1;
        let (n, two) = (T::from_count(diagonal.len()), T::from_f64(2.0));
        let spread = ((n - T::one()) * (n * g - f * f)).maximum(T::zero()).sqrt();
        let step = n / (f + spread);
        if step.is_nan() || step <= self.enough {
            return self.arrive(self.x);
        }
        let others = (f * f / g - T::one()).minimum(T::one());
        if step * others * others <= self.enough {
            return self.arrive(self.x - step);
        }
        let linear = self.before > T::zero() && step > T::from_f64(LINEAR) * self.before;
        self.stretch = if linear { self.stretch * two } else { T::one() };
        let stretched = logarithmic_derivatives(diagonal, off_diagonal, self.x - self.stretch * step);
        let next = match stretched {
            None if self.stretch > T::one() => {
                self.stretch = T::one();
                logarithmic_derivatives(diagonal, off_diagonal, self.x - step)
            }
            other => other,
        };
        // Without rounding the step never passes the spectrum: it has arrived.
        if next.is_none() {
            return self.arrive(self.x - step);
        }
        self.x -= self.stretch * step;
        (self.derivatives, self.before) = (next, step);
        Progress::Working
    }

    fn arrive(&mut self, x: T) -> Progress {
        (self.x, self.derivatives) = (x, None);
        Progress::Done
    }

    /// What was found, once it is done.
    pub(crate) fn largest(&self) -> Largest<T> {
        Largest { value: self.x.maximum(self.below), bound: self.bound }
    }
}

/// Pivots of x I - T from one end, with their derivatives and what they add to the logarithm's.
struct Chain<T> {
    /// e^2 / q of the last pivot q, and its derivatives by x, negated.
    carry: [T; 3],
    f: T,
    g: T,
    positive: bool,
}

impl<T: Real> Chain<T> {
    fn new() -> Self {
        Self { carry: [T::zero(); 3], f: T::zero(), g: T::zero(), positive: true }
    }

    /// One more pivot q = x - d - carry; `e` couples it to the next.
    fn advance(&mut self, [q, dq, ddq]: [T; 3], e: T) {
        self.positive &= q > T::zero();
        let inverse = T::one() / q;
        let ratio = dq * inverse;
        self.f += ratio;
        self.g += ratio * ratio - ddq * inverse;
        let t = e * e * inverse;
        self.carry = [t, t * ratio, t * (ddq * inverse - T::from_f64(2.0) * ratio * ratio)];
    }

    fn pivot(&self, difference: T) -> [T; 3] {
        let [t, dt, ddt] = self.carry;
        [difference - t, T::one() + dt, ddt]
    }
}

/// f = sum 1/(x - lambda) and g = sum 1/(x - lambda)^2 from the pivots of x I - T and their derivatives; `None` where
/// a pivot is not positive, so x is not above the spectrum.
///
/// The pivots run from both ends and meet in the middle: two chains of divisions at a time.
fn logarithmic_derivatives<T: Real>(diagonal: &[T], off_diagonal: &[T], x: T) -> Option<(T, T)> {
    let middle = diagonal.len() / 2;
    let (head, rest) = diagonal.split_at_checked(middle)?;
    let (&own, tail) = rest.split_first()?;
    let (mut down, mut up) = (Chain::new(), Chain::new());
    let couplings = off_diagonal.get(1..)?;
    let (left, right) = couplings.split_at_checked(middle)?;
    let mut lower = tail.iter().rev().zip(right.iter().rev());
    for (&d, &e) in head.iter().zip(left) {
        down.advance(down.pivot(x - d), e);
        if let Some((&d, &e)) = lower.next() {
            up.advance(up.pivot(x - d), e);
        }
    }
    let ([q, dq, ddq], [t, dt, ddt]) = (down.pivot(x - own), up.carry);
    let mut both = Chain { f: down.f + up.f, g: down.g + up.g, positive: down.positive && up.positive, ..down };
    both.advance([q - t, dq + dt, ddq + ddt], T::zero());
    both.positive.then_some((both.f, both.g))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_zero_and_single_eigenvalues() {
        assert!((largest_eigenvalue(&[5.0_f64], &[0.0]).value - 5.0).abs() < 1e-14);
        assert!((largest_eigenvalue(&[1.0_f64; 40], &[0.0; 40]).value - 1.0).abs() < 1e-14);
        assert_eq!(largest_eigenvalue(&[0.0_f32; 3], &[0.0; 3]).value, 0.0);
        // One eigenvalue above an n-fold one: the first step arrives.
        assert!((largest_eigenvalue(&[0.0, 0.0, 2.0_f64, 2.0], &[0.0, 0.0, 0.0, 2.0]).value - 4.0).abs() < 1e-14);
        // A cluster of half of the eigenvalues.
        let diagonal: [f64; 64] = core::array::from_fn(|i| if i % 2 == 0 { 1.0 } else { i as f64 / 64.0 });
        assert!((largest_eigenvalue(&diagonal, &[0.0; 64]).value - 1.0).abs() < 1e-13);
    }

    /// A stretched step came close to a fourfold eigenvalue, where the next ones are halves of each other again: they
    /// had been taken for the end, with an error of 1e-4.
    #[test]
    fn a_stretched_step_is_not_the_end() {
        let diagonal = [
            -102.0_f32, 24.0, 0.0, 0.0, 0.0, 29.0, 54.0, 57.0, 51.0, -53.0, -52.0, 48.0, 57.0, 57.0, 35.0, 45.0, 39.0,
            54.0, 54.0, 54.0, 57.0,
        ];
        let mut off_diagonal = [0.0; 21];
        off_diagonal[1] = -53.0;
        let found = largest_eigenvalue(&diagonal, &off_diagonal).value;
        assert!((found - 57.0).abs() <= 1e-4, "{found}");
    }

    #[test]
    fn the_second_difference_has_known_eigenvalues() {
        let n = 50;
        let angle = core::f64::consts::PI / (2.0 * (n + 1) as f64);
        let found = largest_eigenvalue(&[2.0; 50], &[-1.0; 50]).value;
        let high = 4.0 * libm::cos(angle).powi(2);
        assert!((found - high).abs() < 1e-14, "{found}");
    }
}
