//! What a forest knows around rows and where values are missing: density,
//! neighbours, imputation and forecasts, of living and frozen forests.

use crate::forest::Forest;
use crate::frozen::FrozenForest;
use crate::input::Input;
use crate::interrupt::run;
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray3,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

type Matrix<'py, T> = Bound<'py, PyArray2<T>>;
type Cube<'py, T> = Bound<'py, PyArray3<T>>;

/// Densities, then parts of low and of high values.
type Density<'py> = (
    Bound<'py, PyArray1<f64>>,
    Matrix<'py, f64>,
    Matrix<'py, f64>,
);
/// Points, distances, numbers of points.
type Neighbors<'py> = (Cube<'py, f32>, Matrix<'py, f64>, Matrix<'py, i64>);
/// Values, and the lower and upper ends of their ranges.
type Ranges<'py> = (Matrix<'py, f64>, Matrix<'py, f64>, Matrix<'py, f64>);
/// What came, then values, lower and upper ends.
type Backtest<'py> = (
    Cube<'py, f64>,
    Cube<'py, f64>,
    Cube<'py, f64>,
    Cube<'py, f64>,
);

fn matrix<T: numpy::Element>(
    py: Python<'_>,
    values: Vec<T>,
    width: usize,
) -> PyResult<Matrix<'_, T>> {
    let n = values.len() / width.max(1);
    values.into_pyarray(py).reshape([n, width])
}

/// A forest of either kind.
#[derive(FromPyObject)]
pub(crate) enum Model<'py> {
    /// One that lives.
    Living(Bound<'py, Forest>),
    /// One that is frozen.
    Frozen(Bound<'py, FrozenForest>),
}

/// How many rows of the sample lie near each row.
#[pyfunction]
pub(crate) fn density<'py>(
    py: Python<'py>,
    model: Model<'py>,
    x: Input<'py>,
    dimension: Option<f64>,
) -> PyResult<Density<'py>> {
    let rows = x.rows(py)?;
    let found = match &model {
        Model::Living(forest) => forest.get().read(py, |forest, stop| {
            forest.density_with(&rows, dimension, stop)
        }),
        Model::Frozen(forest) => {
            let forest = forest.get().inner();
            run(py, |stop| forest.density_with(&rows, dimension, stop))
        }
    }?;
    let d = found.n_columns;
    Ok((
        found.values.into_pyarray(py),
        matrix(py, found.low, d)?,
        matrix(py, found.high, d)?,
    ))
}

/// The nearest of the points that each row reaches.
#[pyfunction]
pub(crate) fn neighbors<'py>(
    py: Python<'py>,
    model: Model<'py>,
    x: Input<'py>,
    k: usize,
) -> PyResult<Neighbors<'py>> {
    let rows = x.rows(py)?;
    let found = match &model {
        Model::Living(forest) => forest
            .get()
            .read(py, |forest, stop| forest.neighbors_with(&rows, k, stop)),
        Model::Frozen(forest) => {
            let forest = forest.get().inner();
            run(py, |stop| forest.neighbors_with(&rows, k, stop))
        }
    }?;
    let (k, d) = (found.k, found.n_columns);
    let n = found.ids.len() / k.max(1);
    Ok((
        found.points.into_pyarray(py).reshape([n, k, d])?,
        matrix(py, found.distances, k)?,
        matrix(py, found.ids, k)?,
    ))
}

/// Rows with what is missing in them, NaN, filled.
#[pyfunction]
pub(crate) fn impute<'py>(
    py: Python<'py>,
    model: Model<'py>,
    x: Input<'py>,
) -> PyResult<Ranges<'py>> {
    let rows = x.rows(py)?;
    let found = match &model {
        Model::Living(forest) => forest
            .get()
            .read(py, |forest, stop| forest.impute_with(&rows, stop)),
        Model::Frozen(forest) => {
            let forest = forest.get().inner();
            run(py, |stop| forest.impute_with(&rows, stop))
        }
    }?;
    let d = found.n_columns;
    Ok((
        matrix(py, found.values, d)?,
        matrix(py, found.lower, d)?,
        matrix(py, found.upper, d)?,
    ))
}

/// What came, values, lower and upper ends; and the coverage.
type Calibration<'py> = ([PyReadonlyArray3<'py, f64>; 4], f64);

/// The rows that a stream with shingles is expected to go on with.
#[pyfunction]
pub(crate) fn forecast<'py>(
    py: Python<'py>,
    model: &Bound<'py, Forest>,
    horizon: usize,
    calibration: Option<Calibration<'py>>,
) -> PyResult<Ranges<'py>> {
    let calibration = calibration.map(|(arrays, coverage)| {
        let shape = arrays[0].shape();
        let [actual, values, lower, upper] = arrays
            .each_ref()
            .map(|a| a.as_array().iter().copied().collect());
        let backtest = fastrcf::Backtest {
            n_columns: shape[2],
            horizon: shape[1],
            actual,
            values,
            lower,
            upper,
        };
        (backtest, coverage)
    });
    let found = model.get().read(py, |forest, stop| {
        let found = forest.forecast_with(horizon, stop)?;
        match &calibration {
            Some((backtest, coverage)) => found.calibrated(backtest, *coverage),
            None => Ok(found),
        }
    })?;
    let d = found.n_columns;
    Ok((
        matrix(py, found.values, d)?,
        matrix(py, found.lower, d)?,
        matrix(py, found.upper, d)?,
    ))
}

/// What would have been forecast within a history, beside what came.
#[pyfunction]
pub(crate) fn backtest<'py>(
    py: Python<'py>,
    model: &Bound<'py, Forest>,
    history: Input<'py>,
    horizon: usize,
) -> PyResult<Backtest<'py>> {
    let rows = history.rows(py)?;
    let found = model.get().read(py, |forest, stop| {
        forest.backtest_with(&rows, horizon, stop)
    })?;
    let (h, d) = (found.horizon, found.n_columns);
    let n = found.actual.len() / (h * d).max(1);
    let cube = |values: Vec<f64>| values.into_pyarray(py).reshape([n, h, d]);
    Ok((
        cube(found.actual)?,
        cube(found.values)?,
        cube(found.lower)?,
        cube(found.upper)?,
    ))
}
