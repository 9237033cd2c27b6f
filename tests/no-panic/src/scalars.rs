//! The functions of the real types, and with them libm's.

use shampoo_core::scalar::{Real, Stored};

macro_rules! scalars {
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
            <$t as Stored<f32>>::load,
            <$t as Stored<f32>>::store,
            <$t as Stored<f64>>::load,
            <$t as Stored<f64>>::store,
        ] }
    };
}

scalars!(scalars_f32, f32);
scalars!(scalars_f64, f64);
