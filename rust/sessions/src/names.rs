//! Texts of a column's dictionary, as Arrow lays them out, and identifiers in hex.

use crate::rng::key;

const SIM_ID: u64 = 41;
const DEVICE_ID: u64 = 43;
const SESSION_ID: u64 = 45;

/// Texts one after the other, and where each begins.
#[derive(Debug)]
pub struct Names {
    /// The bytes of all texts.
    pub bytes: Vec<u8>,
    /// Where each text begins, and the end of the last.
    pub offsets: Vec<i32>,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            bytes: Vec::new(),
            offsets: vec![0],
        }
    }
}

impl Names {
    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.close();
    }

    /// Ends the text whose bytes have been added.
    pub fn close(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }
}

/// Writes 16 hex digits.
pub fn hex(bits: u64, out: &mut Vec<u8>) {
    // Each nibble to a byte of its own, the highest first; then nibbles to digits, eight at once.
    let spread = |half: u64| {
        let x = (half | (half << 16)) & 0x0000_ffff_0000_ffff;
        let x = (x | (x << 8)) & 0x00ff_00ff_00ff_00ff;
        let x = (x | (x << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
        let letters = ((x + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
        (x + 0x3030_3030_3030_3030 + letters * 0x27).to_be_bytes()
    };
    out.extend_from_slice(&spread(bits >> 32));
    out.extend_from_slice(&spread(bits & 0xffff_ffff));
}

/// The first half of a SIM's identifier: different for every number.
pub(crate) fn sim_bits(seed: u64, number: u32) -> u64 {
    key(seed, SIM_ID, u64::from(number))
}

/// Writes a SIM's identifier.
pub fn sim_text(seed: u64, number: u32, out: &mut Vec<u8>) {
    hex(sim_bits(seed, number), out);
    hex(key(seed, SIM_ID + 1, u64::from(number)), out);
}

/// Writes the identifier of one of a SIM's devices.
pub(crate) fn device_text(seed: u64, number: u32, device: u8, out: &mut Vec<u8>) {
    let of = (u64::from(number) << 8) | u64::from(device);
    hex(key(seed, DEVICE_ID, of), out);
    hex(key(seed, DEVICE_ID + 1, of), out);
}

/// Writes the identifier of a SIM's session: different for every one.
pub(crate) fn session_text(seed: u64, number: u32, ordinal: u32, out: &mut Vec<u8>) {
    hex(
        key(
            seed,
            SESSION_ID,
            (u64::from(number) << 32) | u64::from(ordinal),
        ),
        out,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_what_the_library_writes() {
        for number in 0..2000_u64 {
            let bits = crate::rng::mix(number);
            let mut out = Vec::new();
            hex(bits, &mut out);
            assert_eq!(out, format!("{bits:016x}").into_bytes());
        }
    }
}
