//! Products by [`block`](super::block): of matrices whose sizes are multiples of four. A matrix that is none of theirs is
//! handed back untouched, for the portable kernel.

use shampoo_core::kernel::Accum;
use shampoo_core::mat::{MatMut, MatRef};

use super::block::{Block, Lines, SIZE, compute};

/// Which blocks are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All.
    Whole,
    /// Those up to the diagonal; of the blocks on it the lower triangle.
    Lower,
    /// The same, and their mirror images.
    Mirrored,
}

/// C <- C + A B, or A B.
pub(super) fn gemm<'c>(
    c: MatMut<'c, f32>,
    accum: Accum,
    alpha: f32,
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
) -> Option<MatMut<'c, f32>> {
    product(c, accum, alpha, a, b.transpose(), Part::Whole)
}

/// The lower triangle of C <- C + A A^T, or A A^T.
pub(super) fn gram<'c>(c: MatMut<'c, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>) -> Option<MatMut<'c, f32>> {
    product(c, accum, alpha, a, a, Part::Lower)
}

/// C <- A B for symmetric matrices that commute: row j of B is its column j.
pub(super) fn symm_product<'c>(c: MatMut<'c, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) -> Option<MatMut<'c, f32>> {
    product(c, Accum::Replace, 1.0, a, b, Part::Mirrored)
}

/// C <- C + A B^T, or A B^T.
fn product<'c>(
    mut c: MatMut<'c, f32>,
    accum: Accum,
    alpha: f32,
    a: MatRef<'_, f32>,
    b: MatRef<'_, f32>,
    part: Part,
) -> Option<MatMut<'c, f32>> {
    let (nrows, ncols, depth) = (c.nrows(), c.ncols(), a.ncols());
    let agree = (a.nrows(), b.nrows(), b.ncols()) == (nrows, ncols, depth) && (part == Part::Whole || nrows == ncols);
    let blocks = [nrows, ncols, depth].iter().all(|size| size.is_multiple_of(SIZE) && *size > 0);
    let (Some(a), Some(b)) = (Factor::of(a), Factor::of(b)) else { return Some(c) };
    let Some((whole, lower)) = compute(a.lines, b.lines) else { return Some(c) };
    let Some(lower) = lower.or((part == Part::Whole).then_some(whole)) else { return Some(c) };
    let (data, stride) = c.parts_mut();
    if !(agree && blocks && alpha == 1.0 && spans(data, stride, nrows, ncols)) {
        return Some(c);
    }
    let start = data.as_mut_ptr();
    let (zero, bytes) = ([0.0_f32; SIZE], |stride: usize| stride.wrapping_mul(size_of::<f32>()));
    let mut block = Block {
        a: a.numbers.as_ptr(),
        b: b.numbers.as_ptr(),
        a_stride: bytes(a.stride),
        b_stride: bytes(b.stride),
        depth,
        before: zero.as_ptr(),
        before_stride: 0,
        c: start,
        c_stride: bytes(stride),
        mirror: core::ptr::null_mut(),
    };
    if accum == Accum::Add {
        block.before_stride = block.c_stride;
    }
    for row in (0..nrows).step_by(SIZE) {
        // Where a block lies, in C and in its mirror image.
        let (mut place, mut mirror) = (start.wrapping_add(row * stride), start.wrapping_add(row));
        block.b = b.numbers.as_ptr();
        let end = if part == Part::Whole { ncols } else { row + SIZE };
        for column in (0..end).step_by(SIZE) {
            block.c = place;
            if accum == Accum::Add {
                block.before = place;
            }
            if part == Part::Mirrored {
                block.mirror = mirror;
            }
            let compute = if part == Part::Whole || column < row { whole } else { lower };
            // SAFETY: shapes agree, and sizes are multiples of four: the block's four rows of A, four rows of B and
            // sixteen numbers of C, and of their mirror image in a square, are within the slices that `Factor::of` and
            // `spans` have measured. The functions keep what a callee must keep.
            unsafe { compute(&block) };
            place = place.wrapping_add(SIZE);
            mirror = mirror.wrapping_add(SIZE * stride);
            block.b = block.b.wrapping_add(b.four);
        }
        block.a = block.a.wrapping_add(a.four);
    }
    None
}

/// A matrix whose rows or columns are contiguous.
struct Factor<'a> {
    numbers: &'a [f32],
    stride: usize,
    lines: Lines,
    /// From a row to the fourth after it.
    four: usize,
}

impl<'a> Factor<'a> {
    fn of(m: MatRef<'a, f32>) -> Option<Self> {
        let (nrows, ncols) = (m.nrows(), m.ncols());
        let (numbers, stride, lines, length) = match m.parts() {
            (numbers, stride, 1) => (numbers, stride, Lines::AlongK, (nrows, ncols)),
            (numbers, 1, stride) => (numbers, stride, Lines::AcrossK, (ncols, nrows)),
            _ => return None,
        };
        let four = if lines == Lines::AlongK { SIZE.wrapping_mul(stride) } else { SIZE };
        spans(numbers, stride, length.0, length.1).then_some(Self { numbers, stride, lines, four })
    }
}

/// Whether so many lines of so many numbers lie in a slice.
fn spans(numbers: &[f32], stride: usize, lines: usize, length: usize) -> bool {
    let last = lines.checked_sub(1).and_then(|last| last.checked_mul(stride));
    last.and_then(|last| last.checked_add(length)).is_some_and(|end| end <= numbers.len())
}
