//! The detector and its builder.

use crate::input::Input;
use crate::interrupt::run;
use crate::shared::{Shared, Stop};
use fastrcf::{
    ColumnKind, Detection, DetectorConfig, Error, Notes, Reason, Result, Scaling, ScoreKind,
    Transform,
};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Mutex, PoisonError};

/// Feature, share, whether high, value, what is usual, what is usual near the row, text.
pub(crate) type ReasonTuple = (usize, f64, bool, f64, [f64; 2], [f64; 2], String);
/// Name, scaling in each view, number of categories (−1 for numbers) and quantiles.
type FeatureTuple = (String, Vec<&'static str>, i64, Vec<f64>);
/// Sum in words, columns and their weights, what the sum usually is, its variation.
type RelationTuple = (String, Vec<(usize, f64)>, f64, f64);
/// Scores, grades, alerts and the alerts' reasons.
pub(crate) type Found<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Vec<Vec<ReasonTuple>>,
);

fn tuples(reasons: Vec<Vec<Reason>>) -> Vec<Vec<ReasonTuple>> {
    let tuple = |r: Reason| {
        let (usual, near) = (r.usual, r.near);
        (r.feature, r.share, r.high, r.value, usual, near, r.text)
    };
    reasons
        .into_iter()
        .map(|row| row.into_iter().map(tuple).collect())
        .collect()
}

pub(crate) fn found(py: Python<'_>, detection: Detection) -> Found<'_> {
    let alerts: Vec<i64> = detection.alerts.iter().map(|&i| i as i64).collect();
    (
        detection.scores.into_pyarray(py),
        detection.grades.into_pyarray(py),
        alerts.into_pyarray(py),
        tuples(detection.reasons),
    )
}

/// A fitted detector behind a lock.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct Detector {
    inner: Shared<fastrcf::Detector>,
}

impl Detector {
    pub(crate) fn of(detector: fastrcf::Detector) -> Detector {
        Detector {
            inner: Shared::new(detector),
        }
    }

    fn read<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&fastrcf::Detector, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.read(stop, work))
    }

    fn write<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut fastrcf::Detector, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.write(stop, work))
    }

    fn get<T: Send>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&fastrcf::Detector) -> T + Send,
    ) -> PyResult<T> {
        self.read(py, |detector, _| Ok(what(detector)))
    }
}

#[pymethods]
impl Detector {
    fn score<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = self.read(py, |detector, stop| detector.score_with(&rows, stop))?;
        Ok(scores.into_pyarray(py))
    }

    fn score_by<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        x: Input<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = x.rows(py)?;
        let scores = self.read(py, |detector, stop| {
            detector.score_by_with(ScoreKind::parse(kind)?, &rows, stop)
        })?;
        Ok(scores.into_pyarray(py))
    }

    fn detect<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Found<'py>> {
        let rows = x.rows(py)?;
        let detection = self.read(py, |detector, stop| detector.detect_with(&rows, stop))?;
        Ok(found(py, detection))
    }

    fn judge<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Found<'py>> {
        let rows = x.rows(py)?;
        let detection = self.read(py, |detector, stop| detector.judge_with(&rows, stop))?;
        Ok(found(py, detection))
    }

    fn process<'py>(&self, py: Python<'py>, x: Input<'_>) -> PyResult<Found<'py>> {
        let rows = x.rows(py)?;
        let detection = self.write(py, |detector, stop| detector.process_with(&rows, stop))?;
        Ok(found(py, detection))
    }

    fn reasons(&self, py: Python<'_>, x: Input<'_>) -> PyResult<Vec<Vec<ReasonTuple>>> {
        let rows = x.rows(py)?;
        self.read(py, |detector, stop| detector.reasons_with(&rows, stop))
            .map(tuples)
    }

    fn categories(&self, py: Python<'_>, column: usize, names: Vec<String>) -> PyResult<Vec<f64>> {
        self.get(py, |detector| detector.categories(column, &names))
    }

    /// What is known of each column.
    fn features(&self, py: Python<'_>) -> PyResult<Vec<FeatureTuple>> {
        self.get(py, |detector| {
            let features = detector.features().iter();
            features
                .map(|f| {
                    let categories = match f.transform(0) {
                        Transform::Category { names, .. } => names.len() as i64,
                        _ => -1,
                    };
                    let scalings = f.scalings().map(Scaling::name).collect();
                    (f.name.clone(), scalings, categories, f.quantiles.to_vec())
                })
                .collect()
        })
    }

    /// What is known of each relation.
    fn relations(&self, py: Python<'_>) -> PyResult<Vec<RelationTuple>> {
        self.get(py, |detector| {
            let relations = detector.relations().iter();
            relations
                .map(|r| (detector.expression(r), r.terms.clone(), r.usual, r.scale))
                .collect()
        })
    }

    #[getter]
    fn seeks_relations(&self, py: Python<'_>) -> PyResult<bool> {
        self.get(py, fastrcf::Detector::seeks_relations)
    }

    fn copy(&self, py: Python<'_>) -> PyResult<Detector> {
        self.get(py, fastrcf::Detector::clone).map(Detector::of)
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.read(py, |detector, stop| detector.to_bytes_with(stop))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn set_rows_per_day(&self, py: Python<'_>, rows_per_day: f64) -> PyResult<()> {
        self.write(py, |detector, _| {
            detector.set_rows_per_day(Some(rows_per_day))
        })
    }

    fn set_alert_rate(&self, py: Python<'_>, alert_rate: f64) -> PyResult<()> {
        self.write(py, |detector, _| detector.set_alert_rate(alert_rate))
    }

    /// What people wrote down about it.
    fn notes(&self, py: Python<'_>) -> PyResult<Notes> {
        self.get(py, |detector| detector.notes().clone())
    }

    fn set_notes(&self, py: Python<'_>, notes: Notes) -> PyResult<()> {
        self.write(py, |detector, _| detector.set_notes(notes))
    }

    fn set_threads(&self, py: Python<'_>, n_threads: usize) -> PyResult<()> {
        self.write(py, |detector, _| {
            detector.set_threads(n_threads);
            Ok(())
        })
    }

    fn memory_usage(&self, py: Python<'_>) -> PyResult<usize> {
        self.get(py, fastrcf::Detector::memory_usage)
    }

    /// The forests' parameters, with the trees of all.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (n_trees, config, time_decay) = self.get(py, |detector| {
            let config = detector.forests().next().map(|f| f.config().clone());
            let config = config.unwrap_or_default();
            (detector.n_trees(), config, detector.time_decay())
        })?;
        let parameters = PyDict::new(py);
        parameters.set_item("n_trees", n_trees)?;
        parameters.set_item("sample_size", config.sample_size)?;
        parameters.set_item("time_decay", time_decay)?;
        parameters.set_item("seed", config.seed)?;
        parameters.set_item("n_threads", config.n_threads)?;
        Ok(parameters)
    }

    #[getter]
    fn rows_per_day(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.get(py, fastrcf::Detector::rows_per_day)
    }

    #[getter]
    fn alert_rate(&self, py: Python<'_>) -> PyResult<f64> {
        self.get(py, fastrcf::Detector::alert_rate)
    }

    #[getter]
    fn score_kind(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.get(py, |detector| detector.score_kind().name())
    }

    #[getter]
    fn tracks(&self, py: Python<'_>) -> PyResult<bool> {
        self.get(py, fastrcf::Detector::tracks)
    }

    #[getter]
    fn threshold(&self, py: Python<'_>) -> PyResult<f64> {
        self.get(py, fastrcf::Detector::threshold)
    }

    #[getter]
    fn n_sampled(&self, py: Python<'_>) -> PyResult<u64> {
        self.get(py, fastrcf::Detector::n_sampled)
    }

    #[getter]
    fn n_fitted(&self, py: Python<'_>) -> PyResult<u64> {
        self.get(py, fastrcf::Detector::n_fitted)
    }

    #[getter]
    fn n_seen(&self, py: Python<'_>) -> PyResult<u64> {
        self.get(py, |detector| detector.n_fitted() + detector.n_streamed())
    }
}

