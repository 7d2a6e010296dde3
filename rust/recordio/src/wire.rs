//! Protobuf's wire format: tags, variable-length integers, lengths.

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Varint,
    Eight,
    Bytes,
    Four,
}

/// The tag of a field that has a length and bytes. All fields of the format
/// have numbers below 16, whose tags are one byte.
pub(crate) const fn tag(field: u32) -> u8 {
    (field << 3 | 2) as u8
}

/// Bytes that a variable-length integer takes.
pub(crate) const fn varint_len(value: u64) -> usize {
    // Seven bits a byte, and one byte for zero.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes that an integer of a tensor takes: negative ones are written as 64 bits.
pub(crate) fn int_len(value: i32) -> usize {
    varint_len(i64::from(value) as u64)
}

/// Bytes of a field with a length before it, its tag included.
pub(crate) const fn field_len(bytes: usize) -> usize {
    1 + varint_len(bytes as u64) + bytes
}

/// Writes into bytes of exactly the right number.
pub(crate) struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Writer<'a> {
        Writer { rest: bytes }
    }

    /// The next bytes, to be written by the caller.
    pub(crate) fn take(&mut self, n: usize) -> &'a mut [u8] {
        let (taken, rest) = std::mem::take(&mut self.rest).split_at_mut(n);
        self.rest = rest;
        taken
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.take(bytes.len()).copy_from_slice(bytes);
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// The tag and the length of a field.
    pub(crate) fn field(&mut self, field: u32, len: usize) {
        self.byte(tag(field));
        self.varint(len as u64);
    }

    /// Bytes that are still to be written.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
}

/// What is wrong, and how many bytes before the end of the message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) message: String,
    /// Bytes of the record that lie behind.
    pub(crate) left: usize,
}

/// Reads a message, or a message within a message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Bytes of the record behind the end of this message.
    behind: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Reader<'a> {
        Reader {
            rest: message,
            behind: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn malformed(&self, message: impl Into<String>) -> Malformed {
        Malformed {
            message: message.into(),
            left: self.rest.len() + self.behind,
        }
    }

    /// All bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.malformed("a number is cut off")),
        }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if i == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err(self.malformed(match self.rest.len() {
            0..10 => "an integer is cut off",
            _ => "an integer has more than 64 bits",
        }))
    }

    /// The next field's number and how it is written.
    pub(crate) fn tag(&mut self) -> Result<(u32, Wire), Malformed> {
        let before = *self;
        let tag = self.varint()?;
        let field = u32::try_from(tag >> 3).unwrap_or(u32::MAX);
        if field == 0 || field >= 1 << 29 {
            return Err(before.malformed("a field has a number that no field can have"));
        }
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Eight,
            2 => Wire::Bytes,
            5 => Wire::Four,
            3 | 4 => return Err(before.malformed("a group of fields, which no record has")),
            _ => return Err(before.malformed("a field of an unknown kind")),
        };
        Ok((field, wire))
    }

    /// The message of a field.
    pub(crate) fn message(&mut self) -> Result<Reader<'a>, Malformed> {
        let before = *self;
        let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            return Err(before.malformed(format!(
                "a field of {len} bytes, of which {} are there",
                self.rest.len()
            )));
        };
        self.rest = rest;
        Ok(Reader {
            rest: bytes,
            behind: rest.len() + self.behind,
        })
    }

    /// Passes over a field's content.
    pub(crate) fn skip(&mut self, wire: Wire) -> Result<(), Malformed> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Eight => self.array::<8>().map(drop),
            Wire::Bytes => self.message().map(drop),
            Wire::Four => self.array::<4>().map(drop),
        }
    }
}
