//! Packed triangles: lengths, rows, and the way into a square and back.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shampoo_core::mat::MatMut;
use shampoo_core::mat::packed::{fill_diagonal, packed_len, rows, rows_mut, unpack};
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};
use shampoo_fuzz::numbers::{Bits, Number, all_bits};

#[derive(Arbitrary, Debug)]
struct Case {
    huge: usize,
    length: u8,
    shape: (u8, u8),
    gap: u8,
    diagonal: Number,
    numbers: Vec<Number>,
}

fuzz_target!(|case: Case| {
    lengths(case.huge);
    let triangle: Vec<u32> = (0..u32::from(case.length)).collect();
    index_round_trip(&triangle);
    squares::<f64, f64>(&case);
    squares::<f64, f32>(&case);
    squares::<f32, f64>(&case);
    squares::<f32, Bf16>(&case);
    squares::<f64, Bf16x2>(&case);
    squares::<DoubleF32, Bf16x3>(&case);
});

fn lengths(n: usize) {
    let n = n >> (n % 64);
    let exact = n as u128 * (n as u128 + 1) / 2;
    assert_eq!(packed_len(n) as u128, exact.min(usize::MAX as u128), "{n}");
}

/// Entry (i, j) is number i (i + 1) / 2 + j, and rows that are not whole are left out.
fn index_round_trip(triangle: &[u32]) {
    let mut written = triangle.to_vec();
    let mut count = 0;
    for (i, row) in rows(triangle).enumerate() {
        assert_eq!(row.len(), i + 1);
        assert!(row.iter().enumerate().all(|(j, &x)| x as usize == i * (i + 1) / 2 + j));
        count = i + 1;
    }
    assert!(packed_len(count) <= triangle.len() && packed_len(count + 1) > triangle.len());
    for (i, row) in rows_mut(&mut written).enumerate() {
        assert_eq!(row.len(), i + 1);
        row.iter_mut().for_each(|x| *x += 1000);
    }
    for (at, (&x, &y)) in written.iter().zip(triangle).enumerate() {
        assert_eq!(x - y, if at < packed_len(count) { 1000 } else { 0 });
    }
}

/// Both triangles of a square come from the packed one, and packing them gives it back.
fn squares<R: Real, S: Stored<R> + Bits>(case: &Case) {
    let triangle: Vec<S> = case.numbers.iter().take(100).map(|x| S::store(R::from_f64(x.value()))).collect();
    let (m, n) = (usize::from(case.shape.0 % 16), usize::from(case.shape.1 % 16));
    let stride = n + usize::from(case.gap % 4);
    let other = R::from_f64(12345.0);
    let mut square = vec![other; m * stride];
    unpack(&triangle, MatMut::with_row_stride(&mut square, m, n, stride).expect("it fits"));
    let packed = |i: usize, j: usize| {
        let at = packed_len(i) + j;
        (packed_len(i + 1) <= triangle.len()).then(|| triangle[at])
    };
    for i in 0..m {
        for j in 0..stride {
            let x = square[i * stride + j];
            let expected = match (i, j) {
                _ if j >= n => Some(other),
                // What the triangle lacks stays.
                _ => packed(i.max(j), i.min(j)).map_or(Some(other), |s| Some(s.load())),
            };
            let same = expected.is_some_and(|y: R| x == y || (x.is_nan() && y.is_nan()));
            assert!(same, "({i}, {j}): {x:?} {expected:?}");
        }
    }
    let mut filled = triangle.clone();
    fill_diagonal(&mut filled, R::from_f64(case.diagonal.value()));
    let (zero, value) = (S::store(R::zero()), S::store(R::from_f64(case.diagonal.value())));
    let mut expected = triangle.clone();
    for (i, row) in rows_mut(&mut expected).enumerate() {
        row.fill(zero);
        row[i] = value;
    }
    assert_eq!(all_bits(&filled), all_bits(&expected));
}
