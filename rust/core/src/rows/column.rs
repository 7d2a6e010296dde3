//! One column wherever its values lie: side by side, at a distance, or as
//! integers.
//!
//! Values that are not floats side by side are put there some at a time, in a
//! buffer that stays in the nearest cache, so that the same loops take all.

use crate::kernels::entry;
use crate::load::{Integer, Scale, Value};
use std::mem::discriminant;
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

pub(super) use of_any_kind;

/// Where the values of a column lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Address of the first.
    address: usize,
    /// Values and what lies between them.
    pub(super) len: usize,
    /// Distance between values.
    pub(super) stride: usize,
    /// Bytes of one.
    size: usize,
}

impl Place {
    fn of<T>(values: &[T], stride: usize) -> Place {
        Place {
            address: values.as_ptr().addr(),
            len: values.len(),
            stride,
            size: size_of::<T>(),
        }
    }

    /// Whether these values lie `by` places behind others, at the same distances.
    pub(super) fn is_behind(&self, other: &Place, by: usize) -> bool {
        let apart = self.address.checked_sub(other.address);
        self.stride == other.stride && self.size == other.size && apart == Some(by * self.size)
    }
}

impl Integers<'_> {
    // Its own function: those who ask for a float should not carry it along.
    #[inline(never)]
    fn get(&self, at: usize) -> f64 {
        of_any_kind!(self, values => values[at] as f64)
    }

    /// [`pieces`] of their values in double precision.
    fn pieces(self, stride: usize, rows: Range<usize>, work: impl FnMut(usize, &[f64])) {
        of_any_kind!(self, values => match stride {
            1 => side_by_side(&values[rows], work),
            _ => gathered(values, stride, rows, Integer::double, work),
        });
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

    /// Where its values lie.
    pub(super) fn place(&self) -> Place {
        match *self {
            Column::F32 { values, stride } => Place::of(values, stride),
            Column::F64 { values, stride } => Place::of(values, stride),
            Column::Integers { values, stride } => {
                of_any_kind!(values, values => Place::of(values, stride))
            }
        }
    }

    /// Whether these are numbers of the same kind.
    pub(super) fn is_like(&self, other: &Column<'_>) -> bool {
        match (self, other) {
            (Column::Integers { values: a, .. }, Column::Integers { values: b, .. }) => {
                discriminant(a) == discriminant(b)
            }
            _ => discriminant(self) == discriminant(other),
        }
    }

    /// Rows this column can hold at most.
    pub(super) fn capacity(&self) -> usize {
        let Place { len, stride, .. } = self.place();
        match (len, stride) {
            (0, _) => 0,
            (_, 0) => usize::MAX,
            _ => (len - 1) / stride + 1,
        }
    }

    /// Bytes from one value to the next where others lie between them, or 0.
    pub(super) fn apart(&self) -> usize {
        let Place { size, stride, .. } = self.place();
        if stride <= 1 { 0 } else { size * stride }
    }

    pub(super) fn all_within(&self, rows: Range<usize>, limit: f64) -> bool {
        let mut all = true;
        in_pieces!(self, rows, |_, piece| {
            all &= entry::all_within(piece, Value::limit(limit));
        });
        all
    }

    /// Scales values of column `j` into `out`; whether they are within `limit`.
    pub(super) fn convert(
        &self,
        rows: Range<usize>,
        j: usize,
        scale: impl Scale,
        limit: f64,
        out: &mut [f32],
    ) -> bool {
        let mut all = true;
        in_pieces!(self, rows, |at, piece| {
            all &= entry::convert_column(piece, j, scale, Value::limit(limit), &mut out[at..]);
        });
        all
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

/// The same of integers that lie so.
fn side_by_side<S: Integer>(values: &[S], mut work: impl FnMut(usize, &[f64])) {
    let mut buffer = [0.0; GATHERED];
    for (k, values) in values.chunks(GATHERED).enumerate() {
        let made = &mut buffer[..values.len()];
        entry::doubles(values, made);
        work(k * GATHERED, made);
    }
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
        for (i, to) in buffer[..n].iter_mut().enumerate() {
            *to = made(values[(first + i) * stride]);
        }
        work(at, &buffer[..n]);
    }
}
