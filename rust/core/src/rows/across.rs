//! Columns whose values of a row lie side by side: a matrix of integers, or of floats with
//! something between its rows.
//!
//! Column by column, each would be fetched from the same lines again. Rows are brought
//! together some at a time instead, in a buffer that stays in the nearest cache, so that
//! the loops over matrices take them.

use super::column::{Column, Integers, of_any_kind};
use crate::kernels::entry;
use crate::load::{Scale, Value};
use std::ops::Range;

/// Values that are brought together at a time.
const TOGETHER: usize = 2048;
/// Columns at most, so that some rows go together.
const MOST_COLUMNS: usize = TOGETHER / 16;

/// Rows of `width` values, of which `first` is the first column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Across<'a> {
    first: Column<'a>,
    width: usize,
}

/// Does something to the values of some rows, side by side, piece by piece: with the number
/// of rows before the piece, and the piece.
macro_rules! in_pieces {
    ($across:expr, $places:expr, |$at:pat_param, $piece:ident| $work:expr) => {{
        let (first, width) = ($across.first, $across.width);
        match first {
            Column::F32 { values, stride } => {
                let copy = |from: &[f32], to: &mut [f32]| to.copy_from_slice(from);
                pieces((values, stride), width, $places, copy, |$at, $piece| $work)
            }
            Column::F64 { values, stride } => {
                let copy = |from: &[f64], to: &mut [f64]| to.copy_from_slice(from);
                pieces((values, stride), width, $places, copy, |$at, $piece| $work)
            }
            Column::Integers { values, stride } => of_any_kind!(values, values => {
                pieces((values, stride), width, $places, entry::doubles, |$at, $piece| $work)
            }),
        }
    }};
}

impl<'a> Across<'a> {
    /// Columns that lie so for `n_rows` rows.
    pub(super) fn of(columns: &[Column<'a>], n_rows: usize) -> Option<Across<'a>> {
        let (width, first) = (columns.len(), columns.first()?);
        let place = first.place();
        let fits = (2..=MOST_COLUMNS).contains(&width) && place.stride >= width;
        let mut all = columns.iter().enumerate();
        let side_by_side =
            all.all(|(j, column)| column.is_like(first) && column.place().is_behind(&place, j));
        // The first column's slice has to hold all of the last row.
        let whole = n_rows.checked_sub(1)?.checked_mul(place.stride)? + width;
        (fits && side_by_side && place.len >= whole).then_some(Across {
            first: *first,
            width,
        })
    }

    /// Whether no magnitude is above `limit` and every value is a number.
    pub(super) fn all_within(&self, places: Range<usize>, limit: f64) -> bool {
        let mut all = true;
        in_pieces!(self, places, |_, piece| {
            all &= entry::all_within(piece, Value::limit(limit));
        });
        all
    }

    /// Scales rows into rows `stride` apart; whether they are within `limit`.
    pub(super) fn convert(
        &self,
        places: Range<usize>,
        scale: impl Scale,
        limit: f64,
        out: &mut [f32],
        stride: usize,
    ) -> bool {
        let (width, mut all) = (self.width, true);
        in_pieces!(self, places, |at, piece| {
            let (limit, out) = (Value::limit(limit), &mut out[at * stride..]);
            all &= entry::convert_rows(piece, width, scale, limit, out, stride);
        });
        all
    }

    pub(super) fn widen(&self, places: Range<usize>, extremes: &mut [(f64, f64)]) {
        in_pieces!(self, places, |_, piece| entry::widen(
            piece, self.width, extremes
        ));
    }
}

/// Gives `work` the values of some rows side by side, with the number of rows before them.
fn pieces<S, T: Value>(
    (values, stride): (&[S], usize),
    width: usize,
    places: Range<usize>,
    made: impl Fn(&[S], &mut [T]),
    mut work: impl FnMut(usize, &[T]),
) {
    let mut buffer = [T::default(); TOGETHER];
    for at in (0..places.len()).step_by(TOGETHER / width) {
        let n = (TOGETHER / width).min(places.len() - at);
        let together = &mut buffer[..n * width];
        let first = (places.start + at) * stride;
        if stride == width {
            made(&values[first..first + n * width], together);
        } else {
            for (i, row) in together.chunks_exact_mut(width).enumerate() {
                let first = first + i * stride;
                made(&values[first..first + width], row);
            }
        }
        work(at, together);
    }
}
