//! From the caller's rows to the points of a forest: width and values checked,
//! columns scaled, rows shingled, values rounded to single precision and
//! padded to the kernels' stride.

use crate::config::ForestConfig;
use crate::error::{Error, Result};
use crate::kernels::lanes;
use crate::load::{Plain, Scale, Weights};
use crate::rows::{Rows, least_limit};
use std::ops::Range;

/// Rows of a block whose intake is measured.
const MEASURED: usize = 1 << 8;

impl Rows<'_> {
    /// Checks and converts all rows as a frozen forest takes them in, and drops
    /// them: what the input alone costs (`benches/inputs.py`).
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for the first bad value in the order of rows.
    pub fn take_in(&self) -> Result<()> {
        let width = lanes::stride(self.n_columns());
        let mut out = vec![0.0; MEASURED.min(self.n_rows()) * width];
        for start in (0..self.n_rows()).step_by(MEASURED) {
            let rows = start..(start + MEASURED).min(self.n_rows());
            load_checked(self, rows, (None, Plain), &mut out, width)?;
            std::hint::black_box(&mut out);
        }
        Ok(())
    }
}

/// Where points come from, in single precision.
pub(crate) trait Points: Sync {
    /// Checks rows that are asked about as it takes them in: value `j` of row `i` goes to
    /// `out[i * stride + j]`. What lies beyond a row's columns stays as it is.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for the first bad value in the order of rows.
    fn load_checked(
        &self,
        rows: &Rows<'_>,
        range: Range<usize>,
        out: &mut [f32],
        stride: usize,
    ) -> Result<()>;
}

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

    /// Forgets the last rows: the next one begins a shingle.
    pub(crate) fn forget_recent(&mut self) {
        self.recent.clear();
    }

    /// Whether the last rows seen are the last ones of `rows`, which are checked.
    pub(crate) fn ends_with(&self, rows: &Rows<'_>) -> bool {
        let n = self.recent_rows();
        let mut last = vec![0.0; n * self.n_features];
        let range = rows.n_rows().saturating_sub(n)..rows.n_rows();
        let weights = self.weights.as_deref();
        load_rows(rows, range, weights, Some(&mut last), self.n_features);
        last == self.recent
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
        self.check_width(rows, self.n_features)?;
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
        self.check_past()
    }

    /// The same, but for the values.
    pub(crate) fn check_query_shape(&self, rows: &Rows<'_>) -> Result<()> {
        if rows.n_columns() == self.n_dimensions() {
            return Ok(());
        }
        self.check_width(rows, self.n_features)?;
        self.check_past()
    }

    /// Checks that the rows before the next one are known.
    pub(crate) fn check_past(&self) -> Result<()> {
        if self.recent_rows() == self.shingle - 1 {
            return Ok(());
        }
        Err(Error::NotReady {
            seen: self.recent_rows() as u64,
            needed: self.shingle as u64 - 1,
        })
    }

    /// Checks rows that are asked about and may have gaps: a value is a number
    /// or NaN.
    pub(crate) fn check_known(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        self.check_query_shape(rows)?;
        rows.check_known(self.query(rows).1, interrupt)
    }

    /// The weight of a column of points, if there are weights.
    pub(crate) fn weight(&self, column: usize) -> Option<f64> {
        self.shingle_weights.as_ref().map(|w| w[column])
    }

    fn check_width(&self, rows: &Rows<'_>, expected: usize) -> Result<()> {
        let found = rows.n_columns();
        match found == expected {
            true => Ok(()),
            false => Err(Error::WrongWidth { expected, found }),
        }
    }

    /// Checks whole shingles (or single rows without shingling).
    pub(crate) fn check_points(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        self.check_width(rows, self.n_dimensions())?;
        rows.check(self.shingle_weights.as_deref(), interrupt)
    }

    /// Points of rows that are asked about, padded, into `out`.
    pub(crate) fn load_query(&self, rows: &Rows<'_>, range: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        out.resize(range.len() * self.stride, 0.0);
        let (past, weights) = self.query(rows);
        load_rows(rows, range, weights, out.get_mut(past.len()..), self.stride);
        if !past.is_empty() {
            let rows = out.chunks_exact_mut(self.stride);
            rows.for_each(|row| row[..past.len()].copy_from_slice(past));
        }
    }

    /// What comes before the columns of rows that are asked about, and those
    /// columns' weights.
    fn query(&self, rows: &Rows<'_>) -> (&[f32], Option<&[f64]>) {
        match rows.n_columns() == self.n_dimensions() {
            true => (&[], self.shingle_weights.as_deref()),
            false => (&self.recent, self.weights.as_deref()),
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
            let out = Some(&mut out[..]);
            return load_rows(rows, range, self.weights.as_deref(), out, self.stride);
        }
        let skipped = self.incomplete(range.len());
        let mut series = std::mem::take(&mut self.recent);
        let had = series.len();
        series.resize(had + range.len() * n, 0.0);
        let count = range.len();
        let new = series.get_mut(had..);
        load_rows(rows, range, self.weights.as_deref(), new, n);
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
        let (weights, stride) = (self.weights.as_deref(), out.len());
        load_rows(rows, row..row + 1, weights, Some(out), stride);
    }

    pub(crate) fn has_shingles(&self) -> bool {
        self.shingle > 1
    }
}

impl Points for Intake {
    fn load_checked(
        &self,
        rows: &Rows<'_>,
        range: Range<usize>,
        out: &mut [f32],
        stride: usize,
    ) -> Result<()> {
        let (past, weights) = self.query(rows);
        if !past.is_empty() {
            let rows = out.chunks_exact_mut(stride);
            rows.for_each(|row| row[..past.len()].copy_from_slice(past));
        }
        let out = out.get_mut(past.len()..).unwrap_or_default();
        match weights {
            None => load_checked(rows, range, (None, Plain), out, stride),
            Some(w) => load_checked(rows, range, (weights, Weights(w)), out, stride),
        }
    }
}

/// Rows that pass are looked at once; of others the first that does not is looked for, tile by
/// tile.
fn load_checked(
    rows: &Rows<'_>,
    range: Range<usize>,
    (weights, scale): (Option<&[f64]>, impl Scale),
    out: &mut [f32],
    stride: usize,
) -> Result<()> {
    let limit = least_limit(weights);
    for tile in rows.tiles(range.clone()) {
        let to = &mut out[(tile.start - range.start) * stride..];
        if !rows.load_rows(tile.clone(), scale, limit, to, stride) {
            rows.check_tile(tile, weights, limit)?;
        }
    }
    Ok(())
}

/// Rows that have been checked.
fn load_rows(
    rows: &Rows<'_>,
    range: Range<usize>,
    weights: Option<&[f64]>,
    out: Option<&mut [f32]>,
    stride: usize,
) {
    // No place for anything where there are no rows.
    let out = out.unwrap_or_default();
    let limit = f64::INFINITY;
    match weights {
        None => rows.load_rows(range, Plain, limit, out, stride),
        Some(weights) => rows.load_rows(range, Weights(weights), limit, out, stride),
    };
}
