//! Little-endian numbers, written and read with every length checked before
//! anything is allocated.

use crate::error::{Error, Result};

/// Bytes that a number takes where its greatest value is known.
#[derive(Clone, Copy)]
pub(crate) enum Width {
    One,
    Two,
    Four,
}

impl Width {
    /// For numbers below `n`. The greatest number of a width is none of them:
    /// it stands for what cannot be written, and readers refuse it.
    pub(crate) fn below(n: usize) -> Width {
        match n {
            0..=0xff => Width::One,
            0x100..=0xffff => Width::Two,
            _ => Width::Four,
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Width::One => 1,
            Width::Two => 2,
            Width::Four => 4,
        }
    }
}

/// A section being written.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

macro_rules! put {
    ($($name:ident: $t:ty, $many:ident);* $(;)?) => {$(
        pub(crate) fn $name(&mut self, value: $t) {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }

        #[allow(dead_code, reason = "not every type occurs in arrays")]
        pub(crate) fn $many(&mut self, values: &[$t]) {
            self.bytes.reserve(size_of_val(values));
            values.iter().for_each(|&value| self.$name(value));
        }
    )*};
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Writer {
        Writer {
            bytes: Vec::with_capacity(bytes),
        }
    }

    put! {
        u32: u32, u32s;
        u64: u64, u64s;
        i64: i64, i64s;
        f32: f32, f32s;
        f64: f64, f64s;
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Numbers of a width; its greatest in place of a greater one.
    #[inline]
    pub(crate) fn numbers(&mut self, width: Width, values: impl Iterator<Item = u32>) {
        match width {
            Width::One => self.bytes.extend(values.map(|value| value.min(0xff) as u8)),
            Width::Two => {
                values.for_each(|value| self.bytes(&(value.min(0xffff) as u16).to_le_bytes()))
            }
            Width::Four => values.for_each(|value| self.u32(value)),
        }
    }

    /// UTF-8 with its length in bytes before it.
    pub(crate) fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.bytes(text.as_bytes());
    }
}

/// A section being read.
pub(crate) struct Reader<'a> {
    name: &'static str,
    rest: &'a [u8],
}

macro_rules! get {
    ($($name:ident: $t:ty, $many:ident);* $(;)?) => {$(
        #[allow(dead_code, reason = "not every type occurs alone")]
        pub(crate) fn $name(&mut self) -> Result<$t> {
            self.array().map(<$t>::from_le_bytes)
        }

        /// The next `n` numbers.
        #[allow(dead_code, reason = "not every type occurs in arrays")]
        pub(crate) fn $many(&mut self, n: usize) -> Result<Vec<$t>> {
            const SIZE: usize = size_of::<$t>();
            let bytes = self.bytes(n.saturating_mul(SIZE))?;
            let values = bytes.as_chunks::<SIZE>().0;
            Ok(values.iter().map(|&value| <$t>::from_le_bytes(value)).collect())
        }
    )*};
}

impl<'a> Reader<'a> {
    pub(crate) fn new(name: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { name, rest: bytes }
    }

    fn short(&self) -> Error {
        Error::file(format!("{} ends too early", self.name))
    }

    /// Bytes that are left.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(n).ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.short())?;
        self.rest = rest;
        Ok(*bytes)
    }

    get! {
        u32: u32, u32s;
        u64: u64, u64s;
        i64: i64, i64s;
        f32: f32, f32s;
        f64: f64, f64s;
    }

    /// The next `n` numbers of a width.
    pub(crate) fn numbers(&mut self, width: Width, n: usize) -> Result<Vec<u32>> {
        let bytes = self.bytes(n.saturating_mul(width.bytes()))?;
        Ok(match width {
            Width::One => bytes.iter().map(|&byte| byte.into()).collect(),
            Width::Two => {
                let values = bytes.as_chunks().0;
                let values = values.iter().map(|&value| u16::from_le_bytes(value));
                values.map(u32::from).collect()
            }
            Width::Four => {
                let values = bytes.as_chunks().0;
                values
                    .iter()
                    .map(|&value| u32::from_le_bytes(value))
                    .collect()
            }
        })
    }

    /// A number that counts things in memory.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let value = self.u64()?;
        usize::try_from(value).map_err(|_| self.error(format!("{value} is too large")))
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        let n = self.u32()? as usize;
        let bytes = self.bytes(n)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.error("text that is not UTF-8"))?;
        Ok(text.to_owned())
    }

    /// That nothing is left.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(self.error(format!("{} bytes too many", self.rest.len()))),
        }
    }

    pub(crate) fn error(&self, message: impl AsRef<str>) -> Error {
        Error::file(format!("section {}: {}", self.name, message.as_ref()))
    }
}
