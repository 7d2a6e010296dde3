//! Whatever is written is read, by us and by a general protobuf library, and
//! whatever that library writes we read; in pieces of any size; and any bytes
//! whatsoever are read as the library reads them, or refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod message;

use fastrcf_recordio::{Batch, Decoder, Error, Limits, Matrix, Numbers, Rows, Values, Want};
use message::{
    Bytes, Entry, F32Tensor, F64Tensor, I32Tensor, Kind, Record, Value, entry, framed, named,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use prost::Message;

fn decode(bytes: &[u8], want: Want, pieces: &[usize]) -> Result<Option<Rows>, Error> {
    let mut decoder = Decoder::new(want, Limits::default());
    let mut rest = bytes;
    for &piece in pieces {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        decoder.push(now)?;
        rest = later;
    }
    decoder.push(rest)?;
    decoder.finish()?;
    Ok(decoder.take())
}

fn encode(matrix: Matrix<'_>, labels: Option<Values<'_>>) -> Vec<u8> {
    let batch = Batch::new(matrix, labels).unwrap();
    let mut out = Vec::new();
    batch.append(&mut out);
    assert_eq!(out.len(), batch.len());
    out
}

fn numbers(n: usize) -> impl Strategy<Value = Numbers> {
    prop_oneof![
        prop::collection::vec(any::<f32>(), n).prop_map(Numbers::F32),
        prop::collection::vec(any::<f64>(), n).prop_map(Numbers::F64),
        prop::collection::vec(any::<i32>(), n).prop_map(Numbers::I32),
    ]
}

/// Rows and labels of any kinds.
fn table() -> impl Strategy<Value = (usize, usize, Numbers, Option<Numbers>)> {
    (0..20_usize, 1..40_usize).prop_flat_map(|(n, width)| {
        let labels = prop::option::of(numbers(n));
        (Just(n), Just(width), numbers(n * width), labels)
    })
}

/// The same bits.
fn bits(values: Values<'_>) -> Vec<u64> {
    match values {
        Values::F32(values) => values.iter().map(|x| x.to_bits().into()).collect(),
        Values::F64(values) => values.iter().map(|x| x.to_bits()).collect(),
        Values::I32(values) => values.iter().map(|&x| x as u64).collect(),
    }
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..50_usize, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read((n, width, values, labels) in table(), pieces in pieces()) {
        let matrix = Matrix::Dense { values: values.view(), width };
        let bytes = encode(matrix, labels.as_ref().map(Numbers::view));
        match decode(&bytes, Want::Rows, &pieces).unwrap() {
            None => prop_assert_eq!(n, 0),
            Some(rows) => {
                prop_assert_eq!((rows.n_rows, rows.width), (n, width));
                prop_assert_eq!(bits(rows.values.view()), bits(values.view()));
                prop_assert_eq!(
                    rows.labels.as_ref().map(|labels| bits(labels.view())),
                    labels.as_ref().map(|labels| bits(labels.view()))
                );
            }
        }
    }

    #[test]
    fn what_is_written_is_what_the_library_writes((_, width, values, labels) in table()) {
        let kind = |values: Values<'_>, i: usize, width: usize| match values {
            Values::F32(values) => Kind::F32(F32Tensor {
                values: values[i * width..(i + 1) * width].to_vec(), ..Default::default()
            }),
            Values::F64(values) => Kind::F64(F64Tensor {
                values: values[i * width..(i + 1) * width].to_vec(), ..Default::default()
            }),
            Values::I32(values) => Kind::I32(I32Tensor {
                values: values[i * width..(i + 1) * width].to_vec(), ..Default::default()
            }),
        };
        let records = (0..values.view().len() / width).map(|i| Record {
            features: vec![entry(b"values", kind(values.view(), i, width))],
            label: labels.iter().map(|labels| entry(b"values", kind(labels.view(), i, 1))).collect(),
            ..Default::default()
        }.encode_to_vec());
        let matrix = Matrix::Dense { values: values.view(), width };
        prop_assert_eq!(encode(matrix, labels.as_ref().map(Numbers::view)), framed(records));
    }

    #[test]
    fn sparse_rows(
        (width, rows) in (1..300_usize).prop_flat_map(|width| {
            let row = prop::collection::btree_map(0..width as i64, 1.0..2.0_f64, 0..width.min(9) + 1);
            (Just(width), prop::collection::vec(row, 1..9))
        }),
        pieces in pieces(),
    ) {
        let (mut values, mut columns, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        let mut dense = Vec::new();
        for row in &rows {
            // Backwards: keys come in any order.
            columns.extend(row.keys().rev().copied());
            values.extend(row.values().rev().copied());
            starts.push(values.len() as i64);
            dense.extend((0..width as i64).map(|j| row.get(&j).copied().unwrap_or(0.0)));
        }
        let matrix = Matrix::Sparse {
            values: Values::F64(&values), columns: &columns, starts: &starts, width,
        };
        let bytes = encode(matrix, None);
        let read = decode(&bytes, Want::Rows, &pieces).unwrap().unwrap();
        prop_assert_eq!((read.n_rows, read.width), (rows.len(), width));
        prop_assert_eq!(read.values, Numbers::F64(dense));
        let records = rows.iter().map(|row| Record {
            features: vec![entry(b"values", Kind::F64(F64Tensor {
                values: row.values().rev().copied().collect(),
                keys: row.keys().rev().map(|&key| key as u64).collect(),
                shape: vec![width as u64],
            }))],
            ..Default::default()
        }.encode_to_vec());
        prop_assert_eq!(bytes, framed(records));
    }

    #[test]
    fn scores(scores in prop::collection::vec(any::<f32>(), 1..30), pieces in pieces()) {
        let mut bytes = Vec::new();
        Batch::scores(&scores).unwrap().append(&mut bytes);
        let read = decode(&bytes, Want::Scores, &pieces).unwrap().unwrap();
        prop_assert_eq!(read.n_rows, scores.len());
        prop_assert_eq!(bits(read.labels.unwrap().view()), bits(Values::F32(&scores)));
    }

    /// A record that holds the magic number is split there by other writers.
    #[test]
    fn parts_are_joined(
        uid in prop::collection::vec(prop_oneof![Just(0xCED7_230A_u32), any::<u32>()], 0..9),
        pieces in pieces(),
    ) {
        let record = Record {
            features: vec![entry(b"values", Kind::F32(F32Tensor {
                values: vec![1.0, f32::from_bits(0xCED7_230A), 2.0], ..Default::default()
            }))],
            uid: Some(uid.iter().flat_map(|word| word.to_le_bytes()).collect()),
            ..Default::default()
        };
        let mut message = record.encode_to_vec();
        // The text begins at a multiple of four, so that it is split.
        message.extend(vec![0x2a, 0]);
        let whole = framed([message.clone()]);
        let (mut split, mut start, mut first) = (Vec::new(), 0, true);
        let magic = 0xCED7_230A_u32.to_le_bytes();
        let mut part = |flag: u32, bytes: &[u8]| {
            split.extend(magic);
            split.extend((flag << 29 | bytes.len() as u32).to_le_bytes());
            split.extend(bytes);
            split.resize(split.len().next_multiple_of(4), 0);
        };
        for i in (0..message.len() / 4 * 4).step_by(4) {
            if message[i..i + 4] == magic {
                part(if first { 1 } else { 2 }, &message[start..i]);
                (start, first) = (i + 4, false);
            }
        }
        part(if first { 0 } else { 3 }, &message[start..]);
        let read = decode(&split, Want::Rows, &pieces).unwrap().unwrap();
        let expected = decode(&whole, Want::Rows, &[]).unwrap().unwrap();
        prop_assert_eq!(bits(read.values.view()), bits(expected.values.view()));
    }

    /// Records of the schema in any disorder: names twice, kinds twice, unknown
    /// names, texts. The library says what they mean.
    #[test]
    fn records_mean_what_the_library_says(
        records in prop::collection::vec(record(), 1..4),
        cut in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes: Vec<u8> = records.concat();
        if let Some((place, value)) = cut && !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        means_the_same(&bytes)?;
    }

    #[test]
    fn any_bytes_as_a_message(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        means_the_same(&bytes)?;
    }

    #[test]
    fn any_bytes_as_a_stream(
        bytes in prop::collection::vec(any::<u8>(), 0..200), pieces in pieces(),
    ) {
        let whole = decode(&bytes, Want::Rows, &[]);
        prop_assert_eq!(decode(&bytes, Want::Rows, &pieces), whole);
    }

    /// The error, its place and the rows before it do not depend on the pieces.
    #[test]
    fn a_changed_byte(
        (_, width, values, labels) in table(),
        place in any::<prop::sample::Index>(), value in any::<u8>(), pieces in pieces(),
    ) {
        let matrix = Matrix::Dense { values: values.view(), width };
        let mut bytes = encode(matrix, labels.as_ref().map(Numbers::view));
        prop_assume!(!bytes.is_empty());
        let place = place.index(bytes.len());
        bytes[place] = value;
        let whole = decode(&bytes, Want::Rows, &[]).map(|rows| rows.map(|rows| bits(rows.values.view())));
        let again = decode(&bytes, Want::Rows, &pieces).map(|rows| rows.map(|rows| bits(rows.values.view())));
        prop_assert_eq!(again, whole);
    }
}

/// Pieces of a record's message, put together as they come.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        4 => Just(Some(b"values".to_vec())),
        1 => Just(Some(b"other".to_vec())),
        1 => Just(None),
    ];
    let few = || prop::collection::vec(0..4_u64, 0..4);
    let kind = prop_oneof![
        (prop::collection::vec(any::<f32>(), 0..5), few(), few()).prop_map(
            |(values, keys, shape)| Kind::F32(F32Tensor {
                values,
                keys,
                shape
            })
        ),
        (prop::collection::vec(any::<f64>(), 0..5), few(), few()).prop_map(
            |(values, keys, shape)| Kind::F64(F64Tensor {
                values,
                keys,
                shape
            })
        ),
        (prop::collection::vec(any::<i32>(), 0..5), few(), few()).prop_map(
            |(values, keys, shape)| Kind::I32(I32Tensor {
                values,
                keys,
                shape
            })
        ),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..3).prop_map(|value| {
            Kind::Bytes(Bytes {
                value,
                content_type: Some(b"image".to_vec()),
            })
        }),
    ];
    let value = prop::collection::vec(kind, 0..3).prop_map(|kinds| {
        kinds
            .into_iter()
            .flat_map(|kind| Value { kind: Some(kind) }.encode_to_vec())
            .collect::<Vec<u8>>()
    });
    let map_entry = (name, value, any::<bool>()).prop_map(|(key, value, value_first)| {
        // By hand: a value may be several messages, and stand before its name.
        let key = Entry { key, value: None }.encode_to_vec();
        let mut field = vec![0x12];
        prost::encoding::encode_varint(value.len() as u64, &mut field);
        field.extend(value);
        if value_first {
            field.extend(key);
            field
        } else {
            [key, field].concat()
        }
    });
    let part = prop_oneof![
        (prop_oneof![3 => Just(0x0a_u8), 1 => Just(0x12)], map_entry).prop_map(|(tag, entry)| {
            let mut field = vec![tag];
            prost::encoding::encode_varint(entry.len() as u64, &mut field);
            field.extend(entry);
            field
        }),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|text| Record {
            uid: Some(text.clone()),
            metadata: Some(text),
            ..Default::default()
        }
        .encode_to_vec()),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

