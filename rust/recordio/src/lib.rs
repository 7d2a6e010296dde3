//! RecordIO-protobuf, the format in which Amazon SageMaker's built-in
//! algorithms take rows of numbers and give scores.
//!
//! A file is a sequence of frames ([`frame`]), each of which holds one
//! `Record`: a protobuf message of a few known fields ([`schema`]). Rows become
//! bytes with [`Batch`], bytes that come in pieces of any size become rows with
//! [`Decoder`]. Bytes are untrusted: what is malformed is refused with the
//! record's number and the byte's offset, and every length is checked against a
//! limit before memory is taken for it.
//!
//! The messages are written and read by hand. A row of numbers is one block of
//! little-endian floats between bytes that are the same for all rows of a
//! batch; a general protobuf library builds a map, a string and a vector for
//! each instead, which takes many times as long (`cargo bench --package
//! fastrcf-recordio` shows both). The tests hold this crate to such a library.

mod decode;
mod encode;
mod error;
mod frame;
mod record;
mod rows;
mod schema;
mod values;
mod wire;

pub use decode::{Decoder, Limits, Want};
pub use encode::{Batch, Matrix};
pub use error::{Error, Result};
pub use rows::Rows;
pub use values::{Numbers, Values};
