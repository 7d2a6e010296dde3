//! Rows to bytes.
//!
//! The length of every message is known before it is written, so bytes are
//! written once, in order, into a place of exactly the right length. Rows of
//! floats with a label of a fixed length all have frames of one length that
//! differ in the numbers alone: the bytes around these are made once.

use crate::error::{Error, Result};
use crate::frame::{HEAD, LONGEST, MAGIC};
use crate::schema::{
    ENTRY_KEY, ENTRY_VALUE, FEATURES, FLOAT32, FLOAT64, INT32, KEYS, LABEL, NAME, SCORE, SHAPE,
    VALUES,
};
use crate::values::Values;
use crate::wire::{Writer, field_len, int_len, varint_len};

/// Bytes that are written at a time: they stay in the first-level cache.
const BLOCK: usize = 16 * 1024;

/// Rows of numbers.
#[derive(Clone, Copy, Debug)]
pub enum Matrix<'a> {
    /// Row after row.
    Dense {
        /// All values, row by row.
        values: Values<'a>,
        /// Values of a row.
        width: usize,
    },
    /// Only what is not zero, row after row.
    Sparse {
        /// Values of all rows.
        values: Values<'a>,
        /// The column of each value, zero-based.
        columns: &'a [i64],
        /// Where each row's values begin, and at last where they end.
        starts: &'a [i64],
        /// Columns of a row.
        width: usize,
    },
}

impl Matrix<'_> {
    fn n_rows(&self) -> usize {
        match self {
            Matrix::Dense { values, width } => values.len() / width,
            Matrix::Sparse { starts, .. } => starts.len().saturating_sub(1),
        }
    }

    fn check(&self) -> Result<()> {
        match *self {
            Matrix::Dense { width: 0, .. } | Matrix::Sparse { width: 0, .. } => {
                Err(Error::input("the rows have no columns"))
            }
            Matrix::Dense { values, width } => match values.len() % width {
                0 => Ok(()),
                _ => Err(Error::input(format!(
                    "{} values are no rows of {width} columns",
                    values.len()
                ))),
            },
            Matrix::Sparse {
                values,
                columns,
                starts,
                width,
            } => check_sparse(values, columns, starts, width),
        }
    }
}

fn check_sparse(values: Values<'_>, columns: &[i64], starts: &[i64], width: usize) -> Result<()> {
    let ends = starts.first() == Some(&0)
        && starts.last().copied() == i64::try_from(values.len()).ok()
        && starts.is_sorted();
    if !ends || columns.len() != values.len() {
        return Err(Error::input(
            "a sparse matrix needs starts of rows from 0 to the number of its values, in order, \
             and a column for each value",
        ));
    }
    // The last row that had a value in each column.
    let mut seen = vec![0; width];
    for (row, bounds) in starts.windows(2).enumerate() {
        for &column in &columns[bounds[0] as usize..bounds[1] as usize] {
            let last = usize::try_from(column).ok().and_then(|j| seen.get_mut(j));
            match last {
                None => {
                    let message = format!("column {column} is not one of {width}");
                    return Err(Error::row(row, message));
                }
                Some(last) if *last == row + 1 => {
                    return Err(Error::row(row, format!("column {column} has two values")));
                }
                Some(last) => *last = row + 1,
            }
        }
    }
    Ok(())
}

/// Rows, with a label each or without, that can be written.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    matrix: Option<Matrix<'a>>,
    labels: Option<Values<'a>>,
    label_name: &'static [u8],
    n_rows: usize,
    len: usize,
}

