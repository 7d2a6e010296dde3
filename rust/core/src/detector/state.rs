//! What a detector is but for its forests, and how one comes of it.

use super::view::View;
use super::{Budget, Detector, Feature, Relation, Tail, Transform, check_per_day, check_rate};
use crate::config::ScoreKind;
use crate::error::{Error, Result};
use crate::forest::Forest;

/// What a model file holds of a detector beside its forests.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorState {
    /// The columns.
    pub features: Vec<Feature>,
    /// The relations that are watched.
    pub relations: Vec<Relation>,
    /// Whether relations were looked for.
    pub seeks_relations: bool,
    /// What the score of a row is.
    pub kind: ScoreKind,
    /// The distribution of the training scores.
    pub tail: Tail,
    /// Share of rows that should be alerts.
    pub alert_rate: f64,
    /// Score above which a row is an alert, by the training scores.
    pub threshold: f64,
    /// Whether the threshold follows a stream's scores.
    pub tracks: bool,
    /// What it rests on then.
    pub budget: Option<Budget>,
    /// Rows that the detector was fitted to.
    pub n_fitted: u64,
    /// Rows of them that scalings, forest and threshold rest on.
    pub n_sampled: u64,
    /// Rows of a day, if that is known.
    pub rows_per_day: Option<f64>,
}

impl Detector {
    /// What it is, but for its forests.
    pub fn to_state(&self) -> DetectorState {
        DetectorState {
            features: self.features.clone(),
            relations: self.relations.clone(),
            seeks_relations: self.seeks_relations,
            kind: self.kind,
            tail: self.tail.clone(),
            alert_rate: self.alert_rate,
            threshold: self.threshold,
            tracks: self.tracks,
            budget: self.budget.clone(),
            n_fitted: self.n_fitted,
            n_sampled: self.n_sampled,
            rows_per_day: self.rows_per_day,
        }
    }

    /// The detector that a state and forests make, one for each view. Nothing is trusted.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what does not hold together.
    pub fn from_state(state: DetectorState, forests: Vec<Forest>) -> Result<Detector> {
        state.check(&forests)?;
        let forests = forests.into_iter().enumerate();
        Ok(Detector {
            views: forests
                .map(|(number, forest)| View::new(number, &state.features, forest))
                .collect(),
            features: state.features,
            relations: state.relations,
            seeks_relations: state.seeks_relations,
            kind: state.kind,
            tail: state.tail,
            alert_rate: state.alert_rate,
            threshold: state.threshold,
            tracks: state.tracks,
            budget: state.budget,
            n_fitted: state.n_fitted,
            n_sampled: state.n_sampled,
            rows_per_day: state.rows_per_day,
        })
    }
}

impl DetectorState {
    fn check(&self, forests: &[Forest]) -> Result<()> {
        let wrong = |message: &str| Err(Error::file(message));
        let Some(first) = forests.first() else {
            return wrong("the detector has no forest");
        };
        for forest in forests {
            // A detector's columns are scaled once, before the forest.
            let config = forest.config();
            let width = self.features.len() + self.relations.len();
            if (
                forest.n_features(),
                config.shingle_size,
                &config.feature_weights,
            ) != (width, 1, &None)
            {
                return wrong("the detector's columns are not those of its forests");
            }
            if !forest.is_ready() {
                return wrong("the detector's forest holds too few rows");
            }
            if (forest.n_seen(), config.sample_size) != (first.n_seen(), first.config().sample_size)
            {
                return wrong("the detector's forests have not seen the same rows");
            }
        }
        let sound = |budget: &Budget| self.tracks && budget.is_sound(self.alert_rate);
        if !self.budget.as_ref().is_none_or(sound) {
            return wrong("what the threshold rests on is no distribution");
        }
        let views = 1..=forests.len();
        if !self
            .features
            .iter()
            .all(|f| views.contains(&f.transforms.len()))
        {
            return wrong("the detector's columns have other views than its forests");
        }
        if check_rate(self.alert_rate).is_err() || !self.threshold.is_finite() {
            return wrong("the threshold is not finite or its alert rate out of range");
        }
        if check_per_day(self.rows_per_day).is_err() {
            return wrong("the number of rows a day is none");
        }
        if !self.seeks_relations && !self.relations.is_empty() {
            return wrong("relations between columns are there that were not looked for");
        }
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
            let good = feature.transforms.iter().all(Transform::is_sound);
            if !good || !feature.quantiles.iter().all(|q| q.is_finite()) {
                return Err(Error::file(format!(
                    "column {:?} has a scaling that is none",
                    feature.name
                )));
            }
        }
        let is_number = |j: usize| self.features.get(j).is_some_and(|f| f.category().is_none());
        for Relation {
            terms,
            usual,
            scale,
        } in &self.relations
        {
            let sound = terms
                .iter()
                .all(|&(j, weight)| is_number(j) && weight.is_finite() && weight != 0.0);
            let ascending = terms.is_sorted_by(|a, b| a.0 < b.0);
            if terms.len() < 2
                || !(sound && ascending && usual.is_finite())
                || !(*scale > 0.0 && scale.is_finite())
            {
                return wrong("a relation between columns is none");
            }
        }
        Ok(())
    }
}

impl Transform {
    /// Whether it has a value for every number.
    fn is_sound(&self) -> bool {
        match self {
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
        }
    }
}

/// Whether numbers are finite and rise.
fn ascending(numbers: &[f64]) -> bool {
    numbers.iter().all(|x| x.is_finite()) && numbers.is_sorted_by(|a, b| a < b)
}
