//! The input: rows of numbers wherever they lie in memory.

use crate::config::MAX_VALUE;
use crate::error::{Error, Result};
use std::ops::Range;

/// Values that are checked at a time: they should stay in cache.
const CHECK_VALUES: usize = 1 << 14;
/// Rows that are checked at a time where columns are contiguous.
const CHECK_ROWS: usize = 1 << 16;

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

    fn stride(&self) -> usize {
        match *self {
            Column::F32 { stride, .. } | Column::F64 { stride, .. } => stride,
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
}

/// `n_rows` rows of `n_columns` numbers, borrowed from the caller: a matrix in
/// either order or a table of columns.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    columns: Vec<Column<'a>>,
    first: usize,
    n_rows: usize,
}

impl<'a> Rows<'a> {
    /// A row-major matrix in single precision.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the length is no multiple of the width.
    pub fn from_f32(values: &'a [f32], n_columns: usize) -> Result<Rows<'a>> {
        let n_rows = whole_rows(values.len(), n_columns)?;
        let columns = (0..n_columns)
            .map(|j| Column::F32 {
                values: values.get(j..).unwrap_or_default(),
                stride: n_columns,
            })
            .collect();
        Ok(Rows {
            columns,
            first: 0,
            n_rows,
        })
    }

    /// A row-major matrix in double precision.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if the length is no multiple of the width.
    pub fn from_f64(values: &'a [f64], n_columns: usize) -> Result<Rows<'a>> {
        let n_rows = whole_rows(values.len(), n_columns)?;
        let columns = (0..n_columns)
            .map(|j| Column::F64 {
                values: values.get(j..).unwrap_or_default(),
                stride: n_columns,
            })
            .collect();
        Ok(Rows {
            columns,
            first: 0,
            n_rows,
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
            columns,
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
        self.columns.len()
    }

    /// One value, or `None` if there is no such row or column.
    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        (row < self.n_rows && column < self.columns.len()).then(|| self.value(row, column))
    }

    /// One value of those that exist.
    #[inline]
    pub(crate) fn value(&self, row: usize, column: usize) -> f64 {
        self.columns[column].get(self.first + row)
    }

    /// A range of rows, cut to those that exist.
    pub fn slice(&self, rows: Range<usize>) -> Rows<'a> {
        let start = rows.start.min(self.n_rows);
        let end = rows.end.clamp(start, self.n_rows);
        Rows {
            columns: self.columns.clone(),
            first: self.first + start,
            n_rows: end - start,
        }
    }

    /// Checks that every value is finite and, scaled, at most [`MAX_VALUE`].
    /// One pass per column without branches; the culprit is looked for only
    /// when there is one.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for the first bad value in the order of rows,
    /// [`Error::Interrupted`] once `interrupt` says so.
    pub(crate) fn check(
        &self,
        weights: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let block = match self.columns.iter().all(|c| c.stride() == 1) {
            true => CHECK_ROWS,
            // The columns of a row-major matrix share cache lines.
            false => (CHECK_VALUES / self.columns.len()).max(16),
        };
        for start in (0..self.n_rows).step_by(block) {
            // A small call is too short to be asked.
            if start > 0 && interrupt() {
                return Err(Error::Interrupted);
            }
            self.check_block(start, block, weights)?;
        }
        Ok(())
    }

    fn check_block(&self, start: usize, rows: usize, weights: Option<&[f64]>) -> Result<()> {
        let begin = self.first + start;
        let rows = rows.min(self.n_rows - start);
        let mut first: Option<(usize, usize)> = None;
        for (j, column) in self.columns.iter().enumerate() {
            let limit = limit(weights, j);
            // Only rows before the earliest culprit so far can be earlier.
            let end = first.map_or(rows, |(row, _)| row);
            let range = begin..begin + end;
            let bad = match *column {
                Column::F64 { values, stride } => {
                    find_bad(values, stride, range, |v| v.abs() <= limit)
                }
                Column::F32 { values, stride } => {
                    find_bad(values, stride, range, |v| f64::from(v).abs() <= limit)
                }
            };
            if let Some(row) = bad {
                first = Some((row - begin, j));
            }
        }
        match first {
            None => Ok(()),
            Some((row, column)) => {
                let row = start + row;
                let value = self.value(row, column);
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
        }
    }

    /// Writes row `row`, scaled and rounded once to single precision, to the
    /// front of `out`. Minus zero becomes zero.
    #[inline]
    pub(crate) fn load(&self, row: usize, weights: Option<&[f64]>, out: &mut [f32]) {
        let row = self.first + row;
        match weights {
            None => {
                for (column, out) in self.columns.iter().zip(out) {
                    *out = match *column {
                        Column::F32 { values, stride } => values[row * stride],
                        Column::F64 { values, stride } => values[row * stride] as f32,
                    } + 0.0;
                }
            }
            Some(weights) => {
                for ((column, weight), out) in self.columns.iter().zip(weights).zip(out) {
                    *out = (column.get(row) * weight) as f32 + 0.0;
                }
            }
        }
    }
}

fn limit(weights: Option<&[f64]>, column: usize) -> f64 {
    weights.map_or(MAX_VALUE, |w| MAX_VALUE / w[column])
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

/// First index in `range` whose value fails `good`.
fn find_bad<T: Copy>(
    values: &[T],
    stride: usize,
    range: Range<usize>,
    good: impl Fn(T) -> bool,
) -> Option<usize> {
    if range.is_empty() {
        return None;
    }
    if stride == 1 {
        let all = values[range.clone()]
            .iter()
            .fold(true, |all, &v| all & good(v));
        if all {
            return None;
        }
    }
    range.into_iter().find(|&i| !good(values[i * stride]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_value_in_row_order_is_named() {
        let values = [0.0, 1.0, 2.0, f64::INFINITY, f64::NAN, 5.0];
        let rows = Rows::from_f64(&values, 2).unwrap();
        match rows.check(None, &mut || false) {
            Err(Error::InvalidValue { row, column, .. }) => assert_eq!((row, column), (1, 1)),
            other => panic!("{other:?}"),
        }
        match rows.slice(2..3).check(None, &mut || false) {
            Err(Error::InvalidValue { row, column, .. }) => assert_eq!((row, column), (0, 0)),
            other => panic!("{other:?}"),
        }
        assert!(rows.slice(0..1).check(None, &mut || false).is_ok());
        // In a later block of rows, too, and in its row order.
        let mut values = vec![0.5; 3 * CHECK_VALUES];
        let last = values.len() - 1;
        values[last] = f64::NAN;
        values[last - 4] = 1e31;
        let rows = Rows::from_f64(&values, 3).unwrap();
        for skipped in [0, 7] {
            match rows.slice(skipped..CHECK_VALUES).check(None, &mut || false) {
                Err(Error::InvalidValue { row, column, .. }) => {
                    assert_eq!((row, column), (CHECK_VALUES - 2 - skipped, 1));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_long_check_is_interrupted() {
        let values = vec![0.5; 4 * CHECK_ROWS];
        let whole = Column::F64 {
            values: &values,
            stride: 1,
        };
        let columns = Rows::from_columns(vec![whole], values.len()).unwrap();
        for rows in [columns, Rows::from_f64(&values, 2).unwrap()] {
            let mut asked = 0;
            let stopped = rows.check(None, &mut || {
                asked += 1;
                asked == 3
            });
            assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
        }
    }

    #[test]
    fn columns_and_matrices_load_the_same() {
        let (a, b) = ([1.5f32, 2.5, -0.0], [3.0f64, 4.0, 5.0]);
        let rows = Rows::from_columns(
            vec![
                Column::F32 {
                    values: &a,
                    stride: 1,
                },
                Column::F64 {
                    values: &b,
                    stride: 1,
                },
            ],
            3,
        )
        .unwrap();
        let mut out = [9.0f32; 2];
        rows.load(2, None, &mut out);
        assert_eq!(out.map(f32::to_bits), [0, 5f32.to_bits()]);
        rows.load(1, Some(&[2.0, 0.5]), &mut out);
        assert_eq!(out, [5.0, 2.0]);
    }

    #[test]
    fn odd_shapes_are_refused() {
        assert!(Rows::from_f32(&[1.0; 5], 2).is_err());
        assert!(Rows::from_f32(&[], 0).is_err());
        assert_eq!(Rows::from_f32(&[], 3).unwrap().n_rows(), 0);
    }
}