impl<'a> Batch<'a> {
    /// Rows for training, or for an answer.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there are no columns, lengths do not fit, a sparse row
    /// has a column twice or out of range, or a row is longer than a frame
    /// (2^29 - 1 bytes).
    pub fn new(matrix: Matrix<'a>, labels: Option<Values<'a>>) -> Result<Batch<'a>> {
        matrix.check()?;
        let n_rows = matrix.n_rows();
        if let Some(labels) = labels
            && labels.len() != n_rows
        {
            let message = format!("{} labels for {n_rows} rows", labels.len());
            return Err(Error::input(message));
        }
        Batch {
            matrix: Some(matrix),
            labels,
            label_name: NAME,
            n_rows,
            len: 0,
        }
        .measured()
    }

    /// Scores, as the managed service gives them: a label and no features.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if there are more than memory has room for.
    pub fn scores(scores: &'a [f32]) -> Result<Batch<'a>> {
        Batch {
            matrix: None,
            labels: Some(Values::F32(scores)),
            label_name: SCORE,
            n_rows: scores.len(),
            len: 0,
        }
        .measured()
    }

    /// How many rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    /// Some of the rows: a batch can be written in pieces.
    #[must_use]
    pub fn part(&self, from: usize, to: usize) -> Batch<'_> {
        let part = Batch {
            matrix: self.matrix.as_ref().map(|matrix| match matrix {
                Matrix::Dense { values, width } => Matrix::Dense {
                    values: values.slice(from * width, to * width),
                    width: *width,
                },
                Matrix::Sparse {
                    values,
                    columns,
                    starts,
                    width,
                } => Matrix::Sparse {
                    values: *values,
                    columns,
                    starts: &starts[from..=to],
                    width: *width,
                },
            }),
            labels: self.labels.as_ref().map(|labels| labels.slice(from, to)),
            n_rows: to - from,
            ..*self
        };
        let len = match self.fixed() {
            true if self.n_rows > 0 => self.len / self.n_rows * part.n_rows,
            _ => (0..part.n_rows).map(|row| part.sizes(row).frame()).sum(),
        };
        Batch { len, ..part }
    }

    /// Adds the rows' bytes to `out`.
    pub fn append(&self, out: &mut Vec<u8>) {
        out.reserve(self.len);
        let rows = (BLOCK * self.n_rows / self.len.max(1)).max(1);
        for from in (0..self.n_rows).step_by(rows) {
            let part = self.part(from, self.n_rows.min(from + rows));
            let start = out.len();
            out.resize(start + part.len, 0);
            part.write(&mut out[start..]);
        }
    }

    /// Writes the rows' bytes.
    ///
    /// # Panics
    ///
    /// If `out` is not of the batch's length.
    pub fn write(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.len, "a place of the batch's length");
        match self.matrix {
            Some(Matrix::Dense { values, width }) if self.fixed() && self.n_rows > 1 => {
                self.write_alike(out, values, width);
            }
            _ => self.write_each(out),
        }
    }

    fn measured(self) -> Result<Batch<'a>> {
        let mut total = 0_usize;
        let add = |total: usize, row: usize, times: usize| {
            let sizes = self.sizes(row);
            if sizes.record > LONGEST {
                let message = format!("{} bytes are more than a frame holds", sizes.record);
                return Err(Error::row(row, message));
            }
            let bytes = sizes.frame().checked_mul(times);
            bytes
                .and_then(|bytes| bytes.checked_add(total))
                .ok_or_else(|| Error::input("the rows have more bytes than memory has room for"))
        };
        if self.fixed() && self.n_rows > 0 {
            total = add(total, 0, self.n_rows)?;
        } else {
            for row in 0..self.n_rows {
                total = add(total, row, 1)?;
            }
        }
        Ok(Batch { len: total, ..self })
    }

    /// Whether all frames have one length.
    fn fixed(&self) -> bool {
        let floats = |values: &Values<'_>| !matches!(values, Values::I32(_));
        let rows = match &self.matrix {
            None => true,
            Some(Matrix::Dense { values, .. }) => floats(values),
            Some(Matrix::Sparse { .. }) => false,
        };
        rows && self.labels.as_ref().is_none_or(floats)
    }

    fn sizes(&self, row: usize) -> Sizes {
        let features = self.matrix.map(|matrix| match matrix {
            Matrix::Dense { values, width } => Tensor {
                values: packed_len(values.slice(row * width, (row + 1) * width)),
                ..Tensor::default()
            },
            Matrix::Sparse {
                values,
                columns,
                starts,
                width,
            } => {
                let (from, to) = (starts[row] as usize, starts[row + 1] as usize);
                Tensor {
                    values: packed_len(values.slice(from, to)),
                    keys: columns[from..to]
                        .iter()
                        .map(|&column| varint_len(column as u64))
                        .sum(),
                    shape: varint_len(width as u64),
                }
            }
        });
        let label = self.labels.map(|labels| Tensor {
            values: packed_len(labels.slice(row, row + 1)),
            ..Tensor::default()
        });
        let entry = |tensor: Option<Tensor>, name: &[u8]| {
            tensor.map_or(0, |tensor| field_len(tensor.entry(name)))
        };
        Sizes {
            features,
            label,
            record: entry(features, NAME) + entry(label, self.label_name),
        }
    }

    /// Rows whose frames differ in their numbers alone.
    fn write_alike(&self, out: &mut [u8], values: Values<'_>, width: usize) {
        let frame = self.len / self.n_rows;
        let mut first = vec![0; frame];
        self.part(0, 1).write_each(&mut first);
        let sizes = self.sizes(0);
        let label = sizes.label.map_or(0, |label| label.values);
        let end = HEAD + sizes.record;
        // The numbers of the row are the last of the features' bytes.
        let behind = sizes
            .label
            .map_or(0, |label| field_len(label.entry(self.label_name)));
        let row = end - behind - sizes.features.map_or(0, |tensor| tensor.values);
        let places = [row, end - behind, end - label, end];
        match values {
            Values::F32(values) => {
                self.fill(out, &first, places, values, width, |x, to: &mut [u8; 4]| {
                    *to = x.to_le_bytes();
                });
            }
            Values::F64(values) => {
                self.fill(out, &first, places, values, width, |x, to: &mut [u8; 8]| {
                    *to = x.to_le_bytes();
                });
            }
            Values::I32(_) => unreachable!("integers have no fixed length"),
        }
    }

    /// Copies the first frame and each row's numbers into every frame.
    #[inline]
    fn fill<T: Copy, const N: usize>(
        &self,
        out: &mut [u8],
        first: &[u8],
        [row, behind, label, end]: [usize; 4],
        values: &[T],
        width: usize,
        put: impl Fn(T, &mut [u8; N]),
    ) {
        let frames = out.chunks_exact_mut(first.len());
        for (i, (frame, values)) in frames.zip(values.chunks_exact(width)).enumerate() {
            frame[..row].copy_from_slice(&first[..row]);
            let numbers = frame[row..behind].as_chunks_mut::<N>().0;
            for (to, &value) in numbers.iter_mut().zip(values) {
                put(value, to);
            }
            frame[behind..label].copy_from_slice(&first[behind..label]);
            match self.labels {
                Some(Values::F32(labels)) => {
                    frame[label..end].copy_from_slice(&labels[i].to_le_bytes());
                }
                Some(Values::F64(labels)) => {
                    frame[label..end].copy_from_slice(&labels[i].to_le_bytes());
                }
                _ => {}
            }
            frame[end..].fill(0);
        }
    }

    /// Rows one by one, whatever they are.
    fn write_each(&self, out: &mut [u8]) {
        let mut out = Writer::new(out);
        for row in 0..self.n_rows {
            let sizes = self.sizes(row);
            let mut frame = Writer::new(out.take(sizes.frame()));
            frame.bytes(&MAGIC);
            frame.bytes(&(sizes.record as u32).to_le_bytes());
            if let (Some(tensor), Some(matrix)) = (sizes.features, &self.matrix) {
                match matrix {
                    Matrix::Dense { values, width } => {
                        let values = values.slice(row * width, (row + 1) * width);
                        tensor.write(&mut frame, FEATURES, NAME, values);
                    }
                    Matrix::Sparse {
                        values,
                        columns,
                        starts,
                        width,
                    } => {
                        let (from, to) = (starts[row] as usize, starts[row + 1] as usize);
                        tensor.write(&mut frame, FEATURES, NAME, values.slice(from, to));
                        if tensor.keys > 0 {
                            frame.field(KEYS, tensor.keys);
                        }
                        for &column in &columns[from..to] {
                            frame.varint(column as u64);
                        }
                        frame.field(SHAPE, tensor.shape);
                        frame.varint(*width as u64);
                    }
                }
            }
            if let (Some(tensor), Some(labels)) = (sizes.label, self.labels) {
                let values = labels.slice(row, row + 1);
                tensor.write(&mut frame, LABEL, self.label_name, values);
            }
            let padding = frame.left();
            frame.take(padding).fill(0);
        }
    }
}

