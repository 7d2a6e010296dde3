//! Bytes of Amazon's own encoder (sagemaker 2.257.7,
//! `sagemaker.amazon.common.write_numpy_to_dense_tensor` and
//! `write_spmatrix_to_sparse_tensor`).

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use fastrcf_recordio::{Batch, Decoder, Limits, Matrix, Numbers, Rows, Values, Want};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn encode(matrix: Matrix<'_>, labels: Option<Values<'_>>) -> Vec<u8> {
    let mut out = Vec::new();
    Batch::new(matrix, labels).unwrap().append(&mut out);
    out
}

fn decode(bytes: &[u8]) -> Rows {
    let mut decoder = Decoder::new(Want::Rows, Limits::default());
    decoder.push(bytes).unwrap();
    decoder.finish().unwrap();
    decoder.take().unwrap()
}

#[test]
fn float32_without_labels() {
    let golden =
        bytes("0a23d7ce 1c000000 0a1a0a0676616c7565731210120e0a0c 0000c03f 000000c0 00005040");
    let values = Values::F32(&[1.5, -2.0, 3.25]);
    assert_eq!(encode(Matrix::Dense { values, width: 3 }, None), golden);
    assert_eq!(
        decode(&golden),
        Rows {
            values: Numbers::F32(vec![1.5, -2.0, 3.25]),
            width: 3,
            labels: None,
            label_width: 0,
            n_rows: 1,
        }
    );
}

#[test]
fn float64_with_a_label() {
    let golden = bytes(
        "0a23d7ce38000000 0a1e0a0676616c75657312141a120a10000000000000f03f0000000000000040 \
         12160a0676616c756573120c1a0a0a08000000000000f03f",
    );
    let values = Values::F64(&[1.0, 2.0]);
    let labels = Values::F64(&[1.0]);
    assert_eq!(
        encode(Matrix::Dense { values, width: 2 }, Some(labels)),
        golden
    );
    let rows = decode(&golden);
    assert_eq!(rows.values.view(), values);
    assert_eq!(rows.labels.unwrap().view(), labels);
}

#[test]
fn integers_with_integer_labels() {
    let golden = bytes(
        "0a23d7ce2e000000 0a1b0a0676616c75657312113a0f0a0d01feffffffffffffffff01ac02 \
         120f0a0676616c75657312053a030a0100 0000 \
         0a23d7ce3a000000 0a1e0a0676616c75657312143a120a1000ffffffff0780808080f8ffffffff01 \
         12180a0676616c756573120e3a0c0a0affffffffffffffffff01 0000",
    );
    let values = Values::I32(&[1, -2, 300, 0, i32::MAX, i32::MIN]);
    let labels = Values::I32(&[0, -1]);
    assert_eq!(
        encode(Matrix::Dense { values, width: 3 }, Some(labels)),
        golden
    );
    let rows = decode(&golden);
    assert_eq!(rows.values.view(), values);
    assert_eq!(rows.labels.unwrap().view(), labels);
}

#[test]
fn float32_rows_with_float32_labels() {
    let golden = bytes(
        "0a23d7ce2c000000 0a160a0676616c756573120c120a0a080000803f00000040 \
         12120a0676616c756573120812060a0400000000 \
         0a23d7ce2c000000 0a160a0676616c756573120c120a0a080000404000008040 \
         12120a0676616c756573120812060a040000803f",
    );
    let values = Values::F32(&[1.0, 2.0, 3.0, 4.0]);
    let labels = Values::F32(&[0.0, 1.0]);
    assert_eq!(
        encode(Matrix::Dense { values, width: 2 }, Some(labels)),
        golden
    );
}

#[test]
fn sparse_rows_one_of_them_empty() {
    let golden = bytes(
        "0a23d7ce2e000000 0a180a0676616c756573120e120c0a040000c03f1201011a0104 \
         12120a0676616c756573120812060a040000803f 0000 \
         0a23d7ce25000000 0a0f0a0676616c756573120512031a0104 \
         12120a0676616c756573120812060a0400000000 000000 \
         0a23d7ce33000000 0a1d0a0676616c756573121312110a0800000040000080bf120200031a0104 \
         12120a0676616c756573120812060a040000803f 00",
    );
    let matrix = Matrix::Sparse {
        values: Values::F32(&[1.5, 2.0, -1.0]),
        columns: &[1, 0, 3],
        starts: &[0, 1, 1, 3],
        width: 4,
    };
    assert_eq!(encode(matrix, Some(Values::F32(&[1.0, 0.0, 1.0]))), golden);
    let dense = [0.0, 1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, -1.0];
    assert_eq!(decode(&golden).values, Numbers::F32(dense.to_vec()));
}

#[test]
fn sparse_float64_with_long_keys() {
    let golden =
        bytes("0a23d7ce20000000 0a1e0a0676616c75657312141a120a080000000000001c401202ac021a02e807");
    let matrix = Matrix::Sparse {
        values: Values::F64(&[7.0]),
        columns: &[300],
        starts: &[0, 1],
        width: 1000,
    };
    assert_eq!(encode(matrix, None), golden);
}

/// An answer of the service: a label "score" and no features.
#[test]
fn scores() {
    let golden = bytes("0a23d7ce13000000 12110a0573636f7265120812060a040000c03f 00");
    let mut out = Vec::new();
    Batch::scores(&[1.5]).unwrap().append(&mut out);
    assert_eq!(out, golden);
}
