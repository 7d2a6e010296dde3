//! What a living forest expects where values are missing: in a row that has
//! gaps, and in the rows that have not come yet.

use super::Forest;
use crate::backtest::{self, Backtest};
use crate::config::Sampling;
use crate::error::{Error, Result};
use crate::forecast::{self, Forecast};
use crate::impute::{self, Imputation};
use crate::questions::never;
use crate::rows::Rows;
use std::collections::HashMap;

impl Forest {
    /// Rows with what is missing in them, NaN, filled: see [`Imputation`]. With
    /// shingles, rows as wide as the input follow the last ones seen.
    ///
    /// # Errors
    /// As [`Forest::score`]; [`Error::InvalidValue`] for a row of which nothing
    /// is known.
    pub fn impute(&self, rows: &Rows<'_>) -> Result<Imputation> {
        self.impute_with(rows, &mut never)
    }

    /// [`Forest::impute`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::impute`], and [`Error::Interrupted`].
    pub fn impute_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Imputation> {
        impute::check(self, rows, interrupt)?;
        self.check_ready()?;
        impute::imputations(self, rows, interrupt)
    }

    /// The next `horizon` rows of a stream with shingles: see [`Forecast`].
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] without shingles, or unless the horizon is
    /// between 1 and [`crate::MAX_HORIZON`]; [`Error::NotReady`].
    pub fn forecast(&self, horizon: usize) -> Result<Forecast> {
        self.forecast_with(horizon, &mut never)
    }

    /// [`Forest::forecast`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::forecast`], and [`Error::Interrupted`].
    pub fn forecast_with(
        &self,
        horizon: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Forecast> {
        forecast::check(self, horizon)?;
        self.check_ready()?;
        forecast::forecast(self, horizon, interrupt)
    }

    /// What it would have forecast from within the last rows of its stream,
    /// before it had seen what came: see [`Backtest`]. The forest stays as it is.
    ///
    /// # Errors
    /// As [`Forest::forecast`]; [`Error::InvalidValue`](crate::Error::InvalidValue)
    /// and [`Error::WrongWidth`](crate::Error::WrongWidth);
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) where `history` is too
    /// short or too long, or does not end with the last rows seen.
    pub fn backtest(&self, history: &Rows<'_>, horizon: usize) -> Result<Backtest> {
        self.backtest_with(history, horizon, &mut never)
    }

    /// [`Forest::backtest`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::backtest`], and [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn backtest_with(
        &self,
        history: &Rows<'_>,
        horizon: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Backtest> {
        forecast::check(self, horizon)?;
        self.check_ready()?;
        let n_origins = self.check_history(history, horizon, interrupt)?;
        let forgetful = self.without(history, interrupt)?;
        backtest::replay(forgetful, history, horizon, n_origins, interrupt)
    }

    /// Checks that `history` is how the stream ended; gives the number of rows
    /// in it from which on `horizon` rows are known.
    fn check_history(
        &self,
        history: &Rows<'_>,
        horizon: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<usize> {
        self.intake.check_stream(history, interrupt)?;
        let (n, past) = (history.n_rows(), self.config.shingle_size - 1);
        if n < past + horizon {
            return Err(Error::input(format!(
                "history: {n} rows, and a first forecast of {horizon} needs {}: \
                 {past} before and {horizon} after it",
                past + horizon
            )));
        }
        if n as u64 > self.n_seen {
            return Err(Error::input(format!(
                "history: {n} rows, and the forest has seen {}",
                self.n_seen
            )));
        }
        if !self.intake.ends_with(history) {
            return Err(Error::input(
                "history: its last rows are not the last ones that the forest has seen",
            ));
        }
        let n_origins = n - past - horizon + 1;
        let values = n_origins
            .saturating_mul(horizon)
            .saturating_mul(self.n_features());
        if values > backtest::MAX_VALUES {
            return Err(Error::input(format!(
                "history: {n_origins} forecasts of {horizon} rows are more than {} values: \
                 give fewer of the last rows",
                backtest::MAX_VALUES
            )));
        }
        Ok(n_origins)
    }

    /// The forest as if `history` had not come, as far as it can tell: rows that
    /// have made place for those of `history` are gone.
    ///
    /// A shingle that came once is taken from every tree that holds it. Of one
    /// that came many times, and perhaps before `history` too, a tree loses no
    /// more copies than it can be expected to have taken, and one.
    fn without(&self, history: &Rows<'_>, interrupt: &mut dyn FnMut() -> bool) -> Result<Forest> {
        let (n, width) = (history.n_rows(), self.n_features());
        let size = self.config.shingle_size * width;
        let values: Vec<f64> = (0..n)
            .flat_map(|i| (0..width).map(move |j| history.value(i, j)))
            .collect();
        let held = self.held_share(n);
        let mut times: HashMap<Vec<u32>, (f64, f64)> = HashMap::new();
        let mut forest = self.clone_with(interrupt)?;
        let mut point = Vec::new();
        for shingle in values.windows(size).step_by(width) {
            if interrupt() {
                return Err(Error::Interrupted);
            }
            let rows = Rows::from_f64(shingle, size)?;
            self.intake.load_query(&rows, 0..1, &mut point);
            let bits = point.iter().map(|v| v.to_bits()).collect();
            let (came, taken) = times.entry(bits).or_default();
            *came += 1.0;
            if *taken < 1.0 + (*came * held).floor() {
                *taken += 1.0;
                forest.delete(&rows)?;
            }
        }
        if !forest.is_ready() {
            return Err(Error::input(format!(
                "history: without its rows a tree holds {} and needs {}: \
                 give fewer of the last rows",
                forest.smallest_tree(),
                forest.rows_needed()
            )));
        }
        forest.intake.forget_recent();
        let back = i64::try_from(n).unwrap_or(i64::MAX);
        forest.clock.turn_back(back);
        forest.n_seen -= n as u64;
        Ok(forest)
    }

    /// The share of the last `n` rows of the stream that a tree can be expected
    /// to hold.
    fn held_share(&self, n: usize) -> f64 {
        let (n, seen) = (n as f64, self.n_seen as f64);
        let size = self.config.sample_size as f64;
        let of_all = match self.config.sampling {
            Sampling::Window => return 1.0,
            Sampling::Uniform => n / seen,
            Sampling::Decay { .. } => {
                let rate = self.config.decay_rate();
                let weight = |rows: f64| -libm::expm1(-rate * rows);
                let share = weight(n) / weight(seen);
                if share.is_finite() { share } else { n / seen }
            }
        };
        (size * of_all / n).min(1.0)
    }
}
