//! Statistics and products with one triangle, some rows of it at a time, against whole squares.

use crate::common;
use crate::common::run::{PLAIN, Run};
use crate::common::{U32, assert_absolute, generated, largest};
use proptest::prelude::*;
use shampoo_core::config::Config;
use shampoo_core::kernel::{Kernel, Portable, SplitBf16};
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::mat::packed::unpack_rows;
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::partition::Sides;
use shampoo_core::scalar::{Bf16, Bf16Store, Bf16x2Store, Bf16x3Store, F32, F32RootF64, F64, Precision, Stored};
use shampoo_core::statistics::{
    Averaging, accumulate_packed, mode_product_packed, packed_times, panel_len, times_packed, unfolding,
};
use shampoo_core::tensor::Lengths;
use shampoo_runtime::kernel::Server;
use shampoo_tests::generate::{Random, packed_len, packed_to_full, to_packed};
use shampoo_tests::oracle::naive::{matmul, mode_product, mode_statistics, transpose};
use shampoo_tests::tolerance::{Check, Size};

/// Orders on both sides of a panel of rows.
const ORDERS: [usize; 7] = [1, 2, 7, 8, 9, 16, 21];

fn singles(random: &mut Random, length: usize) -> Vec<f32> {
    random.gaussians(length).iter().map(|&x| x as f32).collect()
}

fn widened(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn magnitudes(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.abs()).collect()
}

/// A kernel, and what its products may be off by beside the rounding of `f32` sums.
fn kernels() -> [(Box<dyn Kernel<f32>>, f64); 5] {
    [
        (Box::new(Portable), 0.0),
        (Box::new(Server::new()), 0.0),
        (Box::new(SplitBf16::<1>), Check::SplitOne.bound(U32)),
        (Box::new(SplitBf16::<3>), Check::SplitThree.bound(U32)),
        (Box::new(SplitBf16::<9>), 0.0),
    ]
}

#[test]
fn some_rows_are_those_of_the_whole() {
    let mut random = Random::new(141);
    for n in ORDERS {
        let triangle = singles(&mut random, packed_len(n));
        let full = packed_to_full(n, &triangle);
        for first in 0..n {
            for count in 0..=n - first {
                let mut panel = vec![f32::NAN; count * n];
                unpack_rows(&triangle, first, MatMut::new(&mut panel, count, n).expect("rows"));
                assert_eq!(panel, full[first * n..][..count * n]);
            }
        }
    }
}

#[test]
fn products_from_either_side_with_any_strides() {
    let mut random = Random::new(142);
    for (kernel, words) in kernels() {
        for n in ORDERS {
            let m = 1 + random.below(12);
            let triangle = singles(&mut random, packed_len(n));
            let (x, g) = (widened(&packed_to_full(n, &triangle)), singles(&mut random, n * m));
            let wide = widened(&g);
            let bound = Check::KernelGemm.bound_at(U32, Size { order: n, ..Size::default() }) + words;
            let bound = bound * largest(&matmul([n, n, m], &magnitudes(&x), &magnitudes(&wide)));
            let right = matmul([n, n, m], &x, &wide);
            let other: Vec<f32> = (0..m * n).map(|k| g[k % n * m + k / n]).collect();
            let rows = MatRef::new(&g, n, m).expect("G");
            let columns = MatRef::new(&other, m, n).expect("its transpose").transpose();
            for g in [rows, columns] {
                let (mut out, mut panel) = (vec![f32::NAN; n * m], vec![f32::NAN; panel_len(n)]);
                packed_times(MatMut::new(&mut out, n, m).expect("X G"), &triangle, g, &mut panel, &*kernel);
                assert_absolute(&widened(&out), &right, bound);
                let (mut out, mut panel) = (vec![f32::NAN; n * m], vec![f32::NAN; panel_len(n)]);
                let view = MatMut::new(&mut out, m, n).expect("G^T X");
                times_packed(view, g.transpose(), &triangle, &mut panel, &*kernel);
                assert_absolute(&widened(&out), &transpose(m, &right), bound);
            }
        }
    }
}

