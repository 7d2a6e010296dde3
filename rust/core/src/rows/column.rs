//! One column wherever its values lie: side by side, at a distance, or as
//! integers.
//!
//! Values that are not floats side by side are put there some at a time, in a
//! buffer that stays in the nearest cache, so that the same loops take all.

use crate::kernels::entry;
use crate::load::{Scale, Value};
use std::ops::Range;

/// Values that are put side by side at a time.
pub(super) const GATHERED: usize = 256;

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
    /// Integers, which are taken as the nearest in double precision.
    Integers {
        /// The values and what lies between them.
        values: Integers<'a>,
        /// Distance between values.
        stride: usize,
    },
}

/// Integers of one kind.
#[derive(Clone, Copy, Debug)]
pub enum Integers<'a> {
    /// Signed, 8 bits.
    I8(&'a [i8]),
    /// Signed, 16 bits.
    I16(&'a [i16]),
    /// Signed, 32 bits.
    I32(&'a [i32]),
    /// Signed, 64 bits.
    I64(&'a [i64]),
    /// Unsigned, 8 bits; truth values, too.
    U8(&'a [u8]),
    /// Unsigned, 16 bits.
    U16(&'a [u16]),
    /// Unsigned, 32 bits.
    U32(&'a [u32]),
    /// Unsigned, 64 bits.
    U64(&'a [u64]),
}

/// Something done to integers of whatever kind.
macro_rules! of_any_kind {
    ($integers:expr, $values:ident => $work:expr) => {
        match $integers {
            Integers::I8($values) => $work,
            Integers::I16($values) => $work,
            Integers::I32($values) => $work,
            Integers::I64($values) => $work,
            Integers::U8($values) => $work,
            Integers::U16($values) => $work,
            Integers::U32($values) => $work,
            Integers::U64($values) => $work,
        }
    };
}

impl Integers<'_> {
    fn len(&self) -> usize {
        of_any_kind!(self, values => values.len())
    }

    fn size(&self) -> usize {
        of_any_kind!(self, values => size_of_val(*values) / values.len().max(1))
    }

    // Its own function: those who ask for a float should not carry it along.
    #[inline(never)]
    fn get(&self, at: usize) -> f64 {
        of_any_kind!(self, values => values[at] as f64)
    }

    /// [`pieces`] of their values in double precision.
    fn pieces(self, stride: usize, rows: Range<usize>, work: impl FnMut(usize, &[f64])) {
        of_any_kind!(self, values => gathered(values, stride, rows, |x| x as f64, work));
    }
}

/// Does something to the values of some rows, piece by piece.
macro_rules! in_pieces {
    ($column:expr, $rows:expr, |$at:pat_param, $piece:ident| $work:expr) => {
        match *$column {
            Column::F32 { values, stride } => pieces(values, stride, $rows, |$at, $piece| $work),
            Column::F64 { values, stride } => pieces(values, stride, $rows, |$at, $piece| $work),
            Column::Integers { values, stride } => {
                values.pieces(stride, $rows, |$at, $piece| $work)
            }
        }
    };
}

impl Column<'_> {
    #[inline]
    pub(super) fn get(&self, row: usize) -> f64 {
        match self {
            Column::F32 { values, stride } => f64::from(values[row * stride]),
            Column::F64 { values, stride } => values[row * stride],
            Column::Integers { values, stride } => values.get(row * stride),
        }
    }

    /// Rows this column can hold at most.
    pub(super) fn capacity(&self) -> usize {
        let (len, stride) = match *self {
            Column::F32 { values, stride } => (values.len(), stride),
            Column::F64 { values, stride } => (values.len(), stride),
            Column::Integers { values, stride } => (values.len(), stride),
        };
        match (len, stride) {
            (0, _) => 0,
            (_, 0) => usize::MAX,
            _ => (len - 1) / stride + 1,
        }
    }

    /// Bytes from one value to the next where others lie between them, or 0.
    pub(super) fn apart(&self) -> usize {
        let (size, stride) = match *self {
            Column::F32 { stride, .. } => (4, stride),
            Column::F64 { stride, .. } => (8, stride),
            Column::Integers { values, stride } => (values.size(), stride),
        };
        if stride <= 1 { 0 } else { size * stride }
    }

    pub(super) fn all_within(&self, rows: Range<usize>, limit: f64) -> bool {
        let mut all = true;
        in_pieces!(self, rows, |_, piece| {
            all &= entry::all_within(piece, Value::limit(limit));
        });
        all
    }

    /// Scales values of column `j` into `out`.
    pub(super) fn convert(&self, rows: Range<usize>, j: usize, scale: impl Scale, out: &mut [f32]) {
        in_pieces!(self, rows, |at, piece| {
            entry::convert_column(piece, j, scale, &mut out[at..]);
        });
    }

    pub(super) fn widen(&self, rows: Range<usize>, extremes: &mut (f64, f64)) {
        in_pieces!(self, rows, |_, piece| entry::widen_column(piece, extremes));
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
    gathered(values, stride, rows, |x| x, work);
}

fn gathered<S: Copy, T: Value>(
    values: &[S],
    stride: usize,
    rows: Range<usize>,
    made: impl Fn(S) -> T,
    mut work: impl FnMut(usize, &[T]),
) {
    let mut buffer = [T::default(); GATHERED];
    for at in (0..rows.len()).step_by(GATHERED) {
        let n = GATHERED.min(rows.len() - at);
        let first = rows.start + at;
        if stride == 1 {
            for (to, &x) in buffer.iter_mut().zip(&values[first..first + n]) {
                *to = made(x);
            }
        } else {
            for (i, to) in buffer[..n].iter_mut().enumerate() {
                *to = made(values[(first + i) * stride]);
            }
        }
        work(at, &buffer[..n]);
    }
}
