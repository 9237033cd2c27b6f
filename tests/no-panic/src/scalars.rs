//! The functions of the real types, and with them libm's; loads and stores of what numbers are kept as.

use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};

entries! { words: [DoubleF32::from_sum, DoubleF32::words] }

macro_rules! reals {
    ($name:ident, $t:ty) => {
        entries! { $name: [
            <$t as Real>::from_f64,
            <$t as Real>::to_f64,
            <$t as Real>::abs,
            <$t as Real>::sqrt,
            <$t as Real>::powf,
            <$t as Real>::ldexp,
            <$t as Real>::exponent,
            <$t as Real>::is_finite,
            <$t as Real>::maximum,
            <$t as Real>::minimum,
            <$t as Real>::from_count,
        ] }
    };
}

reals!(reals_f32, f32);
reals!(reals_f64, f64);
reals!(reals_double_f32, DoubleF32);

macro_rules! stored {
    ($name:ident, $kept:ty) => {
        entries! { $name: [
            <$kept as Stored<f32>>::load,
            <$kept as Stored<f32>>::store,
            <$kept as Stored<f64>>::load,
            <$kept as Stored<f64>>::store,
            <$kept as Stored<DoubleF32>>::load,
            <$kept as Stored<DoubleF32>>::store,
        ] }
    };
}

stored!(stored_f32, f32);
stored!(stored_f64, f64);
stored!(stored_bf16, Bf16);
stored!(stored_bf16x2, Bf16x2);
stored!(stored_bf16x3, Bf16x3);
