//! The input: rows of numbers wherever they lie in memory.

use crate::config::MAX_VALUE;
use crate::error::{Error, Result};
use crate::kernels::simd::LANES;
use crate::kernels::{entry, turn};
use crate::load::{Scale, Value};
use std::ops::Range;
use std::sync::Arc;

mod across;
mod column;
mod parts;

use across::Across;
use column::GATHERED;
pub use column::{Column, Integers};
use parts::Part;

/// Values that are taken at a time: they should stay in cache.
const TILE_VALUES: usize = 1 << 13;
/// The same where columns lie apart, in pieces that are worth fetching ahead.
const COLUMN_VALUES: usize = 1 << 16;
/// Rows that are only checked at a time where columns lie apart.
const CHECKED_ROWS: usize = 1 << 14;
/// Tiles between two questions whether to stop.
const ASKED_EVERY: usize = 8;
/// Bytes from the first to the last of rows that are taken at a time where the
/// values of a column lie apart: each column goes over the same lines again.
const SPAN: usize = 1 << 16;
/// Rows that columns become at a time: both sides stay in the first-level cache.
const TURNED_ROWS: usize = 128;
/// Room for a column of them: an odd number of cache lines keeps columns off each other's
/// cache sets.
const TURNED_ROOM: usize = TURNED_ROWS + LANES;

