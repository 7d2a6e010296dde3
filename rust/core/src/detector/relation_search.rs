//! Finds linear relations between the columns of a sample.
//!
//! Ordinary covariances do not show them, since the few rows that break a relation carry
//! most of its variance. So the columns are standardised, and five times the 95 % of rows
//! with the least Mahalanobis distance are kept and the covariance is taken again, as in
//! minimum covariance determinants (Rousseeuw and van Driessen 1999). Eigenvectors below a
//! gap in the eigenvalues are relations.

use super::Relation;
use super::symmetric::{Eigen, eigen};
use crate::error::{Error, Result};
use crate::rng::Rng;

/// Columns are looked at together up to this many.
const MOST_COLUMNS: usize = 128;
/// Rows that are looked at.
const MOST_ROWS: usize = 8192;
/// Rows needed for each column.
const ROWS_A_COLUMN: usize = 10;
const ROUNDS: usize = 5;
const KEPT: f64 = 0.95;
/// What is left of the variance of a column that is usually constant: it has no relation
/// to others, though the covariance would say so.
const CONSTANT: f64 = 0.01;
/// A relation's variance over the next direction's, at most.
const GAP: f64 = 0.01;
/// Relations for each column, at most.
const SHARE: f64 = 0.3;
/// A relation that holds more closely than this, in standard deviations, holds exactly, and
/// is watched no more closely.
const CLOSEST: f64 = 1e-4;
/// Eigenvalues below this are as good as nothing.
const ROUNDING: f64 = 1e-13;
/// The variance of an exact relation, at most.
const EXACT: f64 = CLOSEST * CLOSEST;
/// A part of a weight, or of a variance, that does not matter.
const SMALL: f64 = 0.01;

