//! The model file: one format for living forests, frozen ones, detectors and series.
//!
//! `docs/model-file.md` describes it byte by byte. A file is untrusted input:
//! lengths are checked against what is there before anything is allocated,
//! values before anything is built from them, and a file that says anything in
//! another way than the writer would is refused.

mod container;
mod dense;
mod detector;
mod file;
mod forest;
mod series;
mod trees;
mod wire;

pub use file::write_atomically;

use crate::detector::Detector;
use crate::error::{Error, Result};
use crate::forest::Forest;
use crate::frozen::FrozenForest;
use crate::questions::{asking, never};
use crate::series::{SeriesDetector, SeriesSet};
use crate::state::ForestState;
use container::{Container, Sections};
use std::convert::Infallible;
use std::path::Path;

const FOREST: u32 = 1;
const FROZEN: u32 = 2;
const DETECTOR: u32 = 3;
const SERIES: u32 = 4;
const SERIES_SET: u32 = 5;

/// What a model file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Model {
    /// A living forest; it goes on as if it had never been saved.
    Forest(Forest),
    /// A frozen forest.
    Frozen(FrozenForest),
    /// A detector with its forests.
    Detector(Box<Detector>),
    /// A detector of a series; it goes on as if it had never been saved.
    Series(Box<SeriesDetector>),
    /// Detectors of many series.
    SeriesSet(Box<SeriesSet>),
}

impl Model {
    /// Reads a model from the bytes of a file. The number of threads is not in
    /// the file: it is that of this process.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        Model::from_bytes_with(bytes, &mut never)
    }

    /// [`Model::from_bytes`] with a callback that is asked now and then whether
    /// to stop.
    ///
    /// # Errors
    /// As [`Model::from_bytes`], and [`Error::Interrupted`].
    pub fn from_bytes_with(bytes: &[u8], interrupt: &mut dyn FnMut() -> bool) -> Result<Model> {
        let mut file = Container::parse(bytes)?;
        match file.kind {
            FOREST => {
                let state = forest::read(&mut file, true)?;
                file.finish()?;
                check_memory(std::slice::from_ref(&state), bytes.len())?;
                Forest::from_state_with(state, interrupt).map(Model::Forest)
            }
            FROZEN => {
                let state = forest::read(&mut file, false)?;
                file.finish()?;
                FrozenForest::from_state_with(state, interrupt).map(Model::Frozen)
            }
            DETECTOR => {
                let (state, n_views) = detector::read(&mut file)?;
                let mut states = Vec::new();
                for _ in 0..n_views {
                    states.push(forest::read(&mut file, true)?);
                }
                file.finish()?;
                check_memory(&states, bytes.len())?;
                let forests = states
                    .into_iter()
                    .map(|state| Forest::from_state_with(state, interrupt));
                let detector = Detector::from_state(state, forests.collect::<Result<_>>()?)?;
                Ok(Model::Detector(Box::new(detector)))
            }
            SERIES => {
                let mut room = room(bytes.len());
                let series = read_series(file, &mut room, interrupt)?;
                Ok(Model::Series(Box::new(series)))
            }
            SERIES_SET => {
                // What one series takes is missing to the others.
                let mut room = room(bytes.len());
                let set = series::read_set(&mut file, |bytes| {
                    let file = Container::parse(bytes)?;
                    match file.kind {
                        SERIES => read_series(file, &mut room, interrupt),
                        other => Err(Error::file(format!("a set holds a model of kind {other}"))),
                    }
                })?;
                Ok(Model::SeriesSet(Box::new(set)))
            }
            other => Err(Error::file(format!("kind {other} is unknown"))),
        }
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// [`Error::Io`] and those of [`Model::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Model> {
        Model::load_with(path, &mut never)
    }

    /// [`Model::load`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Model::load`], and [`Error::Interrupted`].
    pub fn load_with(path: impl AsRef<Path>, interrupt: &mut dyn FnMut() -> bool) -> Result<Model> {
        Model::from_bytes_with(&std::fs::read(path)?, interrupt)
    }

    /// Sets the number of threads that calls may take; 0 is what the process may use. It never
    /// changes a result.
    pub fn set_threads(&mut self, n_threads: usize) {
        match self {
            Model::Forest(forest) => forest.set_threads(n_threads),
            Model::Frozen(forest) => forest.set_threads(n_threads),
            Model::Detector(detector) => detector.set_threads(n_threads),
            Model::Series(series) => series.set_threads(n_threads),
            Model::SeriesSet(set) => set.set_threads(n_threads),
        }
    }

    /// The bytes of the model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Model::Forest(forest) => forest.to_bytes(),
            Model::Frozen(forest) => forest.to_bytes(),
            Model::Detector(detector) => detector.to_bytes(),
            Model::Series(series) => series.to_bytes(),
            Model::SeriesSet(set) => set.to_bytes(),
        }
    }

    /// Writes the model to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path, &self.to_bytes())
    }
}

impl ForestState {
    /// The bytes of the model file: of a living forest if there is a clock.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Ok(bytes) = self.bytes(&mut || Ok::<(), Infallible>(()));
        bytes
    }

    fn bytes<E>(
        &self,
        ask: &mut impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<Vec<u8>, E> {
        let mut sections = Sections::default();
        forest::write(self, &mut sections, ask)?;
        Ok(sections.finish(if self.clock.is_some() { FOREST } else { FROZEN }))
    }
}

impl Forest {
    /// The bytes of the model file. Forests that behave alike have equal ones.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_state().to_bytes()
    }

    /// [`Forest::to_bytes`] with a callback that is asked now and then whether
    /// to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_bytes_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<u8>> {
        let state = self.to_state_with(interrupt)?;
        state.bytes(&mut asking(interrupt))
    }

    /// Writes the forest to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path, &self.to_bytes())
    }
}

