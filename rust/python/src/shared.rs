//! What several Python threads share, behind a lock whose waiting answers
//! Ctrl-C: the long call that is waited for may be another thread's.

use fastrcf::{Error, Result};
use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    TryLockError, TryLockResult,
};
use std::time::Duration;

/// How long a waiting thread sleeps between two questions whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// The core's interrupt callback.
pub(crate) type Stop<'a> = &'a mut dyn FnMut() -> bool;

/// A value that many read or one writes. Only ever used inside
/// [`run`](crate::interrupt::run): a thread that waits must not hold the
/// interpreter.
pub(crate) struct Shared<T> {
    value: RwLock<T>,
    /// Writers that wait: who comes to read lets them go first.
    writers: Mutex<usize>,
    freed: Condvar,
}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Shared<T> {
        Shared {
            value: RwLock::new(value),
            writers: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Reads.
    pub(crate) fn read<R>(
        &self,
        stop: Stop<'_>,
        work: impl FnOnce(&T, Stop<'_>) -> Result<R>,
    ) -> Result<R> {
        let value: RwLockReadGuard<'_, T> = self.wait(stop, |writers| {
            (writers == 0).then(|| self.value.try_read())
        })?;
        let result = work(&value, stop);
        drop(value);
        self.free();
        result
    }

    /// Writes.
    pub(crate) fn write<R>(
        &self,
        stop: Stop<'_>,
        work: impl FnOnce(&mut T, Stop<'_>) -> Result<R>,
    ) -> Result<R> {
        *self.writers() += 1;
        let value: Result<RwLockWriteGuard<'_, T>> =
            self.wait(stop, |_| Some(self.value.try_write()));
        *self.writers() -= 1;
        let result = value.and_then(|mut value| work(&mut value, stop));
        self.free();
        result
    }

    /// Tries whenever something has been freed. `attempt` gets the number of
    /// waiting writers, and gives nothing where it is not its turn.
    fn wait<G>(
        &self,
        stop: Stop<'_>,
        attempt: impl Fn(usize) -> Option<TryLockResult<G>>,
    ) -> Result<G> {
        let mut writers = self.writers();
        loop {
            match attempt(*writers) {
                Some(Ok(guard)) => return Ok(guard),
                Some(Err(TryLockError::Poisoned(_))) => return Err(poisoned()),
                Some(Err(TryLockError::WouldBlock)) | None => {}
            }
            let woken = self.freed.wait_timeout(writers, NAP);
            // A signal's handler may come back here: hold nothing meanwhile.
            drop(woken);
            if stop() {
                return Err(Error::Interrupted);
            }
            writers = self.writers();
        }
    }

    fn writers(&self) -> MutexGuard<'_, usize> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits. The lock is taken so that nobody is between a vain
    /// attempt and falling asleep.
    fn free(&self) {
        drop(self.writers());
        self.freed.notify_all();
    }
}

fn poisoned() -> Error {
    Error::InvalidInput {
        message: "an internal error has left this model unusable".into(),
    }
}
