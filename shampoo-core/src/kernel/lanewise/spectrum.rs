//! Largest and smallest eigenvalues of eight tridiagonal matrices.
//!
//! The iteration is that of [`laguerre`](crate::linalg::laguerre), with a lane that has arrived staying where it is.

use crate::kernel::tiles::smallest_positive;
use crate::linalg::laguerre::{LINEAR, MAX_SWEEPS};
use crate::scalar::{Lanes, Real, Tile};

/// Halvings of the logarithm of the interval in which the smallest eigenvalue is looked for.
const HALVINGS: usize = 12;

/// The largest eigenvalues, and Gershgorin's bounds of them.
#[inline(always)]
pub(super) fn largest_eigenvalues<T: Real, L: Lanes<T>>(
    lanes: L,
    diagonal: &[Tile<T>],
    off_diagonal: &[Tile<T>],
) -> Option<(L::Vector, L::Vector)> {
    let zero = lanes.splat(T::zero());
    let (mut bound, mut below) = (lanes.splat(-T::MAX), lanes.splat(-T::MAX));
    let mut couplings = off_diagonal.iter().skip(1);
    let mut before = zero;
    for d in diagonal {
        let d = lanes.load(d);
        let after = match couplings.next() {
            Some(e) => abs(lanes, lanes.load(e)),
            None => zero,
        };
        bound = max(lanes, lanes.add(d, lanes.add(before, after)), bound);
        below = max(lanes, d, below);
        before = after;
    }
    let width = max(lanes, abs(lanes, bound), abs(lanes, below));
    let top = descend(lanes, diagonal, off_diagonal, bound, width)?;
    Some((max(lanes, top, below), bound))
}

#[inline(always)]
fn max<T: Real, L: Lanes<T>>(lanes: L, x: L::Vector, y: L::Vector) -> L::Vector {
    lanes.choose(lanes.sub(x, y), x, y)
}

#[inline(always)]
fn abs<T: Real, L: Lanes<T>>(lanes: L, x: L::Vector) -> L::Vector {
    lanes.choose(x, x, lanes.sub(lanes.splat(T::zero()), x))
}

/// Where the iteration of eight lanes stands; a step of 0 is the end of a lane.
struct Descent<V> {
    x: V,
    step: V,
    /// The step before.
    before: V,
    stretch: V,
}

#[inline(always)]
fn descend<T: Real, L: Lanes<T>>(
    lanes: L,
    diagonal: &[Tile<T>],
    off_diagonal: &[Tile<T>],
    start: L::Vector,
    width: L::Vector,
) -> Option<L::Vector> {
    let (zero, one) = (lanes.splat(T::zero()), lanes.splat(T::one()));
    let n = T::from_count(diagonal.len());
    let enough = lanes.mul(lanes.splat(T::from_f64(2.0) * T::UNIT_ROUNDOFF), width);
    // A little above, so that no pivot is 0 where the bound itself is an eigenvalue.
    let x = lanes.mul_add(lanes.splat(T::from_f64(8.0) * T::UNIT_ROUNDOFF), width, start);
    let Step { length, shortness, pivot } = laguerre_step(lanes, diagonal, off_diagonal, x, n)?;
    let here = Descent { x, step: zero, before: zero, stretch: one };
    let mut now = settle(lanes, here, lanes.choose(pivot, length, zero), shortness, enough);
    for _ in 0..MAX_SWEEPS {
        // Steps are never negative.
        let moving = lanes.sum(now.step);
        if moving.is_nan() || moving <= T::zero() {
            break;
        }
        let trial = lanes.sub(now.x, lanes.mul(now.stretch, now.step));
        let Step { length, shortness, pivot } = laguerre_step(lanes, diagonal, off_diagonal, trial, n)?;
        let step = lanes.choose(now.step, length, zero);
        let arrived = Descent { x: trial, step: zero, before: now.step, stretch: now.stretch };
        let arrived = settle(lanes, arrived, step, shortness, enough);
        // Not above the spectrum: a stretched step is tried again as it was; one that was not has arrived.
        let stretched = lanes.sub(now.stretch, one);
        let back_x = lanes.choose(stretched, now.x, lanes.sub(now.x, now.step));
        let back_step = lanes.choose(stretched, now.step, zero);
        now = Descent {
            x: lanes.choose(pivot, arrived.x, back_x),
            step: lanes.choose(pivot, arrived.step, back_step),
            before: lanes.choose(pivot, arrived.before, now.before),
            stretch: lanes.choose(pivot, arrived.stretch, one),
        };
    }
    Some(now.x)
}

