//! A symmetric matrix times eight columns at once, from one triangle.

use super::tiled::SymmetricTiles;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// OUT <- A V for symmetric A.
///
/// Every entry left of the diagonal tiles is read once and serves its row and its column.
/// **Shapes**: A n x n, V and OUT padded(n) rows of eight numbers, V 0 from row n on. **Cost**: 16 n^2 flops.
#[inline(always)]
pub fn symmetric_thin<T: Real, L: Lanes<T>>(lanes: L, out: &mut [T], a: SymmetricTiles<'_, T>, v: &[T]) {
    let (out, v) = (out.as_chunks_mut::<LANES>().0, v.as_chunks::<LANES>().0);
    let stride = a.stride / LANES;
    let blocks = a.data.as_chunks::<LANES>().0.chunks_exact(stride.max(1).saturating_mul(LANES));
    let tiles = a.order.div_ceil(LANES);
    for (tile, (rows, own)) in blocks.zip(v.as_chunks::<LANES>().0).take(tiles).enumerate() {
        let Some((left, right)) = out.split_at_mut_checked(tile.saturating_mul(LANES)) else { return };
        let Some(to) = right.first_chunk_mut::<LANES>() else { return };
        if block(lanes, rows, (tile, stride), own, v, left, to).is_none() {
            return;
        }
    }
}

/// Binds eight vectors to eight names, one load each.
macro_rules! load_eight {
    ($lanes:ident, $from:expr => $($name:ident),*) => {
        let [$($name),*] = $from;
        $(let $name = $lanes.load($name);)*
    };
}

/// Eight rows of the product, and what they add to the rows of the columns left of the diagonal tile.
#[inline(always)]
fn block<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &[Tile<T>],
    (tile, stride): (usize, usize),
    own: &[Tile<T>; LANES],
    v: &[Tile<T>],
    left: &mut [Tile<T>],
    to: &mut [Tile<T>; LANES],
) -> Option<()> {
    let (ra, rest) = rows.split_at_checked(stride)?;
    let (rb, rest) = rest.split_at_checked(stride)?;
    let (rc, rest) = rest.split_at_checked(stride)?;
    let (rd, rest) = rest.split_at_checked(stride)?;
    let (re, rest) = rest.split_at_checked(stride)?;
    let (rf, rest) = rest.split_at_checked(stride)?;
    let (rg, rh) = rest.split_at_checked(stride)?;
    let zero = lanes.splat(T::zero());
    load_eight!(lanes, own => va, vb, vc, vd, ve, vf, vg, vh);
    let [mut sa, mut sb, mut sc, mut sd, mut se, mut sf, mut sg, mut sh] = [zero; LANES];
    let entries = ra.as_flattened().iter().zip(rb.as_flattened()).zip(rc.as_flattened()).zip(rd.as_flattened());
    let others = re.as_flattened().iter().zip(rf.as_flattened()).zip(rg.as_flattened()).zip(rh.as_flattened());
    for (((((a, b), c), d), (((e, f), g), h)), (v, u)) in entries.zip(others).zip(v.iter().zip(left)) {
        let (v, mut column) = (lanes.load(v), lanes.load(u));
        let (a, b, c, d) = (lanes.splat(*a), lanes.splat(*b), lanes.splat(*c), lanes.splat(*d));
        sa = lanes.mul_add(a, v, sa);
        sb = lanes.mul_add(b, v, sb);
        sc = lanes.mul_add(c, v, sc);
        sd = lanes.mul_add(d, v, sd);
        column = lanes.mul_add(d, vd, lanes.mul_add(c, vc, lanes.mul_add(b, vb, lanes.mul_add(a, va, column))));
        let (e, f, g, h) = (lanes.splat(*e), lanes.splat(*f), lanes.splat(*g), lanes.splat(*h));
        se = lanes.mul_add(e, v, se);
        sf = lanes.mul_add(f, v, sf);
        sg = lanes.mul_add(g, v, sg);
        sh = lanes.mul_add(h, v, sh);
        column = lanes.mul_add(h, vh, lanes.mul_add(g, vg, lanes.mul_add(f, vf, lanes.mul_add(e, ve, column))));
        lanes.store(u, column);
    }
    let sums = [sa, sb, sc, sd, se, sf, sg, sh];
    let diagonal = [ra, rb, rc, rd, re, rf, rg, rh];
    for ((to, sum), row) in to.iter_mut().zip(sums).zip(diagonal) {
        let &[a, b, c, d, e, f, g, h] = row.get(tile)?;
        let sum = lanes.mul_add(lanes.splat(d), vd, lanes.mul_add(lanes.splat(c), vc, sum));
        let sum = lanes.mul_add(lanes.splat(b), vb, lanes.mul_add(lanes.splat(a), va, sum));
        let sum = lanes.mul_add(lanes.splat(h), vh, lanes.mul_add(lanes.splat(g), vg, sum));
        lanes.store(to, lanes.mul_add(lanes.splat(f), vf, lanes.mul_add(lanes.splat(e), ve, sum)));
    }
    Some(())
}
