//! Three fixed workloads whose instructions are counted: `make guard`.
//!
//! `guard WORKLOAD` prepares its forest and does the work once, in a function
//! of its own name, inside of which alone `benches/guard` has callgrind count.
//! It prints the instruction set that it ran on.

#[path = "../benches/mixture/mod.rs"]
mod mixture;

use fastrcf::{Forest, ForestConfig, FrozenForest, Result, Rows};
use mixture::mixture;
use std::hint::black_box;
use std::process::ExitCode;

// Out of line under these names, so that callgrind finds them.
#[inline(never)]
fn counted_score(frozen: &FrozenForest, rows: &Rows<'_>) -> Result<()> {
    black_box(frozen.score(rows)?);
    Ok(())
}

#[inline(never)]
fn counted_process(forest: &mut Forest, rows: &Rows<'_>) -> Result<()> {
    black_box(forest.process(rows)?);
    Ok(())
}

#[inline(never)]
fn counted_attribution(frozen: &FrozenForest, rows: &Rows<'_>) -> Result<()> {
    black_box(frozen.attribution(rows)?);
    Ok(())
}

/// A forest in its steady state.
fn forest(width: usize) -> Result<Forest> {
    let config = ForestConfig {
        seed: 7,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, width)?;
    forest.insert(&Rows::from_f32(&mixture(5_000, width, 1), width)?)?;
    Ok(forest)
}

/// A frozen forest whose boxes are built.
fn frozen(width: usize) -> Result<FrozenForest> {
    let frozen = forest(width)?.freeze()?;
    frozen.score(&Rows::from_f32(&mixture(1, width, 2), width)?)?;
    Ok(frozen)
}

/// Does one workload; `false` if there is none of that name.
fn run(workload: &str) -> Result<bool> {
    match workload {
        "score" => {
            let (frozen, values) = (frozen(8)?, mixture(8_192, 8, 3));
            counted_score(&frozen, &Rows::from_f32(&values, 8)?)?;
        }
        "process" => {
            let (mut forest, values) = (forest(8)?, mixture(2_048, 8, 3));
            counted_process(&mut forest, &Rows::from_f32(&values, 8)?)?;
        }
        "attribution" => {
            let (frozen, values) = (frozen(30)?, mixture(512, 30, 3));
            counted_attribution(&frozen, &Rows::from_f32(&values, 30)?)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn main() -> ExitCode {
    let workload = std::env::args().nth(1).unwrap_or_default();
    match run(&workload) {
        Ok(true) => {
            println!("{}", fastrcf::level().name());
            ExitCode::SUCCESS
        }
        Ok(false) => {
            eprintln!("guard: expected score, process or attribution, found {workload:?}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("guard: {error}");
            ExitCode::FAILURE
        }
    }
}
