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
    users: Mutex<Users>,
    freed: Condvar,
}

/// Threads of this process that use the value or want to.
struct Users {
    /// The process. In a forked child, none of the parent's threads is there.
    process: u32,
    /// Writers that wait: who comes to read lets them go first.
    waiting: usize,
    /// Threads that hold the lock.
    active: usize,
}

impl Users {
    fn none() -> Users {
        Users {
            process: std::process::id(),
            waiting: 0,
            active: 0,
        }
    }
}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Shared<T> {
        Shared {
            value: RwLock::new(value),
            users: Mutex::new(Users::none()),
            freed: Condvar::new(),
        }
    }

    /// Reads.
    pub(crate) fn read<R>(
        &self,
        stop: Stop<'_>,
        work: impl FnOnce(&T, Stop<'_>) -> Result<R>,
    ) -> Result<R> {
        let value: RwLockReadGuard<'_, T> = self.wait(stop, |waiting| {
            (waiting == 0).then(|| self.value.try_read())
        })?;
        let result = work(&value, stop);
        drop(value);
        self.release();
        self.freed.notify_all();
        result
    }

    /// Writes.
    pub(crate) fn write<R>(
        &self,
        stop: Stop<'_>,
        work: impl FnOnce(&mut T, Stop<'_>) -> Result<R>,
    ) -> Result<R> {
        self.users().waiting += 1;
        let value: Result<RwLockWriteGuard<'_, T>> =
            self.wait(stop, |_| Some(self.value.try_write()));
        self.users().waiting -= 1;
        let result = value.and_then(|mut value| {
            let result = work(&mut value, stop);
            drop(value);
            self.release();
            result
        });
        self.freed.notify_all();
        result
    }

    /// Tries whenever something has been freed. `attempt` gets the number of
    /// waiting writers, and gives nothing where it is not its turn.
    fn wait<G>(
        &self,
        stop: Stop<'_>,
        attempt: impl Fn(usize) -> Option<TryLockResult<G>>,
    ) -> Result<G> {
        let mut users = self.users();
        loop {
            match attempt(users.waiting) {
                Some(Ok(guard)) => {
                    users.active += 1;
                    return Ok(guard);
                }
                Some(Err(TryLockError::Poisoned(_))) => {
                    return Err(unusable("an internal error has left this model unusable"));
                }
                // Held, and by nobody: by a thread that was not forked with us.
                Some(Err(TryLockError::WouldBlock)) if users.active == 0 => {
                    return Err(unusable(
                        "this process was forked while another thread used this model: \
                         load or copy a model before forking, or load it anew",
                    ));
                }
                Some(Err(TryLockError::WouldBlock)) | None => {}
            }
            let woken = self.freed.wait_timeout(users, NAP);
            // A signal's handler may come back here: hold nothing meanwhile.
            drop(woken);
            if stop() {
                return Err(Error::Interrupted);
            }
            users = self.users();
        }
    }

    fn release(&self) {
        // None are left where a signal's handler has forked in the middle of a call.
        let mut users = self.users();
        users.active = users.active.saturating_sub(1);
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.process != std::process::id() {
            *users = Users::none();
        }
        users
    }
}

fn unusable(message: &str) -> Error {
    Error::InvalidInput {
        message: message.into(),
    }
}
