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
    use super::sessions::{SessionBlock, SessionWorld, slot_facts, usual_gaps};
    use pyo3::prelude::*;

    /// The instruction set in use: "portable", "neon", "avx2", "avx512" or "avx512vbmi".
    ///
    /// The best that the machine has, or a lower one that the environment variable
    /// FASTRCF_SIMD named when the package was imported. A name that is unknown is refused
    /// by the import; a level that the machine lacks means the best that it has. No level
    /// changes a score.
    #[pyfunction]
    fn simd_level() -> &'static str {
        fastrcf::level().name()
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // A misspelt level would be no level, and nobody would see it.
        fastrcf::forced_level().map_err(|error| super::error::to_python(module.py(), error))?;
        // What is asked later is what was checked here.
        fastrcf::level();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
