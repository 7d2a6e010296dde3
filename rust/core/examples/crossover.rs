//! Microseconds a row by the number of rows of a call, frozen and living, and of a
//! detector's usual kind of score: what the tables of `frozen/shape.rs` and `forest/query.rs` are made from.
//! Arguments: columns (8 and 30 if none are given).

#[path = "../benches/mixture/mod.rs"]
mod mixture;

use fastrcf::{Forest, ForestConfig, Result, Rows, ScoreKind};
use mixture::mixture;
use std::hint::black_box;
use std::time::Instant;

const SIZES: [usize; 18] = [
    1, 2, 4, 8, 12, 15, 16, 32, 64, 128, 159, 160, 256, 384, 512, 639, 640, 1024,
];
/// Rows that a measurement takes at least, and measurements of which the best counts.
const ROWS: usize = 2048;
const ROUNDS: usize = 9;

/// The best time of some rounds over calls of `n` rows each.
fn best(rows: &Rows<'_>, n: usize, call: &dyn Fn(&Rows<'_>) -> Result<Vec<f64>>) -> Result<f64> {
    let calls = ROWS.div_ceil(n);
    let mut best = f64::INFINITY;
    for round in 0..ROUNDS {
        let start = Instant::now();
        for at in (0..calls).map(|i| (round * ROWS + i * n) % (rows.n_rows() - n)) {
            black_box(call(&rows.slice(at..at + n))?);
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / (calls * n) as f64);
    }
    Ok(best)
}

fn main() -> Result<()> {
    let mut widths: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    if widths.is_empty() {
        widths = vec![8, 30];
    }
    for width in widths {
        let config = ForestConfig {
            seed: 7,
            n_threads: 1,
            ..Default::default()
        };
        let mut forest = Forest::new(config, width)?;
        forest.insert(&Rows::from_f32(&mixture(20_000, width, 1), width)?)?;
        let frozen = forest.freeze()?;
        let values = mixture(32_768, width, 2);
        let rows = Rows::from_f32(&values, width)?;
        for n in SIZES {
            let still = best(&rows, n, &|rows| frozen.score(rows))?;
            let living = best(&rows, n, &|rows| forest.score(rows))?;
            let kind = ScoreKind::Auto;
            let still_auto = best(&rows, n, &|rows| frozen.score_by(kind, rows))?;
            let living_auto = best(&rows, n, &|rows| forest.score_by(kind, rows))?;
            println!(
                "{width:3} columns {n:5} rows: frozen {still:6.2}, living {living:6.2} us a \
                 row; with local ranges {still_auto:6.2} and {living_auto:6.2}"
            );
        }
    }
    Ok(())
}
