//! The living forest.

use crate::frozen::{self, Pair};
use crate::input::Input;
use crate::interrupt::run;
use crate::shared::{Shared, Stop};
use fastrcf::{ForestConfig, Notes, Result, Sampling, ScoreKind};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// A living forest behind a lock.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct Forest {
    inner: Shared<fastrcf::Forest>,
}

impl Forest {
    pub(crate) fn of(forest: fastrcf::Forest) -> Forest {
        Forest {
            inner: Shared::new(forest),
        }
    }

    pub(crate) fn read<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&fastrcf::Forest, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.read(stop, work))
    }

    fn write<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut fastrcf::Forest, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.write(stop, work))
    }

    fn get<T: Send>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&fastrcf::Forest) -> T + Send,
    ) -> PyResult<T> {
        self.read(py, |forest, _| Ok(what(forest)))
    }
}

/// A way to sample by its name.
fn parsed(sampling: &str, time_decay: Option<f64>) -> PyResult<Sampling> {
    match sampling {
        "decay" => Ok(Sampling::Decay { rate: time_decay }),
        "uniform" => Ok(Sampling::Uniform),
        "window" => Ok(Sampling::Window),
        other => Err(PyValueError::new_err(format!(
            "sampling: {other:?} is none of 'decay', 'uniform', 'window'"
        ))),
    }
}

/// Parameters as the constructor takes them.
pub(crate) fn parameters(
    py: Python<'_>,
    config: fastrcf::ForestConfig,
) -> PyResult<Bound<'_, PyDict>> {
    let (sampling, time_decay) = match config.sampling {
        Sampling::Decay { rate } => ("decay", rate),
        Sampling::Uniform => ("uniform", None),
        Sampling::Window => ("window", None),
    };
    let parameters = PyDict::new(py);
    parameters.set_item("n_trees", config.n_trees)?;
    parameters.set_item("sample_size", config.sample_size)?;
    parameters.set_item("shingle_size", config.shingle_size)?;
    parameters.set_item("sampling", sampling)?;
    parameters.set_item("time_decay", time_decay)?;
    parameters.set_item("feature_weights", config.feature_weights)?;
    parameters.set_item("seed", config.seed)?;
    parameters.set_item("n_threads", config.n_threads)?;
    Ok(parameters)
}

