#![cfg_attr(target_os = "none", no_std, no_main)]
//! scratch
use shampoo_core::kernel::{Accum, Kernel, Portable};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_firmware::{board, program, say};
use shampoo_firmware::board::cell::Cell;
static A: Cell<[f32; 4096]> = Cell::new([0.0; 4096]);
static B: Cell<[f32; 4096]> = Cell::new([0.0; 4096]);
static C: Cell<[f32; 4096]> = Cell::new([0.0; 4096]);
fn digest(c: &[f32]) -> u64 {
    c.iter().fold(0xcbf29ce484222325, |h, x| (h ^ u64::from(x.to_bits())).wrapping_mul(0x100000001b3))
}
fn run() -> bool {
    let (Some(a), Some(b), Some(c)) = (A.take(), B.take(), C.take()) else { return false };
    let mut s = 1u32;
    for x in a.iter_mut().chain(b.iter_mut()) {
        s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *x = (s >> 8) as f32 / (1 << 23) as f32 - 1.0;
    }
    macro_rules! go {
        ($name:literal, $macs:expr, $body:expr) => {
            let n = board::instructions(|| $body);
            say!($name, " ", n, " permille ", n * 1000 / $macs, " ", shampoo_firmware::report::Bits(digest(c)));
        };
    }
    let k: &dyn Kernel<f32> = &Portable;
    go!("gemm XG 32x32x64", 65536, k.gemm(MatMut::new(c, 32, 64).unwrap_or_else(|_| loop {}), Accum::Replace, 1.0, MatRef::new(a, 32, 32).unwrap_or(MatRef::empty()), MatRef::new(b, 32, 64).unwrap_or(MatRef::empty())));
    go!("gemm GX 32x64x64", 131072, k.gemm(MatMut::new(c, 32, 64).unwrap_or_else(|_| loop {}), Accum::Replace, 1.0, MatRef::new(a, 32, 64).unwrap_or(MatRef::empty()), MatRef::new(b, 64, 64).unwrap_or(MatRef::empty())));
    go!("gram R 64x32", 66560, k.gram(MatMut::new(c, 64, 64).unwrap_or_else(|_| loop {}), Accum::Replace, 1.0, MatRef::new(a, 32, 64).unwrap_or(MatRef::empty()).transpose()));
    go!("gram L 32x64", 33792, k.gram(MatMut::new(c, 32, 32).unwrap_or_else(|_| loop {}), Accum::Replace, 1.0, MatRef::new(a, 32, 64).unwrap_or(MatRef::empty())));
    go!("symm 16", 2176, k.symm_product(MatMut::new(c, 16, 16).unwrap_or_else(|_| loop {}), MatRef::new(a, 16, 16).unwrap_or(MatRef::empty()), MatRef::new(b, 16, 16).unwrap_or(MatRef::empty())));
    go!("gemm 16", 4096, k.gemm(MatMut::new(c, 16, 16).unwrap_or_else(|_| loop {}), Accum::Replace, 1.0, MatRef::new(a, 16, 16).unwrap_or(MatRef::empty()), MatRef::new(b, 16, 16).unwrap_or(MatRef::empty())));
    go!("gemm tn 16", 4096, k.gemm(MatMut::new(c, 16, 16).unwrap_or_else(|_| loop {}), Accum::Replace, 1.0, MatRef::new(a, 16, 16).unwrap_or(MatRef::empty()).transpose(), MatRef::new(b, 16, 16).unwrap_or(MatRef::empty())));
    go!("gemm nt odd", 7*9*37, k.gemm(MatMut::new(c, 7, 9).unwrap_or_else(|_| loop {}), Accum::Replace, 0.3, MatRef::new(a, 7, 37).unwrap_or(MatRef::empty()), MatRef::new(b, 9, 37).unwrap_or(MatRef::empty()).transpose()));
    go!("gemm odd", 7*9*37, k.gemm(MatMut::new(c, 7, 9).unwrap_or_else(|_| loop {}), Accum::Add, 0.3, MatRef::new(a, 7, 37).unwrap_or(MatRef::empty()), MatRef::new(b, 37, 9).unwrap_or(MatRef::empty())));
    go!("gram odd", 7*19*37, k.gram(MatMut::new(c, 19, 19).unwrap_or_else(|_| loop {}), Accum::Add, 0.3, MatRef::new(a, 37, 19).unwrap_or(MatRef::empty()).transpose()));
    go!("gram odd2", 7*19*37, k.gram(MatMut::new(c, 19, 19).unwrap_or_else(|_| loop {}), Accum::Add, 0.3, MatRef::new(a, 19, 37).unwrap_or(MatRef::empty())));
    true
}
program!(run);
