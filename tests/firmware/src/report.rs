//! What programs measure and check with, and lines of text without `core::fmt`, whose floating-point part alone takes 20 KB.

use crate::board;

/// What a line is made of.
pub trait Say {
    /// Writes it.
    fn say(&self);
}

impl Say for &str {
    fn say(&self) {
        board::write(self.as_bytes());
    }
}

impl Say for u64 {
    fn say(&self) {
        let (mut rest, mut digits) = (*self, [b'0'; 20]);
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit += (rest % 10) as u8;
            (rest, length) = (rest / 10, length + 1);
            if rest == 0 {
                break;
            }
        }
        board::write(digits.get(digits.len().saturating_sub(length)..).unwrap_or_default());
    }
}

impl Say for u32 {
    fn say(&self) {
        u64::from(*self).say();
    }
}

impl Say for usize {
    fn say(&self) {
        (*self as u64).say();
    }
}

/// A number's bits, eight hexadecimal digits.
pub struct Bits32(pub u32);

impl Say for Bits32 {
    fn say(&self) {
        for shift in (0..32).step_by(4).rev() {
            let digit = (self.0 >> shift & 15) as u8;
            board::write(&[if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) }]);
        }
    }
}

/// A small figure in units of 10^-9, rounded: what an error is printed in.
pub struct Billionths(pub f64);

impl Say for Billionths {
    fn say(&self) {
        ((self.0 * 1e9 + 0.5) as u64).say();
    }
}

/// Writes a line of words and numbers.
#[macro_export]
macro_rules! say {
    ($($part:expr),* $(,)?) => {{
        $($crate::report::Say::say(&$part);)*
        $crate::board::write(b"\n");
    }};
}

/// Numbers between -1 and 1, the same on every target.
pub fn fill(numbers: &mut [f32], seed: u32) {
    let mut state = seed;
    for x in numbers {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *x = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
    }
}

/// What was checked so far.
#[derive(Default)]
pub struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    /// Notes one, and prints its name where it failed.
    pub fn check(&mut self, name: &str, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            self.failed += 1;
            say!("FAILED ", name);
        }
    }

    /// The same of a figure that has a limit.
    pub fn at_most(&mut self, name: &str, figure: u64, limit: u64) {
        self.check(name, figure <= limit);
        if figure > limit {
            say!("  ", figure, " > ", limit);
        }
    }

    /// Prints how many there were; whether there were any and all of them held.
    pub fn finish(self) -> bool {
        say!("checks ", self.passed, " passed ", self.failed, " failed");
        self.failed == 0 && self.passed > 0
    }
}
