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
    /// Whether a lane costs operations of its own: padding is work, and a sum of the lanes costs no more than another sum.
    const SCALAR: bool = false;
    /// Whether code counts more than time: what several passes do is one function, and not compiled into each.
    const COMPACT: bool = false;

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

    /// [`update_and_multiply`](Self::update_and_multiply) for two rows, one after the other.
    #[inline(always)]
    fn update_and_multiply_two(
        self,
        [qa, qb]: [&mut Tile<T>; 2],
        [a, b]: [[T; 3]; 2],
        columns: [&Tile<T>; 3],
        y: &mut Tile<T>,
        [sum_a, sum_b]: [Self::Vector; 2],
    ) -> [Self::Vector; 2] {
        let sum_a = self.update_and_multiply(qa, a, columns, y, sum_a);
        [sum_a, self.update_and_multiply(qb, b, columns, y, sum_b)]
    }

    /// Row I of a symmetric tile up to the diagonal: q <- q + v_I w + w_I v, and y <- y + what it adds to A x as a row and
    /// as a column.
    #[inline(always)]
    fn triangle_row<const I: usize>(self, q: &mut Tile<T>, columns: [&Tile<T>; 3], y: Self::Vector) -> Self::Vector {
        let mut sums = [T::zero(); LANES];
        self.store(&mut sums, y);
        self.load(&triangle_row(I, q, columns, sums))
    }

    /// The first `count` rows of a symmetric tile as [`triangle_row`](Self::triangle_row) does; they are tile number `tile` of
    /// rows of `stride` tiles.
    #[inline(always)]
    fn triangle(
        self,
        rows: &mut [Tile<T>],
        (stride, tile, count): (usize, usize, usize),
        columns: [&Tile<T>; 3],
        mut y: Self::Vector,
    ) -> Option<Self::Vector> {
        let mut rows = rows.chunks_exact_mut(stride.max(1));
        macro_rules! rows {
            ($($i:literal)*) => {
                $(if count > $i {
                    y = self.triangle_row::<$i>(rows.next()?.get_mut(tile)?, columns, y);
                })*
            };
        }
        rows!(0 1 2 3 4 5 6 7);
        Some(y)
    }

    /// In the first `count` lanes at least, beyond which z is 0: z <- ratio z + along v. Returns products + next z and the sum of z.
    #[inline(always)]
    fn reflect_abreast(
        self,
        count: usize,
        z: &mut Tile<T>,
        [ratio, along]: [Self::Vector; 2],
        [v, next]: [T; 2],
        products: Self::Vector,
    ) -> (Self::Vector, T) {
        let _ = count;
        let reflected = self.mul_add(along, self.splat(v), self.mul(ratio, self.load(z)));
        self.store(z, reflected);
        (self.mul_add(reflected, self.splat(next), products), self.sum(reflected))
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

/// See [`Lanes::triangle_row`].
#[inline(always)]
pub(super) fn triangle_row<T: Real>(i: usize, q: &mut Tile<T>, [v, w, x]: [&Tile<T>; 3], mut y: Tile<T>) -> Tile<T> {
    let at = |tile: &Tile<T>| tile.get(i).copied().unwrap_or(T::zero());
    let (v_row, w_row, x_row, mut sum) = (at(v), at(w), at(x), at(&y));
    for (((q, y), (&v, &w)), &x) in q.iter_mut().zip(&mut y).zip(v.iter().zip(w)).zip(x).take(i) {
        let updated = *q + v_row * w + w_row * v;
        *q = updated;
        *y += x_row * updated;
        sum += updated * x;
    }
    if let (Some(q), Some(y)) = (q.get_mut(i), y.get_mut(i)) {
        *q = *q + v_row * w_row + w_row * v_row;
        *y = sum + *q * x_row;
    }
    y
}

impl<T: Real> Lanes<T> for Plain {
    type Vector = Tile<T>;
    const SCALAR: bool = true;

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

    // Lane after lane: the vectors of a tile would take all registers.
    #[inline(always)]
    fn update_and_multiply_two(
        self,
        [qa, qb]: [&mut Tile<T>; 2],
        [[va, wa, xa], [vb, wb, xb]]: [[T; 3]; 2],
        [v, w, x]: [&Tile<T>; 3],
        y: &mut Tile<T>,
        [mut sum_a, mut sum_b]: [Tile<T>; 2],
    ) -> [Tile<T>; 2] {
        let both = qa.iter_mut().zip(qb).zip(sum_a.iter_mut().zip(&mut sum_b));
        for ((((qa, qb), (sum_a, sum_b)), y), ((&v, &w), &x)) in both.zip(y).zip(v.iter().zip(w).zip(x)) {
            let (a, b) = (*qa + va * w + wa * v, *qb + vb * w + wb * v);
            (*qa, *qb) = (a, b);
            *y = *y + xa * a + xb * b;
            *sum_a += a * x;
            *sum_b += b * x;
        }
        [sum_a, sum_b]
    }
    #[inline(always)]
    fn triangle_row<const I: usize>(self, q: &mut Tile<T>, columns: [&Tile<T>; 3], y: Tile<T>) -> Tile<T> {
        triangle_row(I, q, columns, y)
    }
    #[inline(always)]
    fn reflect_abreast(
        self,
        count: usize,
        z: &mut Tile<T>,
        [ratio, along]: [Tile<T>; 2],
        [v, next]: [T; 2],
        mut products: Tile<T>,
    ) -> (Tile<T>, T) {
        // A sum with -0 is no instruction.
        let mut reflected = [-T::zero(); LANES];
        let lanes = reflected.iter_mut().zip(z).zip(&mut products).zip(ratio.iter().zip(&along));
        for (((reflected, z), product), (&ratio, &along)) in lanes.take(count) {
            *reflected = ratio * *z + along * v;
            *z = *reflected;
            *product += *reflected * next;
        }
        (products, self.sum(reflected))
    }
}

/// Lanes of double-f32 numbers of which the high words alone count: what is left of the rounding in a
/// back-transform is not amplified by the condition of the matrix, so that `f32` suffices there.
#[derive(Clone, Copy, Debug, Default)]
pub struct HighWords;

impl Lanes<DoubleF32> for HighWords {
    type Vector = Tile<f32>;
    const SCALAR: bool = true;

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
    fn triangle_row<const I: usize>(
        self,
        q: &mut Tile<DoubleF32>,
        [v, w, x]: [&Tile<DoubleF32>; 3],
        y: Tile<f32>,
    ) -> Tile<f32> {
        let (mut words, v, w, x) = (self.load(q), self.load(v), self.load(w), self.load(x));
        let y = triangle_row(I, &mut words, [&v, &w, &x], y);
        self.store(q, words);
        y
    }
    #[inline(always)]
    fn sum(self, x: Tile<f32>) -> DoubleF32 {
        DoubleF32::from(Plain.sum(x))
    }
}
