//! The same messages by a general protobuf library, from their description
//! alone: what the tests agree with.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "tests use what they need, and may panic"
)]

use prost::Message;
use std::collections::BTreeMap;

// Texts are bytes here: the library would refuse what is not UTF-8, and nobody
// reads them.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    #[prost(message, repeated, tag = "1")]
    pub features: Vec<Entry>,
    #[prost(message, repeated, tag = "2")]
    pub label: Vec<Entry>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub uid: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub metadata: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub configuration: Option<Vec<u8>>,
}

/// A map's entry is a message; as one, the order of entries can be chosen.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub key: Option<Vec<u8>>,
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(oneof = "Kind", tags = "2, 3, 7, 9")]
    pub kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Kind {
    #[prost(message, tag = "2")]
    F32(F32Tensor),
    #[prost(message, tag = "3")]
    F64(F64Tensor),
    #[prost(message, tag = "7")]
    I32(I32Tensor),
    #[prost(message, tag = "9")]
    Bytes(Bytes),
}

#[derive(Clone, PartialEq, Message)]
pub struct F32Tensor {
    #[prost(float, repeated, tag = "1")]
    pub values: Vec<f32>,
    #[prost(uint64, repeated, tag = "2")]
    pub keys: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    pub shape: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct F64Tensor {
    #[prost(double, repeated, tag = "1")]
    pub values: Vec<f64>,
    #[prost(uint64, repeated, tag = "2")]
    pub keys: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    pub shape: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct I32Tensor {
    #[prost(int32, repeated, tag = "1")]
    pub values: Vec<i32>,
    #[prost(uint64, repeated, tag = "2")]
    pub keys: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    pub shape: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Bytes {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub value: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub content_type: Option<Vec<u8>>,
}

pub fn entry(key: &[u8], kind: Kind) -> Entry {
    Entry {
        key: Some(key.to_vec()),
        value: Some(Value { kind: Some(kind) }),
    }
}

/// What a map's entries of a name come to: the last one.
pub fn named<'a>(entries: &'a [Entry], name: &[u8]) -> Option<&'a Value> {
    let named = entries
        .iter()
        .rfind(|entry| entry.key.as_deref().unwrap_or_default() == name);
    named?.value.as_ref()
}

/// Puts messages into frames.
pub fn framed(messages: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        out.extend(0xCED7_230A_u32.to_le_bytes());
        out.extend((message.len() as u32).to_le_bytes());
        out.extend(&message);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

/// As one would write rows with the library: a map of values by name.
#[derive(Clone, PartialEq, Message)]
struct Mapped {
    #[prost(btree_map = "string, message", tag = "1")]
    features: BTreeMap<String, Value>,
    #[prost(btree_map = "string, message", tag = "2")]
    label: BTreeMap<String, Value>,
}

pub fn encode_with_prost(values: &[f32], width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for row in values.chunks_exact(width) {
        let tensor = F32Tensor {
            values: row.to_vec(),
            ..Default::default()
        };
        let value = Value {
            kind: Some(Kind::F32(tensor)),
        };
        let record = Mapped {
            features: BTreeMap::from([("values".to_owned(), value)]),
            ..Default::default()
        };
        out.extend(0xCED7_230A_u32.to_le_bytes());
        out.extend((record.encoded_len() as u32).to_le_bytes());
        record.encode(&mut out).unwrap();
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

pub fn rows_with_prost(mut bytes: &[u8]) -> Vec<f32> {
    let mut out = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let record = Mapped::decode(&rest[..len]).unwrap();
        if let Some(Kind::F32(tensor)) = &record.features["values"].kind {
            out.extend_from_slice(&tensor.values);
        }
        bytes = &rest[len.next_multiple_of(4)..];
    }
    out
}
