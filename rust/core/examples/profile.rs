//! Work to be looked at by a profiler: `make profile`.
//!
//! `profile WORK COLUMNS ROWS TIMES` prepares a forest in its steady state and
//! does the work, in a function of its own name, on so many rows so many times.
//! It prints the instruction set that it ran on.

#[path = "../benches/mixture/mod.rs"]
mod mixture;

use fastrcf::{Forest, ForestConfig, FrozenForest, Rows};
use mixture::mixture;
use std::error::Error;
use std::hint::black_box;

/// A forest and its frozen form.
struct Forests {
    living: Forest,
    frozen: FrozenForest,
}

impl Forests {
    fn new(width: usize) -> fastrcf::Result<Forests> {
        let config = ForestConfig {
            seed: 7,
            n_threads: 1,
            ..Default::default()
        };
        let mut living = Forest::new(config, width)?;
        living.insert(&Rows::from_f32(&mixture(5_000, width, 1), width)?)?;
        let frozen = living.freeze()?;
        // Boxes are built by the first question.
        frozen.score(&Rows::from_f32(&mixture(1, width, 2), width)?)?;
        Ok(Forests { living, frozen })
    }

    // Out of line under this name, so that callgrind finds it.
    #[inline(never)]
    fn profiled(&mut self, work: &str, rows: &Rows<'_>) -> Result<(), Box<dyn Error>> {
        match work {
            "score" => drop(black_box(self.frozen.score(rows)?)),
            "process" => drop(black_box(self.living.process(rows)?)),
            "attribution" => drop(black_box(self.frozen.attribution(rows)?)),
            "row" => {
                for row in 0..rows.n_rows() {
                    black_box(self.frozen.score(&rows.slice(row..row + 1))?);
                }
            }
            _ => return Err(format!("no work is called {work}").into()),
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [work, width, n_rows, times] = words.as_slice() else {
        return Err("expected WORK COLUMNS ROWS TIMES".into());
    };
    let (width, n_rows) = (width.parse()?, n_rows.parse()?);
    let mut forests = Forests::new(width)?;
    let values = mixture(n_rows, width, 3);
    for _ in 0..times.parse::<usize>()? {
        forests.profiled(work, &Rows::from_f32(&values, width)?)?;
    }
    println!("{}", fastrcf::level().name());
    Ok(())
}
