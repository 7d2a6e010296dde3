//! Rows into the forest, in blocks, tree by tree.
//!
//! A block goes through in four steps: every sampler decides which rows it
//! takes; those that some tree takes are stored; every tree goes through the
//! block by itself; references are settled. Trees share nothing but points
//! that do not change meanwhile, so the result is that of one row at a time.

use super::{Forest, Member, MemberBlock, MemberBuffers};
use crate::config::{Sampling, ScoreKind};
use crate::error::{Error, Result};
use crate::kernels::entry;
use crate::novelty::Novelty;
use crate::parallel;
use crate::questions::{mean_over_trees, never};
use crate::rows::Rows;
use crate::sampler::Ticks;
use crate::tree::NONE;
use std::ops::Range;

/// Most rows of a block that is scored, and of one that is not.
const SCORED_ROWS: usize = 2048;
const PLAIN_ROWS: usize = 131_072;
/// Bytes of points that a block should add to the store at most, where they stay
/// until the block is done, and rows. The more of them a tree takes at a time, the
/// longer it stays in the cache and the fewer times its boxes are made.
const NEW_BYTES: usize = 1 << 20;
const NEW_POINTS: usize = 8192;
/// Bytes that the points of a scored block take at most.
const SCORED_BYTES: usize = 128 * 1024;
/// Work of the first block at most, well below a second: a call asks between
/// blocks whether to stop.
const BLOCK_WORK: usize = 1 << 22;
/// Nanoseconds of a row that a tenth of all trees takes, for each tree.
const PLANNING: f64 = 12.0;

/// What is scored unless another kind is asked for.
const DEPTH: ScoreKind = ScoreKind::ExpectedInverseDepth;

/// What is asked about each row of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Kind(ScoreKind),
    Novelty(Novelty),
}

/// Buffers that outlive a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    rows: Vec<f32>,
    pub(super) ticks: Ticks,
    ids: Vec<u32>,
    scores: Vec<f64>,
    /// What taking in a row that comes alone needs, once one has come.
    member: Option<Box<MemberBuffers>>,
}

impl Buffers {
    pub(super) fn memory_usage(&self) -> usize {
        self.rows.capacity() * 4
            + self.ticks.memory_usage()
            + self.ids.capacity() * 4
            + self.scores.capacity() * 8
            + self.member.as_ref().map_or(0, |all| all.memory_usage())
    }

    /// Leaves no large buffers behind after a bulk call.
    fn shrink(&mut self) {
        const KEEP: usize = 256;
        // A vector keeps what it holds.
        self.rows.clear();
        self.ticks.clear();
        self.ids.clear();
        self.scores.clear();
        self.rows.shrink_to(4 * KEEP);
        self.ticks.shrink_to(KEEP);
        self.ids.shrink_to(KEEP);
        self.scores.shrink_to(16 * KEEP);
        self.member = None;
    }
}

impl Forest {
    /// Takes the rows in, in order.
    ///
    /// # Errors
    /// [`Error::WrongWidth`] or [`Error::InvalidValue`]; nothing has changed then.
    pub fn insert(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.update(rows, None, None, None).map(drop)
    }

