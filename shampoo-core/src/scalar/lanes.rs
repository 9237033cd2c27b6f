//! Eight numbers side by side: what the passes of the tridiagonal form are written in.
//!
//! A pass is generic over [`Lanes`], so the same code becomes scalar instructions on a microcontroller
//! ([`Plain`]: separate products and sums, the same bits everywhere) and vector instructions on a server.
//!
//! Nothing generic over lanes takes a closure: a closure is a function of its own, compiled without the
//! instructions that its surroundings may use.

use super::{DoubleF32, Real};

/// Numbers in one tile of a padded row.
pub const LANES: usize = 8;

/// Eight numbers in memory.
pub type Tile<T> = [T; LANES];

/// `n` rounded up to whole tiles; saturates.
pub const fn padded(n: usize) -> usize {
    n.div_ceil(LANES).saturating_mul(LANES)
}

/// Arithmetic on eight numbers; the value itself is the permission to use the instructions.
pub trait Lanes<T: Real>: Copy {
    /// Eight numbers in registers.
    type Vector: Copy;
    /// Whether some thirty vectors fit in registers at once.
    const WIDE: bool = false;
    /// Whether hardly three of them do: eight scalars each in the registers of a microcontroller.
    const NARROW: bool = false;

    /// The same number eight times.
    fn splat(self, x: T) -> Self::Vector;
    /// From memory.
    fn load(self, from: &Tile<T>) -> Self::Vector;
    /// To memory.
    fn store(self, to: &mut Tile<T>, x: Self::Vector);
    /// x + y.
    fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// x - y.
    fn sub(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// x y.
    fn mul(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// x y + z, rounded once or twice.
    fn mul_add(self, x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;
    /// x / y.
    fn div(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// Square roots; NaN below 0.
    fn sqrt(self, x: Self::Vector) -> Self::Vector;
    /// The smaller one; y where they do not compare.
    fn min(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// y where x > 0, else z, also where x is NaN.
    fn choose(self, x: Self::Vector, y: Self::Vector, z: Self::Vector) -> Self::Vector;
    /// The sum of the eight numbers.
    fn sum(self, x: Self::Vector) -> T;

    /// Number i is the sum of the eight numbers of vector i.
    #[inline(always)]
    fn sums(self, x: [Self::Vector; LANES]) -> Self::Vector {
        let mut sums = [T::zero(); LANES];
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = self.sum(x);
        }
        self.load(&sums)
    }

    /// q <- q + v_row w + w_row v; then y <- y + x_row q, and returns sum + q x.
    #[inline(always)]
    fn update_and_multiply(
        self,
        q: &mut Tile<T>,
        [v_row, w_row, x_row]: [T; 3],
        [v, w, x]: [&Tile<T>; 3],
        y: &mut Tile<T>,
        sum: Self::Vector,
    ) -> Self::Vector {
        let q_and_first = self.mul_add(self.splat(v_row), self.load(w), self.load(q));
        let updated = self.mul_add(self.splat(w_row), self.load(v), q_and_first);
        self.store(q, updated);
        self.store(y, self.mul_add(self.splat(x_row), updated, self.load(y)));
        self.mul_add(updated, self.load(x), sum)
    }

    /// For two z, one after the other: z <- ratio z + along v and total <- total + z; returns products + z next.
    #[inline(always)]
    fn reflect_two(
        self,
        z: [&mut Tile<T>; 2],
        factors: [(T, T); 2],
        [v, next]: [&Tile<T>; 2],
        total: &mut Tile<T>,
        mut products: [Self::Vector; 2],
    ) -> [Self::Vector; 2] {
        let (v, next) = (self.load(v), self.load(next));
        for ((z, (ratio, along)), product) in z.into_iter().zip(factors).zip(&mut products) {
            let reflected = self.mul_add(self.splat(along), v, self.mul(self.splat(ratio), self.load(z)));
            self.store(z, reflected);
            self.store(total, self.add(self.load(total), reflected));
            *product = self.mul_add(reflected, next, *product);
        }
        products
    }
}

/// Lanes of plain numbers: a product, then a sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

#[inline(always)]
fn pairwise<T: Real>(mut x: Tile<T>, y: &Tile<T>, f: impl Fn(T, T) -> T) -> Tile<T> {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = f(*x, y);
    }
    x
}

impl<T: Real> Lanes<T> for Plain {
    type Vector = Tile<T>;
    const NARROW: bool = cfg!(any(target_arch = "arm", target_arch = "riscv32"));

    #[inline(always)]
    fn splat(self, x: T) -> Tile<T> {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &Tile<T>) -> Tile<T> {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut Tile<T>, x: Tile<T>) {
        *to = x;
    }
    #[inline(always)]
    fn add(self, x: Tile<T>, y: Tile<T>) -> Tile<T> {
        pairwise(x, &y, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, x: Tile<T>, y: Tile<T>) -> Tile<T> {
        pairwise(x, &y, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, x: Tile<T>, y: Tile<T>) -> Tile<T> {
        pairwise(x, &y, |x, y| x * y)
    }
    #[inline(always)]
    fn mul_add(self, x: Tile<T>, y: Tile<T>, z: Tile<T>) -> Tile<T> {
        self.add(z, self.mul(x, y))
    }
    #[inline(always)]
    fn div(self, x: Tile<T>, y: Tile<T>) -> Tile<T> {
        pairwise(x, &y, |x, y| x / y)
    }
    #[inline(always)]
    fn sqrt(self, x: Tile<T>) -> Tile<T> {
        pairwise(x, &x, |x, _| x.sqrt())
    }
    #[inline(always)]
    fn min(self, x: Tile<T>, y: Tile<T>) -> Tile<T> {
        pairwise(x, &y, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    fn choose(self, x: Tile<T>, mut y: Tile<T>, z: Tile<T>) -> Tile<T> {
        for ((y, x), z) in y.iter_mut().zip(x).zip(z) {
            *y = if x > T::zero() { *y } else { z };
        }
        y
    }
    #[inline(always)]
    fn sum(self, [a, b, c, d, e, f, g, h]: Tile<T>) -> T {
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    // Lane after lane: a lane takes four registers, and the vectors of a tile would take all of them.
    #[inline(always)]
    fn update_and_multiply(
        self,
        q: &mut Tile<T>,
        [v_row, w_row, x_row]: [T; 3],
        [v, w, x]: [&Tile<T>; 3],
        y: &mut Tile<T>,
        mut sum: Tile<T>,
    ) -> Tile<T> {
        let columns = v.iter().zip(w).zip(x);
        for (((q, y), sum), ((&v, &w), &x)) in q.iter_mut().zip(y).zip(&mut sum).zip(columns) {
            let updated = *q + v_row * w + w_row * v;
            *q = updated;
            *y += x_row * updated;
            *sum += updated * x;
        }
        sum
    }
    #[inline(always)]
    fn reflect_two(
        self,
        [za, zb]: [&mut Tile<T>; 2],
        [(ratio_a, along_a), (ratio_b, along_b)]: [(T, T); 2],
        [v, next]: [&Tile<T>; 2],
        total: &mut Tile<T>,
        [mut product_a, mut product_b]: [Tile<T>; 2],
    ) -> [Tile<T>; 2] {
        let both = za.iter_mut().zip(zb).zip(product_a.iter_mut().zip(&mut product_b));
        for ((((za, zb), (product_a, product_b)), total), (&v, &next)) in both.zip(total).zip(v.iter().zip(next)) {
            let (a, b) = (ratio_a * *za + along_a * v, ratio_b * *zb + along_b * v);
            (*za, *zb) = (a, b);
            *total = *total + a + b;
            *product_a += a * next;
            *product_b += b * next;
        }
        [product_a, product_b]
    }
}

/// Lanes of double-f32 numbers of which the high words alone count: what is left of the rounding in a
/// back-transform is not amplified by the condition of the matrix, so that `f32` suffices there.
#[derive(Clone, Copy, Debug, Default)]
pub struct HighWords;

impl Lanes<DoubleF32> for HighWords {
    type Vector = Tile<f32>;
    const NARROW: bool = <Plain as Lanes<f32>>::NARROW;

    #[inline(always)]
    fn splat(self, x: DoubleF32) -> Tile<f32> {
        [x.words().0; LANES]
    }
    #[inline(always)]
    fn load(self, from: &Tile<DoubleF32>) -> Tile<f32> {
        from.map(|x| x.words().0)
    }
    #[inline(always)]
    fn store(self, to: &mut Tile<DoubleF32>, x: Tile<f32>) {
        *to = x.map(DoubleF32::from);
    }
    #[inline(always)]
    fn add(self, x: Tile<f32>, y: Tile<f32>) -> Tile<f32> {
        Plain.add(x, y)
    }
    #[inline(always)]
    fn sub(self, x: Tile<f32>, y: Tile<f32>) -> Tile<f32> {
        Plain.sub(x, y)
    }
    #[inline(always)]
    fn mul(self, x: Tile<f32>, y: Tile<f32>) -> Tile<f32> {
        Plain.mul(x, y)
    }
    #[inline(always)]
    fn mul_add(self, x: Tile<f32>, y: Tile<f32>, z: Tile<f32>) -> Tile<f32> {
        Plain.mul_add(x, y, z)
    }
    #[inline(always)]
    fn div(self, x: Tile<f32>, y: Tile<f32>) -> Tile<f32> {
        Plain.div(x, y)
    }
    #[inline(always)]
    fn sqrt(self, x: Tile<f32>) -> Tile<f32> {
        Plain.sqrt(x)
    }
    #[inline(always)]
    fn min(self, x: Tile<f32>, y: Tile<f32>) -> Tile<f32> {
        Plain.min(x, y)
    }
    #[inline(always)]
    fn choose(self, x: Tile<f32>, y: Tile<f32>, z: Tile<f32>) -> Tile<f32> {
        Plain.choose(x, y, z)
    }
    #[inline(always)]
    fn sum(self, x: Tile<f32>) -> DoubleF32 {
        DoubleF32::from(Plain.sum(x))
    }
}
