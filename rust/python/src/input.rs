//! Arrays from Python as the core's rows, without copies.
//!
//! Arrays are read while the interpreter is released; as with NumPy's own
//! functions, writing to them from another thread meanwhile gives undefined
//! numbers.

use crate::error::to_python;
use crate::interrupt::run;
use fastrcf::{Column, Integers, Rows};
use numpy::{
    Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What `fastrcf._layout` hands over: a matrix in either order, columns in a
/// list, or such lists in a tuple, which follow each other.
pub(crate) enum Input<'py> {
    /// A matrix in single precision.
    F32(PyReadonlyArray2<'py, f32>),
    /// A matrix in double precision.
    F64(PyReadonlyArray2<'py, f64>),
    /// Columns.
    Columns(Vec<ColumnInput<'py>>),
    /// Tables one after the other, as columns.
    Parts(Vec<Vec<ColumnInput<'py>>>),
}

/// A contiguous array, and how far the column's values lie apart in it: a plain
/// array, or an array and a number in a tuple.
pub(crate) struct ColumnInput<'py> {
    values: Values<'py>,
    stride: usize,
}

enum Values<'py> {
    F32(PyReadonlyArray1<'py, f32>),
    F64(PyReadonlyArray1<'py, f64>),
    I8(PyReadonlyArray1<'py, i8>),
    I16(PyReadonlyArray1<'py, i16>),
    I32(PyReadonlyArray1<'py, i32>),
    I64(PyReadonlyArray1<'py, i64>),
    U8(PyReadonlyArray1<'py, u8>),
    U16(PyReadonlyArray1<'py, u16>),
    U32(PyReadonlyArray1<'py, u32>),
    U64(PyReadonlyArray1<'py, u64>),
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
        } else if object.is_instance_of::<PyTuple>() {
            object.extract().map(Input::Parts)
        } else {
            object.extract().map(Input::Columns)
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for ColumnInput<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<ColumnInput<'py>> {
        if let Ok(pair) = object.cast::<PyTuple>() {
            let (array, stride) = pair.extract::<(Bound<'py, PyAny>, usize)>()?;
            let values = array.extract()?;
            return Ok(ColumnInput { values, stride });
        }
        let values = object.extract()?;
        Ok(ColumnInput { values, stride: 1 })
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Values<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Values<'py>> {
        macro_rules! first_of {
            ($($kind:ident: $element:ty),*) => {
                $(if let Ok(array) = object.cast::<PyArray1<$element>>() {
                    return Ok(Values::$kind(array.try_readonly()?));
                })*
            };
        }
        first_of!(F64: f64, F32: f32, I64: i64, I32: i32, U8: u8, I8: i8);
        first_of!(I16: i16, U16: u16, U32: u32, U64: u64);
        Err(PyTypeError::new_err(
            "expected arrays of numbers; fastrcf._input makes them so",
        ))
    }
}

fn layout() -> PyErr {
    PyTypeError::new_err("arrays must be contiguous; fastrcf._input makes them so")
}

fn slice<'a, T: Element>(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| layout())
}

impl ColumnInput<'_> {
    /// The column, and how many values it has.
    fn column(&self) -> PyResult<(Column<'_>, usize)> {
        let stride = self.stride;
        macro_rules! integers {
            ($kind:ident, $array:expr) => {{
                let values = slice($array)?;
                let len = values.len();
                let values = Integers::$kind(values);
                (Column::Integers { values, stride }, len)
            }};
        }
        let (column, len) = match &self.values {
            Values::F32(array) => {
                let values = slice(array)?;
                (Column::F32 { values, stride }, values.len())
            }
            Values::F64(array) => {
                let values = slice(array)?;
                (Column::F64 { values, stride }, values.len())
            }
            Values::I8(array) => integers!(I8, array),
            Values::I16(array) => integers!(I16, array),
            Values::I32(array) => integers!(I32, array),
            Values::I64(array) => integers!(I64, array),
            Values::U8(array) => integers!(U8, array),
            Values::U16(array) => integers!(U16, array),
            Values::U32(array) => integers!(U32, array),
            Values::U64(array) => integers!(U64, array),
        };
        // The array ends with the last value.
        Ok((column, len.div_ceil(stride.max(1))))
    }
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
            Input::Columns(columns) => return table(py, columns),
            Input::Parts(parts) => {
                let parts: PyResult<Vec<_>> =
                    parts.iter().map(|columns| table(py, columns)).collect();
                Rows::from_parts(parts?)
            }
        };
        rows.map_err(|error| to_python(py, error))
    }
}

fn table<'a>(py: Python<'_>, columns: &'a [ColumnInput<'_>]) -> PyResult<Rows<'a>> {
    let mut n = 0;
    let mut out = Vec::with_capacity(columns.len());
    for column in columns {
        let (column, len) = column.column()?;
        n = len;
        out.push(column);
    }
    Rows::from_columns(out, n).map_err(|error| to_python(py, error))
}

fn by_column<'a>(d: usize, column: impl Fn(usize) -> Column<'a>) -> Vec<Column<'a>> {
    (0..d).map(column).collect()
}

/// Checks and converts rows, and drops them: what `benches/inputs.py` measures.
#[pyfunction]
pub(crate) fn take_in(py: Python<'_>, x: Input<'_>) -> PyResult<()> {
    let rows = x.rows(py)?;
    run(py, |_| rows.take_in())
}
