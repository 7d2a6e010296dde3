//! Rows out of the forest, in blocks, tree by tree.
//!
//! What a tree loses depends on the tree and the rows before alone. So every tree
//! goes through a block by itself, and references to points are given back after
//! it, in the order in which one row at a time would: the forest is the same to
//! the bit, free places included.

use super::{Forest, Member};
use crate::error::Result;
use crate::kernels::boxes;
use crate::kernels::entry;
use crate::kernels::simd::{Eights, Simd};
use crate::parallel;
use crate::points::PointStore;
use crate::questions::never;
use crate::rows::Rows;
use crate::tree::{Leaf, Live, NONE, Scratch};
use crate::walk::{GROUP, Paths};

/// Nanoseconds of a call, by [`Forest::delete_cost`], up to which it is not asked
/// whether to stop once it has begun: well below the second in which it has to.
const SHORT_WORK: usize = 1 << 28;
/// Nanoseconds of a block at most: so its rows stay in the cache.
const BLOCK_WORK: usize = 1 << 24;

/// What a thread needs to take rows out of trees.
#[derive(Clone, Debug)]
pub(crate) struct DeleteBuffers {
    scratch: Scratch,
    /// The ways of some rows that are to go.
    paths: Paths,
}

impl DeleteBuffers {
    fn new(stride: usize) -> DeleteBuffers {
        DeleteBuffers {
            scratch: Scratch::new(stride),
            paths: Paths::default(),
        }
    }
}

impl Forest {
    /// Takes one copy of each row out of every tree that holds it; returns, for
    /// each row, from how many trees. With shingles, rows are whole shingles.
    ///
    /// Equal rows are not told apart: of a row that came many times, a tree
    /// loses one copy by each call, however few of all copies it holds.
    ///
    /// The other rows stay as likely in the sample as they were. So an open place
    /// is filled by the next row that is accepted as before: with a window the
    /// next one that comes, else at the pace at which the tree takes rows. A tree
    /// left with less than a quarter of its rows takes whatever comes until it
    /// is full.
    ///
    /// # Errors
    /// As [`Forest::insert`].
    pub fn delete(&mut self, rows: &Rows<'_>) -> Result<Vec<u64>> {
        self.delete_with(rows, &mut never)
    }

    /// [`Forest::delete`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::insert_with`].
    pub fn delete_with(
        &mut self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<u64>> {
        self.intake.check_points(rows, interrupt)?;
        let n = rows.n_rows();
        let cost = self.delete_cost();
        let block = (BLOCK_WORK / cost).max(1);
        // A long call keeps a copy to go back to. To put rows back instead would have to
        // restore every box, every free place and the order of each heap, for what is
        // little beside the work of such a call.
        let backup = match n.saturating_mul(cost) > SHORT_WORK {
            true => Some(self.clone_with(interrupt)?),
            false => None,
        };
        let mut points = Vec::new();
        let mut gone = Vec::new();
        let mut removed = Vec::with_capacity(n);
        for first in (0..n).step_by(block) {
            let some = first..n.min(first + block);
            self.intake.load_query(rows, some, &mut points);
            let done = match backup.is_some() {
                true => self.delete_block(&points, &mut gone, &mut removed, interrupt),
                false => self.delete_block(&points, &mut gone, &mut removed, &mut never),
            };
            if let Err(error) = done {
                if let Some(backup) = backup {
                    *self = backup;
                }
                return Err(error);
            }
        }
        Ok(removed)
    }

    /// Nanoseconds that a row takes all trees at worst, roughly: down, through the
    /// boxes that become smaller, and through the slots of the sample.
    fn delete_cost(&self) -> usize {
        self.members.len() * (200 + 4 * self.intake.stride() + self.config.sample_size / 8)
    }

    /// Takes padded rows out of every tree; adds to `removed`, for each, from how
    /// many. Stopped half-way, the forest is no forest any more.
    fn delete_block(
        &mut self,
        rows: &[f32],
        gone: &mut Vec<u32>,
        removed: &mut Vec<u64>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let stride = self.intake.stride();
        let (n, trees) = (rows.len() / stride, self.members.len());
        // The point of each row in each tree, tree by tree.
        gone.clear();
        gone.resize(trees * n, NONE);
        let threads = parallel::threads_for(self.config.n_threads, n, trees, stride);
        let chunk = trees.div_ceil(threads * 4).max(1);
        let (points, hazard) = (&self.points, self.clock.cumulative());
        parallel::for_each(
            self.members
                .chunks_mut(chunk)
                .zip(gone.chunks_mut(chunk * n)),
            threads,
            interrupt,
            || DeleteBuffers::new(stride),
            |buffers, (members, gone), _| {
                for (member, gone) in members.iter_mut().zip(gone.chunks_mut(n)) {
                    entry::delete_rows(member, points, rows, hazard, gone, buffers);
                }
            },
        )?;
        for row in 0..n {
            let ids = gone.iter().skip(row).step_by(n).filter(|&&id| id != NONE);
            let before = removed.len();
            removed.push(0);
            for &id in ids {
                self.points.release(id);
                removed[before] += 1;
            }
        }
        Ok(())
    }
}

impl Member {
    /// Takes one copy of `q`, whose way is number `i` of those in `buffers`, out;
    /// returns the reference to give back, or [`NONE`] if the tree holds no such row.
    #[inline(always)]
    fn take_out<E: Eights>(
        &mut self,
        e: E,
        q: &[f32],
        i: usize,
        points: &PointStore,
        hazard: f64,
        buffers: &mut DeleteBuffers,
    ) -> u32 {
        let DeleteBuffers { scratch, paths } = buffers;
        let way = paths.way_of(&Live::of(&self.tree, points), q, i);
        if way.leaf == NONE {
            return NONE;
        }
        let Leaf { point, mass } = *self.tree.leaf(way.leaf);
        if !boxes::equal(e, points.row(point), q) {
            return NONE;
        }
        let Some(index) = self.place_in_heap(point, mass) else {
            return NONE;
        };
        let slot = self.sampler.remove(index);
        self.places[slot as usize] = NONE;
        scratch.path.clear();
        scratch.path.extend(way.down_to(way.depth));
        scratch.forks.clear();
        self.tree.remove_leaf(e, way.leaf, points, scratch);
        paths.forget_through(&scratch.forks);
        self.sampler.settle(hazard);
        point
    }

