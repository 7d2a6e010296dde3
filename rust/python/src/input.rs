//! Arrays from Python as the core's rows, without copies.
//!
//! Arrays are read while the interpreter is released; as with NumPy's own
//! functions, writing to them from another thread meanwhile gives undefined
//! numbers.

use crate::error::to_python;
use fastrcf::{Column, Rows};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// What `fastrcf._input` hands over: a matrix in either order, or columns.
pub(crate) enum Input<'py> {
    /// A matrix in single precision.
    F32(PyReadonlyArray2<'py, f32>),
    /// A matrix in double precision.
    F64(PyReadonlyArray2<'py, f64>),
    /// One contiguous array per column.
    Columns(Vec<ColumnInput<'py>>),
}

pub(crate) enum ColumnInput<'py> {
    F32(PyReadonlyArray1<'py, f32>),
    F64(PyReadonlyArray1<'py, f64>),
}

// By hand, as kinds are tried one after the other: what a derived extraction
// does not take it words an error for, which takes as long as scoring a row.
impl<'a, 'py> FromPyObject<'a, 'py> for Input<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Input<'py>> {
        if let Ok(array) = object.cast::<PyArray2<f64>>() {
            Ok(Input::F64(array.try_readonly()?))
        } else if let Ok(array) = object.cast::<PyArray2<f32>>() {
            Ok(Input::F32(array.try_readonly()?))
        } else {
            object.extract().map(Input::Columns)
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for ColumnInput<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<ColumnInput<'py>> {
        if let Ok(array) = object.cast::<PyArray1<f64>>() {
            Ok(ColumnInput::F64(array.try_readonly()?))
        } else {
            let array = object.cast::<PyArray1<f32>>()?;
            Ok(ColumnInput::F32(array.try_readonly()?))
        }
    }
}

fn layout() -> PyErr {
    PyTypeError::new_err("arrays must be contiguous; fastrcf._input makes them so")
}

impl Input<'_> {
    /// The rows. Borrow the input outside of the released section.
    pub(crate) fn rows(&self, py: Python<'_>) -> PyResult<Rows<'_>> {
        let rows = match self {
            Input::F32(array) => {
                let (n, d) = (array.shape()[0], array.shape()[1]);
                let values = array.as_slice().map_err(|_| layout())?;
                if array.is_c_contiguous() {
                    Rows::from_f32(values, d)
                } else {
                    Rows::from_columns(
                        by_column(d, |j| Column::F32 {
                            values: &values[j * n..(j + 1) * n],
                            stride: 1,
                        }),
                        n,
                    )
                }
            }
            Input::F64(array) => {
                let (n, d) = (array.shape()[0], array.shape()[1]);
                let values = array.as_slice().map_err(|_| layout())?;
                if array.is_c_contiguous() {
                    Rows::from_f64(values, d)
                } else {
                    Rows::from_columns(
                        by_column(d, |j| Column::F64 {
                            values: &values[j * n..(j + 1) * n],
                            stride: 1,
                        }),
                        n,
                    )
                }
            }
            Input::Columns(columns) => {
                let mut n = 0;
                let mut out = Vec::with_capacity(columns.len());
                for column in columns {
                    let (column, len) = match column {
                        ColumnInput::F32(array) => {
                            let values = array.as_slice().map_err(|_| layout())?;
                            (Column::F32 { values, stride: 1 }, values.len())
                        }
                        ColumnInput::F64(array) => {
                            let values = array.as_slice().map_err(|_| layout())?;
                            (Column::F64 { values, stride: 1 }, values.len())
                        }
                    };
                    n = len;
                    out.push(column);
                }
                Rows::from_columns(out, n)
            }
        };
        rows.map_err(|error| to_python(py, error))
    }
}

fn by_column<'a>(d: usize, column: impl Fn(usize) -> Column<'a>) -> Vec<Column<'a>> {
    (0..d).map(column).collect()
}
