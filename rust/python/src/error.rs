//! The one place where errors of the core become Python's.

use fastrcf::Error;
use pyo3::exceptions::{PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyPermissionError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Makes an exception of `fastrcf.errors`.
fn raise(py: Python<'_>, class: &str, message: String, row: Option<(usize, usize)>) -> PyErr {
    let make = || -> PyResult<PyErr> {
        let class = py.import("fastrcf.errors")?.getattr(class)?;
        let kwargs = PyDict::new(py);
        if let Some((row, column)) = row {
            kwargs.set_item("row", row)?;
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
        Error::InvalidValue { row, column, .. } => {
            raise(py, "InvalidInputError", message, Some((row, column)))
        }
        Error::InvalidConfig { .. } => raise(py, "InvalidParameterError", message, None),
        Error::NotReady { .. } => raise(py, "NotReadyError", message, None),
        Error::ModelFile { .. } => raise(py, "ModelFileError", message, None),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::Io(io) => match io.kind() {
            std::io::ErrorKind::NotFound => PyFileNotFoundError::new_err(message),
            std::io::ErrorKind::PermissionDenied => PyPermissionError::new_err(message),
            _ => PyOSError::new_err(message),
        },
        _ => raise(py, "InvalidInputError", message, None),
    }
}
