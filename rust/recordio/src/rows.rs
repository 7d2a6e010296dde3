//! Rows that were read.

use crate::decode::{Limits, Want};
use crate::record::{Kind, Record, Tensor};
use crate::values::{Numbers, Values};

/// Rows of one width, all with labels or all without.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// All values row by row, of the kind of the records; double precision where
    /// records of several kinds came together.
    pub values: Numbers,
    /// Values of a row; 0 where only scores were asked for.
    pub width: usize,
    /// Labels row by row, or scores.
    pub labels: Option<Numbers>,
    /// Labels of a row.
    pub label_width: usize,
    /// How many rows.
    pub n_rows: usize,
}

/// What is gathered from records.
#[derive(Debug)]
pub(crate) struct Gather {
    want: Want,
    max_width: usize,
    max_zeros: usize,
    /// What the first record of the stream has, and all others must have.
    width: Option<usize>,
    label_width: Option<usize>,
    values: Option<Numbers>,
    labels: Option<Numbers>,
    n_rows: usize,
    /// Zeros that were filled in since rows were last taken.
    zeros: usize,
    places: Vec<usize>,
    /// The last row that had a value in each column, counted from 1.
    seen: Vec<u64>,
    row: u64,
}

impl Gather {
    pub(crate) fn new(want: Want, limits: &Limits) -> Gather {
        Gather {
            want,
            max_width: limits.max_width,
            max_zeros: limits.max_zeros,
            width: None,
            label_width: None,
            values: None,
            labels: None,
            n_rows: 0,
            zeros: 0,
            places: Vec::new(),
            seen: Vec::new(),
            row: 0,
        }
    }

    /// The rows since the last time; nothing where there are none.
    pub(crate) fn take(&mut self) -> Option<Rows> {
        if self.n_rows == 0 {
            return None;
        }
        self.zeros = 0;
        Some(Rows {
            values: self.values.take().unwrap_or(Numbers::F32(Vec::new())),
            width: self.width.unwrap_or(0),
            labels: self.labels.take(),
            label_width: self.label_width.unwrap_or(0),
            n_rows: std::mem::take(&mut self.n_rows),
        })
    }

    /// Adds a record's row, or says why it is none.
    pub(crate) fn add(&mut self, record: &Record) -> Result<(), String> {
        self.row += 1;
        let labels = self.check_label(record)?;
        if self.want == Want::Rows {
            if !record.has_features {
                return Err("there are no features of the name \"values\"".into());
            }
            self.add_features(&record.features)?;
        }
        // Nothing is wrong with the record any more.
        if let Some(labels) = labels {
            let all = self.labels.get_or_insert_with(|| Numbers::like(labels));
            all.extend(labels);
        }
        self.n_rows += 1;
        Ok(())
    }

    fn add_features(&mut self, tensor: &Tensor) -> Result<(), String> {
        let values = numbers(tensor, "the features")?;
        let dense = tensor.keys.is_empty() && !values.is_empty();
        let width = match dense {
            true => dense_width(tensor, values.len())?,
            false => self.sparse_width(tensor, values.len())?,
        };
        if width > self.max_width {
            return Err(format!(
                "{width} features, more than the limit of {}",
                self.max_width
            ));
        }
        match self.width {
            None => self.width = Some(width),
            Some(expected) if expected == width => {}
            Some(expected) => {
                return Err(format!(
                    "{width} features, where the records before have {expected}"
                ));
            }
        }
        if !dense {
            self.find_places(tensor, width)?;
        }
        let all = self.values.get_or_insert_with(|| Numbers::like(values));
        match dense {
            true => all.extend(values),
            false => all.scatter(width, &self.places, values),
        }
        Ok(())
    }

    fn sparse_width(&self, tensor: &Tensor, n: usize) -> Result<usize, String> {
        if tensor.keys.len() != n {
            return Err(format!("{n} values with {} keys", tensor.keys.len()));
        }
        match *tensor.shape {
            [] if n == 0 => Err("the features have no values".into()),
            [] => Err("keys without a shape, which tells how many features there are".into()),
            [0] => Err("a shape of no features".into()),
            [width] => usize::try_from(width)
                .ok()
                .filter(|&width| width <= self.max_width)
                .ok_or_else(|| {
                    format!(
                        "{width} features, more than the limit of {}",
                        self.max_width
                    )
                }),
            _ => Err(format!(
                "a shape of {} dimensions, where a row has one",
                tensor.shape.len()
            )),
        }
    }

    /// Checks the keys of a sparse row and what filling it up takes.
    fn find_places(&mut self, tensor: &Tensor, width: usize) -> Result<(), String> {
        self.seen.resize(width, 0);
        self.places.clear();
        for &key in &tensor.keys {
            let place = usize::try_from(key).unwrap_or(usize::MAX);
            match self.seen.get_mut(place) {
                None => return Err(format!("key {key} in a row of {width} features")),
                Some(last) if *last == self.row => return Err(format!("key {key} comes twice")),
                Some(last) => *last = self.row,
            }
            self.places.push(place);
        }
        self.zeros += width - self.places.len();
        if self.zeros > self.max_zeros {
            return Err(format!(
                "sparse rows leave out more than the limit of {} zeros; take rows more often, \
                 or allow more",
                self.max_zeros
            ));
        }
        Ok(())
    }

    fn check_label<'a>(&mut self, record: &'a Record) -> Result<Option<Values<'a>>, String> {
        let width = match (record.has_label, self.want) {
            (false, Want::Scores) => return Err("there is no label of the name \"score\"".into()),
            (false, Want::Rows) => 0,
            (true, _) => {
                let labels = numbers(&record.label, "the label")?;
                if !record.label.keys.is_empty() {
                    return Err("a sparse label".into());
                }
                match labels.len() {
                    0 => return Err("a label without a value".into()),
                    n => n,
                }
            }
        };
        match self.label_width {
            None => self.label_width = Some(width),
            Some(expected) if expected == width => {}
            Some(expected) => {
                return Err(format!(
                    "{width} labels, where the records before have {expected}"
                ));
            }
        }
        Ok((width > 0).then(|| record.label.values()))
    }
}

/// The numbers of a tensor.
fn numbers<'a>(tensor: &'a Tensor, what: &str) -> Result<Values<'a>, String> {
    match tensor.kind {
        Kind::Nothing => Err(format!("{what} have no tensor")),
        Kind::Bytes => Err(format!("{what} are bytes and no numbers")),
        _ => Ok(tensor.values()),
    }
}

/// The width of a dense row, with which a shape must agree where there is one.
fn dense_width(tensor: &Tensor, n: usize) -> Result<usize, String> {
    let product = tensor
        .shape
        .iter()
        .try_fold(1_u64, |product, &side| product.checked_mul(side));
    if !tensor.shape.is_empty() && product != Some(n as u64) {
        return Err(format!(
            "{n} values in a shape of {:?}",
            &tensor.shape[..tensor.shape.len().min(4)]
        ));
    }
    Ok(n)
}
