//! A detector's columns as the coordinates of its forest, many rows at a time.
//!
//! Most columns lie on a line and are scaled while the rows are loaded; the
//! others (logarithms, ranks, categories) are written over it afterwards.

use super::{Feature, Relation};
use crate::error::Result;
use crate::intake::Points;
use crate::load::Lines;
use crate::rows::{Rows, least_limit};
use std::ops::Range;

/// A view's columns: their lines side by side, and which are more than a line.
#[derive(Clone, Debug)]
pub(super) struct Scaler {
    view: usize,
    centers: Vec<f64>,
    scales: Vec<f64>,
    /// Columns that lie on no line.
    bent: Vec<usize>,
}

impl Scaler {
    pub(super) fn new(features: &[Feature], view: usize) -> Scaler {
        let line = |f: &Feature| f.transform(view).line();
        let lines = features.iter().map(|f| line(f).unwrap_or((0.0, 1.0)));
        let (centers, scales) = lines.unzip();
        Scaler {
            view,
            centers,
            scales,
            bent: (0..features.len())
                .filter(|&j| line(&features[j]).is_none())
                .collect(),
        }
    }

    /// The columns that this was made of, ready to scale rows; relations follow them.
    pub(super) fn of<'a>(
        &'a self,
        features: &'a [Feature],
        relations: &'a [Relation],
    ) -> Scaled<'a> {
        Scaled {
            view: self.view,
            lines: Lines {
                centers: &self.centers,
                scales: &self.scales,
            },
            bent: &self.bent,
            features,
            relations,
        }
    }
}

/// Scales rows of the columns that it borrows.
#[derive(Clone, Copy)]
pub(super) struct Scaled<'a> {
    view: usize,
    lines: Lines<'a>,
    bent: &'a [usize],
    features: &'a [Feature],
    relations: &'a [Relation],
}

impl Scaled<'_> {
    /// Coordinates of a row.
    pub(super) fn width(&self) -> usize {
        self.features.len() + self.relations.len()
    }

    /// Writes rows, scaled, into rows `stride` apart, if they are within `limit`; whether they
    /// are.
    fn load_within(
        &self,
        rows: &Rows<'_>,
        range: Range<usize>,
        limit: f64,
        out: &mut [f32],
        stride: usize,
    ) -> bool {
        let d = self.features.len();
        if !rows.load_rows(range.clone(), self.lines, limit, out, stride) {
            return false;
        }
        for &j in self.bent {
            let values = range.clone().map(|i| rows.value(i, j));
            let out = out[j..].iter_mut().step_by(stride);
            self.features[j]
                .transform(self.view)
                .apply_each(values.zip(out));
        }
        let mut sums = Vec::new();
        for (relation, k) in self.relations.iter().zip(d..) {
            let out = out[k..].iter_mut().step_by(stride);
            relation.coordinates(rows, range.clone(), &mut sums, out);
        }
        true
    }

    /// Writes checked rows, scaled, one after the other into `out`.
    pub(super) fn load_rows(&self, rows: &Rows<'_>, range: Range<usize>, out: &mut [f32]) {
        self.load_within(rows, range, f64::INFINITY, out, self.width());
    }
}

impl Points for Scaled<'_> {
    fn load_checked(
        &self,
        rows: &Rows<'_>,
        range: Range<usize>,
        out: &mut [f32],
        stride: usize,
    ) -> Result<()> {
        let limit = least_limit(None);
        for tile in rows.tiles(range.clone()) {
            let to = &mut out[(tile.start - range.start) * stride..];
            if !self.load_within(rows, tile.clone(), limit, to, stride) {
                rows.check_tile(tile, None, limit)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::feature::fit;
    use crate::rng::Rng;
    use crate::{Column, Scaling, Transform};

    /// Columns of every scaling, and one of categories, in turn.
    fn features(d: usize, rng: &mut Rng) -> Vec<Feature> {
        let feature = |j: usize| {
            let mut values: Vec<f64> = (0..500).map(|_| rng.unit() * 9.0 - 3.0).collect();
            let scaling = Scaling::NAMES[j % Scaling::NAMES.len()].1;
            let mut feature = fit(format!("x{j}"), scaling, &mut values, (-3.0, 6.0));
            if j % 7 == 6 {
                feature.transforms = vec![Transform::Category {
                    names: vec!["a".into(), "b".into()],
                    counts: vec![90, 10],
                    total: 100,
                }];
            }
            feature
        };
        (0..d).map(feature).collect()
    }

    #[test]
    fn rows_are_scaled_as_one_value_at_a_time() {
        let mut rng = Rng::new(1, 0);
        for (d, view) in [(1, 0), (3, 1), (6, 0), (7, 1), (20, 1)] {
            let features = features(d, &mut rng);
            let relation = |k: usize| Relation {
                terms: (0..d).map(|j| (j, 1.0 + (j + k) as f64)).collect(),
                usual: 2.0,
                scale: 0.3,
            };
            let relations: Vec<Relation> = (0..d / 3).map(relation).collect();
            let scaler = Scaler::new(&features, view);
            let scaled = scaler.of(&features, &relations);
            let (n, width) = (1000, scaled.width());
            let turned: Vec<f64> = (0..n * d).map(|_| rng.unit() * 12.0 - 5.0).collect();
            let x: Vec<f64> = (0..n * d).map(|i| turned[i % d * n + i / d]).collect();
            let columns = turned.chunks_exact(n);
            let columns = columns.map(|values| Column::F64 { values, stride: 1 });
            for rows in [
                Rows::from_f64(&x, d).unwrap(),
                Rows::from_columns(columns.collect(), n).unwrap(),
            ] {
                let range = 5..n - 2;
                let mut out = vec![0.0; range.len() * width];
                scaled.load_rows(&rows, range.clone(), &mut out);
                let stride = width + 3;
                let mut apart = vec![9.0; range.len() * stride];
                scaled
                    .load_checked(&rows, range.clone(), &mut apart, stride)
                    .unwrap();
                let both = out.chunks_exact(width).zip(apart.chunks_exact(stride));
                for (i, (row, other)) in range.zip(both) {
                    assert_eq!(row, &other[..width]);
                    assert_eq!(other[width..], [9.0; 3]);
                    for (j, value) in row.iter().enumerate() {
                        let expected = match j.checked_sub(d) {
                            None => features[j].transform(view).apply(x[i * d + j]) as f32 + 0.0,
                            Some(k) => relations[k].coordinate(|j| x[i * d + j]),
                        };
                        assert_eq!(value.to_bits(), expected.to_bits());
                    }
                }
            }
        }
    }
}
