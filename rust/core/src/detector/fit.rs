//! Fitting a detector in one pass over batches.

use super::ask::check_width;
use super::feature::{self, Feature, Scaling, Transform};
use super::view::View;
use super::{Detector, DetectorConfig, Relation, Tail, relation_search};
use crate::config::{ForestConfig, Sampling};
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::questions::never;
use crate::rng::Rng;
use crate::rows::Rows;
use std::collections::HashMap;

/// Rows kept for fitting: a threshold for one alert in a thousand then rests
/// on 65 exceedances.
const SAMPLE_ROWS: usize = 1 << 16;
/// Values kept at most, if there are many columns.
const SAMPLE_VALUES: usize = 1 << 25;
/// Rows kept even then.
const LEAST_ROWS: usize = 1 << 13;
/// Rows between two questions whether to stop.
const ASKED_EVERY: usize = 1 << 14;
/// Names that a categorical column keeps; later ones count as never seen.
const MOST_CATEGORIES: usize = 1 << 16;

/// How far the seeds of views are apart: no seed that people type is another's.
const VIEW_SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers, to be scaled.
    Number(Scaling),
    /// Categories, as the numbers that [`DetectorBuilder::category`] gives.
    Category,
}

#[derive(Clone, Debug, Default)]
struct Categories {
    numbers: HashMap<String, usize>,
    counts: Vec<u64>,
}

/// Takes training rows in, batch by batch, and keeps a uniform sample of them.
/// The detector does not depend on how the rows were batched.
#[derive(Clone, Debug)]
pub struct DetectorBuilder {
    config: DetectorConfig,
    columns: Vec<(String, ColumnKind)>,
    categories: Vec<Categories>,
    sample: Vec<f64>,
    /// Least and largest value of each column among all rows, not the sample's.
    extremes: Vec<(f64, f64)>,
    room: usize,
    n_seen: u64,
    rng: Rng,
}

impl DetectorBuilder {
    /// A builder for rows of these columns.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the parameter that is out of its range.
    pub fn new(
        config: DetectorConfig,
        columns: Vec<(String, ColumnKind)>,
    ) -> Result<DetectorBuilder> {
        let mut forest = config.forest(config.sample_size);
        forest.sampling = Sampling::Decay {
            rate: Some(config.time_decay),
        };
        forest.validate(columns.len())?;
        super::check_rate(config.alert_rate)?;
        let d = columns.len();
        // A stream that no tree draws from.
        let rng = Rng::new(config.seed, u64::MAX);
        Ok(DetectorBuilder {
            categories: vec![Categories::default(); d],
            room: (SAMPLE_VALUES / d).clamp(LEAST_ROWS, SAMPLE_ROWS),
            sample: Vec::new(),
            extremes: vec![(f64::INFINITY, f64::NEG_INFINITY); d],
            n_seen: 0,
            config,
            columns,
            rng,
        })
    }

    /// The number that stands for a category of a column; −1 once there are
    /// too many.
    pub fn category(&mut self, column: usize, name: &str) -> f64 {
        let Some(categories) = self.categories.get_mut(column) else {
            return -1.0;
        };
        if let Some(&number) = categories.numbers.get(name) {
            return number as f64;
        }
        let number = categories.counts.len();
        if number == MOST_CATEGORIES {
            return -1.0;
        }
        categories.numbers.insert(name.to_owned(), number);
        categories.counts.push(0);
        number as f64
    }

    /// Takes rows in.
    ///
    /// # Errors
    /// [`Error::WrongWidth`] or [`Error::InvalidValue`]; nothing has changed then.
    pub fn add(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.add_with(rows, &mut never)
    }