/// The relations among some columns of a sample of rows of `d` values.
///
/// # Errors
/// [`Error::Interrupted`].
pub(super) fn find(
    sample: &[f64],
    d: usize,
    columns: &[usize],
    rng: &mut Rng,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<Relation>> {
    let rows = drawn(sample.len() / d, rng);
    let mut table = Table::new(sample, d, columns, &rows);
    loop {
        let p = table.columns.len();
        if !(2..=MOST_COLUMNS).contains(&p) || rows.len() < ROWS_A_COLUMN * p {
            return Ok(Vec::new());
        }
        let trimmed = table.trim(interrupt)?;
        let varying = |k: &usize| trimmed.covariance[k * p + k] >= CONSTANT;
        let left: Vec<usize> = (0..p).filter(varying).collect();
        if left.len() == p {
            return Ok(table.relations(&trimmed));
        }
        let columns: Vec<usize> = left.iter().map(|&k| table.columns[k]).collect();
        table = Table::new(sample, d, &columns, &rows);
    }
}

/// Places of at most [`MOST_ROWS`] of `n` rows, ascending.
fn drawn(n: usize, rng: &mut Rng) -> Vec<usize> {
    let mut places: Vec<usize> = (0..n).collect();
    if n > MOST_ROWS {
        for at in 0..MOST_ROWS {
            let other = at + (rng.unit() * (n - at) as f64) as usize;
            places.swap(at, other.min(n - 1));
        }
        places.truncate(MOST_ROWS);
        places.sort_unstable();
    }
    places
}

/// Standardised columns.
struct Table {
    /// Which columns of the sample these are.
    columns: Vec<usize>,
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// Row by row.
    values: Vec<f64>,
}

/// The rows that lie together.
struct Trimmed {
    kept: Vec<usize>,
    /// Row by row.
    covariance: Vec<f64>,
    means: Vec<f64>,
}

impl Table {
    fn new(sample: &[f64], d: usize, columns: &[usize], rows: &[usize]) -> Table {
        let n = rows.len().max(1) as f64;
        let mut table = Table {
            columns: Vec::new(),
            means: Vec::new(),
            deviations: Vec::new(),
            values: Vec::new(),
        };
        for &j in columns {
            let column = || rows.iter().map(|&i| sample[i * d + j]);
            let mean = column().map(|x| x / n).sum::<f64>();
            let deviation = column()
                .map(|x| (x - mean) * (x - mean) / n)
                .sum::<f64>()
                .sqrt();
            if deviation > 0.0 && deviation.is_finite() {
                table.columns.push(j);
                table.means.push(mean);
                table.deviations.push(deviation);
            }
        }
        for &i in rows {
            for (k, &j) in table.columns.iter().enumerate() {
                let value = (sample[i * d + j] - table.means[k]) / table.deviations[k];
                table.values.push(value);
            }
        }
        table
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.columns.len())
    }

    /// Mean and covariance of some rows.
    fn moments(&self, kept: Vec<usize>) -> Trimmed {
        let p = self.columns.len();
        let row = |i: usize| &self.values[i * p..(i + 1) * p];
        let n = kept.len().max(1) as f64;
        let mut means = vec![0.0; p];
        for &i in &kept {
            means.iter_mut().zip(row(i)).for_each(|(m, x)| *m += x / n);
        }
        let mut covariance = vec![0.0; p * p];
        let mut centered = vec![0.0; p];
        for &i in &kept {
            for ((c, x), m) in centered.iter_mut().zip(row(i)).zip(&means) {
                *c = x - m;
            }
            for (a, sums) in covariance.chunks_exact_mut(p).enumerate() {
                let x = centered[a] / n;
                for (sum, y) in sums.iter_mut().zip(&centered) {
                    *sum += x * y;
                }
            }
        }
        Trimmed {
            kept,
            covariance,
            means,
        }
    }

    /// Leaves out the rows that lie apart.
    fn trim(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Trimmed> {
        let p = self.columns.len();
        let n = self.values.len() / p;
        let mut trimmed = self.moments((0..n).collect());
        for round in 0..ROUNDS {
            if interrupt() {
                return Err(Error::Interrupted);
            }
            if round == 0 {
                trimmed.means = self.medians();
            }
            let parts = eigen(trimmed.covariance.clone(), p);
            let mut distances: Vec<(f64, usize)> = self
                .rows()
                .enumerate()
                .map(|(i, row)| (parts.distance(row, &trimmed.means), i))
                .collect();
            // Equal distances keep the order of rows.
            distances.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            distances.truncate(((n as f64 * KEPT).ceil() as usize).max(1));
            trimmed = self.moments(distances.into_iter().map(|(_, i)| i).collect());
        }
        Ok(trimmed)
    }

    fn medians(&self) -> Vec<f64> {
        let p = self.columns.len();
        let median = |k: usize| {
            let mut column: Vec<f64> = self.values[k..].iter().step_by(p).copied().collect();
            column.sort_unstable_by(f64::total_cmp);
            super::feature::quantile(&column, 0.5)
        };
        (0..p).map(median).collect()
    }

    /// The directions below the last gap.
    fn relations(&self, trimmed: &Trimmed) -> Vec<Relation> {
        let p = self.columns.len();
        let Eigen { values, vectors } = eigen(trimmed.covariance.clone(), p);
        let most = ((p as f64 * SHARE).ceil() as usize).min(p - 1);
        let below = |k: &usize| values[k - 1].max(ROUNDING) < GAP * values[*k];
        let Some(found) = (1..=most).rev().find(below) else {
            return Vec::new();
        };
        let exact = values[..found].iter().filter(|&&v| v < EXACT).count();
        let mut directions = vectors[..found * p].to_vec();
        // Exact ones can be told in many ways: those of few columns are understood.
        let (exactly, nearly) = directions.split_at_mut(exact * p);
        simplify(exactly, p);
        for (direction, variance) in nearly.chunks_exact_mut(p).zip(&values[exact..]) {
            shorten(direction, exactly, least_weight(*variance));
        }
        directions
            .chunks_exact(p)
            .filter_map(|direction| self.relation(direction, trimmed))
            .collect()
    }

    /// The relation along a direction of length 1, without columns that hardly matter.
    fn relation(&self, direction: &[f64], trimmed: &Trimmed) -> Option<Relation> {
        let p = self.columns.len();
        let mut variance = 0.0;
        for (k, x) in direction.iter().enumerate() {
            let row = &trimmed.covariance[k * p..(k + 1) * p];
            variance += x * row.iter().zip(direction).map(|(c, y)| c * y).sum::<f64>();
        }
        let least = least_weight(variance);
        let mut weights: Vec<f64> = direction
            .iter()
            .zip(&self.deviations)
            .map(|(&x, deviation)| if x.abs() < least { 0.0 } else { x / deviation })
            .collect();
        tidy(&mut weights, direction);
        let terms: Vec<(usize, f64)> = (0..p)
            .filter(|&k| weights[k] != 0.0 && weights[k].is_finite())
            .map(|k| (k, weights[k]))
            .collect();
        if terms.len() < 2 {
            return None;
        }
        // In the units of the tidied weights.
        let sums: Vec<f64> = trimmed
            .kept
            .iter()
            .map(|&i| {
                let value = |k: usize| self.values[i * p + k] * self.deviations[k] + self.means[k];
                terms.iter().map(|&(k, weight)| weight * value(k)).sum()
            })
            .collect();
        let n = sums.len() as f64;
        let mean = sums.iter().map(|x| x / n).sum::<f64>();
        let deviation = sums
            .iter()
            .map(|x| (x - mean) * (x - mean) / n)
            .sum::<f64>()
            .sqrt();
        let unit = terms
            .iter()
            .map(|&(k, weight)| weight * self.deviations[k] * weight * self.deviations[k])
            .sum::<f64>()
            .sqrt();
        let scale = deviation.max(CLOSEST * unit);
        if !(scale > 0.0 && scale.is_finite() && mean.is_finite()) {
            return None;
        }
        Some(Relation {
            terms: terms
                .into_iter()
                .map(|(k, weight)| (self.columns[k], weight))
                .collect(),
            // Rounding around nothing is nothing.
            usual: if mean.abs() < 1e-9 * unit { 0.0 } else { mean },
            scale,
        })
    }
}

impl Eigen {
    /// The squared Mahalanobis distance of a row from a center. What hardly varies counts
    /// as if it varied a little: a row that breaks it is far.
    fn distance(&self, row: &[f64], center: &[f64]) -> f64 {
        let largest = self.values.last().copied().unwrap_or(1.0);
        let directions = self.vectors.chunks_exact(row.len());
        directions
            .zip(&self.values)
            .map(|(direction, value)| {
                let mut along = 0.0;
                for ((x, m), v) in row.iter().zip(center).zip(direction) {
                    along += (x - m) * v;
                }
                along * along / value.max(1e-12 * largest)
            })
            .sum()
    }
}

/// A weight below this adds next to nothing to a relation's variance.
fn least_weight(variance: f64) -> f64 {
    (SMALL * variance.max(EXACT)).sqrt()
}

/// Adds to a direction what is always the same, where that leaves fewer columns.
fn shorten(direction: &mut [f64], exactly: &[f64], least: f64) {
    let p = direction.len();
    let used = |row: &[f64]| row.iter().filter(|x| x.abs() >= least).count();
    for relation in exactly.chunks_exact(p) {
        let shorter = (0..p)
            .filter(|&k| relation[k].abs() > 0.1)
            .map(|k| {
                let factor = direction[k] / relation[k];
                let pairs = direction.iter().zip(relation);
                let mut row: Vec<f64> = pairs.map(|(x, y)| x - factor * y).collect();
                to_length_1(&mut row);
                row
            })
            .min_by_key(|row| used(row));
        if let Some(row) = shorter.filter(|row| used(row) < used(direction)) {
            direction.copy_from_slice(&row);
        }
    }
}

fn to_length_1(row: &mut [f64]) {
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|x| *x /= length);
    }
}

