//! Models to and from files.

use crate::detector::Detector;
use crate::error::{about, to_python};
use crate::forest::Forest;
use crate::frozen::FrozenForest;
use crate::interrupt::run;
use crate::series::{SeriesDetector, SeriesSet};
use fastrcf::{Error, Model};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::path::PathBuf;

/// What a model file holds, as the Python object for it.
fn loaded(py: Python<'_>, mut model: Model, n_threads: usize) -> PyResult<Py<PyAny>> {
    model.set_threads(n_threads);
    match model {
        Model::Forest(forest) => Ok(Py::new(py, Forest::of(forest))?.into_any()),
        Model::Frozen(forest) => Ok(Py::new(py, FrozenForest::of(forest))?.into_any()),
        Model::Detector(detector) => Ok(Py::new(py, Detector::of(*detector))?.into_any()),
        Model::Series(series) => Ok(Py::new(py, SeriesDetector::of(*series))?.into_any()),
        Model::SeriesSet(set) => Ok(Py::new(py, SeriesSet::of(*set))?.into_any()),
        _ => Err(to_python(
            py,
            Error::ModelFile {
                message: "this build of fastrcf does not know the model's kind".into(),
            },
        )),
    }
}

/// Reads a model from the bytes of its file.
#[pyfunction]
#[pyo3(signature = (data, n_threads = 0))]
pub(crate) fn loads(py: Python<'_>, data: PyBackedBytes, n_threads: usize) -> PyResult<Py<PyAny>> {
    let model = run(py, |stop| Model::from_bytes_with(&data, stop))?;
    loaded(py, model, n_threads)
}

/// Reads a living forest from its dense form.
#[pyfunction]
#[pyo3(signature = (data, n_threads = 0))]
pub(crate) fn from_dense(
    py: Python<'_>,
    data: PyBackedBytes,
    n_threads: usize,
) -> PyResult<Forest> {
    let mut forest = run(py, |stop| fastrcf::Forest::from_dense_with(&data, stop))?;
    forest.set_threads(n_threads);
    Ok(Forest::of(forest))
}

/// Reads a model from its file.
#[pyfunction]
#[pyo3(signature = (path, n_threads = 0))]
pub(crate) fn load(py: Python<'_>, path: PathBuf, n_threads: usize) -> PyResult<Py<PyAny>> {
    let model =
        run(py, |stop| Model::load_with(&path, stop)).map_err(|error| about(py, error, &path))?;
    loaded(py, model, n_threads)
}

/// Writes bytes to a file, whole or not at all.
#[pyfunction]
pub(crate) fn write_atomically(py: Python<'_>, path: PathBuf, data: PyBackedBytes) -> PyResult<()> {
    run(py, |_| fastrcf::write_atomically(&path, &data)).map_err(|error| about(py, error, &path))
}