/// Bytes of the lists of a tensor; 0 where there is none.
#[derive(Clone, Copy, Default)]
struct Tensor {
    values: usize,
    keys: usize,
    shape: usize,
}

impl Tensor {
    fn len(self) -> usize {
        [self.values, self.keys, self.shape]
            .into_iter()
            .filter(|&bytes| bytes > 0)
            .map(field_len)
            .sum()
    }

    /// Bytes of the map's entry that holds it.
    fn entry(self, name: &[u8]) -> usize {
        field_len(name.len()) + field_len(field_len(self.len()))
    }

    /// Writes the entry up to and with the values; keys and shape come behind.
    fn write(self, out: &mut Writer<'_>, field: u32, name: &[u8], values: Values<'_>) {
        out.field(field, self.entry(name));
        out.field(ENTRY_KEY, name.len());
        out.bytes(name);
        out.field(ENTRY_VALUE, field_len(self.len()));
        let kind = match values {
            Values::F32(_) => FLOAT32,
            Values::F64(_) => FLOAT64,
            Values::I32(_) => INT32,
        };
        out.field(kind, self.len());
        if self.values > 0 {
            out.field(VALUES, self.values);
        }
        match values {
            Values::F32(values) => values.iter().for_each(|x| out.bytes(&x.to_le_bytes())),
            Values::F64(values) => values.iter().for_each(|x| out.bytes(&x.to_le_bytes())),
            Values::I32(values) => values.iter().for_each(|&x| out.varint(i64::from(x) as u64)),
        }
    }
}

