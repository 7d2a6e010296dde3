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
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits: [u8; 16] = std::array::from_fn(|at| DIGITS[(bits >> (60 - 4 * at)) as usize & 15]);
    out.extend_from_slice(&digits);
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
