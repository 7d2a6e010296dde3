//! The detector: forests behind fitted columns, with a threshold, a grade and
//! reasons in the user's units.

mod ask;
mod budget;
mod feature;
mod fit;
mod histogram;
mod inverse;
mod near;
mod pace;
mod reasons;
mod relation;
mod relation_search;
mod scaler;
mod state;
mod stream;
mod symmetric;
mod tail;
mod view;

pub use budget::Budget;
pub use feature::{Feature, QUANTILES, Scaling, Transform};
pub use fit::{ColumnKind, DetectorBuilder};
pub(crate) use histogram::{BINS as HISTOGRAM_BINS, Histogram};
pub(crate) use pace::Pace;
pub use reasons::Reason;
pub use relation::Relation;
pub use state::DetectorState;
pub use tail::Tail;

use crate::config::ScoreKind;
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::notes::Notes;
use std::collections::HashMap;
use view::{Seen, View};

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
    /// Whether linear relations between columns are looked for and watched.
    pub relations: bool,
    /// Whether the threshold follows a stream's scores, so that alerts keep their rate.
    pub tracks: bool,
    /// How much less a row weighs in the trees' samples with each row that a stream
    /// brings after it: `exp(-time_decay)`. With 0, rows of the stream and those that the
    /// detector was fitted to all weigh the same.
    pub time_decay: f64,
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
            relations: true,
            tracks: true,
            time_decay: 0.0,
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
    /// Further coordinates, behind those of the features.
    relations: Vec<Relation>,
    seeks_relations: bool,
    /// At least one.
    views: Vec<View>,
    kind: ScoreKind,
    tail: Tail,
    alert_rate: f64,
    threshold: f64,
    tracks: bool,
    /// What the threshold rests on once there has been a stream.
    budget: Option<Budget>,
    n_fitted: u64,
    n_sampled: u64,
    rows_per_day: Option<f64>,
}

impl Detector {
    /// The columns, in the order in which rows have them.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The linear relations that it watches.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// A relation's sum in words; of many columns those are named that count most.
    pub fn expression(&self, relation: &Relation) -> String {
        let features = &self.features;
        relation.expression(|j| features[j].name.clone(), |j| features[j].spread())
    }

    /// Whether relations were looked for when it was fitted.
    pub fn seeks_relations(&self) -> bool {
        self.seeks_relations
    }

    /// The forests behind it, one for each view: their columns are scaled, and relations
    /// follow them.
    pub fn forests(&self) -> impl ExactSizeIterator<Item = &Forest> {
        self.views.iter().map(View::forest)
    }

    /// Trees of all views.
    pub fn n_trees(&self) -> usize {
        self.forests().map(|forest| forest.config().n_trees).sum()
    }

    /// What the score of a row is.
    pub fn score_kind(&self) -> ScoreKind {
        self.kind
    }

    /// Score above which a row is an alert: by the training scores, and once a stream has
    /// moved it, by those of the stream.
    pub fn threshold(&self) -> f64 {
        self.budget
            .as_ref()
            .map_or(self.threshold, Budget::threshold)
    }

    /// Whether the threshold follows a stream's scores.
    pub fn tracks(&self) -> bool {
        self.tracks
    }

    /// How fast rows of the past lose weight on a stream; see
    /// [`DetectorConfig::time_decay`].
    pub fn time_decay(&self) -> f64 {
        self.first().config().decay_rate()
    }

    /// Share of rows that should be alerts.
    pub fn alert_rate(&self) -> f64 {
        self.alert_rate
    }

    /// Rows that it was fitted to.
    pub fn n_fitted(&self) -> u64 {
        self.n_fitted
    }

    /// Rows of them that scalings, forests and threshold rest on: all, or a
    /// uniform sample.
    pub fn n_sampled(&self) -> u64 {
        self.n_sampled
    }

    /// Rows of a day, if somebody said so: `alert_rate` times as many alerts are expected.
    pub fn rows_per_day(&self) -> Option<f64> {
        self.rows_per_day
    }

    /// Says how many rows a day has. It changes nothing that is found.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if it is not above 0 and finite.
    pub fn set_rows_per_day(&mut self, rows_per_day: Option<f64>) -> Result<()> {
        check_per_day(rows_per_day)?;
        self.rows_per_day = rows_per_day;
        Ok(())
    }

    /// Rows that streams have brought since.
    pub fn n_streamed(&self) -> u64 {
        // The forests began with the sample that the detector was fitted to.
        self.first().n_seen().saturating_sub(self.n_sampled)
    }

    fn first(&self) -> &Forest {
        self.views[0].forest()
    }

    /// What people wrote down about it.
    pub fn notes(&self) -> &Notes {
        self.first().notes()
    }

    /// Writes down other notes.
    ///
    /// # Errors
    /// As [`Forest::set_notes`].
    pub fn set_notes(&mut self, notes: Notes) -> Result<()> {
        self.views[0].set_notes(notes)
    }

    /// Sets the share of rows that should be alerts, and the threshold by the
    /// training scores, whatever a stream has made of it.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if it is not above 0 and at most 0.5.
    pub fn set_alert_rate(&mut self, alert_rate: f64) -> Result<()> {
        check_rate(alert_rate)?;
        self.alert_rate = alert_rate;
        self.threshold = self.tail.threshold(alert_rate);
        self.budget = None;
        Ok(())
    }

    /// Sets the number of threads (0: what the process may use). No result
    /// depends on it.
    pub fn set_threads(&mut self, n_threads: usize) {
        for view in &mut self.views {
            view.forest_mut().set_threads(n_threads);
        }
    }

    /// The numbers that stand for categories of a column, −1 for those that
    /// were never seen.
    pub fn categories(&self, column: usize, names: &[impl AsRef<str>]) -> Vec<f64> {
        let known: HashMap<&str, usize> = match self.features.get(column).map(Feature::category) {
            Some(Some((names, ..))) => names.iter().map(String::as_str).zip(0..).collect(),
            _ => HashMap::new(),
        };
        let number = |name: &str| known.get(name).map_or(-1.0, |&at| at as f64);
        names.iter().map(|name| number(name.as_ref())).collect()
    }

    fn seen(&self) -> Seen<'_> {
        Seen {
            features: &self.features,
            relations: &self.relations,
        }
    }

    /// The mean over trees, of each view's.
    fn mixed(&self, mut parts: impl Iterator<Item = Result<Vec<f64>>>) -> Result<Vec<f64>> {
        let mut all = parts.next().unwrap_or_else(|| Ok(Vec::new()))?;
        if self.views.len() == 1 {
            return Ok(all);
        }
        let total = self.n_trees() as f64;
        let mut shares = self.forests().map(|f| f.config().n_trees as f64 / total);
        let share = shares.next().unwrap_or(1.0);
        all.iter_mut().for_each(|x| *x *= share);
        for (part, share) in parts.zip(shares) {
            all.iter_mut().zip(part?).for_each(|(x, y)| *x += share * y);
        }
        Ok(all)
    }

    /// Bytes that the detector takes.
    pub fn memory_usage(&self) -> usize {
        let views = self.views.iter().map(View::memory_usage);
        size_of::<Detector>() + views.sum::<usize>()
    }
}

fn check_per_day(rows: Option<f64>) -> Result<()> {
    match rows {
        Some(rows) if !(rows > 0.0 && rows.is_finite()) => Err(Error::config(
            "rows_per_day",
            format!("{rows} is not above 0 and finite"),
        )),
        _ => Ok(()),
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
