//! Bytes that are no records, and records that are no rows: refused with their
//! place, without a panic and without memory out of proportion.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod message;

use fastrcf_recordio::{Batch, Decoder, Error, Limits, Matrix, Rows, Values, Want};
use message::{Bytes, Entry, F32Tensor, Kind, Record, Value, entry, framed};
use peak_alloc::PeakAlloc;
use prost::Message;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn decode_as(bytes: &[u8], want: Want) -> Result<Option<Rows>, Error> {
    let mut decoder = Decoder::new(want, Limits::default());
    decoder.push(bytes)?;
    decoder.finish()?;
    Ok(decoder.take())
}

/// The place and the message of the error that bytes give.
fn refused(bytes: &[u8]) -> (u64, u64, String) {
    match decode_as(bytes, Want::Rows) {
        Err(Error::Record {
            record,
            offset,
            message,
        }) => (record, offset, message),
        other => panic!("{other:?}"),
    }
}

/// Two good rows of two columns, 36 bytes each.
fn good() -> Vec<u8> {
    let values = Values::F32(&[1.0, 2.0, 3.0, 4.0]);
    let mut out = Vec::new();
    Batch::new(Matrix::Dense { values, width: 2 }, None)
        .unwrap()
        .append(&mut out);
    out
}

fn features(kind: Kind) -> Vec<u8> {
    Record {
        features: vec![entry(b"values", kind)],
        ..Default::default()
    }
    .encode_to_vec()
}

fn sparse(values: &[f32], keys: &[u64], shape: &[u64]) -> Vec<u8> {
    features(Kind::F32(F32Tensor {
        values: values.to_vec(),
        keys: keys.to_vec(),
        shape: shape.to_vec(),
    }))
}

#[test]
fn frames_are_refused_with_their_place() {
    let good = good();
    let frame = good.len() / 2;
    for n in 1..good.len() {
        let (record, offset, message) = match n {
            n if n == frame => continue,
            n => refused(&good[..n]),
        };
        assert_eq!(record, (n / frame) as u64);
        assert_eq!(offset, n as u64, "{message}");
        assert!(message.contains("the data ends after"), "{message}");
    }
    let mut bytes = good.clone();
    bytes[frame] = b'x';
    let (record, offset, message) = refused(&bytes);
    assert_eq!((record, offset), (1, frame as u64));
    assert!(message.contains("no record begins here"), "{message}");
    // Text is told from RecordIO by its first bytes.
    assert!(refused(b"1,2").2.contains("this is no RecordIO"));
    for part in 4..8_u8 {
        let mut bytes = good.clone();
        bytes[7] |= part << 5;
        assert!(refused(&bytes).2.contains("part is 0 to 3"));
    }
    for part in [2_u8, 3] {
        let mut bytes = good.clone();
        bytes[7] |= part << 5;
        assert!(refused(&bytes).2.contains("without its first part"));
    }
    let mut bytes = good.clone();
    bytes[7] |= 1 << 5;
    assert!(refused(&bytes).2.contains("before the last part"));
    assert!(refused(&bytes[..frame]).2.contains("between the parts"));
}

#[test]
fn lengths_take_no_memory() {
    // A frame that says it has 512 MB less a byte, or as much in parts.
    let mut long = good();
    long.extend([0x0a, 0x23, 0xd7, 0xce, 0xff, 0xff, 0xff, 0x1f]);
    let before = MEMORY.current_usage();
    let mut decoder = Decoder::new(Want::Rows, Limits::default());
    let error = decoder.push(&long).unwrap_err();
    assert!(error.to_string().contains("record 2, byte "), "{error}");
    assert!(
        error.to_string().contains("beyond the limit of 4194304"),
        "{error}"
    );
    assert!(MEMORY.current_usage() < before + 64 * 1024);
    // The error stays, and the rows before it are there.
    assert_eq!(decoder.push(&good()).unwrap_err(), error);
    assert_eq!(decoder.finish().unwrap_err(), error);
    assert_eq!(decoder.take().unwrap().n_rows, 2);

    let mut decoder = Decoder::new(Want::Rows, Limits::default());
    let mut part = vec![0x0a, 0x23, 0xd7, 0xce, 0, 0, 0x10, 0x20];
    part.resize(8 + (1 << 20), 0);
    decoder.push(&part).unwrap();
    part[7] = 0x40;
    for _ in 0..2 {
        decoder.push(&part).unwrap();
    }
    let error = decoder.push(&part).unwrap_err();
    assert!(error.to_string().contains("beyond the limit"), "{error}");

    // Few bytes that stand for many zeros.
    let mut decoder = Decoder::new(
        Want::Rows,
        Limits {
            max_zeros: 100_000,
            ..Limits::default()
        },
    );
    let row = framed([sparse(&[], &[], &[10_000])]);
    for _ in 0..10 {
        decoder.push(&row).unwrap();
    }
    assert!(
        decoder
            .push(&row)
            .unwrap_err()
            .to_string()
            .contains("100000 zeros")
    );
    assert!(
        refused(&framed([sparse(&[1.0], &[0], &[1 << 60])]))
            .2
            .contains("limit of 10000")
    );
    let wide = vec![0.0; 10_001];
    assert!(
        refused(&framed([sparse(&wide, &[], &[])]))
            .2
            .contains("limit of 10000")
    );
}

