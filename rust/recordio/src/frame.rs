//! Frames: a magic number, a length, the bytes, zeros up to four bytes.
//!
//! The upper three bits of the length tell the parts of a record that was split
//! wherever it held the magic number, which is left out there: 0 a whole
//! record, 1 its first part, 2 a part between, 3 its last. Writers of Amazon's
//! SDK never split, and neither does this crate; readers have to join.
//!
//! Source: `dmlc-core`, `include/dmlc/recordio.h`.

/// The bytes that a frame begins with.
pub(crate) const MAGIC: [u8; 4] = 0xCED7_230A_u32.to_le_bytes();
/// Bytes before the payload.
pub(crate) const HEAD: usize = 8;
/// The longest payload that a length has room for.
pub(crate) const LONGEST: usize = (1 << 29) - 1;

/// What is said where something else is.
pub(crate) const NO_RECORD: &str =
    "no record begins here (with the bytes 0a23d7ce): this is no RecordIO";

/// Which part of a record a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    First,
    Middle,
    Last,
}

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) part: Part,
    /// Bytes of the payload.
    pub(crate) len: usize,
}

impl Head {
    /// Reads it, or says what is wrong.
    pub(crate) fn read(bytes: [u8; HEAD]) -> Result<Head, String> {
        let [a, b, c, d, rest @ ..] = bytes;
        if [a, b, c, d] != MAGIC {
            return Err(NO_RECORD.into());
        }
        let word = u32::from_le_bytes(rest);
        let part = match word >> 29 {
            0 => Part::Whole,
            1 => Part::First,
            2 => Part::Middle,
            3 => Part::Last,
            other => return Err(format!("a record's part is 0 to 3, found {other}")),
        };
        Ok(Head {
            part,
            len: (word & LONGEST as u32) as usize,
        })
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame(self) -> usize {
        HEAD + self.len.next_multiple_of(4)
    }
}
