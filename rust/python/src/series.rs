//! Detectors of one series and of many.

use crate::detector::{Found, found};
use crate::error::to_python;
use crate::input::Input;
use crate::interrupt::run;
use crate::shared::{Shared, Stop};
use fastrcf::{AlertBudget, Error, Notes, Result, SeriesConfig};
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

type Times<'py> = Option<PyReadonlyArray1<'py, f64>>;

/// The times, which are contiguous.
fn seconds<'a>(py: Python<'_>, times: &'a Times<'_>) -> PyResult<Option<&'a [f64]>> {
    let layout = |_| {
        let message = format!(
            "times of shape {:?} must be contiguous",
            times.as_ref().map(|t| t.shape())
        );
        to_python(py, Error::InvalidInput { message })
    };
    times
        .as_ref()
        .map(|times| times.as_slice().map_err(layout))
        .transpose()
}

fn parameters<'py>(py: Python<'py>, config: &SeriesConfig) -> PyResult<Bound<'py, PyDict>> {
    let parameters = PyDict::new(py);
    parameters.set_item("n_trees", config.n_trees)?;
    parameters.set_item("sample_size", config.sample_size)?;
    parameters.set_item("time_decay", config.time_decay)?;
    parameters.set_item("period", config.period)?;
    parameters.set_item("trailing", config.trailing)?;
    parameters.set_item("warm_up", config.warm_up)?;
    parameters.set_item("episode", config.episode)?;
    parameters.set_item("habituation", config.habituation)?;
    parameters.set_item("kappa", config.kappa)?;
    parameters.set_item("exponent", config.exponent)?;
    parameters.set_item("threshold", config.threshold)?;
    let (share, per_day) = match config.budget {
        Some(AlertBudget::Share(share)) => (Some(share), None),
        Some(AlertBudget::PerDay(alerts)) => (None, Some(alerts)),
        None => (None, None),
    };
    parameters.set_item("alert_rate", share)?;
    parameters.set_item("alerts_per_day", per_day)?;
    parameters.set_item("seed", config.seed)?;
    parameters.set_item("n_threads", config.n_threads)?;
    parameters.set_item("time_column", config.time_column.as_deref())?;
    parameters.set_item("key_column", config.key_column.as_deref())?;
    Ok(parameters)
}

/// A configuration from keywords of the same names.
fn config(given: &Bound<'_, PyDict>) -> PyResult<SeriesConfig> {
    let item = |name: &str| given.as_any().get_item(name);
    let share: Option<f64> = item("alert_rate")?.extract()?;
    let per_day: Option<f64> = item("alerts_per_day")?.extract()?;
    let budget = share.map(AlertBudget::Share);
    Ok(SeriesConfig {
        n_trees: item("n_trees")?.extract()?,
        sample_size: item("sample_size")?.extract()?,
        time_decay: item("time_decay")?.extract()?,
        period: item("period")?.extract()?,
        trailing: item("trailing")?.extract()?,
        warm_up: item("warm_up")?.extract()?,
        episode: item("episode")?.extract()?,
        habituation: item("habituation")?.extract()?,
        kappa: item("kappa")?.extract()?,
        exponent: item("exponent")?.extract()?,
        threshold: item("threshold")?.extract()?,
        budget: budget.or(per_day.map(AlertBudget::PerDay)),
        seed: item("seed")?.extract()?,
        n_threads: item("n_threads")?.extract()?,
        time_column: item("time_column")?.extract()?,
        key_column: item("key_column")?.extract()?,
    })
}

/// A detector of one series behind a lock.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct SeriesDetector {
    inner: Shared<fastrcf::SeriesDetector>,
}

impl SeriesDetector {
    pub(crate) fn of(detector: fastrcf::SeriesDetector) -> SeriesDetector {
        SeriesDetector {
            inner: Shared::new(detector),
        }
    }

    fn read<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&fastrcf::SeriesDetector, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.read(stop, work))
    }

    fn write<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut fastrcf::SeriesDetector, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.write(stop, work))
    }
}

