//! The detector: a forest behind fitted columns, with a threshold, a grade and
//! reasons in the user's units.

mod feature;
mod fit;
mod reasons;
mod scaler;
mod state;
mod tail;

pub use feature::{Feature, QUANTILES, Scaling, Transform};
pub use fit::{ColumnKind, DetectorBuilder};
pub use reasons::Reason;
pub use state::DetectorState;
pub use tail::Tail;

use crate::config::ScoreKind;
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::frozen::FrozenForest;
use crate::notes::Notes;
use crate::questions::never;
use crate::rows::Rows;
use scaler::{Scaled, Scaler};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Parameters of a [`Detector`].
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorConfig {
    /// Number of trees.
    pub n_trees: usize,
    /// Rows that each tree holds; fewer if there are fewer to fit to.
    pub sample_size: usize,
    /// Share of rows that should be alerts, above 0 and at most 0.5.
    pub alert_rate: f64,
    /// What the score of a row is.
    pub score: ScoreKind,
    /// Seed.
    pub seed: u64,
    /// Threads; 0 takes what the process may use. Never changes a result.
    pub n_threads: usize,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        DetectorConfig {
            n_trees: 100,
            sample_size: 256,
            alert_rate: 0.001,
            score: ScoreKind::Auto,
            seed: 0,
            n_threads: 0,
        }
    }
}

/// What a detector says about rows.
#[derive(Clone, Debug, Default)]
pub struct Detection {
    /// Score of each row, of the detector's kind.
    pub scores: Vec<f64>,
    /// Grade of each row: 0 for usual ones, 0.5 at the threshold, up to 1.
    pub grades: Vec<f64>,
    /// Rows whose score is above the threshold, ascending.
    pub alerts: Vec<usize>,
    /// Reasons of each alert, the largest part first.
    pub reasons: Vec<Vec<Reason>>,
}

/// Finds unusual rows in tables and streams, and says why they are.
///
/// # Examples
/// ```
/// use fastrcf::{ColumnKind, DetectorBuilder, DetectorConfig, Rows, Scaling};
///
/// let columns = ["amount", "items"].map(|name| (name.into(), ColumnKind::Number(Scaling::Auto)));
/// let mut builder = DetectorBuilder::new(DetectorConfig::default(), columns.into())?;
/// let usual: Vec<f64> = (0..2000).map(|i| 20.0 + (f64::from(i) * 0.7).sin()).collect();
/// builder.add(&Rows::from_f64(&usual, 2)?)?;
/// let detector = builder.finish(&mut || false)?;
/// let found = detector.detect(&Rows::from_f64(&[20.1, 19.5, 900.0, 20.0], 2)?)?;
/// assert_eq!(found.alerts, [1]);
/// assert!(found.reasons[0][0].text.starts_with("amount = 900: higher than any in training"));
/// # Ok::<(), fastrcf::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Detector {
    features: Vec<Feature>,
    /// What scales rows of these columns.
    scaler: Scaler,
    forest: Forest,
    /// The forest as it stands, for tables; made when first needed.
    frozen: OnceLock<FrozenForest>,
    kind: ScoreKind,
    tail: Tail,
    alert_rate: f64,
    threshold: f64,
    n_fitted: u64,
    n_sampled: u64,
}

/// Rows that are scaled at a time.
const BLOCK: usize = 16_384;
/// Rows of a stream that are taken at a time.
const STREAM_BLOCK: usize = 4096;
/// Values that are scaled at a time, at most.
const BLOCK_VALUES: usize = 1 << 20;
/// Rows whose reasons are sought at a time.
const REASONS_BLOCK: usize = 1024;
/// From this many rows on it pays to freeze the forest.
const WORTH_FREEZING: usize = 2048;

impl Detector {
    /// The columns, in the order in which rows have them.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The forest behind it; its columns are scaled.
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// What the score of a row is.
    pub fn score_kind(&self) -> ScoreKind {
        self.kind
    }

