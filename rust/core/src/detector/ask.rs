//! What a detector says about rows: scores, grades, alerts and reasons.

use super::{Detection, Detector, Reason, reasons};
use crate::config::ScoreKind;
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::questions::never;
use crate::rows::Rows;

/// Rows whose reasons are sought at a time.
const REASONS_BLOCK: usize = 1024;

impl Detector {
    /// Freezes the forests if that pays for the rows asked since they last changed.
    fn freeze_for(&self, rows: &Rows<'_>, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
        (self.views.iter()).try_for_each(|view| view.freeze_for(rows.n_rows(), interrupt))
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
        self.freeze_for(rows, interrupt)?;
        let views = self.views.iter();
        self.mixed(views.map(|view| view.score(kind, self.seen(), rows, interrupt)))
    }

    /// The grade of a score: 0 for usual ones, 0.5 at the threshold, up to 1.
    /// It is `1 - p^(ln 2 / -ln alert_rate)` with `p` the share of training
    /// rows (extrapolated beyond them) that score higher. Where a stream has moved the
    /// threshold, grades move with it.
    pub fn grade(&self, score: f64) -> f64 {
        self.grade_at(self.threshold(), score)
    }

    pub(super) fn grade_at(&self, threshold: f64, score: f64) -> f64 {
        self.tail
            .grade(score - threshold + self.threshold, self.alert_rate)
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
        let mut found = self.judge_with(rows, interrupt)?;
        found.reasons = self.explain_all(rows, &found.alerts, interrupt)?;
        Ok(found)
    }

    /// Scores, grades and alerts without reasons, which take longer than a score does.
    ///
    /// # Errors
    /// As [`Detector::score_with`].
    pub fn judge_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        Ok(self.judge(self.score_with(rows, interrupt)?))
    }

    /// Scores as grades and alerts, without reasons.
    fn judge(&self, scores: Vec<f64>) -> Detection {
        let threshold = self.threshold();
        let grade = |&score: &f64| self.grade_at(threshold, score);
        Detection {
            grades: scores.iter().map(grade).collect(),
            alerts: (0..scores.len())
                .filter(|&i| scores[i] > threshold)
                .collect(),
            reasons: Vec::new(),
            scores,
        }
    }

    /// Reasons of any number of checked rows, by the detector's forests and threshold.
    fn explain_all(
        &self,
        rows: &Rows<'_>,
        which: &[usize],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Vec<Reason>>> {
        let thresholds = vec![self.threshold(); which.len().min(REASONS_BLOCK)];
        let mut reasons = Vec::with_capacity(which.len());
        // The parts of a block, not of all rows, are held at a time.
        for some in which.chunks(REASONS_BLOCK) {
            let thresholds = &thresholds[..some.len()];
            reasons.extend(self.explain(None, rows, some, thresholds, interrupt)?);
        }
        Ok(reasons)
    }

    /// Reasons of some rows, each with the score above which rows are alerts, by other
    /// forests in the views' coordinates or their own.
    pub(super) fn explain(
        &self,
        others: Option<&[Forest]>,
        rows: &Rows<'_>,
        which: &[usize],
        thresholds: &[f64],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Vec<Reason>>> {
        if which.is_empty() {
            return Ok(Vec::new());
        }
        let seen = self.seen();
        let mut parts = Vec::with_capacity(self.views.len());
        for (v, view) in self.views.iter().enumerate() {
            let other = others.and_then(|forests| forests.get(v));
            parts.push(view.attribution(other, self.kind, seen, rows, which, interrupt)?);
        }
        let low = self.mixed(parts.iter_mut().map(|p| Ok(std::mem::take(&mut p.low))))?;
        let high = self.mixed(parts.iter_mut().map(|p| Ok(std::mem::take(&mut p.high))))?;
        let near = self.near(others, rows, which, thresholds, interrupt)?;
        let width = seen.features.len() + seen.relations.len();
        let parts = low.chunks_exact(width).zip(high.chunks_exact(width));
        Ok(which
            .iter()
            .zip(parts)
            .enumerate()
            .map(|(at, (&i, (low, high)))| {
                let near = |j: usize| near.values(at, j, &seen.features[j]);
                reasons::reasons(seen, low, high, |j| rows.value(i, j), near)
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
        self.explain_all(rows, &all, interrupt)
    }
}

pub(super) fn check_rows(
    rows: &Rows<'_>,
    width: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<()> {
    check_width(rows, width)?;
    rows.check(None, interrupt)
}

pub(super) fn check_width(rows: &Rows<'_>, expected: usize) -> Result<()> {
    let found = rows.n_columns();
    match found == expected {
        true => Ok(()),
        false => Err(Error::WrongWidth { expected, found }),
    }
}
