//! The living forest: a stream goes in, questions are answered at any time.

mod alone;
mod delete;
mod leaving;
mod member;
mod missing;
mod persist;
mod query;
mod samples;
mod surroundings;
mod update;

pub(crate) use delete::{DeleteBuffers, delete_rows_body};
pub(crate) use member::{Member, MemberBlock, MemberBuffers, replace_body, run_member_body};

use crate::config::{ForestConfig, Sampling};
use crate::error::{Error, Result};
use crate::frozen::FrozenForest;
use crate::intake::Intake;
use crate::notes::{self, Notes};
use crate::points::PointStore;
use crate::questions::never;
use crate::sampler::Clock;
use crate::tree::{Scratch, Tree};
use update::Buffers;

/// A random cut forest that learns from a stream, row by row, exactly.
///
/// Whole-array calls give, bit for bit, what a loop over single rows gives,
/// for any number of threads. A call that returns an error has changed nothing.
///
/// # Examples
/// ```
/// use fastrcf::{Forest, ForestConfig, Rows};
///
/// let mut forest = Forest::new(ForestConfig { seed: 7, ..Default::default() }, 2)?;
/// let usual: Vec<f64> = (0..2000).map(|i| (f64::from(i) * 0.7).sin()).collect();
/// forest.insert(&Rows::from_f64(&usual, 2)?)?;
/// let scores = forest.score(&Rows::from_f64(&[0.1, 0.7, 9.0, -9.0], 2)?)?;
/// assert!(scores[1] > 2.0 * scores[0]);
/// # Ok::<(), fastrcf::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Forest {
    config: ForestConfig,
    intake: Intake,
    points: PointStore,
    members: Vec<Member>,
    clock: Clock,
    n_seen: u64,
    notes: Notes,
    buffers: Buffers,
}

impl Forest {
    /// An empty forest for rows of `n_features` columns.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) names the
    /// parameter that is out of its range.
    pub fn new(config: ForestConfig, n_features: usize) -> Result<Forest> {
        config.validate(n_features)?;
        let intake = Intake::new(&config, n_features, Vec::new());
        let members = (0..config.n_trees as u64)
            .map(|t| Member::seeded(&config, &intake, config.seed, t))
            .collect();
        Ok(Forest {
            points: PointStore::new(intake.stride()),
            clock: Clock::new(config.decay_rate()),
            n_seen: 0,
            notes: Notes::new(),
            buffers: Buffers::default(),
            members,
            intake,
            config,
        })
    }

    /// The parameters.
    pub fn config(&self) -> &ForestConfig {
        &self.config
    }

    /// Columns of the input.
    pub fn n_features(&self) -> usize {
        self.intake.n_features()
    }

    /// Columns of a point: those of the input times the shingle size.
    pub fn n_dimensions(&self) -> usize {
        self.intake.n_dimensions()
    }

    /// Rows seen.
    pub fn n_seen(&self) -> u64 {
        self.n_seen
    }

    /// Rows that every tree must hold before the forest answers.
    pub fn rows_needed(&self) -> u64 {
        self.config.rows_needed()
    }

    /// Whether the forest answers.
    pub fn is_ready(&self) -> bool {
        self.smallest_tree() >= self.rows_needed()
    }

    /// Sets the number of threads (0: what the process may use). No result
    /// depends on it.
    pub fn set_threads(&mut self, n_threads: usize) {
        self.config.n_threads = n_threads;
    }

    /// From now on, a row weighs `exp(-rate)` less in the trees' samples with each row
    /// that comes after it. Rows seen so far all weigh the same, what the last of them
    /// does: keys of a uniform sample are those of rows that are as old as each other.
    pub(crate) fn decay_from_now(&mut self, rate: f64) {
        let shift = self.clock.rebase(self.clock.state().now);
        for member in &mut self.members {
            member.sampler.rebase(shift);
        }
        self.clock.set_rate(rate);
        self.config.sampling = Sampling::Decay { rate: Some(rate) };
    }

    /// What people wrote down about it.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Writes down other notes.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] if a note has no name or all take more than
    /// [`MAX_NOTES`](crate::MAX_NOTES) bytes.
    pub fn set_notes(&mut self, notes: Notes) -> Result<()> {
        notes::check(&notes)?;
        self.notes = notes;
        Ok(())
    }

    /// Distinct points held.
    pub fn n_points(&self) -> usize {
        self.points.len()
    }

    /// Rows that tree `t` holds, or `None` if there is no such tree.
    pub fn tree_mass(&self, t: usize) -> Option<u64> {
        self.members.get(t).map(|m| u64::from(m.tree.mass()))
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    pub(crate) fn store(&self) -> &PointStore {
        &self.points
    }

    pub(crate) fn trees(&self) -> impl Iterator<Item = &Tree> {
        self.members.iter().map(|m| &m.tree)
    }

    fn smallest_tree(&self) -> u64 {
        self.members
            .iter()
            .map(|m| u64::from(m.tree.mass()))
            .min()
            .unwrap_or(0)
    }

    /// Bytes that the forest takes, buffers included.
    pub fn memory_usage(&self) -> usize {
        size_of::<Forest>()
            + self.points.memory_usage()
            + self.members.iter().map(Member::memory_usage).sum::<usize>()
            + self.buffers.memory_usage()
    }

    /// An immutable copy, laid out for scoring tables; it gives the same
    /// scores, bit for bit.
    ///
    /// # Errors
    /// None at present.
    pub fn freeze(&self) -> Result<FrozenForest> {
        self.freeze_with(&mut never)
    }

    /// [`Forest::freeze`] with a callback that is asked now and then whether to
    /// stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn freeze_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<FrozenForest> {
        FrozenForest::of(self, interrupt)
    }

    /// A copy, made tree by tree so that a large one can be interrupted.
    pub(crate) fn clone_with(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Forest> {
        let mut members = Vec::with_capacity(self.members.len());
        for member in &self.members {
            if interrupt() {
                return Err(Error::Interrupted);
            }
            members.push(member.clone());
        }
        Ok(Forest {
            config: self.config.clone(),
            intake: self.intake.clone(),
            points: self.points.clone(),
            members,
            clock: self.clock.clone(),
            n_seen: self.n_seen,
            notes: self.notes.clone(),
            buffers: Buffers::default(),
        })
    }

    /// Verifies every invariant: masses, boxes, cuts, heaps and counts.
    ///
    /// # Errors
    /// Says which invariant does not hold.
    pub fn check(&self) -> std::result::Result<(), String> {
        let mut counts = vec![0u32; self.points.places()];
        let mut scratch = Scratch::new(self.intake.stride());
        for (t, member) in self.members.iter().enumerate() {
            member
                .tree
                .check(&self.points, &mut scratch)
                .and_then(|()| member.check(&self.points, &mut counts))
                .map_err(|message| format!("tree {t}: {message}"))?;
        }
        for (id, &count) in counts.iter().enumerate() {
            if count != self.points.count(id as u32) {
                return Err(format!(
                    "point {id}: {} references counted, {count} found",
                    self.points.count(id as u32)
                ));
            }
        }
        let held = counts.iter().filter(|&&c| c > 0).count();
        if held != self.points.len() {
            return Err(format!("{} points stored, {held} held", self.points.len()));
        }
        Ok(())
    }
}
