//! The input: rows of numbers wherever they lie in memory.

use crate::config::MAX_VALUE;
use crate::error::{Error, Result};
use crate::kernels::entry;
use crate::load::{Scale, Value};
use std::ops::Range;

/// Values that are taken at a time: they should stay in cache.
const TILE_VALUES: usize = 1 << 13;
/// The same where columns lie apart, in pieces that are worth fetching ahead.
const COLUMN_VALUES: usize = 1 << 16;
/// Rows that are only checked at a time where columns lie apart.
const CHECKED_ROWS: usize = 1 << 14;
/// Tiles between two questions whether to stop.
const ASKED_EVERY: usize = 8;
/// Values of a column that are not side by side, and are put there at a time.
const GATHERED: usize = 256;

/// One column: value `i` is `values[i * stride]`.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    /// Single precision.
    F32 {
        /// The values and what lies between them.
        values: &'a [f32],
        /// Distance between values, at least 1 unless there is at most one row.
        stride: usize,
    },
    /// Double precision.
    F64 {
        /// The values and what lies between them.
        values: &'a [f64],
        /// Distance between values.
        stride: usize,
    },
}

impl Column<'_> {
    #[inline]
    fn get(&self, row: usize) -> f64 {
        match *self {
            Column::F32 { values, stride } => f64::from(values[row * stride]),
            Column::F64 { values, stride } => values[row * stride],
        }
    }

    /// Rows this column can hold at most.
    fn capacity(&self) -> usize {
        let (len, stride) = match *self {
            Column::F32 { values, stride } => (values.len(), stride),
            Column::F64 { values, stride } => (values.len(), stride),
        };
        match (len, stride) {
            (0, _) => 0,
            (_, 0) => usize::MAX,
            _ => (len - 1) / stride + 1,
        }
    }

    fn all_within(&self, rows: Range<usize>, limit: f64) -> bool {
        let mut all = true;
        match *self {
            Column::F32 { values, stride } => pieces(values, stride, rows, |_, piece| {
                all &= entry::all_within(piece, f32::limit(limit));
            }),
            Column::F64 { values, stride } => pieces(values, stride, rows, |_, piece| {
                all &= entry::all_within(piece, limit);
            }),
        }
        all
    }

    /// Scales values of column `j` into `out`.
    fn convert(&self, rows: Range<usize>, j: usize, scale: impl Scale, out: &mut [f32]) {
        match *self {
            Column::F32 { values, stride } => pieces(values, stride, rows, |at, piece| {
                entry::convert_column(piece, j, scale, &mut out[at..]);
            }),
            Column::F64 { values, stride } => pieces(values, stride, rows, |at, piece| {
                entry::convert_column(piece, j, scale, &mut out[at..]);
            }),
        }
    }

    fn widen(&self, rows: Range<usize>, extremes: &mut (f64, f64)) {
        match *self {
            Column::F32 { values, stride } => pieces(values, stride, rows, |_, piece| {
                entry::widen_column(piece, extremes);
            }),
            Column::F64 { values, stride } => pieces(values, stride, rows, |_, piece| {
                entry::widen_column(piece, extremes);
            }),
        }
    }
}

/// Gives `work` the values of some rows side by side, with the number of the first.
fn pieces<T: Value>(
    values: &[T],
    stride: usize,
    rows: Range<usize>,
    mut work: impl FnMut(usize, &[T]),
) {
    if stride == 1 {
        return work(0, &values[rows]);
    }
    let mut gathered = [T::default(); GATHERED];
    for at in (0..rows.len()).step_by(GATHERED) {
        let n = GATHERED.min(rows.len() - at);
        for (i, to) in gathered[..n].iter_mut().enumerate() {
            *to = values[(rows.start + at + i) * stride];
        }
        work(at, &gathered[..n]);
    }
}