    /// Score above which a row is an alert.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Share of rows that should be alerts.
    pub fn alert_rate(&self) -> f64 {
        self.alert_rate
    }

    /// Rows that it was fitted to.
    pub fn n_fitted(&self) -> u64 {
        self.n_fitted
    }

    /// Rows of them that scalings, forest and threshold rest on: all, or a
    /// uniform sample.
    pub fn n_sampled(&self) -> u64 {
        self.n_sampled
    }

    /// Rows that streams have brought since.
    pub fn n_streamed(&self) -> u64 {
        // The forest began with the sample that the detector was fitted to.
        self.forest.n_seen().saturating_sub(self.n_sampled)
    }

    /// Writes down other notes; [`Forest::notes`] has them.
    ///
    /// # Errors
    /// As [`Forest::set_notes`].
    pub fn set_notes(&mut self, notes: Notes) -> Result<()> {
        self.forest.set_notes(notes)
    }

    /// Sets the share of rows that should be alerts, and the threshold by the
    /// training scores.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if it is not above 0 and at most 0.5.
    pub fn set_alert_rate(&mut self, alert_rate: f64) -> Result<()> {
        check_rate(alert_rate)?;
        self.alert_rate = alert_rate;
        self.threshold = self.tail.threshold(alert_rate);
        Ok(())
    }

    /// Sets the number of threads (0: what the process may use). No result
    /// depends on it.
    pub fn set_threads(&mut self, n_threads: usize) {
        self.forest.set_threads(n_threads);
        self.frozen.take();
    }

    /// The numbers that stand for categories of a column, −1 for those that
    /// were never seen.
    pub fn categories(&self, column: usize, names: &[impl AsRef<str>]) -> Vec<f64> {
        let known: HashMap<&str, usize> = match self.features.get(column).map(|f| &f.transform) {
            Some(Transform::Category { names, .. }) => {
                names.iter().map(String::as_str).zip(0..).collect()
            }
            _ => HashMap::new(),
        };
        let number = |name: &str| known.get(name).map_or(-1.0, |&at| at as f64);
        names.iter().map(|name| number(name.as_ref())).collect()
    }

