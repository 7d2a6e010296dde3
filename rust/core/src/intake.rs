//! From the caller's rows to the points of a forest: width and values checked,
//! columns scaled, rows shingled, values rounded to single precision and
//! padded to the kernels' stride.

use crate::config::ForestConfig;
use crate::error::{Error, Result};
use crate::kernels::lanes;
use crate::rows::Rows;
use std::ops::Range;

#[derive(Clone, Debug)]
pub(crate) struct Intake {
    n_features: usize,
    shingle: usize,
    stride: usize,
    weights: Option<Vec<f64>>,
    /// Weights repeated for a whole shingle.
    shingle_weights: Option<Vec<f64>>,
    /// The last `shingle - 1` rows, oldest first.
    recent: Vec<f32>,
}

impl Intake {
    pub(crate) fn new(config: &ForestConfig, n_features: usize, recent: Vec<f32>) -> Intake {
        let shingle = config.shingle_size;
        Intake {
            n_features,
            shingle,
            stride: lanes::stride(n_features * shingle),
            weights: config.feature_weights.clone(),
            shingle_weights: config.feature_weights.as_ref().map(|w| w.repeat(shingle)),
            recent,
        }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.n_features
    }

    pub(crate) fn n_dimensions(&self) -> usize {
        self.n_features * self.shingle
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn recent(&self) -> &[f32] {
        &self.recent
    }

    fn recent_rows(&self) -> usize {
        self.recent.len() / self.n_features
    }

    /// Checks rows of a stream.
    pub(crate) fn check_stream(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        if rows.n_columns() != self.n_features {
            return Err(Error::WrongWidth {
                expected: self.n_features,
                found: rows.n_columns(),
            });
        }
        rows.check(self.weights.as_deref(), interrupt)
    }

    /// Checks rows that are asked about: single rows, which follow the last
    /// ones seen, or whole shingles.
    pub(crate) fn check_query(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        if rows.n_columns() == self.n_dimensions() {
            return rows.check(self.shingle_weights.as_deref(), interrupt);
        }
        self.check_stream(rows, interrupt)?;
        let missing = self.shingle - 1 - self.recent_rows();
        if missing > 0 {
            return Err(Error::NotReady {
                seen: self.recent_rows() as u64,
                needed: self.shingle as u64 - 1,
            });
        }
        Ok(())
    }

    /// Checks whole shingles (or single rows without shingling).
    pub(crate) fn check_points(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        if rows.n_columns() != self.n_dimensions() {
            return Err(Error::WrongWidth {
                expected: self.n_dimensions(),
                found: rows.n_columns(),
            });
        }
        rows.check(self.shingle_weights.as_deref(), interrupt)
    }

    /// Points of rows that are asked about, padded, into `out`.
    pub(crate) fn load_query(&self, rows: &Rows<'_>, range: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        out.resize(range.len() * self.stride, 0.0);
        let whole = rows.n_columns() == self.n_dimensions();
        for (row, out) in range.zip(out.chunks_exact_mut(self.stride)) {
            if whole {
                rows.load(row, self.shingle_weights.as_deref(), out);
            } else {
                let (past, last) = out.split_at_mut(self.recent.len());
                past.copy_from_slice(&self.recent);
                rows.load(row, self.weights.as_deref(), last);
            }
        }
    }

    /// How many of the next `n` rows of a stream do not complete a shingle.
    pub(crate) fn incomplete(&self, n: usize) -> usize {
        (self.shingle - 1 - self.recent_rows()).min(n)
    }

    /// Points of the rows of a stream, padded, into `out`; rows that do not
    /// complete a shingle are left out. Remembers the last rows.
    pub(crate) fn load_stream(&mut self, rows: &Rows<'_>, range: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        let n = self.n_features;
        if self.shingle == 1 {
            out.resize(range.len() * self.stride, 0.0);
            for (row, out) in range.zip(out.chunks_exact_mut(self.stride)) {
                rows.load(row, self.weights.as_deref(), out);
            }
            return;
        }
        let skipped = self.incomplete(range.len());
        let mut series = std::mem::take(&mut self.recent);
        let had = series.len();
        series.resize(had + range.len() * n, 0.0);
        let count = range.len();
        for (row, to) in range.zip(series[had..].chunks_exact_mut(n)) {
            rows.load(row, self.weights.as_deref(), to);
        }
        out.resize((count - skipped) * self.stride, 0.0);
        let points = series.windows(n * self.shingle).step_by(n);
        for (point, out) in points.zip(out.chunks_exact_mut(self.stride)) {
            out[..point.len()].copy_from_slice(point);
        }
        let keep = (series.len() / n).min(self.shingle - 1) * n;
        series.drain(..series.len() - keep);
        self.recent = series;
    }

    /// One row of a stream without shingling, padded.
    pub(crate) fn load_one(&self, rows: &Rows<'_>, row: usize, out: &mut [f32]) {
        rows.load(row, self.weights.as_deref(), out);
    }

    pub(crate) fn has_shingles(&self) -> bool {
        self.shingle > 1
    }
}
