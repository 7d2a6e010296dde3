//! Bytes of rows per second and core, beside a general protobuf library:
//! `cargo bench --package fastrcf-recordio` (a name behind `--` picks some).
//!
//! Rates are of the rows' own bytes, without what the format adds.

#[path = "../tests/message/mod.rs"]
mod message;

use criterion::{BenchmarkId, Criterion, Throughput};
use fastrcf_recordio::{Batch, Decoder, Limits, Matrix, Values, Want};
use message::{encode_with_prost, rows_with_prost};
use std::hint::black_box;
use std::time::Duration;

const ROWS: usize = 100_000;

fn encode(out: &mut Vec<u8>, values: &[f32], width: usize, labels: Option<Values<'_>>) {
    let values = Values::F32(values);
    let batch = Batch::new(Matrix::Dense { values, width }, labels);
    assert!(batch.is_ok(), "{batch:?}");
    if let Ok(batch) = batch {
        batch.append(out);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for width in [8, 30, 100] {
        let mut group = criterion.benchmark_group(format!("{ROWS} float32 rows of {width}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .throughput(Throughput::Bytes((ROWS * width * 4) as u64));
        let values: Vec<f32> = (0..ROWS * width).map(|i| (i as f32).sin()).collect();
        let labels = vec![1.0_f32; ROWS];
        // Into memory that has been written to before, as a stream's buffer has.
        let mut kept = Vec::new();
        group.bench_function(BenchmarkId::from_parameter("encode"), |b| {
            b.iter(|| {
                kept.clear();
                encode(&mut kept, black_box(&values), width, None);
            });
        });
        group.bench_function(BenchmarkId::from_parameter("encode with labels"), |b| {
            b.iter(|| {
                kept.clear();
                encode(
                    &mut kept,
                    black_box(&values),
                    width,
                    Some(Values::F32(&labels)),
                );
            });
        });
        // The operating system gives fresh memory page by page.
        group.bench_function(BenchmarkId::from_parameter("encode, fresh memory"), |b| {
            b.iter(|| {
                let mut fresh = Vec::new();
                encode(&mut fresh, black_box(&values), width, None);
                black_box(fresh).len()
            });
        });
        group.bench_function(BenchmarkId::from_parameter("encode, prost"), |b| {
            b.iter(|| encode_with_prost(black_box(&values), width).len());
        });
        let bytes = encode_with_prost(&values, width);
        group.bench_function(BenchmarkId::from_parameter("decode"), |b| {
            b.iter(|| {
                let mut decoder = Decoder::new(Want::Rows, Limits::default());
                let done = decoder.push(black_box(&bytes));
                assert!(done.is_ok(), "{done:?}");
                decoder.take().map(|rows| rows.n_rows)
            });
        });
        group.bench_function(BenchmarkId::from_parameter("decode, prost"), |b| {
            b.iter(|| rows_with_prost(black_box(&bytes)).len());
        });
        group.finish();
    }
    criterion.final_summary();
}