    fn scaled(&self) -> Scaled<'_> {
        self.scaler.of(&self.features)
    }

    /// Gives checked rows, scaled, to `work` block by block: the number of the
    /// first row and the rows.
    fn in_blocks(
        &self,
        rows: &Rows<'_>,
        block: usize,
        mut work: impl FnMut(usize, &Rows<'_>) -> Result<()>,
    ) -> Result<()> {
        let d = self.features.len();
        let block = block.min(BLOCK_VALUES / d).max(1);
        let mut values = vec![0.0; block.min(rows.n_rows()) * d];
        for first in (0..rows.n_rows()).step_by(block) {
            let range = first..(first + block).min(rows.n_rows());
            let values = &mut values[..range.len() * d];
            self.scaled().load_rows(rows, range, values);
            work(first, &Rows::from_f32(values, d)?)?;
        }
        Ok(())
    }

    /// Takes rows in without scoring them.
    fn learn(&mut self, rows: &Rows<'_>, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
        check_rows(rows, self.features.len(), interrupt)?;
        let mut forest = self.forest.clone_with(interrupt)?;
        self.in_blocks(rows, BLOCK, |_, rows| {
            forest.insert_with(rows, None, interrupt)
        })?;
        self.replace_forest(forest);
        Ok(())
    }

    fn replace_forest(&mut self, forest: Forest) {
        self.forest = forest;
        self.frozen.take();
    }

    /// Freezes the forest if there are rows enough.
    fn freeze_for(&self, rows: &Rows<'_>, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
        if rows.n_rows() >= WORTH_FREEZING && self.frozen.get().is_none() {
            let _ = self.frozen.set(self.forest.freeze_with(interrupt)?);
        }
        Ok(())
    }

    /// The score of each row, of the detector's kind.
    ///
    /// # Errors
    /// [`Error::WrongWidth`] or [`Error::InvalidValue`].
    pub fn score(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.score_with(rows, &mut never)
    }

    /// [`Detector::score`] with a callback that is asked now and then whether
    /// to stop.
    ///
    /// # Errors
    /// As [`Detector::score`], and [`Error::Interrupted`].
    pub fn score_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.score_by_with(self.kind, rows, interrupt)
    }

    /// The score of another kind of each row; threshold and grades are not of it.
    ///
    /// # Errors
    /// As [`Detector::score_with`].
    pub fn score_by_with(
        &self,
        kind: ScoreKind,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        check_width(rows, self.features.len())?;
        let n = rows.n_rows();
        self.freeze_for(rows, interrupt)?;
        if let Some(frozen) = self.frozen.get()
            && frozen.takes_blocks(n)
            && kind != ScoreKind::Displacement
        {
            // Rows are checked and scaled on their way into the kernel.
            let blend = kind.blend(frozen.config().sample_size);
            return frozen.score_blocks(&self.scaled(), rows, blend, interrupt);
        }
        rows.check(None, interrupt)?;
        let mut scores = Vec::with_capacity(n);
        self.in_blocks(rows, BLOCK, |_, rows| {
            scores.extend(match self.frozen.get() {
                Some(frozen) => frozen.score_by_with(kind, rows, interrupt)?,
                None => self.forest.score_by_with(kind, rows, interrupt)?,
            });
            Ok(())
        })?;
        Ok(scores)
    }

    /// The grade of a score: 0 for usual ones, 0.5 at the threshold, up to 1.
    /// It is `1 - p^(ln 2 / -ln alert_rate)` with `p` the share of training
    /// rows (extrapolated beyond them) that score higher.
    pub fn grade(&self, score: f64) -> f64 {
        self.tail.grade(score, self.alert_rate)
    }

    /// Scores, grades, alerts and their reasons.
    ///
    /// # Errors
    /// As [`Detector::score`].
    pub fn detect(&self, rows: &Rows<'_>) -> Result<Detection> {
        self.detect_with(rows, &mut never)
    }

    /// [`Detector::detect`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Detector::score_with`].
    pub fn detect_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        let scores = self.score_with(rows, interrupt)?;
        let mut found = self.judge(scores);
        let alerts = std::mem::take(&mut found.alerts);
        for few in alerts.chunks(REASONS_BLOCK) {
            found
                .reasons
                .extend(self.explain(None, rows, few, interrupt)?);
        }
        found.alerts = alerts;
        Ok(found)
    }

    /// Scores as grades and alerts, without reasons.
    fn judge(&self, scores: Vec<f64>) -> Detection {
        Detection {
            grades: scores.iter().map(|&s| self.grade(s)).collect(),
            alerts: (0..scores.len())
                .filter(|&i| scores[i] > self.threshold)
                .collect(),
            reasons: Vec::new(),
            scores,
        }
    }

    /// Reasons of some rows, by another forest in this detector's coordinates or
    /// its own.
    fn explain(
        &self,
        other: Option<&Forest>,
        rows: &Rows<'_>,
        which: &[usize],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Vec<Reason>>> {
        let d = self.features.len();
        let mut values = vec![0.0; d * which.len()];
        for (&i, values) in which.iter().zip(values.chunks_exact_mut(d)) {
            self.scaled().load_rows(rows, i..i + 1, values);
        }
        let asked = Rows::from_f32(&values, d)?;
        let parts = match (other, self.frozen.get()) {
            (None, Some(frozen)) => frozen.attribution_by_with(self.kind, &asked, interrupt)?,
            (other, _) => other
                .unwrap_or(&self.forest)
                .attribution_by_with(self.kind, &asked, interrupt)?,
        };
        Ok(which
            .iter()
            .zip(parts.low.chunks_exact(d).zip(parts.high.chunks_exact(d)))
            .map(|(&i, (low, high))| {
                reasons::reasons(&self.features, low, high, |j| rows.value(i, j))
            })
            .collect())
    }

    /// Reasons of every row, alert or not.
    ///
    /// # Errors
    /// As [`Detector::score`].
    pub fn reasons(&self, rows: &Rows<'_>) -> Result<Vec<Vec<Reason>>> {
        self.reasons_with(rows, &mut never)
    }

    /// [`Detector::reasons`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Detector::score_with`].
    pub fn reasons_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Vec<Reason>>> {
        check_rows(rows, self.features.len(), interrupt)?;
        self.freeze_for(rows, interrupt)?;
        let all: Vec<usize> = (0..rows.n_rows()).collect();
        let mut reasons = Vec::with_capacity(all.len());
        // The parts of a block, not of all rows, are held at a time.
        for some in all.chunks(REASONS_BLOCK) {
            reasons.extend(self.explain(None, rows, some, interrupt)?);
        }
        Ok(reasons)
    }

    /// A stream: detects each row, then learns from it. Reasons are those of
    /// the moment before the row is learnt.
    ///
    /// # Errors
    /// As [`Detector::score_with`]; nothing has changed then.
    pub fn process_with(
        &mut self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        if rows.n_rows() == 1 {
            return self.process_one(rows, interrupt);
        }
        check_rows(rows, self.features.len(), interrupt)?;
        let mut all = Detection::default();
        let mut forest = self.forest.clone_with(interrupt)?;
        self.in_blocks(rows, STREAM_BLOCK, |first, block| {
            // Blocks without an alert are the rule; the others are replayed up
            // to each alert.
            let before = forest.clone_with(interrupt)?;
            let found = self.judge(forest.process_by_with(self.kind, block, None, interrupt)?);
            let mut replay = before;
            let mut done = 0;
            for &alert in &found.alerts {
                replay.insert_with(&block.slice(done..alert), None, interrupt)?;
                done = alert;
                all.reasons.extend(self.explain(
                    Some(&replay),
                    rows,
                    &[first + alert],
                    interrupt,
                )?);
                all.alerts.push(first + alert);
            }
            all.scores.extend(found.scores);
            all.grades.extend(found.grades);
            Ok(())
        })?;
        self.replace_forest(forest);
        Ok(all)
    }

    /// The same for a single row, without a copy of the forest.
    fn process_one(
        &mut self,
        row: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        let found = self.detect_with(row, interrupt)?;
        let mut values = vec![0.0; self.features.len()];
        self.scaled().load_rows(row, 0..1, &mut values);
        self.forest
            .insert(&Rows::from_f32(&values, values.len())?)?;
        self.frozen.take();
        Ok(found)
    }

    /// [`Detector::process_with`] without interruption.
    ///
    /// # Errors
    /// As [`Detector::score`]; nothing has changed then.
    pub fn process(&mut self, rows: &Rows<'_>) -> Result<Detection> {
        self.process_with(rows, &mut never)
    }

    /// Bytes that the detector takes.
    pub fn memory_usage(&self) -> usize {
        size_of::<Detector>()
            + self.forest.memory_usage()
            + self.frozen.get().map_or(0, FrozenForest::memory_usage)
    }
}

fn check_rows(rows: &Rows<'_>, width: usize, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
    check_width(rows, width)?;
    rows.check(None, interrupt)
}

fn check_width(rows: &Rows<'_>, expected: usize) -> Result<()> {
    let found = rows.n_columns();
    match found == expected {
        true => Ok(()),
        false => Err(Error::WrongWidth { expected, found }),
    }
}

fn check_rate(alert_rate: f64) -> Result<()> {
    if alert_rate > 0.0 && alert_rate <= 0.5 {
        return Ok(());
    }
    Err(Error::config(
        "alert_rate",
        format!("{alert_rate} is not above 0 and at most 0.5"),
    ))
}