#[test]
fn messages_are_refused_at_the_byte() {
    for (message, at, words) in [
        (vec![0x80], 0, "cut off"),
        (vec![0xff; 11], 0, "more than 64 bits"),
        (vec![0x0a, 0x05, 0x00], 1, "a field of 5 bytes, of which 1"),
        (vec![0x1a, 0x00, 0x02, 0x00], 2, "no field can have"),
        (vec![0x0b, 0x0c], 0, "a group of fields"),
        (vec![0x0f, 0x00], 0, "unknown kind"),
        (vec![0x08, 0x01], 1, "no message"),
        (vec![0x09, 0x01, 0x02], 1, "no message"),
        // features { "values": { float32_tensor { values: 3 bytes } } }
        (
            b"\x0a\x11\x0a\x06values\x12\x07\x12\x05\x0a\x03abc".to_vec(),
            16,
            "3 bytes of values, no multiple of 4",
        ),
    ] {
        let mut bytes = good();
        let before = bytes.len() as u64;
        bytes.extend(framed([message]));
        let (record, offset, found) = refused(&bytes);
        assert!(found.contains(words), "{found}");
        assert_eq!(record, 2, "{found}");
        assert_eq!(offset, before + 8 + at, "{found}");
    }
}

#[test]
fn records_that_are_no_rows() {
    let nothing = Entry {
        key: Some(b"values".to_vec()),
        value: Some(Value { kind: None }),
    };
    let none = Record {
        features: vec![nothing],
        ..Default::default()
    };
    let labelled = |label: Vec<f32>, keys: Vec<u64>| {
        Record {
            features: vec![entry(
                b"values",
                Kind::F32(F32Tensor {
                    values: vec![5.0, 6.0],
                    ..Default::default()
                }),
            )],
            label: vec![entry(
                b"values",
                Kind::F32(F32Tensor {
                    values: label,
                    keys,
                    ..Default::default()
                }),
            )],
            ..Default::default()
        }
        .encode_to_vec()
    };
    for (message, words) in [
        (Vec::new(), "no features of the name"),
        (none.encode_to_vec(), "no tensor"),
        (
            features(Kind::Bytes(Bytes::default())),
            "bytes and no numbers",
        ),
        (sparse(&[], &[], &[]), "no values"),
        (sparse(&[], &[], &[0]), "no features"),
        (sparse(&[1.0], &[0], &[]), "without a shape"),
        (sparse(&[1.0], &[0, 1], &[2]), "1 values with 2 keys"),
        (sparse(&[1.0], &[2], &[2]), "key 2 in a row of 2"),
        (
            sparse(&[1.0], &[u64::MAX], &[2]),
            "key 18446744073709551615",
        ),
        (sparse(&[1.0, 2.0], &[1, 1], &[2]), "key 1 comes twice"),
        (sparse(&[1.0], &[0], &[2, 2]), "2 dimensions"),
        (sparse(&[1.0, 2.0], &[], &[3]), "2 values in a shape of [3]"),
        (
            sparse(&[1.0, 2.0, 3.0], &[], &[]),
            "3 features, where the records before have 2",
        ),
        (
            labelled(vec![1.0], vec![]),
            "1 labels, where the records before have 0",
        ),
        (labelled(vec![], vec![]), "a label without a value"),
        (labelled(vec![1.0], vec![0]), "a sparse label"),
    ] {
        let mut bytes = good();
        let before = bytes.len() as u64;
        bytes.extend(framed([message]));
        let (record, offset, found) = refused(&bytes);
        assert!(found.contains(words), "{found}");
        assert_eq!((record, offset), (2, before), "{found}");
        // The rows before it are whole.
        let mut decoder = Decoder::new(Want::Rows, Limits::default());
        decoder.push(&bytes).unwrap_err();
        let rows = decoder.take().unwrap();
        assert_eq!((rows.n_rows, rows.values.view().len()), (2, 4));
    }
    let error = decode_as(&good(), Want::Scores).unwrap_err();
    assert!(error.to_string().contains("no label of the name \"score\""));
}

#[test]
fn rows_that_are_no_records() {
    let dense = |values, width| Matrix::Dense { values, width };
    let four = Values::F32(&[1.0, 2.0, 3.0, 4.0]);
    let sparse = |columns, starts| Matrix::Sparse {
        values: Values::F32(&[1.0, 2.0]),
        columns,
        starts,
        width: 3,
    };
    for (matrix, labels, words) in [
        (dense(four, 0), None, "no columns"),
        (dense(four, 3), None, "4 values are no rows of 3"),
        (
            dense(four, 2),
            Some(Values::I32(&[1])),
            "1 labels for 2 rows",
        ),
        (
            sparse(&[0, 3], &[0, 1, 2]),
            None,
            "row 1: column 3 is not one of 3",
        ),
        (sparse(&[-1, 2], &[0, 1, 2]), None, "row 0: column -1"),
        (
            sparse(&[2, 2], &[0, 0, 2]),
            None,
            "row 1: column 2 has two values",
        ),
        (sparse(&[0, 1], &[0, 1]), None, "starts"),
        (sparse(&[0, 1], &[]), None, "starts"),
        (sparse(&[0, 1], &[0, 3, 2]), None, "starts"),
        (sparse(&[0], &[0, 2]), None, "starts"),
    ] {
        let error = Batch::new(matrix, labels).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
