//! Lanes in loops: one function an operation, and a call where others have eight instructions.

use super::lanes::{Lanes, Plain, Tile, triangle_row};
use super::{LANES, Real};

/// Lanes with the bits of [`Plain`] in a fraction of its code: every operation is a loop over eight numbers in memory, of
/// which a program has one copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rolled;

/// An operation on two numbers, as a function of its own.
macro_rules! each {
    ($($name:ident, |$x:ident, $y:ident| $value:expr;)*) => {$(
        #[inline(never)]
        fn $name<T: Real>(out: &mut Tile<T>, by: &Tile<T>) {
            for (x, y) in out.iter_mut().zip(by) {
                let ($x, $y) = (*x, *y);
                *x = $value;
            }
        }
    )*};
}

each! {
    add, |x, y| x + y;
    sub, |x, y| x - y;
    mul, |x, y| x * y;
    div, |x, y| x / y;
    min, |x, y| if x < y { x } else { y };
}

#[inline(never)]
fn mul_add<T: Real>(x: &Tile<T>, y: &Tile<T>, out: &mut Tile<T>) {
    for (out, (&x, &y)) in out.iter_mut().zip(x.iter().zip(y)) {
        *out += x * y;
    }
}

/// See [`Lanes::choose`].
#[inline(never)]
fn choose<T: Real>(x: &Tile<T>, out: &mut Tile<T>, z: &Tile<T>) {
    for (out, (&x, &z)) in out.iter_mut().zip(x.iter().zip(z)) {
        *out = if x > T::zero() { *out } else { z };
    }
}

#[inline(never)]
fn sum<T: Real>(x: &Tile<T>) -> T {
    Plain.sum(*x)
}

/// See [`Lanes::triangle`].
#[inline(never)]
fn triangle<T: Real>(
    rows: &mut [Tile<T>],
    (stride, tile, count): (usize, usize, usize),
    columns: &[&Tile<T>; 3],
    y: &mut Tile<T>,
) -> Option<()> {
    for (i, row) in rows.chunks_exact_mut(stride.max(1)).enumerate().take(count.min(LANES)) {
        *y = triangle_row(i, row.get_mut(tile)?, *columns, *y);
    }
    Some(())
}

/// See [`Lanes::update_and_multiply`].
#[inline(never)]
fn update_and_multiply<T: Real>(
    q: &mut Tile<T>,
    &[v_row, w_row, x_row]: &[T; 3],
    [v, w, x]: [&Tile<T>; 3],
    y: &mut Tile<T>,
    sum: &mut Tile<T>,
) {
    for ((((q, y), sum), (&v, &w)), &x) in q.iter_mut().zip(y).zip(sum).zip(v.iter().zip(w)).zip(x) {
        *q = *q + v_row * w + w_row * v;
        *y += x_row * *q;
        *sum += *q * x;
    }
}

/// See [`Lanes::reflect_abreast`].
#[inline(never)]
fn reflect<T: Real>(
    z: &mut Tile<T>,
    [ratio, along]: [&Tile<T>; 2],
    [v, next]: [T; 2],
    products: &mut Tile<T>,
    count: usize,
) -> T {
    let mut reflected = [-T::zero(); LANES];
    let lanes = reflected.iter_mut().zip(z).zip(products).zip(ratio.iter().zip(along));
    for (((reflected, z), product), (&ratio, &along)) in lanes.take(count) {
        *reflected = ratio * *z + along * v;
        *z = *reflected;
        *product += *reflected * next;
    }
    sum(&reflected)
}

impl<T: Real> Lanes<T> for Rolled {
    type Vector = Tile<T>;
    const SCALAR: bool = true;
    const COMPACT: bool = true;

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
    fn add(self, mut x: Tile<T>, y: Tile<T>) -> Tile<T> {
        add(&mut x, &y);
        x
    }
    #[inline(always)]
    fn sub(self, mut x: Tile<T>, y: Tile<T>) -> Tile<T> {
        sub(&mut x, &y);
        x
    }
    #[inline(always)]
    fn mul(self, mut x: Tile<T>, y: Tile<T>) -> Tile<T> {
        mul(&mut x, &y);
        x
    }
    #[inline(always)]
    fn mul_add(self, x: Tile<T>, y: Tile<T>, mut z: Tile<T>) -> Tile<T> {
        mul_add(&x, &y, &mut z);
        z
    }
    #[inline(always)]
    fn div(self, mut x: Tile<T>, y: Tile<T>) -> Tile<T> {
        div(&mut x, &y);
        x
    }
    #[inline(always)]
    fn sqrt(self, x: Tile<T>) -> Tile<T> {
        Plain.sqrt(x)
    }
    #[inline(always)]
    fn min(self, mut x: Tile<T>, y: Tile<T>) -> Tile<T> {
        min(&mut x, &y);
        x
    }
    #[inline(always)]
    fn choose(self, x: Tile<T>, mut y: Tile<T>, z: Tile<T>) -> Tile<T> {
        choose(&x, &mut y, &z);
        y
    }
    #[inline(always)]
    fn sum(self, x: Tile<T>) -> T {
        sum(&x)
    }
    #[inline(always)]
    fn update_and_multiply(
        self,
        q: &mut Tile<T>,
        row: [T; 3],
        columns: [&Tile<T>; 3],
        y: &mut Tile<T>,
        mut sum: Tile<T>,
    ) -> Tile<T> {
        update_and_multiply(q, &row, columns, y, &mut sum);
        sum
    }
    #[inline(always)]
    fn update_and_multiply_two(
        self,
        [qa, qb]: [&mut Tile<T>; 2],
        [a, b]: [[T; 3]; 2],
        columns: [&Tile<T>; 3],
        y: &mut Tile<T>,
        mut sums: [Tile<T>; 2],
    ) -> [Tile<T>; 2] {
        let [sum_a, sum_b] = &mut sums;
        update_and_multiply(qa, &a, columns, y, sum_a);
        update_and_multiply(qb, &b, columns, y, sum_b);
        sums
    }
    #[inline(always)]
    fn triangle(
        self,
        rows: &mut [Tile<T>],
        place: (usize, usize, usize),
        columns: [&Tile<T>; 3],
        mut y: Tile<T>,
    ) -> Option<Tile<T>> {
        triangle(rows, place, &columns, &mut y)?;
        Some(y)
    }
    #[inline(always)]
    fn reflect_abreast(
        self,
        count: usize,
        z: &mut Tile<T>,
        [ratio, along]: [Tile<T>; 2],
        numbers: [T; 2],
        mut products: Tile<T>,
    ) -> (Tile<T>, T) {
        let total = reflect(z, [&ratio, &along], numbers, &mut products, count);
        (products, total)
    }
}
