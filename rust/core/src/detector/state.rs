//! What a detector is but for its forest, and how one comes of it.

use super::scaler::Scaler;
use super::{Detector, Feature, Tail, Transform, check_rate};
use crate::config::ScoreKind;
use crate::error::{Error, Result};
use crate::forest::Forest;
use std::sync::OnceLock;

/// What a model file holds of a detector beside its forest.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorState {
    /// The columns.
    pub features: Vec<Feature>,
    /// What the score of a row is.
    pub kind: ScoreKind,
    /// The distribution of the training scores.
    pub tail: Tail,
    /// Share of rows that should be alerts.
    pub alert_rate: f64,
    /// Score above which a row is an alert.
    pub threshold: f64,
    /// Rows that the detector was fitted to.
    pub n_fitted: u64,
    /// Rows of them that scalings, forest and threshold rest on.
    pub n_sampled: u64,
}

impl Detector {
    /// What it is, but for its forest.
    pub fn to_state(&self) -> DetectorState {
        DetectorState {
            features: self.features.clone(),
            kind: self.kind,
            tail: self.tail.clone(),
            alert_rate: self.alert_rate,
            threshold: self.threshold,
            n_fitted: self.n_fitted,
            n_sampled: self.n_sampled,
        }
    }

    /// The detector that a state and a forest make. Nothing is trusted.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what does not hold together.
    pub fn from_state(state: DetectorState, forest: Forest) -> Result<Detector> {
        state.check(&forest)?;
        Ok(Detector {
            scaler: Scaler::new(&state.features),
            features: state.features,
            forest,
            frozen: OnceLock::new(),
            kind: state.kind,
            tail: state.tail,
            alert_rate: state.alert_rate,
            threshold: state.threshold,
            n_fitted: state.n_fitted,
            n_sampled: state.n_sampled,
        })
    }
}

impl DetectorState {
    fn check(&self, forest: &Forest) -> Result<()> {
        let wrong = |message: &str| Err(Error::file(message));
        // A detector's columns are scaled once, before the forest.
        let (config, d) = (forest.config(), forest.n_features());
        if (
            self.features.len(),
            config.shingle_size,
            &config.feature_weights,
        ) != (d, 1, &None)
        {
            return wrong("the detector's columns are not those of its forest");
        }
        if !forest.is_ready() {
            return wrong("the detector's forest holds too few rows");
        }
        if check_rate(self.alert_rate).is_err() || !self.threshold.is_finite() {
            return wrong("the threshold is not finite or its alert rate out of range");
        }
        let ascending = |v: &[f64]| v.iter().all(|x| x.is_finite()) && v.is_sorted_by(|a, b| a < b);
        let Tail {
            scores,
            log_shares,
            excess,
        } = &self.tail;
        let falling = log_shares.iter().all(|x| x.is_finite() && *x <= 0.0)
            && log_shares.is_sorted_by(|a, b| a > b);
        if scores.is_empty()
            || scores.len() != log_shares.len()
            || !ascending(scores)
            || !falling
            || !(*excess > 0.0 && excess.is_finite())
        {
            return wrong("the tail of the training scores is no distribution");
        }
        for feature in &self.features {
            let good = match &feature.transform {
                Transform::Linear { center, scale, .. } => {
                    center.is_finite() && *scale > 0.0 && scale.is_finite()
                }
                Transform::Rank { knots, shares } => {
                    !knots.is_empty()
                        && knots.len() == shares.len()
                        && ascending(knots)
                        && ascending(shares)
                        && shares.iter().all(|share| (0.0..=1.0).contains(share))
                }
                // In order of falling count, then of names: each occurs once.
                Transform::Category { names, counts, .. } => {
                    let order = |i: usize| (std::cmp::Reverse(counts[i]), &names[i]);
                    names.len() == counts.len() && (1..names.len()).all(|i| order(i - 1) < order(i))
                }
            };
            if !good || !feature.quantiles.iter().all(|q| q.is_finite()) {
                return Err(Error::file(format!(
                    "column {:?} has a scaling that is none",
                    feature.name
                )));
            }
        }
        Ok(())
    }
}
