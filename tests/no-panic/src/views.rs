//! Sizes, views and packed triangles.

use shampoo_core::capacity::{Dims, product};
use shampoo_core::mat::packed::{fill_diagonal, packed_len, rows, rows_mut, unpack, unpack_rows};
use shampoo_core::mat::{MatMut, MatRef};

use crate::entries::exhaust;

entries! { sizes: [
    Dims::new,
    Dims::from_slice,
    Dims::push,
    Dims::product,
    Dims::reverse,
    <Dims as core::ops::Deref>::deref,
    <Dims as Clone>::clone,
    <Dims as PartialEq>::eq,
    product,
    packed_len,
] }

macro_rules! views {
    ($name:ident, $t:ty) => {
        entries! { $name: [
            MatRef::<$t>::empty,
            MatRef::<$t>::new,
            MatRef::<$t>::with_strides,
            MatRef::<$t>::nrows,
            MatRef::<$t>::ncols,
            MatRef::<$t>::parts,
            MatRef::<$t>::transpose,
            MatRef::<$t>::block,
            MatRef::<$t>::get,
            MatRef::<$t>::contiguous_row,
            row_entries::<$t>,
            contiguous_rows::<$t>,
            MatMut::<$t>::new,
            MatMut::<$t>::with_row_stride,
            MatMut::<$t>::nrows,
            MatMut::<$t>::ncols,
            MatMut::<$t>::parts_mut,
            MatMut::<$t>::reborrow,
            MatMut::<$t>::as_ref,
            MatMut::<$t>::some_rows,
            MatMut::<$t>::get_mut,
            MatMut::<$t>::mirror_lower,
            matrix_rows::<$t>,
            triangle_rows::<$t>,
            triangle_rows_mut::<$t>,
            unpack::<f32, $t>,
            unpack::<f64, $t>,
            unpack_rows::<f32, $t>,
            unpack_rows::<f64, $t>,
            fill_diagonal::<f32, $t>,
            fill_diagonal::<f64, $t>,
        ] }
    };
}

views!(views_f32, f32);
views!(views_f64, f64);

fn row_entries<T: Copy>(matrix: MatRef<'_, T>, i: usize) {
    exhaust(matrix.row_entries(i));
}

fn contiguous_rows<T: Copy>(matrix: MatRef<'_, T>) {
    matrix.contiguous_rows().into_iter().for_each(exhaust);
}

fn matrix_rows<T: Copy>(matrix: &mut MatMut<'_, T>) {
    exhaust(matrix.rows_mut());
}

fn triangle_rows<T>(triangle: &[T]) {
    exhaust(rows(triangle));
}

fn triangle_rows_mut<T>(triangle: &mut [T]) {
    exhaust(rows_mut(triangle));
}