/// Where the values lie.
#[derive(Clone, Debug)]
enum Layout<'a> {
    /// A row-major matrix.
    F32(&'a [f32]),
    F64(&'a [f64]),
    Columns(Arc<[Column<'a>]>),
    /// Columns side by side, which are there too.
    Across(Across<'a>, Arc<[Column<'a>]>),
    /// Tables one after the other, none of them without rows.
    Parts(Arc<[Part<'a>]>),
}

/// `n_rows` rows of `n_columns` numbers, borrowed from the caller: a matrix in
/// either order, a table of columns, or such tables one after the other.
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
            layout: match Across::of(&columns, n_rows) {
                Some(across) => Layout::Across(across, columns.into()),
                None => Layout::Columns(columns.into()),
            },
            first: 0,
            n_rows,
        })
    }

    /// Tables one after the other, such as the chunks of Arrow.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if there are none, or they differ in width.
    pub fn from_parts(parts: Vec<Rows<'a>>) -> Result<Rows<'a>> {
        parts::join(parts)
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
            Layout::Columns(columns) | Layout::Across(_, columns) => columns[column].get(row),
            Layout::Parts(parts) => parts::value(parts, row, column),
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
        let step = self.step(column_rows);
        let end = rows.end;
        rows.step_by(step)
            .map(move |start| start..(start + step).min(end))
    }

    fn step(&self, column_rows: usize) -> usize {
        match &self.layout {
            Layout::Columns(columns) => match columns.iter().map(Column::apart).max() {
                None | Some(0) => column_rows,
                Some(bytes) => (SPAN / bytes).next_multiple_of(16).clamp(64, column_rows),
            },
            Layout::Parts(parts) => parts[0].rows.step(column_rows),
            _ => (TILE_VALUES / self.n_columns).next_multiple_of(16).max(16),
        }
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
        if self.all_within(&rows, least_limit) {
            return Ok(());
        }
        for row in rows {
            for column in 0..self.n_columns {
                self.check_value(row, column, weights)?;
            }
        }
        Ok(())
    }

    /// Whether no magnitude is above `limit` and every value is a number.
    fn all_within(&self, rows: &Range<usize>, limit: f64) -> bool {
        match &self.layout {
            Layout::F32(values) => entry::all_within(&values[self.values(rows)], f32::limit(limit)),
            Layout::F64(values) => entry::all_within(&values[self.values(rows)], limit),
            Layout::Columns(columns) => {
                let places = self.places(rows);
                columns
                    .iter()
                    .all(|column| column.all_within(places.clone(), limit))
            }
            Layout::Across(across, _) => across.all_within(self.places(rows), limit),
            Layout::Parts(parts) => parts::over(parts, self.places(rows))
                .all(|(_, of, rows)| of.all_within(&rows, limit)),
        }
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

    /// Scales rows into rows `stride` apart. What lies beyond a row's columns stays as it
    /// is. Whether no magnitude is above `limit` and every value is a number: one look at
    /// each value does both.
    pub(crate) fn load_rows(
        &self,
        rows: Range<usize>,
        scale: impl Scale,
        limit: f64,
        out: &mut [f32],
        stride: usize,
    ) -> bool {
        let width = self.n_columns;
        match &self.layout {
            Layout::F32(values) => {
                let (values, limit) = (&values[self.values(&rows)], f32::limit(limit));
                entry::convert_rows(values, width, scale, limit, out, stride)
            }
            Layout::F64(values) => {
                let values = &values[self.values(&rows)];
                entry::convert_rows(values, width, scale, limit, out, stride)
            }
            Layout::Columns(columns) if width >= turn::LEAST_WIDTH && rows.len() >= LANES => {
                self.turn_columns(columns, rows, scale, limit, out, stride)
            }
            // A few rows, as those that trees take out of many: no loops over columns.
            Layout::Columns(columns) if rows.len() < LANES => {
                let mut all = true;
                for (at, row) in self.places(&rows).zip(out.chunks_mut(stride)) {
                    for (j, (column, out)) in columns.iter().zip(row).enumerate() {
                        let x = column.get(at);
                        all &= x.abs() <= limit;
                        *out = scale.cut(j, 1).value(x, 0);
                    }
                }
                all
            }
            Layout::Columns(columns) => {
                let (mut column, mut all) = ([0.0; GATHERED], true);
                for at in (0..rows.len()).step_by(GATHERED) {
                    let n = GATHERED.min(rows.len() - at);
                    let start = self.first + rows.start + at;
                    for (j, from) in columns.iter().enumerate() {
                        all &= from.convert(start..start + n, j, scale, limit, &mut column);
                        let out = &mut out[at * stride + j..];
                        for (&x, out) in column[..n].iter().zip(out.iter_mut().step_by(stride)) {
                            *out = x;
                        }
                    }
                }
                all
            }
            Layout::Across(across, _) => {
                across.convert(self.places(&rows), scale, limit, out, stride)
            }
            Layout::Parts(parts) => {
                let mut all = true;
                for (at, of, rows) in parts::over(parts, self.places(&rows)) {
                    all &= of.load_rows(rows, scale, limit, &mut out[at * stride..], stride);
                }
                all
            }
        }
    }

    /// [`Rows::load_rows`] of some columns, a few dozen rows at a time.
    fn turn_columns(
        &self,
        columns: &[Column<'_>],
        rows: Range<usize>,
        scale: impl Scale,
        limit: f64,
        out: &mut [f32],
        stride: usize,
    ) -> bool {
        let (mut turned, mut all) = (vec![0.0; columns.len() * TURNED_ROOM], true);
        for at in (0..rows.len()).step_by(TURNED_ROWS) {
            let n = TURNED_ROWS.min(rows.len() - at);
            let start = self.first + rows.start + at;
            let room = turned.chunks_exact_mut(TURNED_ROOM);
            for (j, (from, to)) in columns.iter().zip(room).enumerate() {
                all &= from.convert(start..start + n, j, scale, limit, to);
            }
            // The last row may end with its columns.
            let out = &mut out[at * stride..];
            let end = out.len().min(n * stride);
            entry::turn(&turned, TURNED_ROOM, &mut out[..end], stride);
        }
        all
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
            Layout::Across(across, _) => across.widen(self.places(&rows), extremes),
            Layout::Parts(parts) => {
                for (_, of, rows) in parts::over(parts, self.places(&rows)) {
                    of.widen(rows, extremes);
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
