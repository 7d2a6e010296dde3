//! Forecasts that a forest would have given in the past, beside what came.
//!
//! The rows of the last stretch of a stream are taken out of a copy of the
//! forest and put back one by one, with a forecast before each: no forecast
//! knows what comes after it. How far they were off says how far the next one
//! may be off.

use crate::error::Result;
use crate::forecast::forecast;
use crate::forest::Forest;
use crate::parallel;
use crate::questions::Trees;
use crate::rows::Rows;

/// Most values that a backtest forecasts.
pub(crate) const MAX_VALUES: usize = 1 << 24;
/// Nanoseconds of a step for each tree, about.
const STEP: f64 = 4000.0;

/// Forecasts from one row after the other of a history, beside what came:
/// `n_origins * horizon * n_columns`, row-major, the oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtest {
    /// Columns of the input.
    pub n_columns: usize,
    /// Steps of a forecast.
    pub horizon: usize,
    /// What came.
    pub actual: Vec<f64>,
    /// Medians over trees, as [`Forecast::values`](crate::Forecast::values).
    pub values: Vec<f64>,
    /// Their 0.1 quantiles over trees.
    pub lower: Vec<f64>,
    /// Their 0.9 quantiles over trees.
    pub upper: Vec<f64>,
}

/// A stretch of origins, and the forest at the first of them.
struct Stretch<'a> {
    forest: Forest,
    /// Rows of the history that it has seen.
    seen: usize,
    /// Values, lower and upper of each origin.
    out: &'a mut [f64],
}

/// Puts a history back into a forest that does not know it, with a forecast at
/// each of `n_origins`.
pub(crate) fn replay(
    mut forest: Forest,
    history: &Rows<'_>,
    horizon: usize,
    n_origins: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Backtest> {
    let width = forest.n_features();
    let size = horizon * width;
    let mut out = vec![0.0; n_origins * 3 * size];
    let work = (n_origins * horizon * forest.n_trees()) as f64 * STEP;
    let threads = parallel::threads_for_work(forest.n_threads(), work);
    // A thread keeps a forest of its own.
    let each = n_origins.div_ceil(threads);
    let mut seen = history.n_rows() - horizon - (n_origins - 1);
    forest.insert_with(&history.slice(0..seen), None, interrupt)?;
    let mut stretches = Vec::with_capacity(threads);
    for out in out.chunks_mut(each * 3 * size) {
        let n = out.len() / (3 * size);
        let copy = forest.clone_with(interrupt)?;
        stretches.push(Stretch {
            forest: copy,
            seen,
            out,
        });
        forest.insert_with(&history.slice(seen..seen + n), None, interrupt)?;
        seen += n;
    }
    parallel::try_for_each(
        stretches.into_iter(),
        threads,
        interrupt,
        || (),
        |(), mut stretch, stop| {
            stretch.forest.set_threads(1);
            for (i, out) in stretch.out.chunks_exact_mut(3 * size).enumerate() {
                if i > 0 {
                    let row = stretch.seen + i - 1;
                    stretch.forest.insert(&history.slice(row..row + 1))?;
                }
                let found = forecast(&stretch.forest, horizon, &mut || stop.now())?;
                out[..size].copy_from_slice(&found.values);
                out[size..2 * size].copy_from_slice(&found.lower);
                out[2 * size..].copy_from_slice(&found.upper);
            }
            Ok(())
        },
    )?;
    let part = |k: usize| {
        out.chunks_exact(3 * size)
            .flat_map(|origin| origin[k * size..(k + 1) * size].iter().copied())
            .collect()
    };
    let first = history.n_rows() - horizon - (n_origins - 1);
    let actual = (first..first + n_origins)
        .flat_map(|origin| origin..origin + horizon)
        .flat_map(|row| (0..width).map(move |j| history.value(row, j)))
        .collect();
    Ok(Backtest {
        n_columns: width,
        horizon,
        actual,
        values: part(0),
        lower: part(1),
        upper: part(2),
    })
}
