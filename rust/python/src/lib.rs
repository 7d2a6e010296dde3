//! The private module `fastrcf._fastrcf`: types in, types out, the interpreter
//! released in every long call. What users see is `python/fastrcf`.

mod detector;
mod error;
mod forest;
mod frozen;
mod input;
mod interrupt;
mod model;
mod plain;
mod questions;
mod recordio;
mod series;
mod sessions;
mod shared;

use pyo3::prelude::*;

#[pymodule]
mod _fastrcf {
    #[pymodule_export]
    use super::detector::{Detector, DetectorBuilder};
    #[pymodule_export]
    use super::forest::Forest;
    #[pymodule_export]
    use super::frozen::FrozenForest;
    #[pymodule_export]
    use super::input::take_in;
    #[pymodule_export]
    use super::model::{from_dense, load, loads, write_atomically};
    #[pymodule_export]
    use super::plain::plain_rows;
    #[pymodule_export]
    use super::questions::{backtest, density, forecast, impute, neighbors};
    #[pymodule_export]
    use super::recordio::{
        RecordIODecoder, recordio_encode, recordio_encode_scores, recordio_encode_sparse,
    };
    #[pymodule_export]
    use super::series::{SeriesDetector, SeriesSet};
    #[pymodule_export]
    use super::sessions::{SessionBlock, SessionWorld};
    use pyo3::prelude::*;

    /// The instruction set in use: "portable", "avx2" or "avx512".
    #[pyfunction]
    fn simd_level() -> &'static str {
        fastrcf::level().name()
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