/// What a row takes.
struct Sizes {
    features: Option<Tensor>,
    label: Option<Tensor>,
    /// Bytes of the message.
    record: usize,
}

impl Sizes {
    fn frame(&self) -> usize {
        HEAD + self.record.next_multiple_of(4)
    }
}

fn packed_len(values: Values<'_>) -> usize {
    match values {
        Values::F32(values) => 4 * values.len(),
        Values::F64(values) => 8 * values.len(),
        Values::I32(values) => values.iter().map(|&value| int_len(value)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rows at once are the rows one by one: the ways differ.
    #[test]
    fn alike_is_each() {
        let values: Vec<f32> = (0..60).map(|i| i as f32 / 7.0).collect();
        let doubles: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        for width in [1, 2, 3, 5, 30] {
            let n = values.len() / width;
            for labels in [
                None,
                Some(Values::F32(&values[..n])),
                Some(Values::F64(&doubles[..n])),
            ] {
                for values in [Values::F32(&values), Values::F64(&doubles)] {
                    let batch = Batch::new(Matrix::Dense { values, width }, labels).unwrap();
                    let mut one_by_one = vec![7; batch.len()];
                    batch.write_each(&mut one_by_one);
                    let mut at_once = vec![9; batch.len()];
                    batch.write(&mut at_once);
                    assert_eq!(at_once, one_by_one);
                    let mut appended = b"before".to_vec();
                    batch.append(&mut appended);
                    assert_eq!(appended[6..], one_by_one);
                }
            }
        }
    }
}