#[pymethods]
impl SeriesDetector {
    /// `parameters`: all of the configuration's fields by name.
    #[new]
    fn new(
        py: Python<'_>,
        columns: Vec<String>,
        parameters: &Bound<'_, PyDict>,
    ) -> PyResult<SeriesDetector> {
        let config = config(parameters)?;
        run(py, |_| fastrcf::SeriesDetector::new(config, columns)).map(SeriesDetector::of)
    }

    fn process<'py>(
        &self,
        py: Python<'py>,
        x: Input<'_>,
        times: Times<'_>,
    ) -> PyResult<Found<'py>> {
        let rows = x.rows(py)?;
        let times = seconds(py, &times)?;
        let detection = self.write(py, |detector, stop| {
            detector.process_with(&rows, times, stop)
        })?;
        Ok(found(py, detection))
    }

    fn copy(&self, py: Python<'_>) -> PyResult<SeriesDetector> {
        self.read(py, |detector, _| Ok(detector.clone()))
            .map(SeriesDetector::of)
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.read(py, |detector, stop| detector.to_bytes_with(stop))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The score from which on, or with a budget above which, a row is an alert now.
    #[getter]
    fn threshold(&self, py: Python<'_>) -> PyResult<f64> {
        self.read(py, |detector, _| Ok(detector.threshold()))
    }

    /// The share of rows that should be alerts, as far as it is asked for and known.
    #[getter]
    fn alert_rate(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |detector, _| Ok(detector.alert_rate()))
    }

    #[getter]
    fn confidence(&self, py: Python<'_>) -> PyResult<f64> {
        self.read(py, |detector, _| Ok(detector.confidence()))
    }

    fn set_threshold(&self, py: Python<'_>, threshold: f64) -> PyResult<()> {
        self.write(py, |detector, _| detector.set_threshold(threshold))
    }

    fn set_threads(&self, py: Python<'_>, n_threads: usize) -> PyResult<()> {
        self.write(py, |detector, _| {
            detector.set_threads(n_threads);
            Ok(())
        })
    }

    /// What people wrote down about it.
    fn notes(&self, py: Python<'_>) -> PyResult<Notes> {
        self.read(py, |detector, _| Ok(detector.notes().clone()))
    }

    fn set_notes(&self, py: Python<'_>, notes: Notes) -> PyResult<()> {
        self.write(py, |detector, _| detector.set_notes(notes))
    }

    fn memory_usage(&self, py: Python<'_>) -> PyResult<usize> {
        self.read(py, |detector, _| Ok(detector.memory_usage()))
    }

    fn columns(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.read(py, |detector, _| Ok(detector.columns().to_vec()))
    }

    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.read(py, |detector, _| Ok(detector.config().clone()))?;
        parameters(py, &config)
    }

    /// Rows seen, missing, with the time of the row before, and with one before it.
    fn counts(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64)> {
        let counts = self.read(py, |detector, _| Ok(detector.counts()))?;
        Ok((
            counts.seen,
            counts.missing,
            counts.repeated,
            counts.backward,
        ))
    }
}

/// Detectors of many series behind a lock.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct SeriesSet {
    inner: Shared<fastrcf::SeriesSet>,
}

impl SeriesSet {
    pub(crate) fn of(set: fastrcf::SeriesSet) -> SeriesSet {
        SeriesSet {
            inner: Shared::new(set),
        }
    }

    fn read<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&fastrcf::SeriesSet, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.read(stop, work))
    }

    fn write<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut fastrcf::SeriesSet, Stop<'_>) -> Result<T> + Send,
    ) -> PyResult<T> {
        run(py, |stop| self.inner.write(stop, work))
    }
}

#[pymethods]
impl SeriesSet {
    /// `parameters`: all of the configuration's fields by name.
    #[new]
    fn new(
        py: Python<'_>,
        columns: Vec<String>,
        parameters: &Bound<'_, PyDict>,
        max_series: usize,
    ) -> PyResult<SeriesSet> {
        let config = config(parameters)?;
        run(py, |_| fastrcf::SeriesSet::new(config, columns, max_series)).map(SeriesSet::of)
    }