    /// [`DetectorBuilder::add`] with a callback that is asked now and then
    /// whether to stop.
    ///
    /// # Errors
    /// As [`DetectorBuilder::add`], and [`Error::Interrupted`]; nothing has
    /// changed then.
    pub fn add_with(&mut self, rows: &Rows<'_>, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
        let d = self.columns.len();
        check_width(rows, d)?;
        // All that takes long comes first and changes nothing.
        let mut extremes = self.extremes.clone();
        rows.each_checked(None, interrupt, |tile| rows.widen(tile, &mut extremes))?;
        let counts = self.counted(rows, interrupt)?;
        let mut rng = self.rng.clone();
        let mut held = self.sample.len() / d;
        let mut taken = Vec::new();
        for i in 0..rows.n_rows() {
            if i % ASKED_EVERY == 0 && interrupt() {
                return Err(Error::Interrupted);
            }
            let place = if held < self.room {
                held += 1;
                held - 1
            } else {
                (rng.unit() * (self.n_seen + i as u64 + 1) as f64) as usize
            };
            if place < self.room {
                taken.push((place, i));
            }
        }
        self.sample.resize(held * d, 0.0);
        // From the last row on: only the last that takes a place stays there.
        let mut open = vec![true; held];
        for (place, i) in taken.into_iter().rev() {
            if std::mem::take(&mut open[place]) {
                let values = &mut self.sample[place * d..(place + 1) * d];
                (0..d).for_each(|j| values[j] = rows.value(i, j));
            }
        }
        for (categories, counts) in self.categories.iter_mut().zip(counts) {
            categories.counts = counts;
        }
        self.extremes = extremes;
        self.n_seen += rows.n_rows() as u64;
        self.rng = rng;
        Ok(())
    }

