//! The detector: rows in, scores, alerts and reasons out.

use super::alerts::{Alerts, Judge, Scored, above};
use super::call::check_rows;
use super::config::{FEATURES, MAX_SERIES_VALUE, SeriesConfig, check_threshold};
use super::context::{ContextState, Moment};
use super::events::Events;
use super::words;
use crate::detector::{Detection, Reason};
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::notes::{self, Notes};
use crate::novelty::Novelty;
use crate::questions::never;
use crate::rows::Rows;

/// Rows that are taken at a time, between two questions whether to stop.
const BLOCK: usize = 1024;
/// Up to so many rows are scored and learnt one by one: a copy of the forest, which
/// reasons of a block may need, would cost more.
pub(super) const FEW: usize = 16;

/// What rows were like, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows seen.
    pub seen: u64,
    /// Of them, rows with a missing value: not scored and not learnt.
    pub missing: u64,
    /// Rows whose time is that of the row before.
    pub repeated: u64,
    /// Rows whose time is before that of the row before.
    pub backward: u64,
}

impl Counts {
    /// Rows learnt.
    pub fn learnt(&self) -> u64 {
        self.seen - self.missing
    }
}

/// What is known of the rows' times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clock {
    /// No row has come.
    Unknown,
    /// Rows have none.
    Absent,
    /// The last one, in seconds.
    At(f64),
}

/// Finds anomalies in one series of one or several columns.
///
/// Rows are scored by what came before them, then learnt. Whole-array calls give, bit
/// for bit, what a loop over single rows gives. A call that returns an error has changed
/// nothing.
///
/// # Examples
/// ```
/// use fastrcf::{Rows, SeriesConfig, SeriesDetector};
///
/// let config = SeriesConfig { sample_size: 256, period: None, ..Default::default() };
/// let mut detector = SeriesDetector::new(config, vec!["load".into()])?;
/// let mut values: Vec<f64> = (0..1000).map(|i| (f64::from(i) * 0.3).sin()).collect();
/// values[900] = 7.0;
/// let found = detector.process(&Rows::from_f64(&values, 1)?, None)?;
/// assert!(found.alerts.contains(&900));
/// # Ok::<(), fastrcf::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeriesDetector {
    pub(super) config: SeriesConfig,
    pub(super) columns: Vec<String>,
    pub(super) forest: Forest,
    pub(super) contexts: Vec<ContextState>,
    pub(super) events: Events,
    pub(super) counts: Counts,
    pub(super) clock: Clock,
    /// Features of the warm-up's rows, until it is over.
    pub(super) pending: Vec<f64>,
    /// Where columns are thought to begin, and their unit; since the warm-up's end.
    pub(super) frames: Vec<(f64, f64)>,
    /// Of a series of a set it stays as it began: the set's decide.
    pub(super) alerts: Alerts,
}

/// A row on its way through a block.
struct Coming {
    /// Its place among the call's rows.
    row: usize,
    moments: Vec<Moment>,
}

impl SeriesDetector {
    /// A detector that has seen nothing, for columns of these names.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the parameter that is out of its range.
    pub fn new(config: SeriesConfig, columns: Vec<String>) -> Result<SeriesDetector> {
        config.validate(columns.len())?;
        Ok(SeriesDetector {
            forest: Forest::new(config.forest(), columns.len() * FEATURES)?,
            contexts: vec![ContextState::new(config.n_slots()); columns.len()],
            events: Events::default(),
            counts: Counts::default(),
            clock: Clock::Unknown,
            pending: Vec::new(),
            frames: Vec::new(),
            alerts: Alerts::default(),
            columns,
            config,
        })
    }

    /// The parameters.
    pub fn config(&self) -> &SeriesConfig {
        &self.config
    }

    /// The columns' names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What rows were like so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The forest of context features.
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// The score from which on a row is an alert; with a budget the one above which the next
    /// row is, if there is room for one.
    pub fn threshold(&self) -> f64 {
        match self.config.budget {
            None => self.config.threshold,
            Some(_) => self.alerts.threshold(&self.config) / self.filled().max(1e-9),
        }
    }

