//! A detector on a stream: each row is judged, then learnt.

use super::ask::check_rows;
use super::{Budget, Detection, Detector};
use crate::error::Result;
use crate::forest::Forest;
use crate::questions::never;
use crate::rows::Rows;

/// Rows of a stream that are taken at a time.
const BLOCK: usize = 4096;

impl Detector {
    /// Takes rows in without scoring them.
    pub(super) fn learn(
        &mut self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        check_rows(rows, self.features.len(), interrupt)?;
        let mut forests = self.copied(interrupt)?;
        for (view, forest) in self.views.iter().zip(&mut forests) {
            view.in_blocks(self.seen(), rows, |rows| {
                forest.insert_with(rows, None, interrupt)
            })?;
        }
        self.replace(forests);
        Ok(())
    }

    fn copied(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<Forest>> {
        let forests = self.forests();
        forests.map(|f| f.clone_with(interrupt)).collect()
    }

    fn replace(&mut self, forests: Vec<Forest>) {
        for (view, forest) in self.views.iter_mut().zip(forests) {
            view.set_forest(forest);
        }
    }

    /// The threshold's budget for a stream, if it is to move.
    fn begun(&self) -> Option<Budget> {
        let new = || Budget::new(&self.tail, self.alert_rate);
        self.tracks.then(|| self.budget.clone().unwrap_or_else(new))
    }

    /// Grades and alerts of a stream's scores, one after the other, and the threshold that
    /// each alert was above.
    fn judge_stream(&self, scores: Vec<f64>, budget: &mut Option<Budget>) -> (Detection, Vec<f64>) {
        let (mut found, mut thresholds) = (Detection::default(), Vec::new());
        for (i, &score) in scores.iter().enumerate() {
            let threshold = budget.as_ref().map_or(self.threshold, Budget::threshold);
            found.grades.push(self.grade_at(threshold, score));
            let alert = match budget {
                Some(budget) => budget.take(score),
                None => score > threshold,
            };
            if alert {
                found.alerts.push(i);
                thresholds.push(threshold);
            }
        }
        found.scores = scores;
        (found, thresholds)
    }

    /// A stream: detects each row, then learns from it. Reasons are those of
    /// the moment before the row is learnt.
    ///
    /// If the detector was made so, the threshold follows the scores and alerts keep their
    /// number: of any `10 / alert_rate` rows eight to twelve are alerts, if their scores can
    /// be told apart. Where twelve have been, a row is none though its grade be above 0.5.
    ///
    /// # Errors
    /// As [`Detector::score_with`]; nothing has changed then.
    pub fn process_with(
        &mut self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        check_rows(rows, self.features.len(), interrupt)?;
        match rows.n_rows() {
            0 => return Ok(Detection::default()),
            1 => return self.process_one(rows, interrupt),
            _ => {}
        }
        let mut all = Detection::default();
        let mut forests = self.copied(interrupt)?;
        let mut budget = self.begun();
        let width = self.features.len() + self.relations.len();
        for first in (0..rows.n_rows()).step_by(BLOCK) {
            let range = first..(first + BLOCK).min(rows.n_rows());
            // Blocks without an alert are the rule; the others are replayed up
            // to each alert.
            let mut replays = Vec::with_capacity(forests.len());
            let mut coordinates = Vec::with_capacity(forests.len());
            for (view, forest) in self.views.iter().zip(&forests) {
                replays.push(forest.clone_with(interrupt)?);
                coordinates.push(view.coordinates(self.seen(), rows, range.clone()));
            }
            let scores = forests
                .iter_mut()
                .zip(&coordinates)
                .map(|(forest, values)| {
                    let block = Rows::from_f32(values, width)?;
                    forest.process_by_with(self.kind, &block, None, interrupt)
                });
            let (found, thresholds) = self.judge_stream(self.mixed(scores)?, &mut budget);
            let mut done = 0;
            for (&alert, threshold) in found.alerts.iter().zip(thresholds) {
                for (replay, values) in replays.iter_mut().zip(&coordinates) {
                    let before = Rows::from_f32(&values[done * width..alert * width], width)?;
                    replay.insert_with(&before, None, interrupt)?;
                }
                done = alert;
                let alert = first + alert;
                let forests = Some(replays.as_slice());
                let reasons = self.explain(forests, rows, &[alert], &[threshold], interrupt)?;
                all.reasons.extend(reasons);
                all.alerts.push(alert);
            }
            all.scores.extend(found.scores);
            all.grades.extend(found.grades);
        }
        self.replace(forests);
        self.budget = budget;
        Ok(all)
    }

    /// The same for a single row, without a copy of the forests.
    fn process_one(
        &mut self,
        row: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        let mut budget = self.begun();
        let scores = self.score_with(row, interrupt)?;
        let (mut found, thresholds) = self.judge_stream(scores, &mut budget);
        found.reasons = self.explain(None, row, &found.alerts, &thresholds, interrupt)?;
        let seen = self.seen();
        let coordinates: Vec<Vec<f32>> = self
            .views
            .iter()
            .map(|view| view.coordinates(seen, row, 0..1))
            .collect();
        for (view, values) in self.views.iter_mut().zip(coordinates) {
            let row = Rows::from_f32(&values, values.len())?;
            view.forest_mut().insert(&row)?;
        }
        self.budget = budget;
        Ok(found)
    }

    /// [`Detector::process_with`] without interruption.
    ///
    /// # Errors
    /// As [`Detector::score`]; nothing has changed then.
    pub fn process(&mut self, rows: &Rows<'_>) -> Result<Detection> {
        self.process_with(rows, &mut never)
    }
}
