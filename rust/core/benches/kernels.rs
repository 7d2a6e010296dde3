//! Time per call of the engine's kernels, through what users call:
//! `cargo bench --package fastrcf` (a name behind `--` picks some of them).
//!
//! One thread, 100 trees of 256 rows. Thresholds are those of a detector on a stream. The frozen forest takes other ways for
//! few and for many rows, hence the batch sizes; peers are in `benches/` of the
//! project.

mod mixture;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use fastrcf::{
    Budget, ColumnKind, DetectorBuilder, DetectorConfig, Forest, ForestConfig, Result, Rows,
    Sampling, Scaling,
};
use mixture::mixture;
use std::hint::black_box;
use std::time::Duration;

const WIDTHS: [usize; 2] = [8, 30];
const BATCHES: [usize; 6] = [1, 8, 64, 512, 4096, 65_536];
/// Rows of a stream that one sample takes in.
const STREAM: usize = 1024;

/// A forest in its steady state.
fn forest(width: usize) -> Result<Forest> {
    let config = ForestConfig {
        seed: 7,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, width)?;
    forest.insert(&Rows::from_f32(&mixture(20_000, width, 1), width)?)?;
    Ok(forest)
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

fn frozen_score(criterion: &mut Criterion) -> Result<()> {
    let mut group = group(criterion, "frozen score");
    for width in WIDTHS {
        let frozen = forest(width)?.freeze()?;
        let values = mixture(65_536, width, 2);
        let rows = Rows::from_f32(&values, width)?;
        for batch in BATCHES {
            let rows = rows.slice(0..batch);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::new(format!("d={width}"), batch), |bencher| {
                bencher.iter(|| frozen.score(black_box(&rows)));
            });
        }
    }
    group.finish();
    Ok(())
}

fn attribution(criterion: &mut Criterion) -> Result<()> {
    let mut group = group(criterion, "attribution");
    for width in WIDTHS {
        let frozen = forest(width)?.freeze()?;
        let values = mixture(512, width, 2);
        let rows = Rows::from_f32(&values, width)?;
        for batch in [1, 512] {
            let rows = rows.slice(0..batch);
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::new(format!("d={width}"), batch), |bencher| {
                bencher.iter(|| frozen.attribution(black_box(&rows)));
            });
        }
    }
    group.finish();
    Ok(())
}

/// Learns stretches of a long stream, always new ones: a stretch that the trees
/// hold already would be cheaper.
fn streams(criterion: &mut Criterion) -> Result<()> {
    const STRETCHES: usize = 64;
    let mut group = group(criterion, "stream");
    group.throughput(Throughput::Elements(STREAM as u64));
    for width in WIDTHS {
        let values = mixture(STREAM * STRETCHES, width, 3);
        let rows = Rows::from_f32(&values, width)?;
        let mut forest = forest(width)?;
        let mut stretch = (0..STRETCHES)
            .cycle()
            .map(|at| rows.slice(at * STREAM..(at + 1) * STREAM));
        let mut next = || stretch.next().unwrap_or_else(|| rows.slice(0..STREAM));
        group.bench_function(BenchmarkId::new("process", format!("d={width}")), |b| {
            b.iter_batched_ref(
                &mut next,
                |rows| forest.process(rows),
                criterion::BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("insert", format!("d={width}")), |b| {
            b.iter_batched_ref(
                &mut next,
                |rows| forest.insert(rows),
                criterion::BatchSize::PerIteration,
            );
        });
        for work in ["row by row", "insert row by row", "score row by row"] {
            group.bench_function(BenchmarkId::new(work, format!("d={width}")), |b| {
                b.iter_batched_ref(
                    &mut next,
                    |rows| -> Result<()> {
                        for row in 0..STREAM {
                            let row = rows.slice(row..row + 1);
                            match work {
                                "row by row" => drop(black_box(forest.process(&row)?)),
                                "insert row by row" => forest.insert(&row)?,
                                _ => drop(black_box(forest.score(&row)?)),
                            }
                        }
                        Ok(())
                    },
                    criterion::BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
    Ok(())
}

/// Takes rows that a window holds out of its trees again, in calls of some rows; time
/// of a call, without that of the copy of the forest that it begins from.
fn deletion(criterion: &mut Criterion) -> Result<()> {
    let mut group = group(criterion, "delete");
    for width in WIDTHS {
        let values = mixture(20_000, width, 1);
        let rows = Rows::from_f32(&values, width)?;
        let config = ForestConfig {
            sampling: Sampling::Window,
            seed: 7,
            n_threads: 1,
            ..Default::default()
        };
        let mut forest = Forest::new(config, width)?;
        forest.insert(&rows)?;
        // The window holds the last 256 rows, every tree all of them.
        let held = rows.slice(20_000 - 256..20_000);
        let gone = rows.slice(0..1024);
        for (name, rows) in [
            ("1 held", held.slice(100..101)),
            ("64 held", held.slice(0..64)),
            ("1024 not held", gone),
        ] {
            group.throughput(Throughput::Elements(rows.n_rows() as u64));
            group.bench_function(BenchmarkId::new(format!("d={width}"), name), |bencher| {
                bencher.iter_batched_ref(
                    || forest.clone(),
                    |forest| forest.delete(&rows),
                    criterion::BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
    Ok(())
}

/// Takes a stream's scores one by one: what a row's threshold costs beside its score.
fn thresholds(criterion: &mut Criterion) -> Result<()> {
    const WIDTH: usize = 8;
    let columns = (0..WIDTH).map(|j| (format!("x{j}"), ColumnKind::Number(Scaling::Auto)));
    let config = DetectorConfig {
        n_threads: 1,
        ..Default::default()
    };
    let mut builder = DetectorBuilder::new(config, columns.collect())?;
    builder.add(&Rows::from_f32(&mixture(20_000, WIDTH, 1), WIDTH)?)?;
    let detector = builder.finish(&mut || false)?;
    let values = mixture(65_536, WIDTH, 2);
    let scores = detector.score(&Rows::from_f32(&values, WIDTH)?)?;
    let tail = detector.to_state().tail;
    let mut group = group(criterion, "threshold");
    group.throughput(Throughput::Elements(scores.len() as u64));
    for rate in [0.05, 0.01, 0.001, 0.0001] {
        let mut budget = Budget::new(&tail, rate);
        group.bench_function(BenchmarkId::new("update", rate), |bencher| {
            bencher.iter(|| {
                let alerts = scores.iter().filter(|&&score| budget.take(score));
                black_box(alerts.count())
            });
        });
    }
    group.finish();
    Ok(())
}

fn main() -> Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    frozen_score(&mut criterion)?;
    attribution(&mut criterion)?;
    streams(&mut criterion)?;
    deletion(&mut criterion)?;
    thresholds(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
