//! Parameters of a series detector, each with its range, checked once.

use super::alerts::MOST_RATE;
use crate::config::{ForestConfig, Sampling};
use crate::error::{Error, Result};

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;
/// Most slots of a period.
pub const MAX_SLOTS: usize = 1024;
/// Most past events that a detector remembers.
pub const MAX_EVENTS: usize = 65_536;
/// Largest absolute value of a series: differences of two must fit a forest.
pub const MAX_SERIES_VALUE: f64 = 1e29;
/// Context features of a column.
pub(crate) const FEATURES: usize = 4;
/// Most columns, most rows of a trailing window and of the warm-up.
const MOST: usize = 4096;
/// Habituation times after which an event counts for nothing.
pub(crate) const FORGOTTEN: f64 = 8.0;
/// A slot is about an hour, and a period has at least so many.
const HOUR: f64 = 3600.0;
const LEAST_SLOTS: f64 = 24.0;

/// How many alerts a stream should give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AlertBudget {
    /// A share of the rows that have a score, above 0 and at most 0.5; with episodes at most
    /// one row of each.
    Share(f64),
    /// So many in a day, above 0 and at most 10^9; rows need times.
    PerDay(f64),
}

/// Parameters of a [`SeriesDetector`](crate::SeriesDetector).
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesConfig {
    /// Number of trees.
    pub n_trees: usize,
    /// Rows that each tree holds: the detector's memory.
    pub sample_size: usize,
    /// Decay of a row's weight with each row that passes, at least 0.
    pub time_decay: f64,
    /// Seconds after which the series is thought to repeat, in 24 slots or, if longer
    /// than a day, slots of an hour; `None` compares with all earlier rows.
    pub period: Option<f64>,
    /// Rows of the trailing window, 2 to 4096.
    pub trailing: usize,
    /// Rows that are learnt before the first is scored, 2 to 4096.
    pub warm_up: usize,
    /// Rows that a find's episode lasts; `None` for no episodes.
    pub episode: Option<u64>,
    /// Rows after which a past event counts 1/e; `None` for no habituation. Needs
    /// episodes.
    pub habituation: Option<f64>,
    /// Similar past events that count as much as there being none.
    pub kappa: f64,
    /// How much habituation counts, 0 to 10.
    pub exponent: f64,
    /// Score from which on a row is an alert, above 0. With a budget, where it begins: one
    /// row in a thousand is thought to be above it.
    pub threshold: f64,
    /// How many alerts are asked for instead; the threshold follows the scores then. Of a
    /// set, those of all series together.
    pub budget: Option<AlertBudget>,
    /// Seed: the same seed and rows give the same scores on any machine.
    pub seed: u64,
    /// Threads for whole-array calls; 0 takes what the process may use.
    pub n_threads: usize,
    /// Names of the columns of times and of keys, for who reads tables: nothing here
    /// looks at them.
    pub time_column: Option<String>,
    /// See [`SeriesConfig::time_column`].
    pub key_column: Option<String>,
}

impl Default for SeriesConfig {
    fn default() -> Self {
        SeriesConfig {
            n_trees: 50,
            sample_size: 2048,
            time_decay: 1e-4,
            period: Some(DAY),
            trailing: 48,
            warm_up: 32,
            episode: Some(100),
            habituation: Some(6000.0),
            kappa: 0.5,
            exponent: 0.45,
            threshold: 0.075,
            budget: None,
            seed: 0,
            n_threads: 0,
            time_column: None,
            key_column: None,
        }
    }
}

