//! RecordIO-protobuf: arrays to bytes and back.

use crate::error::refused;
use crate::interrupt::run;
use fastrcf_recordio as recordio;
use fastrcf_recordio::{Batch, Limits, Matrix, Numbers, Rows, Values, Want};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use std::sync::{Mutex, PoisonError};

/// Bytes that are written or read between two questions whether to stop.
const BLOCK: usize = 1 << 22;

/// A contiguous array of a kind that a tensor holds.
pub(crate) enum Numeric<'py> {
    F32(PyReadonlyArray1<'py, f32>),
    F64(PyReadonlyArray1<'py, f64>),
    I32(PyReadonlyArray1<'py, i32>),
}

/// The same of rows, in C order.
pub(crate) enum Table<'py> {
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
    I32(PyReadonlyArray2<'py, i32>),
}

fn layout() -> PyErr {
    PyTypeError::new_err(
        "arrays must be contiguous float32, float64 or int32; fastrcf.sagemaker makes them so",
    )
}

impl<'a, 'py> FromPyObject<'a, 'py> for Numeric<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Numeric<'py>> {
        if let Ok(array) = object.cast::<PyArray1<f32>>() {
            Ok(Numeric::F32(array.try_readonly()?))
        } else if let Ok(array) = object.cast::<PyArray1<f64>>() {
            Ok(Numeric::F64(array.try_readonly()?))
        } else {
            let array = object.cast::<PyArray1<i32>>().map_err(|_| layout())?;
            Ok(Numeric::I32(array.try_readonly()?))
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Table<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Table<'py>> {
        if let Ok(array) = object.cast::<PyArray2<f32>>() {
            Ok(Table::F32(array.try_readonly()?))
        } else if let Ok(array) = object.cast::<PyArray2<f64>>() {
            Ok(Table::F64(array.try_readonly()?))
        } else {
            let array = object.cast::<PyArray2<i32>>().map_err(|_| layout())?;
            Ok(Table::I32(array.try_readonly()?))
        }
    }
}

impl Numeric<'_> {
    fn values(&self) -> PyResult<Values<'_>> {
        Ok(match self {
            Numeric::F32(array) => Values::F32(array.as_slice().map_err(|_| layout())?),
            Numeric::F64(array) => Values::F64(array.as_slice().map_err(|_| layout())?),
            Numeric::I32(array) => Values::I32(array.as_slice().map_err(|_| layout())?),
        })
    }
}

impl Table<'_> {
    fn matrix(&self) -> PyResult<Matrix<'_>> {
        let (width, ordered) = match self {
            Table::F32(array) => (array.shape()[1], array.is_c_contiguous()),
            Table::F64(array) => (array.shape()[1], array.is_c_contiguous()),
            Table::I32(array) => (array.shape()[1], array.is_c_contiguous()),
        };
        if !ordered {
            return Err(layout());
        }
        let values = match self {
            Table::F32(array) => Values::F32(array.as_slice().map_err(|_| layout())?),
            Table::F64(array) => Values::F64(array.as_slice().map_err(|_| layout())?),
            Table::I32(array) => Values::I32(array.as_slice().map_err(|_| layout())?),
        };
        Ok(Matrix::Dense { values, width })
    }
}

/// Checks rows and writes them, without the interpreter.
fn written<'a, 'py>(
    py: Python<'py>,
    make: impl FnOnce() -> recordio::Result<Batch<'a>> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let batch = run(py, |_| Ok(make()))?.map_err(|error| refused(py, error))?;
    PyBytes::new_with(py, batch.len(), |out| {
        run(py, |stop| {
            let rows = (BLOCK * batch.n_rows() / batch.len().max(1)).max(1);
            let mut rest = out;
            for from in (0..batch.n_rows()).step_by(rows) {
                if stop() {
                    return Err(fastrcf::Error::Interrupted);
                }
                let part = batch.part(from, batch.n_rows().min(from + rows));
                let (now, later) = rest.split_at_mut(part.len());
                part.write(now);
                rest = later;
            }
            Ok(())
        })
    })
}

/// Rows, in C order, as RecordIO-protobuf.
#[pyfunction]
#[pyo3(signature = (x, labels = None))]
pub(crate) fn recordio_encode<'py>(
    py: Python<'py>,
    x: Table<'_>,
    labels: Option<Numeric<'_>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let matrix = x.matrix()?;
    let labels = labels.as_ref().map(Numeric::values).transpose()?;
    written(py, || Batch::new(matrix, labels))
}

