//! What taking input in costs on one thread, beside a plain pass over the same
//! memory: `cargo run --release --example input_bench -- [millions of rows]`.

use fastrcf::{
    Column, ColumnKind, Detector, DetectorBuilder, DetectorConfig, Forest, ForestConfig, Rows,
    Sampling, Scaling,
};
use std::hint::black_box;
use std::time::Instant;

const D: usize = 30;

/// Seconds of the middle one of some runs.
fn median(runs: usize, mut work: impl FnMut() -> fastrcf::Result<()>) -> fastrcf::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[runs / 2])
}

fn config() -> ForestConfig {
    ForestConfig {
        sampling: Sampling::Uniform,
        n_threads: 1,
        ..Default::default()
    }
}

fn tell(what: &str, seconds: f64, values: usize, bytes: usize) {
    println!(
        "{what:42} {:8.4} s {:8.3} ns/value {:7.2} GB/s",
        seconds,
        seconds / values as f64 * 1e9,
        (values * bytes) as f64 / seconds / 1e9
    );
}

fn builder(rows: &Rows<'_>) -> fastrcf::Result<DetectorBuilder> {
    let columns = (0..D).map(|j| (format!("x{j}"), ColumnKind::Number(Scaling::Auto)));
    let config = DetectorConfig {
        n_threads: 1,
        ..Default::default()
    };
    let mut builder = DetectorBuilder::new(config, columns.collect())?;
    builder.add(rows)?;
    Ok(builder)
}

fn inserts(name: &str, rows: &Rows<'_>, bytes: usize) -> fastrcf::Result<()> {
    let n = rows.n_rows();
    let inserted = median(3, || Forest::new(config(), D)?.insert(rows))?;
    tell(&format!("insert, {name}"), inserted, n * D, bytes);
    let some = rows.slice(0..2_000_000);
    let added = median(3, || builder(&some).map(drop))?;
    tell(&format!("builder, {name}"), added, some.n_rows() * D, bytes);
    Ok(())
}

fn questions(detector: &Detector, name: &str, rows: &Rows<'_>) -> fastrcf::Result<()> {
    let Some(first) = detector.forests().next() else {
        return Ok(());
    };
    let one = rows.slice(0..1);
    let seconds = median(20_000, || black_box(detector.score(&one)).map(drop))?;
    println!("detector, one row, {name:22} {:8.3} us", seconds * 1e6);
    let seconds = median(20_000, || black_box(first.score(&one)).map(drop))?;
    println!("forest, one row, {name:24} {:8.3} us", seconds * 1e6);
    let some = rows.slice(0..100_000);
    let seconds = median(3, || black_box(detector.score(&some)).map(drop))?;
    println!("detector, 100,000 rows, {name:17} {:8.4} s", seconds);
    let frozen = first.freeze()?;
    let seconds = median(3, || black_box(frozen.score(&some)).map(drop))?;
    println!("frozen forest, 100,000 rows, {name:12} {:8.4} s", seconds);
    Ok(())
}

fn main() -> fastrcf::Result<()> {
    let millions = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let n = millions.unwrap_or(10) * 1_000_000;
    let mut x = 88172645463325252u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as f32 / (1u32 << 24) as f32
    };
    let single: Vec<f32> = (0..n * D).map(|_| next()).collect();
    let columns: Vec<_> = single
        .chunks_exact(n)
        .map(|values| Column::F32 { values, stride: 1 })
        .collect();
    let pass = median(3, || {
        let lanes = single
            .as_chunks::<64>()
            .0
            .iter()
            .fold([0.0f32; 64], |mut sums, v| {
                (0..64).for_each(|l| sums[l] += v[l]);
                sums
            });
        black_box(lanes);
        Ok(())
    })?;
    tell("plain pass, float32", pass, n * D, 4);
    let matrix = Rows::from_f32(&single, D)?;
    inserts("float32 matrix", &matrix, 4)?;
    inserts("float32 columns", &Rows::from_columns(columns, n)?, 4)?;
    let detector = builder(&matrix.slice(0..100_000))?.finish(&mut || false)?;
    questions(&detector, "float32 matrix", &matrix)?;
    drop(matrix);
    let double: Vec<f64> = single.iter().map(|&v| f64::from(v)).collect();
    drop(single);
    let pass = median(3, || {
        let lanes = double
            .as_chunks::<32>()
            .0
            .iter()
            .fold([0.0f64; 32], |mut sums, v| {
                (0..32).for_each(|l| sums[l] += v[l]);
                sums
            });
        black_box(lanes);
        Ok(())
    })?;
    tell("plain pass, float64", pass, n * D, 8);
    let matrix = Rows::from_f64(&double, D)?;
    inserts("float64 matrix", &matrix, 8)?;
    questions(&detector, "float64 matrix", &matrix)?;
    Ok(())
}
