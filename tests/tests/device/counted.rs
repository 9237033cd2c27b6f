//! `f64` that counts what is done with it, with the weights of `Job::next_flops`.

use core::cell::Cell;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use num_traits::{One, Zero};
use shampoo_core::scalar::{Plain, Real, Stored};

std::thread_local! {
    static FLOPS: Cell<u64> = const { Cell::new(0) };
}

/// Flops of this thread so far.
pub(crate) fn flops() -> u64 {
    FLOPS.get()
}

fn spend(flops: u64) {
    FLOPS.set(FLOPS.get() + flops);
}

#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(crate) struct Counted(f64);

macro_rules! operations {
    ($($operation:ident $function:ident, $assign:ident $in_place:ident, $flops:literal;)*) => {$(
        impl $operation for Counted {
            type Output = Self;
            fn $function(self, other: Self) -> Self {
                spend($flops);
                Self($operation::$function(self.0, other.0))
            }
        }
        impl $assign for Counted {
            fn $in_place(&mut self, other: Self) {
                *self = $operation::$function(*self, other);
            }
        }
    )*};
}

operations! {
    Add add, AddAssign add_assign, 1;
    Sub sub, SubAssign sub_assign, 1;
    Mul mul, MulAssign mul_assign, 1;
    Div div, DivAssign div_assign, 8;
}

impl Neg for Counted {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Zero for Counted {
    fn zero() -> Self {
        Self(0.0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0.0
    }
}

impl One for Counted {
    fn one() -> Self {
        Self(1.0)
    }
}

const ZERO: Counted = Counted(0.0);
const ONE: Counted = Counted(1.0);

impl Real for Counted {
    const UNIT_ROUNDOFF: Self = Self(<f64 as Real>::UNIT_ROUNDOFF);
    const MAX: Self = Self(f64::MAX);
    const MIN_POSITIVE: Self = Self(f64::MIN_POSITIVE);
    const SAFE_SQUARE: Self = Self(<f64 as Real>::SAFE_SQUARE);
    type Transform = Plain;
    const STEP: &'static [Self; 16] =
        &[ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO];
    const PULSE: &'static [Self; 16] =
        &[ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ONE, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO];

    fn from_f64(x: f64) -> Self {
        Self(x)
    }
    fn to_f64(self) -> f64 {
        self.0
    }
    fn abs(self) -> Self {
        Self(self.0.abs())
    }
    fn sqrt(self) -> Self {
        spend(8);
        Self(Real::sqrt(self.0))
    }
    fn powf(self, y: Self) -> Self {
        spend(64);
        Self(Real::powf(self.0, y.0))
    }
    fn ldexp(self, k: i32) -> Self {
        spend(1);
        Self(Real::ldexp(self.0, k))
    }
    fn exponent(self) -> i32 {
        self.0.exponent()
    }
    fn is_finite(self) -> bool {
        self.0.is_finite()
    }
}

impl Stored<Counted> for Counted {
    const LARGEST: f64 = f64::MAX;
    const SMALLEST: f64 = f64::MIN_POSITIVE;
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;
    fn load(self) -> Self {
        self
    }
    fn store(x: Self) -> Self {
        x
    }
}
