//! Forecasts that a forest would have given in the past, beside what came.
//!
//! The rows of the last stretch of a stream are taken out of a copy of the
//! forest and put back one by one, with a forecast before each: no forecast
//! knows what comes after it. How far they were off says how far the next one
//! may be off: conformalized quantile regression (Romano, Patterson and Candes
//! 2019) moves each end of the trees' range by a quantile of how far what came
//! was beyond it, step by step and column by column.

use crate::error::{Error, Result};
use crate::forecast::{Forecast, forecast};
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

impl Backtest {
    /// Forecasts that were made.
    pub fn n_origins(&self) -> usize {
        self.actual.len() / (self.horizon * self.n_columns).max(1)
    }

    /// The conformal quantile of a score over origins, which is asked for by where
    /// an origin's values begin.
    fn quantile(&self, level: f64, score: impl Fn(usize) -> f64, sorted: &mut Vec<f64>) -> f64 {
        sorted.clear();
        let size = self.horizon * self.n_columns;
        sorted.extend((0..self.n_origins()).map(|origin| score(origin * size)));
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[rank(sorted.len(), level) - 1]
    }

    fn check(&self, forecast: &Forecast, coverage: f64) -> Result<()> {
        if !(coverage > 0.0 && coverage < 1.0) {
            return Err(Error::config(
                "coverage",
                format!("{coverage} is not between 0 and 1"),
            ));
        }
        let wrong = |message| Err(Error::config("backtest", message));
        let (columns, size) = (self.n_columns, self.horizon * self.n_columns);
        let all = [&self.values, &self.lower, &self.upper];
        if size == 0
            || !self.actual.len().is_multiple_of(size)
            || all.iter().any(|part| part.len() != self.actual.len())
        {
            return wrong("its arrays do not fit each other".into());
        }
        if columns != forecast.n_columns {
            return wrong(format!(
                "has {columns} columns, the forecast {}",
                forecast.n_columns
            ));
        }
        if size < forecast.values.len() {
            return wrong(format!(
                "has {} steps, the forecast {}",
                self.horizon,
                forecast.values.len() / columns
            ));
        }
        let n = self.n_origins();
        if rank(n, 0.5 + 0.5 * coverage) > n {
            return wrong(format!(
                "has {n} forecasts, and a coverage of {coverage} needs {}: give it a longer history",
                ((1.0 + coverage) / (1.0 - coverage) - ROUNDING).ceil()
            ));
        }
        Ok(())
    }
}

/// By how much a whole number may be missed.
const ROUNDING: f64 = 1e-9;

/// The rank, from 1 on, among `n` scores that a further one does not exceed with
/// the probability `level`; beyond `n` if they are too few to say.
fn rank(n: usize, level: f64) -> usize {
    (((n + 1) as f64 * level - ROUNDING).ceil() as usize).max(1)
}

impl Forecast {
    /// The forecast with ranges that hold the share `coverage` of what comes, at
    /// each step and in each column, as far as the forest goes on as in the
    /// backtest: each end is moved until it would have been passed by half of
    /// the rest. Values are as they were, and within their ranges.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless `coverage` is between 0 and 1, and the
    /// backtest is of as many columns, of no fewer steps and of at least
    /// `(1 + coverage) / (1 - coverage)` forecasts.
    pub fn calibrated(mut self, backtest: &Backtest, coverage: f64) -> Result<Forecast> {
        backtest.check(&self, coverage)?;
        let level = 0.5 + 0.5 * coverage;
        let mut sorted = Vec::with_capacity(backtest.n_origins());
        let (actual, lower, upper) = (&backtest.actual, &backtest.lower, &backtest.upper);
        for (i, &value) in self.values.iter().enumerate() {
            let below = |at: usize| lower[at + i] - actual[at + i];
            let above = |at: usize| actual[at + i] - upper[at + i];
            let below = backtest.quantile(level, below, &mut sorted);
            let above = backtest.quantile(level, above, &mut sorted);
            self.lower[i] = (self.lower[i] - below).min(value);
            self.upper[i] = (self.upper[i] + above).max(value);
        }
        Ok(self)
    }
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