#[pymethods]
impl Forest {
    #[new]
    #[pyo3(signature = (n_features, *, n_trees, sample_size, shingle_size, sampling, time_decay, feature_weights, seed, n_threads))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keyword-only mirror of the configuration"
    )]
    fn new(
        py: Python<'_>,
        n_features: usize,
        n_trees: usize,
        sample_size: usize,
        shingle_size: usize,
        sampling: &str,
        time_decay: Option<f64>,
        feature_weights: Option<Vec<f64>>,
        seed: u64,
        n_threads: usize,
    ) -> PyResult<Forest> {
        let sampling = parsed(sampling, time_decay)?;
        let config = ForestConfig {
            n_trees,
            sample_size,
            shingle_size,
            sampling,
            feature_weights,
            seed,
            n_threads,
        };
        run(py, |_| fastrcf::Forest::new(config, n_features)).map(Forest::of)
    }

    /// A forest in which each of as many trees as seeds is given equally many rows.
    #[staticmethod]
    #[pyo3(signature = (x, seeds, *, sample_size, sampling, seed, n_threads))]
    fn from_samples(
        py: Python<'_>,
        x: Input<'_>,
        seeds: Vec<u64>,
        sample_size: usize,
        sampling: &str,
        seed: u64,
        n_threads: usize,
    ) -> PyResult<Forest> {
        let config = ForestConfig {
            n_trees: seeds.len(),
            sample_size,
            shingle_size: 1,
            sampling: parsed(sampling, None)?,
            feature_weights: None,
            seed,
            n_threads,
        };
        let rows = x.rows(py)?;
        run(py, |stop| {
            fastrcf::Forest::from_samples_with(config, &rows, &seeds, stop)
        })
        .map(Forest::of)
    }

    /// The rows that a tree holds, as they are held.
    fn sample<'py>(&self, py: Python<'py>, tree: usize) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (values, d) = self.get(py, |forest| (forest.sample(tree), forest.n_dimensions()))?;
        let Some(values) = values else {
            return Err(PyIndexError::new_err(format!("there is no tree {tree}")));
        };
        let n = values.len() / d;
        values.into_pyarray(py).reshape([n, d])
    }

    fn insert(&self, py: Python<'_>, x: Input<'_>) -> PyResult<()> {
        let rows = x.rows(py)?;
        self.write(py, |forest, stop| forest.insert_with(&rows, None, stop))
    }

    fn process<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = self.write(py, |forest, stop| forest.process_with(&rows, None, stop))?;
        Ok(scores.into_pyarray(py))
    }

    fn delete<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let rows = x.rows(py)?;
        let removed = self.write(py, |forest, stop| forest.delete_with(&rows, stop))?;
        let removed: Vec<i64> = removed.into_iter().map(|n| n as i64).collect();
        Ok(removed.into_pyarray(py))
    }

    fn score<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = self.read(py, |forest, stop| forest.score_with(&rows, stop))?;
        Ok(scores.into_pyarray(py))
    }

    fn score_by<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        x: Input<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = self.read(py, |forest, stop| {
            forest.score_by_with(ScoreKind::parse(kind)?, &rows, stop)
        })?;
        Ok(scores.into_pyarray(py))
    }

    fn process_by<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        x: Input<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = self.write(py, |forest, stop| {
            forest.process_by_with(ScoreKind::parse(kind)?, &rows, None, stop)
        })?;
        Ok(scores.into_pyarray(py))
    }

    fn displacement<'py>(
        &self,
        py: Python<'py>,
        x: Input<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let values = self.read(py, |forest, stop| forest.displacement_with(&rows, stop))?;
        Ok(values.into_pyarray(py))
    }

    fn codisp<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let values = self.read(py, |forest, stop| forest.codisp_with(&rows, stop))?;
        Ok(values.into_pyarray(py))
    }

    fn attribution<'py>(&self, py: Python<'py>, kind: &str, x: Input<'_>) -> PyResult<Pair<'py>> {
        let rows = x.rows(py)?;
        let parts = self.read(py, |forest, stop| {
            forest.attribution_by_with(ScoreKind::parse(kind)?, &rows, stop)
        })?;
        frozen::pair(py, parts)
    }

    fn freeze(&self, py: Python<'_>) -> PyResult<frozen::FrozenForest> {
        self.read(py, |forest, stop| forest.freeze_with(stop))
            .map(frozen::FrozenForest::of)
    }

    fn copy(&self, py: Python<'_>) -> PyResult<Forest> {
        self.get(py, fastrcf::Forest::clone).map(Forest::of)
    }

    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.get(py, fastrcf::Forest::check)?
            .map_err(PyValueError::new_err)
    }

    fn set_threads(&self, py: Python<'_>, n_threads: usize) -> PyResult<()> {
        self.write(py, |forest, _| {
            forest.set_threads(n_threads);
            Ok(())
        })
    }

    /// What people wrote down about it.
    fn notes(&self, py: Python<'_>) -> PyResult<Notes> {
        self.get(py, |forest| forest.notes().clone())
    }

    fn set_notes(&self, py: Python<'_>, notes: Notes) -> PyResult<()> {
        self.write(py, |model, _| model.set_notes(notes))
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.read(py, |forest, stop| forest.to_bytes_with(stop))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The bytes of the dense form.
    fn to_dense<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.read(py, |forest, stop| forest.to_dense_with(stop))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The parameters, as the constructor takes them.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.get(py, |forest| forest.config().clone())?;
        parameters(py, config)
    }

    fn memory_usage(&self, py: Python<'_>) -> PyResult<usize> {
        self.get(py, fastrcf::Forest::memory_usage)
    }

    #[getter]
    fn n_features(&self, py: Python<'_>) -> PyResult<usize> {
        self.get(py, fastrcf::Forest::n_features)
    }

    #[getter]
    fn n_seen(&self, py: Python<'_>) -> PyResult<u64> {
        self.get(py, fastrcf::Forest::n_seen)
    }

    #[getter]
    fn is_ready(&self, py: Python<'_>) -> PyResult<bool> {
        self.get(py, fastrcf::Forest::is_ready)
    }
}
