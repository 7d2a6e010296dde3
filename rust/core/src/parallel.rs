//! Work on independent items by scoped threads.
//!
//! Threads are made per call and end with it: a forked child inherits no
//! broken pool, and a call that is too small for threads makes none. Only the
//! calling thread asks whether to stop, so that the question may need it.

use crate::error::{Error, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Threads to use: `wanted`, or what the process may use (affinity and cgroup
/// limits respected) if that is 0.
pub(crate) fn threads(wanted: usize) -> usize {
    if wanted > 0 {
        return wanted;
    }
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Below this many nanoseconds of work a second thread costs more than it gives.
const WORTH_A_THREAD: f64 = 400_000.0;

/// Threads for `rows * trees` walks over `dimensions` columns.
pub(crate) fn threads_for(wanted: usize, rows: usize, trees: usize, dimensions: usize) -> usize {
    threads_for_work(
        wanted,
        rows as f64 * trees as f64 * (40.0 + 2.0 * dimensions as f64),
    )
}

/// Threads for so many nanoseconds of work.
pub(crate) fn threads_for_work(wanted: usize, work: f64) -> usize {
    if work < 2.0 * WORTH_A_THREAD {
        return 1;
    }
    threads(wanted).min((work / WORTH_A_THREAD) as usize)
}

/// Rows for each thread from which on threads take rows. With fewer, blocks are
/// too small to be good, so they take trees: each all rows through some of them.
const ROWS_A_THREAD: usize = 4096;

/// Whether threads share out the trees among them, and not a frozen forest's blocks
/// of rows ([`crate::shape`]).
pub(crate) fn take_trees(threads: usize, rows: usize) -> bool {
    threads > 1 && rows < threads * ROWS_A_THREAD
}

/// Asks whether to stop; cheap on all but the calling thread.
pub(crate) struct Stop<'a> {
    flag: &'a AtomicBool,
    ask: Option<&'a mut dyn FnMut() -> bool>,
}

impl Stop<'_> {
    pub(crate) fn now(&mut self) -> bool {
        if let Some(ask) = &mut self.ask
            && ask()
        {
            self.flag.store(true, Ordering::Relaxed);
        }
        self.flag.load(Ordering::Relaxed)
    }
}

/// [`for_each`] with work that may fail. No item is begun after one that has.
///
/// # Errors
/// Of all items that fail, that of the first, whatever the threads; and
/// [`Error::Interrupted`] as [`for_each`].
pub(crate) fn try_for_each<T: Send, S>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    interrupt: &mut dyn FnMut() -> bool,
    new: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T, &mut Stop<'_>) -> Result<()> + Sync,
) -> Result<()> {
    // Items before the first that has failed are still begun: they may fail too.
    let failed = AtomicUsize::new(usize::MAX);
    let first = Mutex::new(None::<(usize, Error)>);
    for_each(
        items.enumerate(),
        threads,
        interrupt,
        new,
        |state, (i, item), stop| {
            if failed.load(Ordering::Relaxed) < i {
                return;
            }
            if let Err(error) = work(state, item, stop) {
                failed.fetch_min(i, Ordering::Relaxed);
                let mut first = first.lock().unwrap_or_else(|e| e.into_inner());
                if first.as_ref().is_none_or(|&(before, _)| i < before) {
                    *first = Some((i, error));
                }
            }
        },
    )?;
    match first.into_inner().unwrap_or_else(|e| e.into_inner()) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Gives each item to one of `threads` workers, in order. Each worker has a
/// state of its own, made by `new`.
///
/// # Errors
/// [`Error::Interrupted`] once `interrupt` returns true; items that are not
/// begun then stay undone.
pub(crate) fn for_each<T: Send, S>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    interrupt: &mut dyn FnMut() -> bool,
    new: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T, &mut Stop<'_>) + Sync,
) -> Result<()> {
    let flag = AtomicBool::new(false);
    if threads <= 1 {
        let mut stop = Stop {
            flag: &flag,
            ask: Some(interrupt),
        };
        let mut state = new();
        for item in items {
            if stop.now() {
                break;
            }
            work(&mut state, item, &mut stop);
        }
    } else {
        let items = Mutex::new(items);
        let run = |mut stop: Stop<'_>| {
            let mut state = new();
            while !stop.now() {
                // A worker that panicked holds no item back from the others.
                let next = items.lock().unwrap_or_else(|e| e.into_inner()).next();
                let Some(item) = next else { break };
                work(&mut state, item, &mut stop);
            }
        };
        let (run, flag) = (&run, &flag);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where no thread can be made, this one does the work.
                let _ = std::thread::Builder::new()
                    .spawn_scoped(scope, move || run(Stop { flag, ask: None }));
            }
            run(Stop {
                flag,
                ask: Some(interrupt),
            });
        });
    }
    if flag.load(Ordering::Relaxed) {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message of the error that items which all fail give.
    fn first_of(threads: usize) -> String {
        let failed = try_for_each(
            0..64,
            threads,
            &mut || false,
            || (),
            |(), i, _| Err(Error::input(i.to_string())),
        );
        match failed {
            Err(Error::InvalidInput { message }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_of_all_failures_is_told() {
        // Each round is a race between the first items.
        assert!((0..500).all(|round| first_of(1 + round % 4) == "0"));
    }
}
