//! Small forests, one for each key, kept as bytes and woken when a row of
//! theirs comes: `cargo run --release --example small_forests`.
//!
//! Prints, for 30 trees of 64 rows and 4 columns, the bytes of a forest that
//! lives on, of one just woken and of one at rest, the time to wake it, to let it process one row and to put it
//! to rest, and the rows a second of one thread that does so for every row
//! beside one that keeps all forests awake.

#[path = "../benches/mixture/mod.rs"]
mod mixture;

use fastrcf::{Forest, ForestConfig, Model, Result, Rows};
use mixture::mixture;
use std::hint::black_box;
use std::time::{Duration, Instant};

const WIDTH: usize = 4;
/// Rows that a forest has seen: far more than it keeps, so that it is full.
const SEEN: usize = 1000;
/// Forests that take turns: at rest they are more than a cache holds.
const FORESTS: usize = 500;
/// Times that each of them is woken.
const ROUNDS: usize = 8;

/// A full forest of one key.
fn forest(key: u64) -> Result<Forest> {
    let config = ForestConfig {
        n_trees: 30,
        sample_size: 64,
        seed: key,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, WIDTH)?;
    forest.insert(&Rows::from_f32(&mixture(SEEN, WIDTH, key), WIDTH)?)?;
    Ok(forest)
}

/// Time spent in each step, over all forests and rounds.
#[derive(Default)]
struct Spent {
    wake: Duration,
    row: Duration,
    rest: Duration,
}

/// One row for the forest at rest in `bytes`, which is replaced.
fn one_row(bytes: &mut Vec<u8>, row: &[f32], spent: &mut Spent) -> Result<()> {
    let started = Instant::now();
    let Model::Forest(mut forest) = Model::from_bytes(bytes)? else {
        return Ok(());
    };
    let woken = Instant::now();
    black_box(forest.process(&Rows::from_f32(row, WIDTH)?)?);
    let processed = Instant::now();
    *bytes = forest.to_bytes();
    spent.rest += processed.elapsed();
    spent.row += processed - woken;
    spent.wake += woken - started;
    Ok(())
}

fn main() -> Result<()> {
    let mut awake = (0..FORESTS as u64)
        .map(forest)
        .collect::<Result<Vec<_>>>()?;
    let mut resting: Vec<Vec<u8>> = awake.iter().map(Forest::to_bytes).collect();
    let each = |bytes: usize| bytes / FORESTS;
    println!(
        "bytes awake    {:>8}",
        each(awake.iter().map(Forest::memory_usage).sum())
    );
    println!(
        "bytes at rest  {:>8}",
        each(resting.iter().map(Vec::len).sum())
    );
    if let Model::Forest(woken) = Model::from_bytes(&resting[0])? {
        println!("bytes woken    {:>8}", woken.memory_usage());
    }
    let rows = mixture(FORESTS * ROUNDS, WIDTH, 1);
    let rows: Vec<&[f32]> = rows.chunks_exact(WIDTH).collect();

    let mut spent = Spent::default();
    for (i, row) in rows.iter().enumerate() {
        one_row(&mut resting[i % FORESTS], row, &mut spent)?;
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / rows.len() as f64;
    println!("us to wake     {:>8.1}", micros(spent.wake));
    println!("us for a row   {:>8.1}", micros(spent.row));
    println!("us to rest     {:>8.1}", micros(spent.rest));
    let all = micros(spent.wake + spent.row + spent.rest);
    println!("rows/s at rest {:>8.0}", 1e6 / all);

    let started = Instant::now();
    for (i, row) in rows.iter().enumerate() {
        black_box(awake[i % FORESTS].process(&Rows::from_f32(row, WIDTH)?)?);
    }
    println!("rows/s awake   {:>8.0}", 1e6 / micros(started.elapsed()));
    Ok(())
}
