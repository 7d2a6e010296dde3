//! Microseconds a row by every way through a forest, by the number of rows of a call:
//! which way is best, beside the one that is chosen. The tables of `src/shape.rs` are
//! made from this.
//!
//! Arguments: `d=8,30`, `s=256` and `t=100` give columns, rows of a tree and trees, each
//! one or more (these if there are none); `kind=auto` asks a detector's usual kind of
//! score rather than the open-source one. One thread. A line begins with `!` where the
//! chosen way takes more than a tenth longer than the best.

#[path = "../benches/mixture/mod.rs"]
mod mixture;

use fastrcf::by_way::{self, WAYS, Way};
use fastrcf::{Forest, ForestConfig, Result, Rows, ScoreKind};
use mixture::mixture;
use std::hint::black_box;
use std::time::{Duration, Instant};

const SIZES: [usize; 18] = [
    1, 2, 4, 8, 12, 15, 16, 32, 64, 128, 159, 160, 256, 384, 512, 639, 1024, 2048,
];
/// The same for attributions, which take a multiple of the time.
const SIZES_OF_PARTS: [usize; 9] = [1, 16, 64, 128, 192, 256, 512, 1024, 4096];
/// Rounds, in which all ways take turns; the best of each counts.
const ROUNDS: usize = 9;
/// How long a way is measured in each of them, or one call if that takes longer.
const ROUND: Duration = Duration::from_millis(4);
/// Rows from which stretches are taken.
const ROWS: usize = 32_768;

/// Asks for scores or attributions by some way; whether there is one.
type Call<'a> = &'a dyn Fn(Way, &Rows<'_>) -> Result<bool>;

/// The best time a row in microseconds, for each way that there is.
fn measure(rows: &Rows<'_>, n: usize, call: Call<'_>) -> Result<Vec<(Way, f64)>> {
    let mut ways = Vec::new();
    for way in WAYS {
        if call(way, &rows.slice(0..n))? {
            ways.push((way, f64::INFINITY));
        }
    }
    // Always other rows.
    let mut at = 0;
    for _ in 0..ROUNDS {
        for (way, best) in &mut ways {
            let (start, mut calls) = (Instant::now(), 0);
            let spent = loop {
                at = (at + n) % (rows.n_rows() - n);
                black_box(call(*way, &rows.slice(at..at + n))?);
                calls += 1;
                let spent = start.elapsed();
                if spent >= ROUND {
                    break spent;
                }
            };
            *best = best.min(spent.as_secs_f64() * 1e6 / (calls * n) as f64);
        }
    }
    Ok(ways)
}

/// A line with all ways of `n` rows.
fn tell(name: &str, n: usize, chosen: Way, ways: &[(Way, f64)]) {
    let time_of = |wanted| {
        ways.iter()
            .find(|(way, _)| *way == wanted)
            .map(|(_, us)| *us)
    };
    let Some(&(best, least)) = ways.iter().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return;
    };
    let more = time_of(chosen).unwrap_or(f64::NAN) / least - 1.0;
    let mark = if more > 0.1 { '!' } else { ' ' };
    let times: Vec<String> = WAYS
        .iter()
        .map(|&way| match time_of(way) {
            Some(us) => format!("{way:?} {us:8.2}"),
            None => format!("{way:?}        -"),
        })
        .collect();
    println!(
        "{mark} {name} {n:5} rows: {}  best {best:?}, chosen {chosen:?} (+{:.0} %)",
        times.join("  "),
        100.0 * more
    );
}

/// The numbers of an argument such as `d=8,30`.
fn numbers(name: &str, usual: &[usize]) -> Vec<usize> {
    let given = std::env::args().find_map(|arg| {
        let values = arg.strip_prefix(name)?.strip_prefix('=')?.to_owned();
        Some(values.split(',').filter_map(|n| n.parse().ok()).collect())
    });
    given.unwrap_or_else(|| usual.to_vec())
}

fn main() -> Result<()> {
    let kind = match std::env::args().any(|arg| arg == "kind=auto") {
        true => ScoreKind::Auto,
        false => ScoreKind::ExpectedInverseDepth,
    };
    let of_parts = std::env::args().any(|arg| arg == "parts");
    let sizes: &[usize] = match of_parts {
        true => &SIZES_OF_PARTS,
        false => &SIZES,
    };
    let (widths, samples, trees, sizes) = (
        numbers("d", &[8, 30]),
        numbers("s", &[256]),
        numbers("t", &[100]),
        numbers("n", sizes),
    );
    println!(
        "{:?}, {}{kind:?}, microseconds a row, one thread",
        fastrcf::level(),
        if of_parts { "attributions to " } else { "" }
    );
    for &width in &widths {
        let values = mixture(ROWS, width, 2);
        let rows = Rows::from_f32(&values, width)?;
        for &sample_size in &samples {
            let seen = mixture(20_000.max(4 * sample_size), width, 1);
            for &n_trees in &trees {
                println!("d={width} S={sample_size} T={n_trees}");
                let config = ForestConfig {
                    n_trees,
                    sample_size,
                    seed: 7,
                    n_threads: 1,
                    ..Default::default()
                };
                let mut forest = Forest::new(config, width)?;
                forest.insert(&Rows::from_f32(&seen, width)?)?;
                let frozen = forest.freeze()?;
                for &n in sizes.iter().filter(|&&n| n < ROWS) {
                    let chosen = match of_parts {
                        true => by_way::chosen_for_parts_when_frozen(&frozen, kind, n),
                        false => by_way::chosen_when_frozen(&frozen, n)?,
                    };
                    let ways = measure(&rows, n, &|way, rows| match of_parts {
                        true => Ok(black_box(by_way::attribution_frozen(
                            &frozen, way, kind, rows,
                        )?)
                        .is_some()),
                        false => Ok(
                            black_box(by_way::score_frozen(&frozen, way, kind, rows)?).is_some()
                        ),
                    })?;
                    tell("frozen", n, chosen, &ways);
                }
                for &n in sizes.iter().filter(|&&n| n < ROWS) {
                    let chosen = match of_parts {
                        true => by_way::chosen_for_parts(&forest, kind, n),
                        false => by_way::chosen(&forest, n),
                    };
                    let ways = measure(&rows, n, &|way, rows| match of_parts {
                        true => {
                            Ok(black_box(by_way::attribution(&forest, way, kind, rows)?).is_some())
                        }
                        false => Ok(black_box(by_way::score(&forest, way, kind, rows)?).is_some()),
                    })?;
                    tell("living", n, chosen, &ways);
                }
            }
        }
    }
    Ok(())
}