/// What follows from a new step: the end of lanes where it is small, and how far it is stretched elsewhere.
#[inline(always)]
fn settle<T: Real, L: Lanes<T>>(
    lanes: L,
    now: Descent<L::Vector>,
    step: L::Vector,
    shortness: L::Vector,
    enough: L::Vector,
) -> Descent<L::Vector> {
    let (zero, one) = (lanes.splat(T::zero()), lanes.splat(T::one()));
    let Descent { x, before, stretch, .. } = now;
    let step = lanes.choose(lanes.sub(step, enough), step, zero);
    let more = lanes.sub(lanes.mul(step, shortness), enough);
    let x = lanes.choose(more, x, lanes.sub(x, step));
    let step = lanes.choose(more, step, zero);
    let linear = lanes.sub(step, lanes.mul(lanes.splat(T::from_f64(LINEAR)), before));
    let stretched = lanes.choose(linear, lanes.add(stretch, stretch), one);
    Descent { x, step, before, stretch: lanes.choose(before, stretched, one) }
}

/// Pivots of x I - T from one end, with their derivatives and what they add to the logarithm's.
#[derive(Clone, Copy)]
struct Chain<V> {
    /// e^2 / q of the last pivot q, and its derivatives by x, negated.
    carry: [V; 3],
    f: V,
    g: V,
    smallest: V,
}

impl<V: Copy> Chain<V> {
    #[inline(always)]
    fn pivot<T: Real, L: Lanes<T, Vector = V>>(&self, lanes: L, difference: V) -> [V; 3] {
        let [t, dt, ddt] = self.carry;
        [lanes.sub(difference, t), lanes.add(lanes.splat(T::one()), dt), ddt]
    }

    /// One more pivot; `e` couples it to the next.
    #[inline(always)]
    fn advance<T: Real, L: Lanes<T, Vector = V>>(&mut self, lanes: L, [q, dq, ddq]: [V; 3], e: V) {
        self.smallest = smallest_positive(lanes, q, self.smallest);
        let inverse = lanes.div(lanes.splat(T::one()), q);
        let ratio = lanes.mul(dq, inverse);
        let curve = lanes.mul(ddq, inverse);
        self.f = lanes.add(self.f, ratio);
        let square = lanes.mul(ratio, ratio);
        self.g = lanes.add(self.g, lanes.sub(square, curve));
        let t = lanes.mul(lanes.mul(e, e), inverse);
        self.carry = [t, lanes.mul(t, ratio), lanes.mul(t, lanes.sub(curve, lanes.add(square, square)))];
    }
}

/// Laguerre's step down from x.
struct Step<V> {
    length: V,
    /// The part of itself that it is short by, see [`laguerre`](crate::linalg::laguerre); 1 where nothing is known.
    shortness: V,
    /// The smallest pivot of x I - T: positive where x is above the spectrum.
    pivot: V,
}

