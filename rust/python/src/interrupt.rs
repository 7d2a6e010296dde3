//! One door for long calls: release the interpreter, ask for signals now and
//! then, map errors.

use crate::error::to_python;
use fastrcf::Result;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::time::{Duration, Instant};

/// How often a long call asks the interpreter for signals.
const EVERY: Duration = Duration::from_millis(50);

/// Runs `work` without the interpreter. Its argument is the core's interrupt
/// callback, which looks for signals (Ctrl-C) as the interpreter would.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T> + Send,
) -> PyResult<T> {
    let mut signal: Option<PyErr> = None;
    let result = py.detach(|| {
        let mut last = Instant::now();
        let mut asked = || {
            if last.elapsed() < EVERY {
                return false;
            }
            last = Instant::now();
            match Python::attach(|py| py.check_signals()) {
                Ok(()) => false,
                Err(error) => {
                    signal = Some(error);
                    true
                }
            }
        };
        // A panic is a bug of ours; it must reach Python as an exception that
        // can be caught, not unwind through foreign frames.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mut asked)))
    });
    match (result, signal) {
        (_, Some(signal)) => Err(signal),
        (Ok(Ok(value)), None) => Ok(value),
        (Ok(Err(error)), None) => Err(to_python(py, error)),
        (Err(_), None) => Err(PyRuntimeError::new_err(
            "internal error in fastrcf; please report it",
        )),
    }
}
