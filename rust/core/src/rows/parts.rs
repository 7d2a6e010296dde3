//! Tables one after the other, seen as one: rows are counted over all.

use super::{Layout, Rows};
use crate::error::{Error, Result};
use std::ops::Range;

/// A table, and the number of its first row among all.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    first: usize,
    pub(super) rows: Rows<'a>,
}

/// Sees tables as one.
pub(super) fn join(tables: Vec<Rows<'_>>) -> Result<Rows<'_>> {
    let Some(n_columns) = tables.first().map(Rows::n_columns) else {
        return Err(Error::input("the input has no columns"));
    };
    if let Some(other) = tables.iter().find(|table| table.n_columns() != n_columns) {
        return Err(Error::input(format!(
            "a part of the table has {} columns, the first has {n_columns}",
            other.n_columns()
        )));
    }
    let mut n_rows = 0;
    let mut parts = Vec::with_capacity(tables.len());
    let mut last = None;
    for rows in tables {
        let first = n_rows;
        n_rows += rows.n_rows();
        match n_rows > first {
            true => parts.push(Part { first, rows }),
            false => last = Some(rows),
        }
    }
    match parts.len() {
        0 => last.ok_or_else(|| Error::input("the input has no columns")),
        1 => Ok(parts.swap_remove(0).rows),
        _ => Ok(Rows {
            layout: Layout::Parts(parts.into()),
            n_columns,
            first: 0,
            n_rows,
        }),
    }
}

// Its own function: those who ask for a value of a matrix should not carry it along.
#[inline(never)]
pub(super) fn value(parts: &[Part<'_>], row: usize, column: usize) -> f64 {
    let part = &parts[parts.partition_point(|part| part.first <= row) - 1];
    part.rows.value(row - part.first, column)
}

/// What some rows are of each table: how many come before them, the table, and
/// its rows.
pub(super) fn over<'p, 'a>(
    parts: &'p [Part<'a>],
    rows: Range<usize>,
) -> impl Iterator<Item = (usize, &'p Rows<'a>, Range<usize>)> {
    let from = parts.partition_point(|part| part.first + part.rows.n_rows() <= rows.start);
    parts[from..]
        .iter()
        .take_while(move |part| part.first < rows.end)
        .map(move |part| {
            let start = rows.start.max(part.first);
            let end = rows.end.min(part.first + part.rows.n_rows());
            let own = start - part.first..end - part.first;
            (start - rows.start, &part.rows, own)
        })
}