/// Collects training rows; gone once it is finished.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct DetectorBuilder {
    inner: Mutex<Option<fastrcf::DetectorBuilder>>,
}

impl DetectorBuilder {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        what: impl FnOnce(&mut fastrcf::DetectorBuilder, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            what(inner.as_mut().ok_or_else(finished)?, stop)
        })
    }
}

fn finished() -> Error {
    Error::InvalidInput {
        message: "this builder is finished".into(),
    }
}

#[pymethods]
impl DetectorBuilder {
    /// `columns`: name and scaling of each; no scaling for categories.
    #[new]
    #[expect(
        clippy::too_many_arguments,
        reason = "keyword-only mirror of the configuration"
    )]
    #[pyo3(signature = (columns, *, n_trees, sample_size, alert_rate, score, relations, tracks, time_decay, seed, n_threads))]
    fn new(
        py: Python<'_>,
        columns: Vec<(String, Option<String>)>,
        n_trees: usize,
        sample_size: usize,
        alert_rate: f64,
        score: &str,
        relations: bool,
        tracks: bool,
        time_decay: f64,
        seed: u64,
        n_threads: usize,
    ) -> PyResult<DetectorBuilder> {
        let builder = run(py, |_| {
            let columns = columns
                .into_iter()
                .map(|(name, scaling)| match scaling {
                    None => Ok((name, ColumnKind::Category)),
                    Some(s) => Scaling::parse(&s).map(|s| (name, ColumnKind::Number(s))),
                })
                .collect::<Result<_>>()?;
            let config = DetectorConfig {
                n_trees,
                sample_size,
                alert_rate,
                score: ScoreKind::parse(score)?,
                relations,
                tracks,
                time_decay,
                seed,
                n_threads,
            };
            fastrcf::DetectorBuilder::new(config, columns)
        })?;
        Ok(DetectorBuilder {
            inner: Mutex::new(Some(builder)),
        })
    }

    fn categories(&self, py: Python<'_>, column: usize, names: Vec<String>) -> PyResult<Vec<f64>> {
        self.with(py, |builder, _| {
            Ok(names.iter().map(|n| builder.category(column, n)).collect())
        })
    }

    fn add(&self, py: Python<'_>, x: Input<'_>) -> PyResult<()> {
        let rows = x.rows(py)?;
        self.with(py, |builder, stop| builder.add_with(&rows, stop))
    }

    fn set_alert_rate(&self, py: Python<'_>, alert_rate: f64) -> PyResult<()> {
        self.with(py, |builder, _| builder.set_alert_rate(alert_rate))
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Detector> {
        run(py, |stop| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.take().ok_or_else(finished)?.finish(stop)
        })
        .map(Detector::of)
    }

    #[getter]
    fn n_seen(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |builder, _| Ok(builder.n_seen()))
    }
}
