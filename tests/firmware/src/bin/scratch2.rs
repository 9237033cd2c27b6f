#![cfg_attr(target_os = "none", no_std, no_main)]
//! scratch
use shampoo_core::kernel::{Portable, TiledTriangle};
use shampoo_core::linalg::inverse_root::rational::{Rational, matrix_len, row_stride, workspace_len};
use shampoo_core::linalg::inverse_root::{Ridge, tables::table_within};
use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::spectrum::{ORDER, Spectrum, TRIANGLE};
use shampoo_firmware::{board, program, say};
const W: usize = workspace_len(ORDER, 16);
static A: Cell<[f32; matrix_len(ORDER)]> = Cell::new([0.0; matrix_len(ORDER)]);
static WS: Cell<[f32; W]> = Cell::new([0.0; W]);
static T: Cell<[f32; TRIANGLE]> = Cell::new([0.0; TRIANGLE]);
fn run() -> bool {
    let (Some(a), Some(w), Some(triangle)) = (A.take(), WS.take(), T.take()) else { return false };
    let Some(fourth) = table_within(4, 1e-5) else { return false };
    Spectrum::new(1e4).matrix(triangle);
    let stride = row_stride(ORDER);
    let mut entries = triangle.iter();
    for i in 0..ORDER {
        for j in 0..=i {
            let x = entries.next().copied().unwrap_or_default();
            for at in [i * stride + j, j * stride + i] {
                if let Some(to) = a.get_mut(at) {
                    *to = x;
                }
            }
        }
    }
    let mut rational = Rational::start(ORDER, fourth, Ridge::Relative(1e-6));
    let mut n = 0;
    let stack = board::stack(|| {
        n = board::instructions(|| {
            let a = TiledTriangle { data: &mut a[..], stride, order: ORDER };
            _ = rational.run(a, w, &Portable);
        });
    });
    let d = a.iter().fold(0xcbf29ce484222325_u64, |h, x| (h ^ u64::from(x.to_bits())).wrapping_mul(0x100000001b3));
    board::stack(|| ());
    say!("rational ", n, " stack ", stack, " digest ", shampoo_firmware::report::Bits(d));
    true
}
program!(run);
