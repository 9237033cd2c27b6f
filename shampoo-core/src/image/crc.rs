//! CRC-32 as in Ethernet and zip: polynomial 0x04C11DB7, reflected, four bits at a time.
//!
//! It finds every error of up to 32 neighbouring bits, and of others all but one in 2^32. A table of 16 numbers is twice
//! as fast as none and 960 bytes smaller than one of 256. Source: Peterson and Brown 1961, Proc. IRE 49.

/// Remainders of the four bits that are shifted out.
const TABLE: [u32; 16] = [
    0x0000_0000,
    0x1DB7_1064,
    0x3B6E_20C8,
    0x26D9_30AC,
    0x76DC_4190,
    0x6B6B_51F4,
    0x4DB2_6158,
    0x5005_713C,
    0xEDB8_8320,
    0xF00F_9344,
    0xD6D6_A3E8,
    0xCB61_B38C,
    0x9B64_C2B0,
    0x86D3_D2D4,
    0xA00A_E278,
    0xBDBD_F21C,
];

/// A checksum of what has been seen so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crc(u32);

impl Crc {
    pub(super) const fn new() -> Self {
        Self(u32::MAX)
    }

    pub(super) fn see(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 ^= u32::from(byte);
            for _ in 0..2 {
                let remainder = TABLE.get((self.0 & 15) as usize).copied().unwrap_or(0);
                self.0 = self.0 >> 4 ^ remainder;
            }
        }
    }

    pub(super) const fn value(self) -> u32 {
        !self.0
    }

    pub(super) fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::new();
        crc.see(bytes);
        crc.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value() {
        assert_eq!(Crc::of(b"123456789"), 0xCBF4_3926);
        assert_eq!(Crc::of(&[]), 0);
    }

    #[test]
    fn the_table_is_that_of_the_polynomial() {
        for (bits, found) in TABLE.into_iter().enumerate() {
            let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            assert_eq!(found, (0..4).fold(bits as u32, step));
        }
    }
}
