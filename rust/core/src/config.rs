//! Parameters of a forest, each with its range, checked once.

use crate::error::{Error, Result};
use crate::local_range::Blend;

/// Most columns a forest takes, after shingling.
pub const MAX_DIMENSIONS: usize = 65_536;
/// Most trees.
pub const MAX_TREES: usize = 65_536;
/// Most rows a tree holds.
pub const MAX_SAMPLE_SIZE: usize = 1 << 24;
/// Largest absolute value (after weighting) that a forest takes: with at most
/// [`MAX_DIMENSIONS`] columns, sums of ranges then stay finite in float32.
pub const MAX_VALUE: f64 = 1e30;

/// Which rows a tree keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// A weighted reservoir in which a row's weight falls by `exp(-rate)`
    /// with each row (or unit of time) that passes. `None` is `0.1 / sample_size`.
    Decay {
        /// Decay per row, at least 0.
        rate: Option<f64>,
    },
    /// A reservoir in which every row seen so far is equally likely.
    Uniform,
    /// The last `sample_size` rows, in every tree.
    Window,
}

/// Parameters of a [`Forest`](crate::Forest).
#[derive(Clone, Debug, PartialEq)]
pub struct ForestConfig {
    /// Number of trees, 1 to [`MAX_TREES`].
    pub n_trees: usize,
    /// Rows that each tree holds, 2 to [`MAX_SAMPLE_SIZE`].
    pub sample_size: usize,
    /// Consecutive rows that make one point, at least 1.
    pub shingle_size: usize,
    /// Which rows a tree keeps.
    pub sampling: Sampling,
    /// A fixed positive scale per column; `None` is 1 for all.
    pub feature_weights: Option<Vec<f64>>,
    /// Seed: the same seed and rows give the same forest on any machine.
    pub seed: u64,
    /// Threads for whole-array calls; 0 takes what the process may use.
    /// Never changes a result.
    pub n_threads: usize,
}

impl Default for ForestConfig {
    fn default() -> Self {
        ForestConfig {
            n_trees: 100,
            sample_size: 256,
            shingle_size: 1,
            sampling: Sampling::Decay { rate: None },
            feature_weights: None,
            seed: 0,
            n_threads: 0,
        }
    }
}

/// What the score of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ScoreKind {
    /// [`ScoreKind::LocalRange`] and half of [`ScoreKind::ExpectedInverseDepth`]: what
    /// ranks best on tables.
    #[default]
    Auto,
    /// The score of AWS's open-source forests: how early random cuts separate the row.
    ExpectedInverseDepth,
    /// How much room there is around the row, in bits: each more is twice as much, and 20
    /// is the room of the whole sample.
    LocalRange,
    /// Expected rows of the node that the row is separated from.
    Displacement,
}

impl ScoreKind {
    /// Their names.
    pub const NAMES: [(&'static str, ScoreKind); 4] = [
        ("auto", ScoreKind::Auto),
        ("expected_inverse_depth", ScoreKind::ExpectedInverseDepth),
        ("local_range", ScoreKind::LocalRange),
        ("displacement", ScoreKind::Displacement),
    ];

    /// The kind of this name.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] lists the names.
    pub fn parse(name: &str) -> Result<ScoreKind> {
        let found = ScoreKind::NAMES.iter().find(|(n, _)| *n == name);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = ScoreKind::NAMES.map(|(n, _)| n).join(", ");
            Error::config("score", format!("{name:?} is none of {names}"))
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = ScoreKind::NAMES.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }

    /// The blend that it is, for samples of this size; none for the others.
    pub(crate) fn blend(self, sample_size: usize) -> Option<Blend> {
        match self {
            ScoreKind::Auto => Some(Blend::new(sample_size, 0.5)),
            ScoreKind::LocalRange => Some(Blend::new(sample_size, 0.0)),
            ScoreKind::ExpectedInverseDepth | ScoreKind::Displacement => None,
        }
    }
}

impl ForestConfig {
    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the parameter.
    pub fn validate(&self, n_features: usize) -> Result<()> {
        if self.n_trees == 0 || self.n_trees > MAX_TREES {
            return Err(Error::config(
                "n_trees",
                format!("{} is not between 1 and {MAX_TREES}", self.n_trees),
            ));
        }
        if self.sample_size < 2 || self.sample_size > MAX_SAMPLE_SIZE {
            return Err(Error::config(
                "sample_size",
                format!(
                    "{} is not between 2 and {MAX_SAMPLE_SIZE}",
                    self.sample_size
                ),
            ));
        }
        if n_features == 0 {
            return Err(Error::config(
                "n_features",
                "a forest needs at least one column",
            ));
        }
        let dimensions = self.shingle_size.checked_mul(n_features);
        if self.shingle_size == 0 || dimensions.is_none_or(|d| d > MAX_DIMENSIONS) {
            return Err(Error::config(
                "shingle_size",
                format!(
                    "{} rows of {n_features} columns is not between 1 and {MAX_DIMENSIONS} values",
                    self.shingle_size
                ),
            ));
        }
        if let Sampling::Decay { rate: Some(rate) } = self.sampling
            && !(0.0..=1e6).contains(&rate)
        {
            return Err(Error::config(
                "time_decay",
                format!("{rate} is not between 0 and 1e6"),
            ));
        }
        if let Some(weights) = &self.feature_weights {
            if weights.len() != n_features {
                return Err(Error::config(
                    "feature_weights",
                    format!("{} weights for {n_features} columns", weights.len()),
                ));
            }
            if let Some(column) = weights.iter().position(|w| !(1e-30..=1e30).contains(w)) {
                return Err(Error::config(
                    "feature_weights",
                    format!(
                        "column {column}: {} is not between 1e-30 and 1e30",
                        weights[column]
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Decay per unit of time; 0 for uniform and window sampling.
    pub fn decay_rate(&self) -> f64 {
        match self.sampling {
            Sampling::Decay { rate } => rate.unwrap_or(0.1 / self.sample_size as f64),
            Sampling::Uniform | Sampling::Window => 0.0,
        }
    }

    /// Rows that every tree must hold before the forest answers: a quarter
    /// of the sample size.
    pub fn rows_needed(&self) -> u64 {
        (self.sample_size as u64 / 4).max(1)
    }
}
