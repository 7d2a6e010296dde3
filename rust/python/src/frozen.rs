//! The frozen forest.

use crate::forest::parameters;
use crate::input::Input;
use crate::interrupt::run;
use fastrcf::{Notes, ScoreKind};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// Two arrays of one shape.
pub(crate) type Pair<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>);

/// An attribution as arrays of shape (rows, columns): low and high.
pub(crate) fn pair(py: Python<'_>, parts: fastrcf::Attribution) -> PyResult<Pair<'_>> {
    let d = parts.n_columns;
    let n = parts.low.len() / d.max(1);
    let shape = |values: Vec<f64>| values.into_pyarray(py).reshape([n, d]);
    Ok((shape(parts.low)?, shape(parts.high)?))
}

/// An immutable forest; needs no lock.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct FrozenForest {
    inner: fastrcf::FrozenForest,
}

impl FrozenForest {
    pub(crate) fn of(inner: fastrcf::FrozenForest) -> FrozenForest {
        FrozenForest { inner }
    }

    pub(crate) fn inner(&self) -> &fastrcf::FrozenForest {
        &self.inner
    }
}

#[pymethods]
impl FrozenForest {
    fn score<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = run(py, |stop| self.inner.score_with(&rows, stop))?;
        Ok(scores.into_pyarray(py))
    }

    fn score_by<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        x: Input<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = run(py, |stop| {
            self.inner
                .score_by_with(ScoreKind::parse(kind)?, &rows, stop)
        })?;
        Ok(scores.into_pyarray(py))
    }

    fn displacement<'py>(
        &self,
        py: Python<'py>,
        x: Input<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let values = run(py, |stop| self.inner.displacement_with(&rows, stop))?;
        Ok(values.into_pyarray(py))
    }

    fn codisp<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let values = run(py, |stop| self.inner.codisp_with(&rows, stop))?;
        Ok(values.into_pyarray(py))
    }

    fn attribution<'py>(&self, py: Python<'py>, kind: &str, x: Input<'_>) -> PyResult<Pair<'py>> {
        let rows = x.rows(py)?;
        let parts = run(py, |stop| {
            let kind = ScoreKind::parse(kind)?;
            self.inner.attribution_by_with(kind, &rows, stop)
        })?;
        pair(py, parts)
    }

    /// What people wrote down about it.
    fn notes(&self) -> Notes {
        self.inner.notes().clone()
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, |stop| self.inner.to_bytes_with(stop))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The parameters of the forest it was made from.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        parameters(py, self.inner.config().clone())
    }

    fn memory_usage(&self) -> usize {
        self.inner.memory_usage()
    }

    #[getter]
    fn n_features(&self) -> usize {
        self.inner.n_features()
    }

    #[getter]
    fn n_seen(&self) -> u64 {
        self.inner.n_seen()
    }

    #[getter]
    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }
}