    /// The part of its memory that the forest has filled.
    fn filled(&self) -> f64 {
        self.config.filled(self.counts.learnt())
    }

    /// Sets the score from which on a row is an alert.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] unless it is above 0 and at most 10^6, or if a number of
    /// alerts was asked for instead.
    pub fn set_threshold(&mut self, threshold: f64) -> Result<()> {
        check_threshold(&self.config, threshold)?;
        self.config.threshold = threshold;
        Ok(())
    }

    /// The share of rows that should be alerts, if a number of them was asked for: of alerts
    /// a day by the rows of the last days, which are not known before time has passed.
    pub fn alert_rate(&self) -> Option<f64> {
        self.config
            .budget
            .and_then(|asked| self.alerts.rate(&self.config, asked))
    }

    /// How far alerts can be trusted, between 0 and 1. With a budget a tenth for each alert
    /// that was to be expected among the rows scored so far; else the part of its memory
    /// that the forest has filled.
    pub fn confidence(&self) -> f64 {
        match self.config.budget {
            None => self.filled(),
            Some(asked) => self.alerts.confidence(&self.config, asked),
        }
    }

    /// Sets the number of threads (0: what the process may use). No result depends on it.
    pub fn set_threads(&mut self, n_threads: usize) {
        self.config.n_threads = n_threads;
        self.forest.set_threads(n_threads);
    }

    /// What people wrote down about it.
    pub fn notes(&self) -> &Notes {
        self.forest.notes()
    }

    /// Writes down other notes.
    ///
    /// # Errors
    /// As [`Forest::set_notes`].
    pub fn set_notes(&mut self, notes: Notes) -> Result<()> {
        notes::check(&notes)?;
        self.forest.set_notes(notes)
    }

    /// Bytes that the detector takes.
    pub fn memory_usage(&self) -> usize {
        size_of::<SeriesDetector>()
            + self.forest.memory_usage()
            + self
                .contexts
                .iter()
                .map(|c| c.memory_usage())
                .sum::<usize>()
            + self.contexts.capacity() * size_of::<ContextState>()
            + self.events.memory_usage()
            + self.alerts.memory_usage()
            + self.pending.capacity() * size_of::<f64>()
    }

    /// Scores each row by those before it, then learns it.
    ///
    /// The score is NaN for the rows of the warm-up and for rows with a missing value
    /// (NaN), which are not learnt either. `times` are seconds; a time may repeat or go
    /// back, which is counted: only the slot of the period is read from it.
    ///
    /// # Errors
    /// [`Error::WrongWidth`], [`Error::InvalidValue`] or [`Error::InvalidInput`], where
    /// times are missing, not finite, or come for some calls only.
    pub fn process(&mut self, rows: &Rows<'_>, times: Option<&[f64]>) -> Result<Detection> {
        self.process_with(rows, times, &mut never)
    }

    /// [`SeriesDetector::process`] with a callback that is asked now and then whether to
    /// stop.
    ///
    /// # Errors
    /// As [`SeriesDetector::process`], and [`Error::Interrupted`].
    pub fn process_with(
        &mut self,
        rows: &Rows<'_>,
        times: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        // Taken out while rows are judged by it.
        let mut alerts = std::mem::take(&mut self.alerts);
        let before = (rows.n_rows() > BLOCK).then(|| alerts.clone());
        let config = self.config.clone();
        let mut grades = vec![0.0; rows.n_rows()];
        let found = self.judge_with(rows, times, interrupt, &mut |one| {
            let time = times.map(|times| times[one.row]);
            let (grade, is_alert) = match config.budget {
                None => above(config.threshold, one.score),
                Some(asked) => alerts.take(&config, asked, one.compared(), time),
            };
            grades[one.row] = grade;
            is_alert
        });
        // A call that fails after it has begun is a long one.
        self.alerts = match (&found, before) {
            (Err(_), Some(before)) => before,
            _ => alerts,
        };
        Ok(Detection { grades, ..found? })
    }

