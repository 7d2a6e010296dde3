//! What is usual near a row: the rows of the first view's trees that lie nearest to it and
//! are not alerts themselves.

use super::view::Seen;
use super::{Detector, Feature};
use crate::error::Result;
use crate::forest::Forest;
use crate::neighbors::Around;
use crate::rows::Rows;

/// Rows that say what is usual near a row.
const NEAREST: usize = 10;
/// Rows of which these are the first that are no alerts.
const CANDIDATES: usize = 32;
/// Values of candidates at a time, at most.
const BLOCK_VALUES: usize = 1 << 20;

/// Between what each coordinate of the first view lies near some rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Near {
    width: usize,
    /// The least of each row's coordinates, then the greatest; NaN where nothing is near.
    ranges: Vec<[f32; 2]>,
}

impl Near {
    /// Of a row, the least and the greatest value of a column near it, in the user's unit;
    /// NaN where that is not known.
    pub(super) fn values(&self, row: usize, j: usize, feature: &Feature) -> [f64; 2] {
        let range = self.ranges.get(row * self.width + j);
        let ends = range.map(|range| range.map(|at| feature.transform(0).undo(at)));
        match ends {
            Some([Some(low), Some(high)]) => [low, high],
            _ => [f64::NAN; 2],
        }
    }

    /// Takes a point near a row in.
    fn take_in(&mut self, row: usize, point: &[f32]) {
        let ranges = &mut self.ranges[row * self.width..][..self.width];
        for ([least, greatest], &x) in ranges.iter_mut().zip(point) {
            // Nothing is less or greater than what is not known yet.
            (*least, *greatest) = (least.min(x), greatest.max(x));
        }
    }
}

impl Detector {
    /// What is usual near some checked rows, each with the score above which rows are
    /// alerts, by other forests in the views' coordinates or their own.
    pub(super) fn near(
        &self,
        others: Option<&[Forest]>,
        rows: &Rows<'_>,
        which: &[usize],
        thresholds: &[f64],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Near> {
        let width = self.features.len() + self.relations.len();
        let mut near = Near {
            width,
            ranges: vec![[f32::NAN; 2]; width * which.len()],
        };
        let mut first = 0;
        let some = (BLOCK_VALUES / (CANDIDATES * width)).max(1);
        for (which, thresholds) in which.chunks(some).zip(thresholds.chunks(some)) {
            let other = others.and_then(<[Forest]>::first);
            let asked = self.views[0].coordinates_of(self.seen(), rows, which);
            let asked = Rows::from_f32(&asked, width)?;
            let around = self.views[0].around(other, &asked, CANDIDATES, interrupt)?;
            let mut usual = vec![0; around.counts.len()];
            // Most alerts lie near rows that are none, so that the rest need no score.
            let mut done = 0;
            for until in [NEAREST, CANDIDATES / 2, CANDIDATES] {
                let mut asked = Vec::new();
                for (row, (&n, &found)) in around.counts.iter().zip(&usual).enumerate() {
                    let more = (done..until.min(n)).filter(|_| found < NEAREST);
                    asked.extend(more.map(|at| (row, around.starts[row] + at)));
                }
                done = until;
                let points: Vec<usize> = asked.iter().map(|&(_, point)| point).collect();
                let scores = self.scores_of(others, &around, &points, interrupt)?;
                for (&(row, point), score) in asked.iter().zip(scores) {
                    if score <= thresholds[row] && usual[row] < NEAREST {
                        usual[row] += 1;
                        near.take_in(first + row, around.point(point));
                    }
                }
            }
            first += which.len();
        }
        Ok(near)
    }

    /// The detector's scores of some points of the first view.
    fn scores_of(
        &self,
        others: Option<&[Forest]>,
        around: &Around,
        which: &[usize],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        if which.is_empty() {
            return Ok(Vec::new());
        }
        let width = around.width;
        let points = which.iter().flat_map(|&i| around.point(i));
        let points: Vec<f32> = points.copied().collect();
        let scores = self.views.iter().enumerate().map(|(v, view)| {
            let other = others.and_then(|forests| forests.get(v));
            let turned = (v > 0).then(|| in_view(self.seen(), v, &points));
            let rows = Rows::from_f32(turned.as_deref().unwrap_or(&points), width)?;
            view.score_coordinates(other, self.kind, &rows, interrupt)
        });
        self.mixed(scores)
    }
}

/// Points of the first view in the coordinates of another. Categories and relations have
/// the same in all.
fn in_view(seen: Seen<'_>, view: usize, points: &[f32]) -> Vec<f32> {
    let mut turned = points.to_vec();
    for (j, feature) in seen.features.iter().enumerate() {
        let (from, to) = (feature.transform(0), feature.transform(view));
        if from == to || from.is_category() {
            continue;
        }
        let width = seen.features.len() + seen.relations.len();
        let column = turned.iter_mut().skip(j).step_by(width);
        column.for_each(|x| *x = to.apply(from.inverse(f64::from(*x))) as f32 + 0.0);
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::feature::fit;
    use crate::{Relation, Scaling, Transform};

    #[test]
    fn points_are_turned_to_the_coordinates_that_another_view_gives_the_rows() {
        let values: Vec<f64> = (0..500).map(|i| f64::from(i * i % 997) * 0.25).collect();
        let mut features: Vec<Feature> = [Scaling::Auto, Scaling::Rank, Scaling::Auto]
            .into_iter()
            .map(|s| fit("x".into(), s, &mut values.clone(), (0.0, 249.0)))
            .collect();
        features[2].transforms = vec![Transform::Category {
            names: vec!["a".into(), "b".into()],
            counts: vec![400, 100],
            total: 500,
        }];
        let relations = [Relation {
            terms: vec![(0, 1.0), (1, -1.0)],
            usual: 0.0,
            scale: 1.0,
        }];
        let seen = Seen {
            features: &features,
            relations: &relations,
        };
        let row = |i: usize| [values[i], values[i + 1], (i % 2) as f64];
        let rows: Vec<[f64; 3]> = (0..400).map(row).collect();
        let points = |view: usize| -> Vec<f32> {
            let point = |row: &[f64; 3]| {
                let columns = features.iter().zip(row);
                let mut point: Vec<f32> = columns
                    .map(|(f, &x)| f.transform(view).apply(x) as f32 + 0.0)
                    .collect();
                point.push(relations[0].coordinate(|j| row[j]));
                point
            };
            rows.iter().flat_map(point).collect()
        };
        let turned = in_view(seen, 1, &points(0));
        assert_ne!(turned, points(0));
        for (turned, direct) in turned.iter().zip(points(1)) {
            assert!(
                (turned - direct).abs() <= 1e-5 * direct.abs().max(1.0),
                "{turned} {direct}"
            );
        }
    }

    #[test]
    fn ranges_hold_what_is_taken_in_and_nothing_else() {
        let mut near = Near {
            width: 2,
            ranges: vec![[f32::NAN; 2]; 4],
        };
        for point in [[3.0, -1.0], [1.0, 5.0], [2.0, 0.0]] {
            near.take_in(1, &point);
        }
        assert!(near.ranges[..2].iter().flatten().all(|x| x.is_nan()));
        assert_eq!(near.ranges[2..], [[1.0, 3.0], [-1.0, 5.0]]);
    }
}
