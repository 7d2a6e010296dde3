//! Rows of digits a second, beside a decoder that splits lines and leaves numbers to the
//! standard library.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrcf_plain::{Layout, rows};
use std::hint::black_box;

/// Writes a number.
type Write = fn(f64) -> String;

fn simple(text: &str) -> Vec<f64> {
    let cells = text.lines().flat_map(|line| line.split(','));
    cells.map(|cell| cell.parse().unwrap()).collect()
}

fn bench(c: &mut Criterion) {
    let kinds: [(&str, Write); 2] = [
        ("17 digits", |x| format!("{}", f64::from(x as f32))),
        ("4 digits", |x| format!("{x:.4}")),
    ];
    for (name, write) in kinds {
        let row = |i: u32| (0..30).map(move |j| write((f64::from(i * 30 + j) * 0.37).sin()));
        let csv: Vec<String> = (0..1000)
            .map(|i| row(i).collect::<Vec<_>>().join(","))
            .collect();
        let json = format!("[[{}]]", csv.join("],["));
        let csv = csv.join("\n");
        let mut group = c.benchmark_group(format!("1000 rows of 30 columns, {name}"));
        group.throughput(Throughput::Bytes(csv.len() as u64));
        group.bench_function("lines", |b| {
            b.iter(|| rows(black_box(csv.as_bytes()), Layout::Lines))
        });
        group.bench_function("lists", |b| {
            b.iter(|| rows(black_box(json.as_bytes()), Layout::Lists))
        });
        group.bench_function("split and parse", |b| b.iter(|| simple(black_box(&csv))));
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