/// Rows of a compressed sparse matrix as RecordIO-protobuf.
#[pyfunction]
#[pyo3(signature = (values, columns, starts, width, labels = None))]
pub(crate) fn recordio_encode_sparse<'py>(
    py: Python<'py>,
    values: Numeric<'_>,
    columns: PyReadonlyArray1<'_, i64>,
    starts: PyReadonlyArray1<'_, i64>,
    width: usize,
    labels: Option<Numeric<'_>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let matrix = Matrix::Sparse {
        values: values.values()?,
        columns: columns.as_slice().map_err(|_| layout())?,
        starts: starts.as_slice().map_err(|_| layout())?,
        width,
    };
    let labels = labels.as_ref().map(Numeric::values).transpose()?;
    written(py, || Batch::new(matrix, labels))
}

/// Scores as the managed service answers with them.
#[pyfunction]
pub(crate) fn recordio_encode_scores<'py>(
    py: Python<'py>,
    scores: PyReadonlyArray1<'_, f32>,
) -> PyResult<Bound<'py, PyBytes>> {
    let scores = scores.as_slice().map_err(|_| layout())?;
    written(py, || Batch::scores(scores))
}

/// Rows and labels, or nothing and scores.
type Answer = (Option<Py<PyAny>>, Option<Py<PyAny>>);

/// Reads RecordIO-protobuf that comes in pieces.
#[pyclass(frozen, module = "fastrcf._fastrcf")]
pub(crate) struct RecordIODecoder {
    decoder: Mutex<recordio::Decoder>,
    scores: bool,
}

#[pymethods]
impl RecordIODecoder {
    #[new]
    #[pyo3(signature = (*, scores, max_record, max_width, max_zeros))]
    fn new(scores: bool, max_record: usize, max_width: usize, max_zeros: usize) -> Self {
        let limits = Limits {
            max_record,
            max_width,
            max_zeros,
        };
        let want = if scores { Want::Scores } else { Want::Rows };
        RecordIODecoder {
            decoder: Mutex::new(recordio::Decoder::new(want, limits)),
            scores,
        }
    }

    /// Reads the records that end in these bytes.
    fn push(&self, py: Python<'_>, data: PyBackedBytes) -> PyResult<()> {
        run(py, |stop| {
            let mut decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
            for block in data.chunks(BLOCK) {
                if stop() {
                    return Err(fastrcf::Error::Interrupted);
                }
                if let Err(error) = decoder.push(block) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })?
        .map_err(|error| refused(py, error))
    }

    /// The rows since the last time.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Answer>> {
        let rows = run(py, |_| {
            let mut decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(decoder.take())
        })?;
        rows.map(|rows| self.arrays(py, rows)).transpose()
    }

    /// That the data may end here.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        run(py, |_| {
            let decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(decoder.finish())
        })?
        .map_err(|error| refused(py, error))
    }
}

impl RecordIODecoder {
    fn arrays(&self, py: Python<'_>, rows: Rows) -> PyResult<Answer> {
        let n = rows.n_rows;
        let labels = rows.labels.map(|labels| match rows.label_width {
            1 => array(py, labels, None),
            width => array(py, labels, Some([n, width])),
        });
        let values = match self.scores {
            true => None,
            false => Some(array(py, rows.values, Some([n, rows.width]))?),
        };
        Ok((values, labels.transpose()?))
    }
}

/// An array that takes over the memory.
fn array(py: Python<'_>, numbers: Numbers, shape: Option<[usize; 2]>) -> PyResult<Py<PyAny>> {
    fn shaped<T: numpy::Element>(
        py: Python<'_>,
        values: Vec<T>,
        shape: Option<[usize; 2]>,
    ) -> PyResult<Py<PyAny>> {
        let flat = PyArray1::from_vec(py, values);
        Ok(match shape {
            None => flat.into_any().unbind(),
            Some(shape) => flat.reshape(shape)?.into_any().unbind(),
        })
    }
    match numbers {
        Numbers::F32(values) => shaped(py, values, shape),
        Numbers::F64(values) => shaped(py, values, shape),
        Numbers::I32(values) => shaped(py, values, shape),
    }
}
