//! The rows of a call: whether they can be taken, and of many series which are whose, and what
//! is found of them.

use super::config::MAX_SERIES_VALUE;
use crate::detector::{Detection, Reason};
use crate::error::{Error, Result};
use crate::rows::Rows;

/// What a call brings.
pub(super) struct Call<'a> {
    pub(super) rows: &'a Rows<'a>,
    pub(super) times: Option<&'a [f64]>,
}

impl Call<'_> {
    /// Some of its rows.
    pub(super) fn chosen(&self, which: &[usize]) -> Result<Chosen> {
        let d = self.rows.n_columns();
        let values = which
            .iter()
            .flat_map(|&i| (0..d).map(move |j| self.rows.value(i, j)));
        let times = |times: &[f64]| which.iter().map(|&i| times[i]).collect();
        Ok(Chosen {
            values: values.collect(),
            times: self.times.map(times),
        })
    }
}

/// Some rows of a call.
pub(super) struct Chosen {
    values: Vec<f64>,
    pub(super) times: Option<Vec<f64>>,
}

impl Chosen {
    pub(super) fn rows(&self, n_columns: usize) -> Result<Rows<'_>> {
        Rows::from_f64(&self.values, n_columns)
    }
}

/// Detections of series, to be put in the order of the call's rows.
pub(super) struct Found {
    all: Detection,
    pub(super) reasons: Vec<(usize, Vec<Reason>)>,
    /// Scores of rows that are judged together, as they are compared; NaN of others.
    pub(super) compared: Vec<f64>,
}

impl Found {
    pub(super) fn new(n: usize) -> Found {
        Found {
            all: Detection {
                scores: vec![f64::NAN; n],
                grades: vec![0.0; n],
                ..Detection::default()
            },
            reasons: Vec::new(),
            compared: vec![f64::NAN; n],
        }
    }

    /// Adds what a series has found of its rows; those judged together have no grades yet.
    pub(super) fn add(&mut self, rows: &[usize], found: Detection) {
        for (&row, score) in rows.iter().zip(found.scores) {
            self.all.scores[row] = score;
        }
        for (&row, grade) in rows.iter().zip(found.grades) {
            self.all.grades[row] = grade;
        }
        let alerts = found.alerts.into_iter().map(|i| rows[i]);
        self.reasons.extend(alerts.zip(found.reasons));
    }

    /// Judges rows in their order by what gives a score its grade and says whether it is an
    /// alert; which rows are. Reasons of others are dropped.
    pub(super) fn judge(&mut self, mut by: impl FnMut(usize, f64) -> (f64, bool)) -> Vec<bool> {
        let mut is_alert = vec![false; self.compared.len()];
        for (row, &score) in self.compared.iter().enumerate() {
            if !score.is_nan() {
                (self.all.grades[row], is_alert[row]) = by(row, score);
            }
        }
        self.reasons.retain(|&(row, _)| is_alert[row]);
        is_alert
    }

    pub(super) fn in_order(mut self) -> Detection {
        self.reasons.sort_by_key(|&(row, _)| row);
        for (row, reasons) in self.reasons {
            self.all.alerts.push(row);
            self.all.reasons.push(reasons);
        }
        self.all
    }
}

/// Checks rows, whose values may be missing, and their times.
pub(super) fn check_rows(rows: &Rows<'_>, times: Option<&[f64]>, expected: usize) -> Result<()> {
    let (n, found) = (rows.n_rows(), rows.n_columns());
    if found != expected {
        return Err(Error::WrongWidth { expected, found });
    }
    for row in 0..n {
        for column in 0..found {
            let value = rows.value(row, column);
            if value.is_nan() || value.abs() <= MAX_SERIES_VALUE {
                continue;
            }
            let reason = match value.is_finite() {
                true => "is beyond the largest magnitude of a series, 1e29",
                false => "is not finite",
            };
            return Err(Error::InvalidValue {
                row,
                column,
                value,
                reason,
            });
        }
    }
    let Some(times) = times else {
        return Ok(());
    };
    if times.len() != n {
        return Err(Error::input(format!("{} times for {n} rows", times.len())));
    }
    match times.iter().position(|time| !time.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::input(format!(
            "row {row}: the time {} is not finite",
            times[row]
        ))),
    }
}