impl SeriesConfig {
    /// Checks every parameter against its range, for series of so many columns.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the parameter.
    pub fn validate(&self, n_columns: usize) -> Result<()> {
        if n_columns == 0 || n_columns > MOST {
            let message = format!("{n_columns} is not between 1 and {MOST}");
            return Err(Error::config("columns", message));
        }
        self.forest().validate(n_columns * FEATURES)?;
        let within = |name, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            let message = format!("{value} is not between {low:?} and {high:?}");
            Err(Error::config(name, message))
        };
        if let Some(period) = self.period {
            within("period", period, 1e-3, 1e12)?;
        }
        within("trailing", self.trailing as f64, 2.0, MOST as f64)?;
        within("warm_up", self.warm_up as f64, 2.0, MOST as f64)?;
        if let Some(rows) = self.episode {
            within("episode", rows as f64, 1.0, 1e9)?;
        }
        if let Some(time) = self.habituation {
            within("habituation", time, 1.0, 1e12)?;
            if self.episode.is_none() {
                return Err(Error::config(
                    "habituation",
                    "it counts episodes: without them there is none",
                ));
            }
            if self.most_events() > MAX_EVENTS {
                return Err(Error::config(
                    "habituation",
                    format!(
                        "{time} rows of habituation and episodes of {} would keep more than \
                         {MAX_EVENTS} events; make episodes longer",
                        self.episode.unwrap_or_default()
                    ),
                ));
            }
        }
        within("kappa", self.kappa, 1e-6, 1e6)?;
        within("exponent", self.exponent, 0.0, 10.0)?;
        self.check_budget()?;
        in_range(self.threshold)
    }

    /// That rows have times where alerts a day are asked for.
    pub(crate) fn check_times(&self, times: Option<&[f64]>) -> Result<()> {
        match (self.budget, times) {
            (Some(AlertBudget::PerDay(_)), None) => Err(Error::input(
                "rows have no times, and alerts a day are asked for: give times, or ask for a \
                 share of the rows",
            )),
            _ => Ok(()),
        }
    }

    fn check_budget(&self) -> Result<()> {
        let (name, asked, most) = match self.budget {
            None => return Ok(()),
            Some(AlertBudget::Share(share)) => ("alert_rate", share, MOST_RATE),
            Some(AlertBudget::PerDay(alerts)) => ("alerts_per_day", alerts, 1e9),
        };
        if !(asked > 0.0 && asked <= most) {
            let message = format!("{asked} is not above 0 and at most {most:?}");
            return Err(Error::config(name, message));
        }
        match (self.budget, self.episode) {
            (Some(AlertBudget::Share(share)), Some(rows)) if share > self.most_alerts() => {
                let message = format!(
                    "{share} is more than one row of each episode of {rows} rows, and they hold \
                     one alert as a rule; make episodes shorter, or leave them out"
                );
                Err(Error::config(name, message))
            }
            _ => Ok(()),
        }
    }

    /// The forest's parameters.
    pub(crate) fn forest(&self) -> ForestConfig {
        ForestConfig {
            n_trees: self.n_trees,
            sample_size: self.sample_size,
            shingle_size: 1,
            sampling: Sampling::Decay {
                rate: Some(self.time_decay),
            },
            feature_weights: None,
            seed: self.seed,
            n_threads: self.n_threads,
        }
    }

    /// The part of a forest's memory that so many rows fill.
    pub(crate) fn filled(&self, learnt: u64) -> f64 {
        (learnt as f64 / self.sample_size as f64).min(1.0)
    }

    /// The greatest share of rows that may be alerts: with episodes one row of each.
    pub(crate) fn most_alerts(&self) -> f64 {
        self.episode
            .map_or(MOST_RATE, |rows| MOST_RATE.min(1.0 / rows as f64))
    }

    /// Slots of the period; none without one.
    pub fn n_slots(&self) -> usize {
        self.period.map_or(0, |period| {
            (period / HOUR).round().clamp(LEAST_SLOTS, MAX_SLOTS as f64) as usize
        })
    }

    /// Most events that are remembered.
    pub fn most_events(&self) -> usize {
        match (self.episode, self.habituation) {
            (Some(rows), Some(time)) => (FORGOTTEN * time / (rows as f64 + 1.0)) as usize + 2,
            (Some(_), None) => 1,
            (None, _) => 0,
        }
    }
}

/// Checks a threshold to be set.
pub(crate) fn check_threshold(config: &SeriesConfig, threshold: f64) -> Result<()> {
    match config.budget {
        None => in_range(threshold),
        Some(_) => Err(Error::config(
            "threshold",
            "it follows the scores, since a number of alerts was asked for",
        )),
    }
}

fn in_range(threshold: f64) -> Result<()> {
    if threshold > 0.0 && threshold <= 1e6 {
        return Ok(());
    }
    Err(Error::config(
        "threshold",
        format!("{threshold} is not above 0 and at most 1e6"),
    ))
}