    /// How often each category occurs with these rows, column by column.
    fn counted(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Vec<u64>>> {
        let mut all = Vec::with_capacity(self.columns.len());
        for (j, categories) in self.categories.iter().enumerate() {
            let mut counts = categories.counts.clone();
            let n = match self.columns[j].1 {
                ColumnKind::Category => rows.n_rows(),
                ColumnKind::Number(_) => 0,
            };
            for i in 0..n {
                if i % ASKED_EVERY == 0 && interrupt() {
                    return Err(Error::Interrupted);
                }
                let number = feature::category(rows.value(i, j));
                if let Some(count) = number.and_then(|at| counts.get_mut(at)) {
                    *count += 1;
                }
            }
            all.push(counts);
        }
        Ok(all)
    }

    /// Rows taken in.
    pub fn n_seen(&self) -> u64 {
        self.n_seen
    }

    /// Sets the share of rows that should be alerts.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if it is not between 0 and 0.5.
    pub fn set_alert_rate(&mut self, alert_rate: f64) -> Result<()> {
        super::check_rate(alert_rate)?;
        self.config.alert_rate = alert_rate;
        Ok(())
    }

    /// Fits scalings, forest and threshold. A sample size beyond the number of
    /// rows is cut to it.
    ///
    /// # Errors
    /// [`Error::NotReady`] with fewer than two rows, [`Error::Interrupted`].
    pub fn finish(mut self, interrupt: &mut dyn FnMut() -> bool) -> Result<Detector> {
        let d = self.columns.len();
        let n = self.sample.len() / d;
        if n < 2 {
            return Err(Error::NotReady {
                seen: n as u64,
                needed: 2,
            });
        }
        let mut values = vec![0.0; n];
        let mut features = Vec::with_capacity(d);
        // Column by column, so that one column is copied at a time.
        for j in 0..d {
            if interrupt() {
                return Err(Error::Interrupted);
            }
            let (name, kind) = self.columns[j].clone();
            let feature = match kind {
                ColumnKind::Number(scaling) => {
                    let column = self.sample[j..].iter().step_by(d);
                    values.iter_mut().zip(column).for_each(|(to, &x)| *to = x);
                    feature::fit(name, scaling, &mut values, self.extremes[j])
                }
                ColumnKind::Category => self.fit_categories(j, name),
            };
            features.push(feature);
        }
        // Each view needs a tree.
        let views = features.iter().map(|f| f.transforms.len()).max();
        let views = views.unwrap_or(1).min(self.config.n_trees);
        features
            .iter_mut()
            .for_each(|f| f.transforms.truncate(views));
        let relations = match self.config.relations {
            true => self.find_relations(interrupt)?,
            false => Vec::new(),
        };
        let mut detector = Detector {
            views: self.views(views, &features, relations.len(), n)?,
            relations,
            seeks_relations: self.config.relations,
            kind: self.config.score,
            tail: Tail::fit(&mut [0.0]),
            threshold: 0.0,
            tracks: self.config.tracks,
            budget: None,
            alert_rate: self.config.alert_rate,
            n_fitted: self.n_seen,
            n_sampled: n as u64,
            rows_per_day: None,
            features,
        };
        let rows = Rows::from_f64(&self.sample, d)?;
        detector.learn(&rows, interrupt)?;
        let mut scores = detector.score_with(&rows, interrupt)?;
        detector.tail = Tail::fit(&mut scores);
        detector.threshold = detector.tail.threshold(detector.alert_rate);
        if self.config.time_decay > 0.0 {
            for view in &mut detector.views {
                view.forest_mut().decay_from_now(self.config.time_decay);
            }
        }
        Ok(detector)
    }

    fn find_relations(&mut self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<Relation>> {
        let d = self.columns.len();
        let is_number = |j: &usize| matches!(self.columns[*j].1, ColumnKind::Number(_));
        let numbers: Vec<usize> = (0..d).filter(is_number).collect();
        relation_search::find(&self.sample, d, &numbers, &mut self.rng, interrupt)
    }

    /// Views with empty forests, which share the trees.
    fn views(
        &self,
        n: usize,
        features: &[Feature],
        n_relations: usize,
        n_rows: usize,
    ) -> Result<Vec<View>> {
        let width = features.len() + n_relations;
        let sample_size = self.config.sample_size.min(n_rows);
        (0..n)
            .map(|number| {
                let mut config = self.config.forest(sample_size);
                config.n_trees = (self.config.n_trees + n - 1 - number) / n;
                config.seed = config.seed.wrapping_add(number as u64 * VIEW_SEED);
                Ok(View::new(number, features, Forest::new(config, width)?))
            })
            .collect()
    }

    /// Puts a column's categories in order of falling count, so that numbers
    /// do not depend on which came first, and renames those of the sample.
    fn fit_categories(&mut self, j: usize, name: String) -> Feature {
        let Categories { numbers, counts } = std::mem::take(&mut self.categories[j]);
        let mut order: Vec<(String, usize)> = numbers.into_iter().collect();
        order.sort_by(|(a, i), (b, k)| counts[*k].cmp(&counts[*i]).then_with(|| a.cmp(b)));
        let mut renamed = vec![0.0; order.len()];
        for (new, (_, old)) in order.iter().enumerate() {
            renamed[*old] = new as f64;
        }
        let d = self.columns.len();
        for value in self.sample[j..].iter_mut().step_by(d) {
            let new = feature::category(*value).and_then(|old| renamed.get(old));
            *value = new.copied().unwrap_or(-1.0);
        }
        Feature {
            name,
            scaling: Scaling::None,
            transforms: vec![Transform::Category {
                counts: order.iter().map(|(_, old)| counts[*old]).collect(),
                names: order.into_iter().map(|(name, _)| name).collect(),
                total: self.n_seen,
            }],
            quantiles: [0.0; 9],
        }
    }
}

impl DetectorConfig {
    fn forest(&self, sample_size: usize) -> ForestConfig {
        ForestConfig {
            n_trees: self.n_trees,
            sample_size,
            shingle_size: 1,
            sampling: Sampling::Uniform,
            feature_weights: None,
            seed: self.seed,
            n_threads: self.n_threads,
        }
    }
}