/// Where the values lie.
#[derive(Clone, Debug)]
enum Layout<'a> {
    /// A row-major matrix.
    F32(&'a [f32]),
    F64(&'a [f64]),
    Columns(Vec<Column<'a>>),
}

/// `n_rows` rows of `n_columns` numbers, borrowed from the caller: a matrix in
/// either order or a table of columns.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    layout: Layout<'a>,
    n_columns: usize,
    first: usize,
    n_rows: usize,
}

impl<'a> Rows<'a> {
    /// A row-major matrix in single precision.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the length is no multiple of the width.
    pub fn from_f32(values: &'a [f32], n_columns: usize) -> Result<Rows<'a>> {
        Ok(Rows {
            n_rows: whole_rows(values.len(), n_columns)?,
            layout: Layout::F32(values),
            n_columns,
            first: 0,
        })
    }

    /// A row-major matrix in double precision.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the length is no multiple of the width.
    pub fn from_f64(values: &'a [f64], n_columns: usize) -> Result<Rows<'a>> {
        Ok(Rows {
            n_rows: whole_rows(values.len(), n_columns)?,
            layout: Layout::F64(values),
            n_columns,
            first: 0,
        })
    }

    /// A table of columns of `n_rows` values each.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if a column is too short.
    pub fn from_columns(columns: Vec<Column<'a>>, n_rows: usize) -> Result<Rows<'a>> {
        if columns.is_empty() {
            return Err(Error::input("the input has no columns"));
        }
        if let Some(j) = columns.iter().position(|c| c.capacity() < n_rows) {
            return Err(Error::input(format!(
                "column {j} is shorter than the table's {n_rows} rows"
            )));
        }
        Ok(Rows {
            n_columns: columns.len(),
            layout: Layout::Columns(columns),
            first: 0,
            n_rows,
        })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// One value, or `None` if there is no such row or column.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        (row < self.n_rows && column < self.n_columns).then(|| self.value(row, column))
    }

    /// One value of those that exist.
    #[inline]
    pub(crate) fn value(&self, row: usize, column: usize) -> f64 {
        let row = self.first + row;
        match &self.layout {
            Layout::F32(values) => f64::from(values[row * self.n_columns + column]),
            Layout::F64(values) => values[row * self.n_columns + column],
            Layout::Columns(columns) => columns[column].get(row),
        }
    }

    /// A range of rows, cut to those that exist.
    pub fn slice(&self, rows: Range<usize>) -> Rows<'a> {
        let start = rows.start.min(self.n_rows);
        let end = rows.end.clamp(start, self.n_rows);
        Rows {
            layout: self.layout.clone(),
            n_columns: self.n_columns,
            first: self.first + start,
            n_rows: end - start,
        }
    }

    /// Ranges of rows that are scaled at a time.
    pub(crate) fn tiles(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        self.cut(
            rows,
            (COLUMN_VALUES / self.n_columns).clamp(1024, CHECKED_ROWS),
        )
    }

    /// Ranges of rows, of so many where columns lie apart.
    fn cut(
        &self,
        rows: Range<usize>,
        column_rows: usize,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let step = match self.layout {
            Layout::Columns(_) => column_rows,
            _ => (TILE_VALUES / self.n_columns).next_multiple_of(16).max(16),
        };
        let end = rows.end;
        rows.step_by(step)
            .map(move |start| start..(start + step).min(end))
    }

    /// Rows as places in the columns.
    fn places(&self, rows: &Range<usize>) -> Range<usize> {
        self.first + rows.start..self.first + rows.end
    }

    /// Rows as places in the matrix.
    fn values(&self, rows: &Range<usize>) -> Range<usize> {
        let places = self.places(rows);
        places.start * self.n_columns..places.end * self.n_columns
    }

    /// Checks that every value is finite and, scaled, at most [`MAX_VALUE`].
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for the first bad value in the order of rows,
    /// [`Error::Interrupted`] once `interrupt` says so.
    pub(crate) fn check(
        &self,
        weights: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        self.each_checked(weights, interrupt, |_| {})
    }

    /// [`Rows::check`], with something to do to each tile that has passed.
    pub(crate) fn each_checked(
        &self,
        weights: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
        mut passed: impl FnMut(Range<usize>),
    ) -> Result<()> {
        let limit = least_limit(weights);
        let tiles = self.cut(0..self.n_rows, CHECKED_ROWS);
        for (i, tile) in tiles.enumerate() {
            // A small call is too short to be asked.
            if i > 0 && i.is_multiple_of(ASKED_EVERY) && interrupt() {
                return Err(Error::Interrupted);
            }
            self.check_tile(tile.clone(), weights, limit)?;
            passed(tile);
        }
        Ok(())
    }

    /// Checks some rows. One pass with one limit, the least of all columns',
    /// and without branches; who fails it is looked at one by one.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for the first bad value in the order of rows.
    pub(crate) fn check_tile(
        &self,
        rows: Range<usize>,
        weights: Option<&[f64]>,
        least_limit: f64,
    ) -> Result<()> {
        let all = match &self.layout {
            Layout::F32(values) => {
                entry::all_within(&values[self.values(&rows)], f32::limit(least_limit))
            }
            Layout::F64(values) => entry::all_within(&values[self.values(&rows)], least_limit),
            Layout::Columns(columns) => {
                let places = self.places(&rows);
                columns
                    .iter()
                    .all(|column| column.all_within(places.clone(), least_limit))
            }
        };
        if all {
            return Ok(());
        }
        for row in rows {
            for column in 0..self.n_columns {
                self.check_value(row, column, weights)?;
            }
        }
        Ok(())
    }

    /// Checks every value that is not missing, which is NaN, as [`Rows::check`].
    ///
    /// # Errors
    /// As [`Rows::check`].
    pub(crate) fn check_known(
        &self,
        weights: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        for row in 0..self.n_rows {
            if row > 0 && row.is_multiple_of(CHECKED_ROWS) && interrupt() {
                return Err(Error::Interrupted);
            }
            for column in 0..self.n_columns {
                if !self.value(row, column).is_nan() {
                    self.check_value(row, column, weights)?;
                }
            }
        }
        Ok(())
    }

    fn check_value(&self, row: usize, column: usize, weights: Option<&[f64]>) -> Result<()> {
        let value = self.value(row, column);
        let limit = weights.map_or(MAX_VALUE, |w| MAX_VALUE / w[column]);
        if value.abs() <= limit {
            return Ok(());
        }
        let reason = if !value.is_finite() {
            "is not finite"
        } else if weights.is_some() {
            "times the column's weight is beyond the largest magnitude a forest takes, 1e30"
        } else {
            "is beyond the largest magnitude a forest takes, 1e30"
        };
        Err(Error::InvalidValue {
            row,
            column,
            value,
            reason,
        })
    }

    /// Scales rows into rows `stride` apart. What lies beyond a row's columns
    /// stays as it is.
    pub(crate) fn load_rows(
        &self,
        rows: Range<usize>,
        scale: impl Scale,
        out: &mut [f32],
        stride: usize,
    ) {
        let width = self.n_columns;
        match &self.layout {
            Layout::F32(values) => {
                entry::convert_rows(&values[self.values(&rows)], width, scale, out, stride);
            }
            Layout::F64(values) => {
                entry::convert_rows(&values[self.values(&rows)], width, scale, out, stride);
            }
            Layout::Columns(columns) => {
                let mut column = [0.0; GATHERED];
                for at in (0..rows.len()).step_by(GATHERED) {
                    let n = GATHERED.min(rows.len() - at);
                    let start = self.first + rows.start + at;
                    for (j, from) in columns.iter().enumerate() {
                        from.convert(start..start + n, j, scale, &mut column);
                        let out = &mut out[at * stride + j..];
                        for (&x, out) in column[..n].iter().zip(out.iter_mut().step_by(stride)) {
                            *out = x;
                        }
                    }
                }
            }
        }
    }

    /// Scales rows into columns: that of column `j` of the first row goes to
    /// `columns[j * stride]`, those of the next rows follow.
    pub(crate) fn load_columns(
        &self,
        rows: Range<usize>,
        scale: impl Scale,
        columns: &mut [f32],
        stride: usize,
    ) {
        let width = self.n_columns;
        match &self.layout {
            Layout::F32(values) => {
                let values = &values[self.values(&rows)];
                entry::convert_to_columns(values, width, scale, columns, stride);
            }
            Layout::F64(values) => {
                let values = &values[self.values(&rows)];
                entry::convert_to_columns(values, width, scale, columns, stride);
            }
            Layout::Columns(from) => {
                for (j, column) in from.iter().enumerate() {
                    column.convert(self.places(&rows), j, scale, &mut columns[j * stride..]);
                }
            }
        }
    }

    /// Widens each column's extremes to those of checked rows.
    pub(crate) fn widen(&self, rows: Range<usize>, extremes: &mut [(f64, f64)]) {
        match &self.layout {
            Layout::F32(values) => {
                entry::widen(&values[self.values(&rows)], self.n_columns, extremes);
            }
            Layout::F64(values) => {
                entry::widen(&values[self.values(&rows)], self.n_columns, extremes);
            }
            Layout::Columns(columns) => {
                for (column, extremes) in columns.iter().zip(extremes) {
                    column.widen(self.places(&rows), extremes);
                }
            }
        }
    }
}

/// What no magnitude may be above, whatever its column.
pub(crate) fn least_limit(weights: Option<&[f64]>) -> f64 {
    let largest = weights.map(|w| w.iter().fold(0.0f64, |a, &b| a.max(b)));
    largest.map_or(MAX_VALUE, |weight| MAX_VALUE / weight)
}

fn whole_rows(len: usize, n_columns: usize) -> Result<usize> {
    if n_columns == 0 {
        return Err(Error::input("the input has no columns"));
    }
    if !len.is_multiple_of(n_columns) {
        return Err(Error::input(format!(
            "{len} values do not make rows of {n_columns}"
        )));
    }
    Ok(len / n_columns)
}

#[cfg(test)]
mod tests;