impl Forest {
    /// The forest's dense form: exact as the file is, about two thirds of its
    /// size, and slower to write and read. For many small forests that others
    /// keep, as in the state of a stream.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_dense_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<u8>> {
        let state = self.to_state_with(interrupt)?;
        let Some(clock) = state.clock else {
            return Err(Error::file("a living forest has a clock"));
        };
        dense::write(&state, clock, interrupt)
    }

    /// Reads a forest's dense form.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what is wrong with it; [`Error::Interrupted`].
    pub fn from_dense_with(bytes: &[u8], interrupt: &mut dyn FnMut() -> bool) -> Result<Forest> {
        let state = dense::read(bytes, room(bytes.len()) / size_of::<f32>(), interrupt)?;
        check_memory(std::slice::from_ref(&state), bytes.len())?;
        Forest::from_state_with(state, interrupt)
    }
}

impl FrozenForest {
    /// The bytes of the model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_state().to_bytes()
    }

    /// [`FrozenForest::to_bytes`] with an interrupt callback.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_bytes_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<u8>> {
        self.to_state().bytes(&mut asking(interrupt))
    }

    /// Writes the forest to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path, &self.to_bytes())
    }
}

impl Detector {
    /// The bytes of the model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let states: Vec<ForestState> = self.forests().map(Forest::to_state).collect();
        let Ok(bytes) = self.bytes(&states, &mut || Ok::<(), Infallible>(()));
        bytes
    }

    /// [`Detector::to_bytes`] with a callback that is asked now and then
    /// whether to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_bytes_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<u8>> {
        let states = self.forests().map(|forest| forest.to_state_with(interrupt));
        let states = states.collect::<Result<Vec<_>>>()?;
        self.bytes(&states, &mut asking(interrupt))
    }

    fn bytes<E>(
        &self,
        states: &[ForestState],
        ask: &mut impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<Vec<u8>, E> {
        let mut sections = Sections::default();
        detector::write(&self.to_state(), states.len(), &mut sections);
        for state in states {
            forest::write(state, &mut sections, ask)?;
        }
        Ok(sections.finish(DETECTOR))
    }

    /// Writes the detector to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path, &self.to_bytes())
    }
}

/// Reads a series' detector, whose forest may take so much memory.
fn read_series(
    mut file: Container<'_>,
    room: &mut usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<SeriesDetector> {
    let state = forest::read(&mut file, true)?;
    let series = series::read(&mut file, &state)?;
    file.finish()?;
    take_memory(&state, room)?;
    let forest = Forest::from_state_with(state, interrupt)?;
    SeriesDetector::from_state(series, forest)
}

impl SeriesDetector {
    /// The bytes of the model file. Detectors that behave alike have equal ones.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state = self.forest().to_state();
        let Ok(bytes) = self.bytes(&state, &mut || Ok::<(), Infallible>(()));
        bytes
    }

    /// [`SeriesDetector::to_bytes`] with a callback that is asked now and then whether
    /// to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_bytes_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<u8>> {
        let state = self.forest().to_state_with(interrupt)?;
        self.bytes(&state, &mut asking(interrupt))
    }

    fn bytes<E>(
        &self,
        state: &ForestState,
        ask: &mut impl FnMut() -> std::result::Result<(), E>,
    ) -> std::result::Result<Vec<u8>, E> {
        let mut sections = Sections::default();
        forest::write(state, &mut sections, ask)?;
        series::write(&self.to_state(), &mut sections);
        Ok(sections.finish(SERIES))
    }
}

impl SeriesSet {
    /// The bytes of the model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let series = self.in_order().into_iter();
        let files = series.map(|(key, last, series)| (key, last, series.to_bytes()));
        self.bytes(&files.collect::<Vec<_>>())
    }

    /// [`SeriesSet::to_bytes`] with an interrupt callback.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn to_bytes_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Vec<u8>> {
        let mut files = Vec::with_capacity(self.n_series());
        for (key, last, series) in self.in_order() {
            files.push((key, last, series.to_bytes_with(interrupt)?));
        }
        Ok(self.bytes(&files))
    }

    fn bytes(&self, files: &[(&str, u64, Vec<u8>)]) -> Vec<u8> {
        let mut sections = Sections::default();
        series::write_set(self, files, &mut sections);
        sections.finish(SERIES_SET)
    }
}

/// A living forest may take this much memory, or 64 times its file.
const ROOM: usize = 1 << 30;

fn room(file: usize) -> usize {
    ROOM.max(file.saturating_mul(64))
}

/// Refuses a file whose boxes would take far more memory than the file: many
/// trees that all name the same few wide points. Frozen forests build theirs
/// only when they are asked.
fn check_memory(states: &[ForestState], file: usize) -> Result<()> {
    let mut room = room(file);
    states
        .iter()
        .try_for_each(|state| take_memory(state, &mut room))
}

/// Takes what a forest's boxes need out of the room that is left.
fn take_memory(state: &ForestState, room: &mut usize) -> Result<()> {
    let d = state.n_features * state.config.shingle_size;
    let leaves: usize = state.trees.iter().map(|t| t.nodes.len().div_ceil(2)).sum();
    let limit = crate::tree::resting_limit(crate::kernels::lanes::stride(d));
    let boxes = leaves / usize::from(limit) * 2 * 4;
    match room.checked_sub(boxes.saturating_mul(d)) {
        Some(left) => {
            *room = left;
            Ok(())
        }
        None => Err(Error::file(format!(
            "it would take more than {room} bytes of memory, far more than its size"
        ))),
    }
}
