//! One record's message.

use crate::schema::{
    BYTES, ENTRY_KEY, ENTRY_VALUE, FEATURES, FLOAT32, FLOAT64, INT32, KEYS, LABEL, SHAPE, VALUES,
};
use crate::values::Values;
use crate::wire::{Malformed, Reader, Wire};

type Result<T> = std::result::Result<T, Malformed>;

/// What a value of a map holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Nothing,
    F32,
    F64,
    I32,
    Bytes,
}

/// A value of a map; its memory is used again for the next record.
#[derive(Debug, Default)]
pub(crate) struct Tensor {
    pub(crate) kind: Kind,
    f32s: Vec<f32>,
    f64s: Vec<f64>,
    i32s: Vec<i32>,
    pub(crate) keys: Vec<u64>,
    pub(crate) shape: Vec<u64>,
}

impl Tensor {
    pub(crate) fn values(&self) -> Values<'_> {
        match self.kind {
            Kind::F64 => Values::F64(&self.f64s),
            Kind::I32 => Values::I32(&self.i32s),
            _ => Values::F32(&self.f32s),
        }
    }

    /// Empties it, for a value of another kind.
    fn begin(&mut self, kind: Kind) {
        self.kind = kind;
        self.f32s.clear();
        self.f64s.clear();
        self.i32s.clear();
        self.keys.clear();
        self.shape.clear();
    }

    /// Reads a value. Of several kinds the last one holds, and messages of the
    /// same kind are one, as protobuf has it.
    fn read(&mut self, mut value: Reader<'_>) -> Result<()> {
        while !value.is_empty() {
            let (field, wire) = value.tag()?;
            let kind = match (field, wire) {
                (FLOAT32, Wire::Bytes) => Kind::F32,
                (FLOAT64, Wire::Bytes) => Kind::F64,
                (INT32, Wire::Bytes) => Kind::I32,
                (BYTES, Wire::Bytes) => Kind::Bytes,
                (FLOAT32 | FLOAT64 | INT32 | BYTES, _) => {
                    return Err(value.malformed("a value that is no message"));
                }
                _ => {
                    value.skip(wire)?;
                    continue;
                }
            };
            if kind != self.kind {
                self.begin(kind);
            }
            let tensor = value.message()?;
            match kind {
                Kind::Bytes => skip_all(tensor)?,
                _ => self.read_tensor(tensor)?,
            }
        }
        Ok(())
    }

    fn read_tensor(&mut self, mut tensor: Reader<'_>) -> Result<()> {
        while !tensor.is_empty() {
            let (field, wire) = tensor.tag()?;
            match field {
                VALUES => match self.kind {
                    Kind::F32 => floats(&mut tensor, wire, Wire::Four, &mut self.f32s, |bytes| {
                        f32::from_le_bytes(bytes)
                    })?,
                    Kind::F64 => floats(&mut tensor, wire, Wire::Eight, &mut self.f64s, |bytes| {
                        f64::from_le_bytes(bytes)
                    })?,
                    // As protobuf has it, the lower half of what is written.
                    _ => integers(&mut tensor, wire, &mut self.i32s, |value| value as i32)?,
                },
                KEYS => integers(&mut tensor, wire, &mut self.keys, |value| value)?,
                SHAPE => integers(&mut tensor, wire, &mut self.shape, |value| value)?,
                _ => tensor.skip(wire)?,
            }
        }
        Ok(())
    }
}

/// Numbers of a fixed length: in one block, or each with a tag.
fn floats<T, const N: usize>(
    from: &mut Reader<'_>,
    wire: Wire,
    single: Wire,
    to: &mut Vec<T>,
    value: impl Fn([u8; N]) -> T,
) -> Result<()> {
    if wire == single {
        to.push(value(from.array()?));
        return Ok(());
    }
    if wire != Wire::Bytes {
        return Err(from.malformed("values that are no numbers of the tensor's kind"));
    }
    let packed = from.message()?;
    let (values, rest) = packed.rest().as_chunks::<N>();
    if !rest.is_empty() {
        return Err(packed.malformed(format!(
            "{} bytes of values, no multiple of {N}",
            packed.rest().len()
        )));
    }
    to.extend(values.iter().map(|&bytes| value(bytes)));
    Ok(())
}

/// Numbers of any length: in one block, or each with a tag.
fn integers<T>(
    from: &mut Reader<'_>,
    wire: Wire,
    to: &mut Vec<T>,
    value: impl Fn(u64) -> T,
) -> Result<()> {
    match wire {
        Wire::Varint => to.push(value(from.varint()?)),
        Wire::Bytes => {
            let mut packed = from.message()?;
            while !packed.is_empty() {
                to.push(value(packed.varint()?));
            }
        }
        _ => return Err(from.malformed("integers that are none")),
    }
    Ok(())
}

fn skip_all(mut message: Reader<'_>) -> Result<()> {
    while !message.is_empty() {
        let (_, wire) = message.tag()?;
        message.skip(wire)?;
    }
    Ok(())
}

/// A record; its memory is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) features: Tensor,
    pub(crate) label: Tensor,
    /// Whether the maps have the names asked for.
    pub(crate) has_features: bool,
    pub(crate) has_label: bool,
    /// Values under other names, which are read and forgotten.
    other: Tensor,
}

impl Record {
    /// Reads a message: the feature and the label of these names. Whatever else
    /// it holds (uid, metadata, configuration, other names) is passed over.
    pub(crate) fn read(&mut self, message: &[u8], feature: &[u8], label: &[u8]) -> Result<()> {
        self.has_features = false;
        self.has_label = false;
        let mut message = Reader::new(message);
        while !message.is_empty() {
            let (field, wire) = message.tag()?;
            match (field, wire) {
                (FEATURES | LABEL, Wire::Bytes) => {
                    let entry = message.message()?;
                    let (tensor, has, name) = match field {
                        FEATURES => (&mut self.features, &mut self.has_features, feature),
                        _ => (&mut self.label, &mut self.has_label, label),
                    };
                    if key(entry)? == name {
                        *has = true;
                        read_entry(entry, tensor)?;
                    } else {
                        read_entry(entry, &mut self.other)?;
                    }
                }
                (FEATURES | LABEL, _) => {
                    return Err(message.malformed("features or a label that are no message"));
                }
                _ => message.skip(wire)?,
            }
        }
        Ok(())
    }
}

/// The name of a map's entry, which may stand behind its value.
fn key(mut entry: Reader<'_>) -> Result<&[u8]> {
    let mut key: &[u8] = b"";
    while !entry.is_empty() {
        let (field, wire) = entry.tag()?;
        match (field, wire) {
            (ENTRY_KEY, Wire::Bytes) => key = entry.message()?.rest(),
            (ENTRY_KEY, _) => return Err(entry.malformed("a name that is no text")),
            _ => entry.skip(wire)?,
        }
    }
    Ok(key)
}

/// The value of a map's entry; of two entries of a name the last one holds.
fn read_entry(mut entry: Reader<'_>, to: &mut Tensor) -> Result<()> {
    to.begin(Kind::Nothing);
    while !entry.is_empty() {
        let (field, wire) = entry.tag()?;
        match (field, wire) {
            (ENTRY_VALUE, Wire::Bytes) => to.read(entry.message()?)?,
            (ENTRY_VALUE, _) => return Err(entry.malformed("a value that is no message")),
            _ => entry.skip(wire)?,
        }
    }
    Ok(())
}