    fn process<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<String>,
        x: Input<'_>,
        times: Times<'_>,
    ) -> PyResult<Found<'py>> {
        let rows = x.rows(py)?;
        let times = seconds(py, &times)?;
        let detection = self.write(py, |set, stop| set.process_with(&keys, &rows, times, stop))?;
        Ok(found(py, detection))
    }

    fn copy(&self, py: Python<'_>) -> PyResult<SeriesSet> {
        self.read(py, |set, _| Ok(set.clone())).map(SeriesSet::of)
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.read(py, |set, stop| set.to_bytes_with(stop))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The score from which on, or with a budget above which, a row is an alert now.
    #[getter]
    fn threshold(&self, py: Python<'_>) -> PyResult<f64> {
        self.read(py, |set, _| Ok(set.threshold()))
    }

    /// The share of rows that should be alerts, as far as it is asked for and known.
    #[getter]
    fn alert_rate(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |set, _| Ok(set.alert_rate()))
    }

    #[getter]
    fn confidence(&self, py: Python<'_>) -> PyResult<f64> {
        self.read(py, |set, _| Ok(set.confidence()))
    }

    fn set_threshold(&self, py: Python<'_>, threshold: f64) -> PyResult<()> {
        self.write(py, |set, _| set.set_threshold(threshold))
    }

    fn set_threads(&self, py: Python<'_>, n_threads: usize) -> PyResult<()> {
        self.write(py, |set, _| {
            set.set_threads(n_threads);
            Ok(())
        })
    }

    fn memory_usage(&self, py: Python<'_>) -> PyResult<usize> {
        self.read(py, |set, _| Ok(set.memory_usage()))
    }

    fn columns(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.read(py, |set, _| Ok(set.columns().to_vec()))
    }

    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let config = self.read(py, |set, _| Ok(set.config().clone()))?;
        parameters(py, &config)
    }

    /// Sums over the series held: rows missing, with the time of the row before, and
    /// with one before it; first all rows seen.
    fn counts(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64)> {
        self.read(py, |set, _| {
            let mut sums = (set.n_seen(), 0, 0, 0);
            for (_, series) in set.series() {
                let counts = series.counts();
                sums.1 += counts.missing;
                sums.2 += counts.repeated;
                sums.3 += counts.backward;
            }
            Ok(sums)
        })
    }

    /// What people wrote down about it.
    fn notes(&self, py: Python<'_>) -> PyResult<Notes> {
        self.read(py, |set, _| Ok(set.notes().clone()))
    }

    fn set_notes(&self, py: Python<'_>, notes: Notes) -> PyResult<()> {
        self.write(py, |set, _| set.set_notes(notes))
    }

    /// The keys of the series held.
    fn keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.read(py, |set, _| {
            Ok(set.series().map(|(key, _)| key.to_owned()).collect())
        })
    }

    /// How many of the keys are of no series that is held.
    fn count_new(&self, py: Python<'_>, keys: Vec<String>) -> PyResult<usize> {
        self.read(py, |set, _| {
            Ok(keys.iter().filter(|key| set.get(key).is_none()).count())
        })
    }

    /// A copy of one series, if it is held.
    fn series(&self, py: Python<'_>, key: &str) -> PyResult<Option<SeriesDetector>> {
        let found = self.read(py, |set, _| Ok(set.get(key).cloned()))?;
        Ok(found.map(SeriesDetector::of))
    }

    #[getter]
    fn max_series(&self, py: Python<'_>) -> PyResult<usize> {
        self.read(py, |set, _| Ok(set.max_series()))
    }

    #[getter]
    fn n_series(&self, py: Python<'_>) -> PyResult<usize> {
        self.read(py, |set, _| Ok(set.n_series()))
    }

    #[getter]
    fn n_dropped(&self, py: Python<'_>) -> PyResult<u64> {
        self.read(py, |set, _| Ok(set.n_dropped()))
    }
}