/// Whether a message is refused, or holds what the library reads from it.
fn means_the_same(message: &[u8]) -> Result<(), TestCaseError> {
    let ours = decode(&framed([message.to_vec()]), Want::Rows, &[]);
    let Ok(theirs) = Record::decode(message) else {
        prop_assert!(
            ours.is_err(),
            "the library refuses {message:02x?}, but {ours:?}"
        );
        return Ok(());
    };
    let kind = named(&theirs.features, b"values").and_then(|value| value.kind.clone());
    let (values, keys, shape) = match kind {
        Some(Kind::F32(tensor)) => (Numbers::F32(tensor.values), tensor.keys, tensor.shape),
        Some(Kind::F64(tensor)) => (Numbers::F64(tensor.values), tensor.keys, tensor.shape),
        Some(Kind::I32(tensor)) => (Numbers::I32(tensor.values), tensor.keys, tensor.shape),
        Some(Kind::Bytes(_)) | None => {
            prop_assert!(ours.is_err());
            return Ok(());
        }
    };
    let Ok(Some(rows)) = ours else {
        // Refused as a row, which the shape or the label must be the reason of.
        let label = !theirs.label.is_empty();
        let dense = keys.is_empty() && shape.is_empty() && !values.view().is_empty();
        let group = ours.is_err_and(|error| error.to_string().contains("a group of fields"));
        prop_assert!(label || !dense || group, "{message:02x?}");
        return Ok(());
    };
    let read = bits(rows.values.view());
    if keys.is_empty() && !values.view().is_empty() {
        prop_assert_eq!(read, bits(values.view()));
    } else {
        let mut dense = vec![0; shape[0] as usize];
        for (&key, value) in keys.iter().zip(bits(values.view())) {
            dense[key as usize] = value;
        }
        prop_assert_eq!(read, dense);
    }
    let label = named(&theirs.label, b"values").and_then(|value| value.kind.clone());
    let label = match label {
        None => None,
        Some(Kind::F32(tensor)) => Some(bits(Values::F32(&tensor.values))),
        Some(Kind::F64(tensor)) => Some(bits(Values::F64(&tensor.values))),
        Some(Kind::I32(tensor)) => Some(bits(Values::I32(&tensor.values))),
        Some(Kind::Bytes(_)) => return Err(TestCaseError::fail("bytes as a label")),
    };
    prop_assert_eq!(rows.labels.map(|labels| bits(labels.view())), label);
    Ok(())
}
