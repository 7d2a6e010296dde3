//! Models to and from files.

use crate::forest::Forest;
use crate::frozen::FrozenForest;
use crate::interrupt::run;
use fastrcf::{Error, Model};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::path::PathBuf;

/// What a model file holds, as the Python object for it.
#[derive(IntoPyObject)]
pub(crate) enum Loaded {
    Forest(Forest),
    Frozen(FrozenForest),
}

fn loaded(model: Model) -> fastrcf::Result<Loaded> {
    match model {
        Model::Forest(forest) => Ok(Loaded::Forest(Forest::of(forest))),
        Model::Frozen(forest) => Ok(Loaded::Frozen(FrozenForest::of(forest))),
        _ => Err(Error::ModelFile {
            message: "this build of fastrcf does not know the model's kind".into(),
        }),
    }
}

/// Reads a model from the bytes of its file.
#[pyfunction]
pub(crate) fn loads(py: Python<'_>, data: PyBackedBytes) -> PyResult<Loaded> {
    run(py, |_| Model::from_bytes(&data).and_then(loaded))
}

/// Reads a model from its file.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, path: PathBuf) -> PyResult<Loaded> {
    run(py, |_| Model::load(path).and_then(loaded))
}

/// Writes bytes to a file, whole or not at all.
#[pyfunction]
pub(crate) fn write_atomically(py: Python<'_>, path: PathBuf, data: PyBackedBytes) -> PyResult<()> {
    run(py, |_| fastrcf::write_atomically(path, &data))
}
