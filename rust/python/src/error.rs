//! The one place where errors of the core become Python's.

use fastrcf::Error;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::Path;

/// Makes an exception of `fastrcf.errors`.
fn raise(
    py: Python<'_>,
    class: &str,
    message: String,
    row: Option<u64>,
    column: Option<usize>,
) -> PyErr {
    let make = || -> PyResult<PyErr> {
        let class = py.import("fastrcf.errors")?.getattr(class)?;
        let kwargs = PyDict::new(py);
        if let Some(row) = row {
            kwargs.set_item("row", row)?;
        }
        if let Some(column) = column {
            kwargs.set_item("column", column)?;
        }
        Ok(PyErr::from_value(class.call((message,), Some(&kwargs))?))
    };
    make().unwrap_or_else(|error| error)
}

/// The Python exception for an error of the core.
pub(crate) fn to_python(py: Python<'_>, error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::InvalidValue { row, column, .. } => raise(
            py,
            "InvalidInputError",
            message,
            Some(row as u64),
            Some(column),
        ),
        Error::InvalidConfig { .. } => raise(py, "InvalidParameterError", message, None, None),
        Error::NotReady { .. } => raise(py, "NotReadyError", message, None, None),
        Error::ModelFile { .. } => raise(py, "ModelFileError", message, None, None),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::Io(io) => match io.raw_os_error() {
            // Python makes the subclass of the number.
            Some(number) => PyOSError::new_err((number, strerror(py, number))),
            None => PyOSError::new_err(message),
        },
        _ => raise(py, "InvalidInputError", message, None, None),
    }
}

/// The Python exception for rows that make no records, or bytes that are none.
pub(crate) fn refused(py: Python<'_>, error: fastrcf_recordio::Error) -> PyErr {
    raise(
        py,
        "InvalidInputError",
        error.to_string(),
        error.place(),
        None,
    )
}

fn strerror(py: Python<'_>, number: i32) -> String {
    let text = || {
        py.import("os")?
            .call_method1("strerror", (number,))?
            .extract()
    };
    text().unwrap_or_else(|_: PyErr| format!("error {number}"))
}

/// Names the file that an error is about.
pub(crate) fn about(py: Python<'_>, error: PyErr, path: &Path) -> PyErr {
    if error.is_instance_of::<PyOSError>(py)
        && let Err(other) = error.value(py).setattr("filename", path.as_os_str())
    {
        return other;
    }
    error
}