#[test]
fn statistics_and_products_of_every_mode() {
    let mut random = Random::new(143);
    let averaging = Averaging::Ema { beta2: 0.75 };
    for (kernel, words) in kernels() {
        for dims in [&[3_usize, 9, 2][..], &[17, 4], &[5], &[2, 3, 1, 10]] {
            let numel: usize = dims.iter().product();
            let g = singles(&mut random, numel);
            let wide = widened(&g);
            for (mode, &n) in dims.iter().enumerate() {
                let bound = Check::KernelGemm.bound_at(U32, Size { order: numel, ..Size::default() }) + words;
                let mut panel = vec![f32::NAN; panel_len(n)];
                let before = singles(&mut random, packed_len(n));
                let mut triangle = before.clone();
                let matrices = unfolding(&g, dims, mode);
                accumulate_packed(&mut triangle, n, matrices, &mut panel, averaging, &*kernel);
                let term = to_packed(n, &mode_statistics(dims, &wide, mode));
                let right: Vec<f64> = widened(&before).iter().zip(&term).map(|(h, t)| 0.75 * h + 0.25 * t).collect();
                assert_absolute(&widened(&triangle), &right, bound * (largest(&term) + largest(&widened(&before))));

                let (mut out, mut panel) = (vec![f32::NAN; numel], vec![f32::NAN; panel_len(n)]);
                mode_product_packed(&mut out, &before, &g, dims, mode, &mut panel, &*kernel);
                let x = widened(&packed_to_full(n, &before));
                let scale = largest(&mode_product(dims, &magnitudes(&wide), mode, &magnitudes(&x)));
                assert_absolute(&widened(&out), &mode_product(dims, &wide, mode, &x), bound * scale);
            }
        }
    }
}

#[test]
fn numbers_are_loaded_and_stored_in_the_kept_type() {
    // 1 + 2^-7 and 2^-9 are bfloat16 numbers, their sum is not.
    let kept = |x: f32| <Bf16 as Stored<f32>>::store(x);
    let mut triangle = [kept(1.0 + 1.0 / 128.0)];
    let (g, mut panel) = ([1.0_f32 / 16.0], [f32::NAN]);
    let matrices = unfolding(&g, &[1], 0);
    accumulate_packed(&mut triangle, 1, matrices, &mut panel, Averaging::Sum, &Portable);
    let stored: f32 = triangle[0].load();
    assert_eq!(stored, 1.0 + 2.0 / 128.0, "a tie, to even");
}

/// The same steps with whole squares and with panels, in bits, and the workspace that they take.
fn assert_same<P: Precision>(shape: &[usize], config: Config, seed: u64) {
    let packed = Config { packed_products: true, ..config };
    let (mut whole, mut run) = (Run::<P>::new(shape, config), Run::<P>::new(shape, packed));
    let mut random = Random::new(seed);
    for _ in 0..3 {
        run.spoil_workspace();
        let gradient = random.gaussians(whole.weights.len());
        let (right, found) = (whole.step(&gradient, 0.1), run.step(&gradient, 0.1));
        assert_eq!(common::bits(&found), common::bits(&right), "{shape:?} {packed:?}");
    }
    assert_eq!(run.state(), whole.state());
    let (Lengths { work, .. }, Lengths { work: square, .. }) = (run.tensor.lengths(), whole.tensor.lengths());
    assert!(work <= square);
}

proptest! {
    #![proptest_config(generated())]

    /// With the portable kernel the bits are those of whole squares.
    #[test]
    fn portable_bits_are_those_of_squares(
        shape in proptest::collection::vec(1..20_usize, 0..4),
        block_size in prop_oneof![1..20_usize, Just(usize::MAX)],
        one_sided in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let sides = if one_sided { Sides::Smallest } else { Sides::All };
        let precondition_vectors = true;
        let ridge = Ridge::Relative(1e-6);
        let config = Config { block_size, sides, precondition_vectors, ridge, ..PLAIN };
        let averaged = Config { averaging: Averaging::Ema { beta2: 0.9 }, ..config };
        assert_same::<F32>(&shape, config, seed);
        assert_same::<F64>(&shape, averaged, seed);
        assert_same::<F32RootF64>(&shape, averaged, seed);
        assert_same::<Bf16Store>(&shape, averaged, seed);
        assert_same::<Bf16x2Store>(&shape, config, seed);
        assert_same::<Bf16x3Store>(&shape, averaged, seed);
    }
}

#[test]
fn the_square_leaves_the_workspace() {
    let config = Config { block_size: usize::MAX, ..Config::DEFAULT };
    let whole = Lengths::of(&[300, 200], &config);
    let packed = Lengths::of(&[300, 200], &Config { packed_products: true, ..config });
    assert_eq!((whole.work, packed.work), (300 * 300 + 300 * 200, 8 * 300 + 300 * 200));
    assert_eq!(Lengths { work: whole.work, ..packed }, whole);
}
