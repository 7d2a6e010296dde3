//! Rows of plain numbers: text to an array.

use fastrcf_plain::{Layout, rows};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

/// Rows of CSV, or of a list of lists of JSON, as an array of float64; nothing if they
/// are not all plain numbers and equally long.
#[pyfunction]
pub(crate) fn plain_rows(
    py: Python<'_>,
    text: PyBackedBytes,
    lists: bool,
) -> PyResult<Option<Bound<'_, PyArray2<f64>>>> {
    let layout = match lists {
        true => Layout::Lists,
        false => Layout::Lines,
    };
    let Some(rows) = py.detach(|| rows(&text, layout)) else {
        return Ok(None);
    };
    let n = rows.values.len() / rows.n_columns;
    let array = PyArray1::from_vec(py, rows.values);
    array.reshape([n, rows.n_columns]).map(Some)
}