#[inline(always)]
fn laguerre_step<T: Real, L: Lanes<T>>(
    lanes: L,
    diagonal: &[Tile<T>],
    off_diagonal: &[Tile<T>],
    x: L::Vector,
    n: T,
) -> Option<Step<L::Vector>> {
    let (zero, one) = (lanes.splat(T::zero()), lanes.splat(T::one()));
    let middle = diagonal.len() / 2;
    let (head, rest) = diagonal.split_at_checked(middle)?;
    let (own, tail) = rest.split_first()?;
    let (left, right) = off_diagonal.get(1..)?.split_at_checked(middle)?;
    let mut down = Chain { carry: [zero; 3], f: zero, g: zero, smallest: lanes.splat(T::MAX) };
    let mut up = down;
    for ((d, e), (d_up, e_up)) in head.iter().zip(left).zip(tail.iter().zip(right).rev()) {
        let pivot = down.pivot(lanes, lanes.sub(x, lanes.load(d)));
        down.advance(lanes, pivot, lanes.load(e));
        let pivot = up.pivot(lanes, lanes.sub(x, lanes.load(d_up)));
        up.advance(lanes, pivot, lanes.load(e_up));
    }
    if head.len() > tail.len() {
        let pivot = down.pivot(lanes, lanes.sub(x, lanes.load(head.last()?)));
        down.advance(lanes, pivot, lanes.load(left.last()?));
    }
    let [q, dq, ddq] = down.pivot(lanes, lanes.sub(x, lanes.load(own)));
    let [t, dt, ddt] = up.carry;
    down.advance(lanes, [lanes.sub(q, t), lanes.add(dq, dt), lanes.add(ddq, ddt)], zero);
    let (f, g) = (lanes.add(down.f, up.f), lanes.add(down.g, up.g));
    let square = lanes.mul(f, f);
    let others = lanes.min(lanes.sub(lanes.div(square, g), one), one);
    let excess = lanes.sub(lanes.mul(lanes.splat(n), g), square);
    let excess = lanes.mul(lanes.splat(n - T::one()), excess);
    let spread = lanes.sqrt(lanes.choose(excess, excess, zero));
    Some(Step {
        length: lanes.div(lanes.splat(n), lanes.add(f, spread)),
        shortness: lanes.mul(others, others),
        pivot: lanes.min(down.smallest, up.smallest),
    })
}

/// The smallest pivot of T + shift I, from both ends: positive where that is positive definite.
#[inline(always)]
fn smallest_pivot<T: Real, L: Lanes<T>>(
    lanes: L,
    diagonal: &[Tile<T>],
    off_diagonal: &[Tile<T>],
    shift: L::Vector,
) -> Option<L::Vector> {
    let zero = lanes.splat(T::zero());
    let middle = diagonal.len() / 2;
    let (head, rest) = diagonal.split_at_checked(middle)?;
    let (own, tail) = rest.split_first()?;
    let (left, right) = off_diagonal.get(1..)?.split_at_checked(middle)?;
    let (mut down, mut up, mut smallest) = (zero, zero, lanes.splat(T::MAX));
    for ((d, e), (d_up, e_up)) in head.iter().zip(left).zip(tail.iter().zip(right).rev()) {
        let (e, e_up) = (lanes.load(e), lanes.load(e_up));
        let pivot = lanes.sub(lanes.add(lanes.load(d), shift), down);
        let pivot_up = lanes.sub(lanes.add(lanes.load(d_up), shift), up);
        smallest = smallest_positive(lanes, pivot, smallest_positive(lanes, pivot_up, smallest));
        down = lanes.div(lanes.mul(e, e), pivot);
        up = lanes.div(lanes.mul(e_up, e_up), pivot_up);
    }
    if head.len() > tail.len() {
        let pivot = lanes.sub(lanes.add(lanes.load(head.last()?), shift), down);
        let e = lanes.load(left.last()?);
        smallest = smallest_positive(lanes, pivot, smallest);
        down = lanes.div(lanes.mul(e, e), pivot);
    }
    let pivot = lanes.sub(lanes.sub(lanes.add(lanes.load(own), shift), down), up);
    Some(smallest_positive(lanes, pivot, smallest))
}

/// Lower bounds of the smallest eigenvalues of T + ridge I, within a factor of `fine`, where they are at least `low`;
/// 0 elsewhere. They are at most `fine`^4096 times `low`.
#[inline(always)]
pub(super) fn smallest_eigenvalues<T: Real, L: Lanes<T>>(
    lanes: L,
    diagonal: &[Tile<T>],
    off_diagonal: &[Tile<T>],
    ridge: L::Vector,
    low: L::Vector,
    fine: T,
) -> Option<L::Vector> {
    let mut ratios = [fine; HALVINGS];
    let mut ratio = fine;
    for to in ratios.iter_mut().rev() {
        *to = ratio;
        ratio = ratio * ratio;
    }
    let at_low = smallest_pivot(lanes, diagonal, off_diagonal, lanes.sub(ridge, low))?;
    let mut found = low;
    for ratio in ratios {
        let trial = lanes.mul(found, lanes.splat(ratio));
        let pivot = smallest_pivot(lanes, diagonal, off_diagonal, lanes.sub(ridge, trial))?;
        found = lanes.choose(pivot, trial, found);
    }
    Some(lanes.choose(at_low, found, lanes.splat(T::zero())))
}