    /// Where the heap has the slot of a point; the first of several copies.
    #[inline(always)]
    fn place_in_heap(&self, point: u32, copies: u32) -> Option<usize> {
        let slots = self.sampler.slots();
        if copies > 1 {
            return slots.iter().position(|&s| self.places[s as usize] == point);
        }
        // Twice through values that lie side by side, not once here and there.
        let slot = position(&self.places, point)?;
        position(slots, slot as u32)
    }
}

/// The first place of a value; sixteen are looked at together.
#[inline(always)]
fn position(values: &[u32], wanted: u32) -> Option<usize> {
    const TOGETHER: usize = 16;
    let (whole, rest) = values.as_chunks::<TOGETHER>();
    let has = |some: &[u32; TOGETHER]| some.iter().fold(false, |has, &v| has | (v == wanted));
    let (first, some) = match whole.iter().position(has) {
        Some(at) => (at * TOGETHER, &whole[at][..]),
        None => (whole.len() * TOGETHER, rest),
    };
    some.iter().position(|&v| v == wanted).map(|at| first + at)
}

/// Takes padded rows out of one tree, one after the other. `gone` gets, for each, the
/// reference to give back, or [`NONE`].
#[inline(always)]
pub(crate) fn delete_rows_body<S: Simd>(
    s: S,
    member: &mut Member,
    points: &PointStore,
    rows: &[f32],
    hazard: f64,
    gone: &mut [u32],
    buffers: &mut DeleteBuffers,
) {
    let (e, stride) = (s.eights(), points.row_len());
    let groups = rows.chunks(GROUP * stride).zip(gone.chunks_mut(GROUP));
    for (rows, gone) in groups {
        // The ways of all rows are found at once, and those that lead through a place
        // at which the tree changed meanwhile go on from there.
        let live = Live::of(&member.tree, points);
        buffers.paths.descend(&live, rows, stride);
        for (i, (q, gone)) in rows.chunks_exact(stride).zip(gone).enumerate() {
            *gone = member.take_out(e, q, i, points, hazard, buffers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ForestConfig, Sampling};
    use crate::kernels::extent;
    use crate::rng::Rng;

    /// One row after the other, and for each one tree after the other, by a second
    /// way down; what deletion means.
    fn delete_plainly(forest: &mut Forest, rows: &Rows<'_>) -> Vec<u64> {
        let mut scratch = Scratch::new(forest.intake.stride());
        let mut q = Vec::new();
        let mut removed = Vec::new();
        for i in 0..rows.n_rows() {
            forest.intake.load_query(rows, i..i + 1, &mut q);
            let mut copies = 0;
            for member in &mut forest.members {
                let leaf = member.tree.find(&q);
                if leaf == NONE || forest.points.row(member.tree.leaf(leaf).point) != q {
                    continue;
                }
                let id = member.tree.leaf(leaf).point;
                let places = &member.places;
                let mut slots = member.sampler.slots().iter();
                let index = slots.position(|&s| places[s as usize] == id).unwrap();
                let slot = member.sampler.remove(index);
                member.places[slot as usize] = NONE;
                assert!(member.tree.remove(&q, &forest.points, &mut scratch));
                member.sampler.settle(forest.clock.cumulative());
                forest.points.release(id);
                copies += 1;
            }
            removed.push(copies);
        }
        removed
    }

    /// Everything that a forest is, free places and stored boxes included.
    fn all_of(forest: &Forest) -> String {
        let Forest {
            points,
            members,
            clock,
            n_seen,
            ..
        } = forest;
        format!("{points:?} {members:?} {clock:?} {n_seen}")
    }

    /// Rows of small whole numbers, so that some come again, and of others.
    fn some_rows(rng: &mut Rng, n: usize, d: usize) -> Vec<f64> {
        let mut values = Vec::with_capacity(n * d);
        for _ in 0..n {
            let whole = rng.unit() < 0.3;
            for _ in 0..d {
                let value = 8.0 * rng.unit();
                values.push(if whole { (value / 3.0).floor() } else { value });
            }
        }
        values
    }

    /// What is to go: rows that were seen, most of which no tree or few trees hold
    /// any more, some of them twice in a row or later, and strangers.
    fn to_delete(rng: &mut Rng, seen: &[f64], n: usize, d: usize) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(n * d);
        while values.len() < n * d {
            let from = |values: &[f64], rng: &mut Rng| {
                let row = (rng.unit() * (values.len() / d) as f64) as usize;
                values[row * d..(row + 1) * d].to_vec()
            };
            let row = match rng.unit() {
                ..0.2 => some_rows(rng, 1, d),
                ..0.4 if !values.is_empty() => from(&values, rng),
                ..0.5 if !values.is_empty() => values[values.len() - d..].to_vec(),
                ..0.8 => from(&seen[seen.len() * 9 / 10 / d * d..], rng),
                _ => from(seen, rng),
            };
            values.extend(row);
        }
        values
    }

    const SAMPLINGS: [Sampling; 3] = [
        Sampling::Decay { rate: Some(0.01) },
        Sampling::Uniform,
        Sampling::Window,
    ];

    #[test]
    fn rows_leave_as_one_by_one_whatever_the_threads() {
        let mut rng = Rng::new(11, 0);
        for sampling in SAMPLINGS {
            for (d, sample_size) in [(1, 16), (3, 64), (12, 40), (24, 64)] {
                let config = ForestConfig {
                    n_trees: extent::times(20),
                    sample_size,
                    sampling,
                    seed: 5,
                    ..Default::default()
                };
                let seen = some_rows(&mut rng, 40 * extent::times(10), d);
                let mut plain = Forest::new(config, d).unwrap();
                plain.insert(&Rows::from_f64(&seen, d).unwrap()).unwrap();
                for n in [1, 5, 40, 3000].into_iter().take(extent::times(4)) {
                    let values = to_delete(&mut rng, &seen, n, d);
                    let rows = Rows::from_f64(&values, d).unwrap();
                    let before = plain.clone();
                    let want = delete_plainly(&mut plain, &rows);
                    for n_threads in [1, 2, 5] {
                        let mut forest = before.clone();
                        forest.set_threads(n_threads);
                        assert_eq!(forest.delete(&rows).unwrap(), want);
                        assert!(all_of(&forest) == all_of(&plain), "d {d}, {n} rows");
                        forest.check().unwrap();
                    }
                    // What is open is filled again.
                    let more = some_rows(&mut rng, 60, d);
                    plain.insert(&Rows::from_f64(&more, d).unwrap()).unwrap();
                }
            }
        }
    }

    #[test]
    fn a_long_call_is_whole_or_not_at_all() {
        let mut rng = Rng::new(12, 0);
        let config = ForestConfig {
            n_trees: extent::times(20),
            sample_size: 32,
            ..Default::default()
        };
        let mut forest = Forest::new(config, 2).unwrap();
        let seen = some_rows(&mut rng, 300, 2);
        forest.insert(&Rows::from_f64(&seen, 2).unwrap()).unwrap();
        if cfg!(miri) {
            return;
        }
        let n = SHORT_WORK / forest.delete_cost() + 1;
        let values = to_delete(&mut rng, &seen, n, 2);
        let rows = Rows::from_f64(&values, 2).unwrap();
        let mut plain = forest.clone();
        let want = delete_plainly(&mut plain, &rows);
        // Stopped at every question, it has changed nothing.
        let before = all_of(&forest);
        let (mut stop_at, mut stopped_within) = (0, 0);
        let removed = loop {
            let (mut asked, mut changed) = (0, forest.clone());
            let result = changed.delete_with(&rows, &mut || {
                asked += 1;
                asked > stop_at
            });
            match result {
                Ok(removed) => {
                    assert!(all_of(&changed) == all_of(&plain));
                    break removed;
                }
                Err(error) => {
                    assert!(matches!(error, crate::Error::Interrupted));
                    assert!(all_of(&changed) == before);
                    stopped_within += 1;
                }
            }
            stop_at += 1 + stop_at / 2;
        };
        assert_eq!(removed, want);
        // Some questions come after a block has changed trees.
        assert!(stopped_within > 8, "{stopped_within}");
        forest.check().unwrap();
    }

    #[test]
    fn a_value_is_found_wherever_it_is() {
        for n in [0, 1, 15, 16, 17, 40] {
            let values: Vec<u32> = (0..n).map(|i| i / 2).collect();
            for wanted in 0..=n {
                let want = values.iter().position(|&v| v == wanted);
                assert_eq!(position(&values, wanted), want);
            }
        }
    }
}