    /// Scores and learns rows; grades are left to who judges, who is asked row by row. Alerts
    /// get reasons.
    pub(super) fn judge_with(
        &mut self,
        rows: &Rows<'_>,
        times: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
        judge: &mut Judge<'_>,
    ) -> Result<Detection> {
        check_rows(rows, times, self.columns.len())?;
        self.check_clock(times)?;
        let n = rows.n_rows();
        let mut found = Detection {
            scores: vec![f64::NAN; n],
            ..Detection::default()
        };
        // A call that may be interrupted half-way keeps what it would undo.
        let backup = (n > BLOCK).then(|| self.clone());
        for start in (0..n).step_by(BLOCK) {
            // A short call keeps nothing, and is not asked once it has begun.
            let stopped = (start == 0 || backup.is_some()) && interrupt();
            let range = start..n.min(start + BLOCK);
            let done = match stopped {
                true => Err(Error::Interrupted),
                false => self.block(rows, times, range, &mut found, judge),
            };
            if let Err(error) = done {
                if let Some(backup) = backup {
                    *self = backup;
                }
                return Err(error);
            }
        }
        Ok(found)
    }

    /// Reasons of some rows, ascending, of what this one goes on with, which it learns up to
    /// the last of them. They must have scores.
    pub(super) fn reasons_of(
        &mut self,
        rows: &Rows<'_>,
        times: Option<&[f64]>,
        which: &[usize],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Vec<Reason>>> {
        let (mut reasons, mut done) = (Vec::with_capacity(which.len()), 0);
        for &row in which {
            for (range, is_it) in [(done..row, false), (row..row + 1, true)] {
                let times = times.map(|times| &times[range.clone()]);
                let rows = rows.slice(range);
                let found = self.judge_with(&rows, times, interrupt, &mut |_| is_it)?;
                reasons.extend(found.reasons);
            }
            done = row + 1;
        }
        Ok(reasons)
    }

    pub(super) fn check_clock(&self, times: Option<&[f64]>) -> Result<()> {
        self.config.check_times(times)?;
        match (self.clock, times) {
            (Clock::At(_), None) => Err(Error::input(
                "rows have no times, and those before had some: give times always or never",
            )),
            (Clock::Absent, Some(_)) => Err(Error::input(
                "rows have times, and those before had none: give times always or never",
            )),
            _ => Ok(()),
        }
    }

    /// Takes a block of checked rows.
    fn block(
        &mut self,
        rows: &Rows<'_>,
        times: Option<&[f64]>,
        range: std::ops::Range<usize>,
        found: &mut Detection,
        judge: &mut Judge<'_>,
    ) -> Result<()> {
        let mut coming = Vec::with_capacity(range.len());
        for row in range {
            let slot = self.tick(times.map(|times| times[row]));
            self.counts.seen += 1;
            let mut values = (0..self.columns.len()).map(|j| rows.value(row, j));
            if values.any(f64::is_nan) {
                self.counts.missing += 1;
                continue;
            }
            let trailing = self.config.trailing;
            let contexts = self.contexts.iter_mut().enumerate();
            let moments = contexts
                .map(|(j, context)| context.take(rows.value(row, j), slot, trailing))
                .collect();
            let coming_row = Coming { row, moments };
            if self.frames.is_empty() {
                self.warm_up(&coming_row)?;
            } else {
                coming.push(coming_row);
            }
        }
        if coming.len() <= FEW {
            for one in coming.chunks(1) {
                let features = self.features(one);
                let one_row = Rows::from_f64(&features, self.forest.n_features())?;
                let novelty = self.forest.novelty(self.novelty(), &one_row);
                let scored = self.score(&one[0], self.forest.n_seen(), novelty[0]);
                if found.take(&scored, judge) {
                    let reasons = self.explain(&self.forest, &one_row, &one[0])?;
                    found.reasons.push(reasons);
                }
                self.forest.insert(&one_row)?;
            }
            return Ok(());
        }
        let features = self.features(&coming);
        let block = Rows::from_f64(&features, self.forest.n_features())?;
        let first = self.forest.n_seen();
        // Blocks without an alert are the rule; the others are replayed up to each.
        let mut replay = self.forest.clone();
        let novelties = self.forest.process_novelty(self.novelty(), &block)?;
        let mut done = 0;
        for (i, (one, &novelty)) in coming.iter().zip(&novelties).enumerate() {
            let scored = self.score(one, first + i as u64, novelty);
            if found.take(&scored, judge) {
                replay.insert(&block.slice(done..i))?;
                done = i;
                let reasons = self.explain(&replay, &block.slice(i..i + 1), one)?;
                found.reasons.push(reasons);
            }
        }
        Ok(())
    }

    /// Moves the clock; gives the slot of the period that it shows.
    fn tick(&mut self, time: Option<f64>) -> Option<usize> {
        let Some(time) = time else {
            self.clock = Clock::Absent;
            return None;
        };
        if let Clock::At(last) = self.clock {
            self.counts.repeated += u64::from(time == last);
            self.counts.backward += u64::from(time < last);
        }
        self.clock = Clock::At(time);
        let (period, n) = (self.config.period?, self.config.n_slots());
        let place = time.rem_euclid(period) / period * n as f64;
        Some((place as usize).min(n - 1))
    }

    /// Keeps a row of the warm-up; at its end finds the columns' units and learns all.
    fn warm_up(&mut self, one: &Coming) -> Result<()> {
        let moments = one.moments.iter();
        self.pending.extend(moments.flat_map(|m| m.features));
        let d = self.forest.n_features();
        if self.pending.len() < self.config.warm_up * d {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        self.frames = (0..self.columns.len())
            .map(|j| {
                let values = pending.chunks_exact(d).map(|row| row[j * FEATURES]);
                let values: Vec<f64> = values.collect();
                // One column needs no unit: a forest does not know any.
                let unit = if d == FEATURES { 1.0 } else { unit(&values) };
                (values[0], unit)
            })
            .collect();
        for row in pending.chunks_exact_mut(d) {
            self.place(row);
        }
        self.forest.insert(&Rows::from_f64(&pending, d)?)
    }

    /// Moves features into the columns' frames, in which single precision suffices.
    fn place(&self, row: &mut [f64]) {
        for (features, (origin, unit)) in row.chunks_exact_mut(FEATURES).zip(&self.frames) {
            features[0] -= origin;
            features[2] -= origin;
            for value in features {
                *value = (*value / unit).clamp(-MAX_SERIES_VALUE, MAX_SERIES_VALUE);
            }
        }
    }

    /// Features of rows as the forest takes them.
    fn features(&self, coming: &[Coming]) -> Vec<f64> {
        let moments = coming.iter().flat_map(|one| &one.moments);
        let mut features: Vec<f64> = moments.flat_map(|m| m.features).collect();
        for row in features.chunks_exact_mut(self.forest.n_features()) {
            self.place(row);
        }
        features
    }

    fn novelty(&self) -> Novelty {
        Novelty::new(self.config.sample_size, 1)
    }

    /// Scores a row, whose number among those learnt is `number`.
    fn score(&mut self, one: &Coming, number: u64, novelty: f64) -> Scored {
        Scored {
            row: one.row,
            score: self.events.take(&self.config, number, novelty),
            filled: self.config.filled(number),
        }
    }

    fn explain(&self, forest: &Forest, row: &Rows<'_>, one: &Coming) -> Result<Vec<Reason>> {
        let parts = forest.novelty_parts(self.novelty(), row)?;
        Ok(words::reasons(
            &self.columns,
            &self.config,
            &one.moments,
            &parts.low,
            &parts.high,
        ))
    }
}

/// The unit of a column: the deviation of the warm-up's values, or where they are all
/// equal their magnitude.
fn unit(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let first = values[0];
    let mean = values.iter().map(|x| x - first).sum::<f64>() / n;
    let squares = values.iter().map(|x| (x - first - mean).powi(2));
    let spread = (squares.sum::<f64>() / (n - 1.0)).sqrt();
    [spread, first.abs(), 1.0]
        .into_iter()
        .find(|&unit| unit >= f64::MIN_POSITIVE)
        .unwrap_or(1.0)
}