/// Gauss and Jordan's elimination with the largest pivots: rows that span the same, with
/// as many zeros as rows, each of length 1.
fn simplify(rows: &mut [f64], p: usize) {
    let n = rows.len() / p;
    let mut used = vec![false; n];
    for _ in 0..n {
        let (mut row, mut column, mut largest) = (0, 0, 0.0);
        for i in (0..n).filter(|&i| !used[i]) {
            for k in 0..p {
                if rows[i * p + k].abs() > largest {
                    (row, column, largest) = (i, k, rows[i * p + k].abs());
                }
            }
        }
        if largest == 0.0 {
            break;
        }
        used[row] = true;
        let pivot: Vec<f64> = rows[row * p..(row + 1) * p].to_vec();
        for i in (0..n).filter(|&i| i != row) {
            let factor = rows[i * p + column] / pivot[column];
            for k in 0..p {
                rows[i * p + k] -= factor * pivot[k];
            }
        }
    }
    rows.chunks_exact_mut(p).for_each(to_length_1);
}

/// Weights as people write them: whole numbers where they are, else with 1 for the column
/// that matters most; the first is positive.
fn tidy(weights: &mut [f64], direction: &[f64]) {
    let used: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] != 0.0).collect();
    let Some(&first) = used.first() else {
        return;
    };
    let smallest = used
        .iter()
        .map(|&k| weights[k].abs())
        .fold(f64::INFINITY, f64::min);
    let whole = |x: f64| (x - x.round()).abs() < 1e-4 && x.round().abs() <= 60.0;
    let is_whole = used.iter().all(|&k| whole(weights[k] / smallest));
    let heaviest = used
        .iter()
        .copied()
        .max_by(|&a, &b| direction[a].abs().total_cmp(&direction[b].abs()))
        .unwrap_or(first);
    let unit = match is_whole {
        true => smallest,
        false => weights[heaviest].abs(),
    };
    let unit = unit * weights[first].signum();
    for k in used {
        weights[k] /= unit;
        if is_whole {
            weights[k] = weights[k].round();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::never;

    /// Rows of `a, b, a + b`, noise, a column that is usually 0, and `2 a - noise + 5` with
    /// an error; every fiftieth row breaks the first relation.
    fn sample(n: usize, error: f64) -> Vec<f64> {
        let mut rng = Rng::new(3, 0);
        let mut out = Vec::new();
        for i in 0..n {
            let [a, b, e, noise] = [0; 4].map(|_| rng.unit() * 8.0 - 3.0);
            let broken = if i % 50 == 7 { 9.0 } else { 0.0 };
            let rare = if rng.unit() < 0.01 { 3.0 } else { 0.0 };
            let near = 2.0 * a - e + 5.0 + error * noise;
            out.extend([a, b * 1000.0, a + b * 1000.0 + broken, e, rare, near]);
        }
        out
    }

    fn found(n: usize, error: f64) -> Vec<Relation> {
        let sample = sample(n, error);
        let columns = [0, 1, 2, 3, 4, 5];
        find(&sample, 6, &columns, &mut Rng::new(1, 1), &mut never).unwrap()
    }

    #[test]
    fn relations_are_found_though_rows_break_them() {
        for n in [600, 20_000] {
            let relations = found(n, 1e-3);
            assert_eq!(relations.len(), 2, "{relations:?}");
            let name = |j: usize| ["a", "b", "sum", "e", "rare", "near"][j].to_owned();
            let words = relations.iter().map(|r| r.expression(name, |_| 1.0));
            let words: Vec<String> = words.collect();
            assert!(words.contains(&"a + b - sum".to_owned()), "{words:?}");
            let exact = relations
                .iter()
                .find(|r| r.terms.len() == 3 && r.usual == 0.0);
            let exact = exact.unwrap();
            let broken = exact.coordinate(|j| [1.0, 0.0, 10.0, 0.0, 0.0, 0.0][j]);
            assert!(broken < -10.0, "{broken}");
            assert!(
                exact
                    .coordinate(|j| [1.0, 2.0, 3.0, 0.0, 0.0, 0.0][j])
                    .abs()
                    < 1e-3
            );
        }
    }

    #[test]
    fn nothing_is_found_in_noise_or_in_few_rows() {
        assert!(found(45, 1e-3).is_empty());
        let mut rng = Rng::new(9, 0);
        let noise: Vec<f64> = (0..3000 * 6).map(|_| rng.unit()).collect();
        let columns = [0, 1, 2, 3, 4, 5];
        let none = find(&noise, 6, &columns, &mut rng, &mut never).unwrap();
        assert!(none.is_empty(), "{none:?}");
        let none = find(&[1.0; 600], 6, &columns, &mut rng, &mut never).unwrap();
        assert!(none.is_empty());
    }
}