    /// [`Forest::insert`] with a time per row (any unit, in which the decay
    /// rate counts; may repeat or go back) and a callback that is asked now and
    /// then whether to stop.
    ///
    /// # Errors
    /// As [`Forest::insert`], and [`Error::Interrupted`]; nothing has changed then.
    pub fn insert_with(
        &mut self,
        rows: &Rows<'_>,
        clock: Option<&[i64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        self.update(rows, clock, None, Some(interrupt)).map(drop)
    }

    /// Scores each row and then takes it in. The score is NaN for rows that
    /// come before the forest is ready.
    ///
    /// # Errors
    /// As [`Forest::insert`].
    pub fn process(&mut self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.update(rows, None, Some(Asked::Kind(DEPTH)), None)
    }

    /// [`Forest::process`] with a time per row and an interrupt callback, as
    /// [`Forest::insert_with`] takes them.
    ///
    /// # Errors
    /// As [`Forest::insert_with`].
    pub fn process_with(
        &mut self,
        rows: &Rows<'_>,
        clock: Option<&[i64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.update(rows, clock, Some(Asked::Kind(DEPTH)), Some(interrupt))
    }

    /// [`Forest::process_with`] for another kind of score; see [`Forest::score_by`].
    ///
    /// # Errors
    /// As [`Forest::insert_with`].
    pub fn process_by_with(
        &mut self,
        kind: ScoreKind,
        rows: &Rows<'_>,
        clock: Option<&[i64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.update(rows, clock, Some(Asked::Kind(kind)), Some(interrupt))
    }

    /// Gives each row's [novelty](crate::novelty) and then takes it in.
    ///
    /// # Errors
    /// As [`Forest::insert`].
    pub(crate) fn process_novelty(
        &mut self,
        novelty: Novelty,
        rows: &Rows<'_>,
    ) -> Result<Vec<f64>> {
        self.update(rows, None, Some(Asked::Novelty(novelty)), None)
    }

    /// Rows of the first block of a call.
    fn block_rows(&self) -> usize {
        let rows = (SCORED_BYTES / 4 / self.intake.stride()).clamp(16, SCORED_ROWS);
        // Large trees cost as much as some columns more: they miss the cache.
        let row = self.members.len() * (self.intake.stride() + self.config.sample_size / 128);
        rows.min(BLOCK_WORK / row).max(1)
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        clock: Option<&[i64]>,
        asked: Option<Asked>,
        interrupt: Option<&mut dyn FnMut() -> bool>,
    ) -> Result<Vec<f64>> {
        let n = rows.n_rows();
        if let Some(clock) = clock
            && clock.len() != n
        {
            return Err(Error::input(format!("{} times for {n} rows", clock.len())));
        }
        let mut block = self.block_rows();
        let may_stop = interrupt.is_some() && n > block;
        let mut never = || false;
        let interrupt = interrupt.unwrap_or(&mut never);
        self.intake.check_stream(rows, interrupt)?;
        let scored = asked.is_some();
        let mut scores = vec![f64::NAN; if scored { n } else { 0 }];
        // A call that may be interrupted half-way keeps what it would undo.
        let backup = match may_stop {
            true => Some(self.clone_with(interrupt)?),
            false => None,
        };
        let most = (NEW_BYTES / 4 / self.intake.stride()).clamp(1, NEW_POINTS);
        let mut start = 0;
        while start < n {
            // A short call keeps nothing, and is not asked once it has begun.
            if (start == 0 || backup.is_some()) && interrupt() {
                if let Some(backup) = backup {
                    *self = backup;
                }
                return Err(Error::Interrupted);
            }
            let end = (start + block).min(n);
            let end = self.tick_block(start..end, clock);
            let out = if scored {
                &mut scores[start..end]
            } else {
                &mut [][..]
            };
            let stored = self.run_block(rows, start..end, asked, out);
            start = end;
            // Where trees take few rows, blocks that are not scored may grow.
            if !scored && !self.intake.has_shingles() {
                block = if stored <= most / 2 {
                    (2 * block).min(PLAIN_ROWS)
                } else if stored > most {
                    (block / 2).max(1)
                } else {
                    block
                };
            }
        }
        if n > 1 {
            self.buffers.shrink();
            self.members.iter_mut().for_each(Member::shrink);
            if let Some(names) = self.points.compact() {
                self.members
                    .iter_mut()
                    .for_each(|member| member.rename(&names));
            }
        }
        Ok(scores)
    }

    /// Moves the clock over the rows of a block and returns where the block
    /// has to end: before a row at which the clock's reference moves.
    pub(super) fn tick_block(&mut self, rows: Range<usize>, clock: Option<&[i64]>) -> usize {
        self.buffers.ticks.clear();
        let first = rows.start + self.intake.incomplete(rows.len());
        let n = rows.end - first;
        let last = clock.map_or_else(|| self.clock.time_after(n), |clock| clock[rows.end - 1]);
        if n > 0
            && let Some(ticks) = self.clock.tick_evenly(n, last)
        {
            self.buffers.ticks = ticks;
            return rows.end;
        }
        for row in first..rows.end {
            let time = clock.map_or_else(|| self.clock.time_after(1), |clock| clock[row]);
            if self.clock.is_stale(time) {
                if row > rows.start {
                    return row;
                }
                let shift = self.clock.rebase(time);
                for member in &mut self.members {
                    member.sampler.rebase(shift);
                }
            }
            let tick = self.clock.tick(time);
            self.buffers.ticks.push(tick);
        }
        rows.end
    }

    /// Takes a block in; returns how many of its rows some tree took.
    fn run_block(
        &mut self,
        rows: &Rows<'_>,
        range: Range<usize>,
        asked: Option<Asked>,
        out: &mut [f64],
    ) -> usize {
        let mut buffers = std::mem::take(&mut self.buffers);
        let skipped = self.intake.incomplete(range.len());
        let n = range.len() - skipped;
        let first = range.start + skipped;
        let scored = !out.is_empty();
        if scored || self.intake.has_shingles() {
            self.intake
                .load_stream(rows, range.clone(), &mut buffers.rows);
        } else {
            buffers.rows.clear();
        }
        let points_seen = self.n_seen + skipped as u64;
        self.plan(points_seen, n, &buffers.ticks);
        self.store_rows(rows, first, n, &mut buffers);
        // Rows before the first whole shingle keep their NaN.
        let out = out.get_mut(skipped..).unwrap_or_default();
        self.run_members(n, asked.filter(|_| scored), &mut buffers, out);
        for member in &mut self.members {
            member.acquire(&mut self.points);
        }
        for member in &mut self.members {
            member.release(&mut self.points);
        }
        let mut stored = 0;
        for &id in buffers.ids.iter().filter(|&&id| id != NONE) {
            self.points.release(id);
            stored += 1;
        }
        self.n_seen += range.len() as u64;
        self.buffers = buffers;
        stored
    }

    /// Lets every tree decide which of `n` rows it takes.
    pub(super) fn plan(&mut self, first_row: u64, n: usize, ticks: &Ticks) {
        // Trees that take all rows alike take few of them.
        let work = match self.config.sampling {
            Sampling::Uniform => 0.0,
            _ => PLANNING * n as f64 * self.members.len() as f64,
        };
        let threads = parallel::threads_for_work(self.config.n_threads, work);
        let chunk = self.members.len().div_ceil(threads * 4).max(1);
        let _ = parallel::for_each(
            self.members.chunks_mut(chunk),
            threads,
            &mut never,
            || (),
            |(), members, _| {
                members
                    .iter_mut()
                    .for_each(|member| member.plan(first_row, ticks));
            },
        );
    }

    /// Stores the rows that some tree takes. Each is held once by the block,
    /// until its references are settled.
    fn store_rows(&mut self, rows: &Rows<'_>, first: usize, n: usize, buffers: &mut Buffers) {
        let stride = self.intake.stride();
        buffers.ids.clear();
        buffers.ids.resize(n, NONE);
        let mut padded = vec![0.0; if buffers.rows.is_empty() { stride } else { 0 }];
        for member in &self.members {
            for row in member.planned() {
                let id = &mut buffers.ids[row as usize];
                if *id != NONE {
                    continue;
                }
                let at = row as usize * stride;
                *id = if buffers.rows.is_empty() {
                    self.intake
                        .load_one(rows, first + row as usize, &mut padded);
                    self.points.add(&padded)
                } else {
                    self.points.add(&buffers.rows[at..at + stride])
                };
                self.points.acquire(*id);
            }
        }
    }

    /// Whether the rows of a block are one, which one thread takes through all trees.
    fn goes_alone(&self, n: usize) -> bool {
        let (trees, stride) = (self.members.len(), self.intake.stride());
        n == 1 && parallel::threads_for(self.config.n_threads, n, trees, stride) == 1
    }

    /// Takes the block through every tree; `out` gets the mean scores.
    fn run_members(
        &mut self,
        n: usize,
        asked: Option<Asked>,
        buffers: &mut Buffers,
        out: &mut [f64],
    ) {
        let stride = self.intake.stride();
        let trees = self.members.len();
        let alone = self.goes_alone(n);
        // All trees score a row that comes alone together, and those that want
        // it take it then.
        let together = match asked {
            Some(Asked::Kind(DEPTH)) => Some(None),
            Some(Asked::Kind(kind)) => kind.blend(self.config.sample_size).map(Some),
            _ => None,
        };
        let together = together.filter(|_| alone);
        if let Some(blend) = together {
            out.fill(self.score_alone(blend, &buffers.rows));
        }
        let scored = asked.is_some() && together.is_none();
        let width = if scored { n } else { 0 };
        let scores = &mut buffers.scores;
        scores.clear();
        scores.resize(trees * width, 0.0);
        let (kind, novelty) = match asked {
            Some(Asked::Kind(kind)) => (Some(kind), None),
            Some(Asked::Novelty(novelty)) => (None, Some(novelty)),
            None => (None, None),
        };
        let needed = novelty.map_or(self.config.rows_needed(), |novelty| novelty.needed);
        let block = MemberBlock {
            points: &self.points,
            rows: &buffers.rows,
            stride,
            ids: &buffers.ids,
            needed,
            kind: kind.unwrap_or(DEPTH),
            blend: kind.and_then(|kind| kind.blend(self.config.sample_size)),
            novelty,
        };
        if alone && !scored {
            let own = buffers
                .member
                .get_or_insert_with(|| Box::new(MemberBuffers::new(stride)));
            for member in &mut self.members {
                if member.planned().next().is_some() {
                    entry::run_member(member, &block, &mut [], own);
                }
            }
            return;
        }
        let work = if scored {
            n
        } else {
            self.members
                .iter()
                .map(|m| m.planned().count())
                .sum::<usize>()
                * 4
                / trees
        };
        let threads = parallel::threads_for(self.config.n_threads, work, trees, stride);
        let chunk = trees.div_ceil(threads * 4).max(1);
        let members = self.members.chunks_mut(chunk);
        // Empty chunks of scores where there is nothing to score.
        let mut parts: Vec<&mut [f64]> = Vec::new();
        if width > 0 {
            parts.extend(scores.chunks_mut(chunk * width));
        } else {
            parts.resize_with(trees.div_ceil(chunk), Default::default);
        }
        let _ = parallel::for_each(
            members.zip(parts),
            threads,
            &mut || false,
            || MemberBuffers::new(stride),
            |buffers, (members, part), _| {
                for (i, member) in members.iter_mut().enumerate() {
                    let out = &mut part[i * width..(i + 1) * width];
                    entry::run_member(member, &block, out, buffers);
                }
            },
        );
        if scored {
            mean_over_trees(scores, n, trees, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ForestConfig;

    #[test]
    fn one_thread_scores_a_row_through_all_trees_at_once() {
        // As many trees as are worth a thread for a single row.
        let config = ForestConfig {
            n_trees: if cfg!(miri) { 60 } else { 17_000 },
            sample_size: 2,
            ..Default::default()
        };
        let mut one = Forest::new(config, 1).unwrap();
        one.set_threads(1);
        let mut two = one.clone();
        two.set_threads(2);
        assert!(one.goes_alone(1) && !one.goes_alone(2));
        assert!(cfg!(miri) || !two.goes_alone(1));
        for x in [0.0, 1.0, 2.0, 0.5] {
            let values = [x];
            let rows = Rows::from_f64(&values, 1).unwrap();
            let [a, b] = [&mut one, &mut two].map(|f| f.process(&rows).unwrap()[0]);
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
        }
    }
}
