//! One tree with its sampler, and its share of a block of rows.

use super::leaving::{Leaving, TOGETHER};
use crate::config::ScoreKind;
use crate::displacement::displacement;
use crate::kernels::entry;
use crate::kernels::simd::Simd;
use crate::local_range::Blend;
use crate::novelty::Novelty;
use crate::points::PointStore;
use crate::sampler::{Sampler, Ticks};
use crate::score::ScoreBuffers;
use crate::tree::{Live, NONE, NodeId, Scratch, Tree};
use crate::walk::{BoxBuffer, GROUP, Path};

/// What a thread needs to take blocks through trees.
#[derive(Clone, Debug)]
pub(crate) struct MemberBuffers {
    scratch: Scratch,
    score: ScoreBuffers,
    leaving: Leaving,
    /// For displacements.
    path: Path,
    bounds: BoxBuffer,
}

impl MemberBuffers {
    pub(crate) fn new(stride: usize) -> MemberBuffers {
        MemberBuffers {
            scratch: Scratch::new(stride),
            score: ScoreBuffers::new(stride),
            leaving: Leaving::default(),
            path: Path::default(),
            bounds: BoxBuffer::new(stride),
        }
    }

    /// Bytes of the largest of them, roughly.
    pub(crate) fn memory_usage(&self) -> usize {
        size_of::<MemberBuffers>() + self.leaving.memory_usage()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) sampler: Sampler,
    /// The point in each slot of the sampler.
    pub(crate) places: Vec<u32>,
    pub(crate) tree: Tree,
    /// This block's accepted (row, slot) pairs.
    plan: Vec<(u32, u32)>,
    /// Nodes from the root on that hold the row that comes alone, if the tree takes it.
    top: Vec<NodeId>,
    acquired: Vec<u32>,
    released: Vec<u32>,
}

/// Boxes that are worth storing for each row of a block.
const BOXES_PER_ROW: usize = 8;
/// Bytes that they take at most.
const BOXES_BYTES: usize = 8 << 20;

/// What all members share of a block.
pub(crate) struct MemberBlock<'a> {
    pub(crate) points: &'a PointStore,
    /// The block's padded points if they are scored, else empty.
    pub(crate) rows: &'a [f32],
    pub(crate) stride: usize,
    /// For each row that some tree takes, its number in the store.
    pub(crate) ids: &'a [u32],
    pub(crate) needed: u64,
    /// What is scored, and the blend that it is.
    pub(crate) kind: ScoreKind,
    pub(crate) blend: Option<Blend>,
    /// Or that novelties are.
    pub(crate) novelty: Option<Novelty>,
}

impl Member {
    pub(crate) fn new(sampler: Sampler, tree: Tree) -> Member {
        Member {
            sampler,
            places: Vec::new(),
            tree,
            plan: Vec::new(),
            top: Vec::new(),
            acquired: Vec::new(),
            released: Vec::new(),
        }
    }

    /// Decides which rows of a block this tree takes.
    pub(crate) fn plan(&mut self, first_row: u64, ticks: &Ticks) {
        self.plan.clear();
        self.sampler.plan(first_row, ticks, &mut self.plan);
    }

    /// Rows that this tree takes.
    pub(crate) fn planned(&self) -> impl Iterator<Item = u32> + '_ {
        self.plan.iter().map(|&(row, _)| row)
    }

    /// Keeps which nodes from the root on hold a row that comes alone, if the tree
    /// takes it.
    pub(crate) fn keep_top(&mut self, nodes: impl Iterator<Item = NodeId>) {
        self.top.clear();
        if !self.plan.is_empty() {
            self.top.extend(nodes);
        }
    }

    /// Leaves no large buffers behind after a bulk insertion.
    pub(crate) fn shrink(&mut self) {
        const KEEP: usize = 32;
        // A vector keeps what it holds.
        self.plan.clear();
        self.plan.shrink_to(KEEP);
        self.acquired.shrink_to(KEEP);
        self.released.shrink_to(KEEP);
    }

    /// Gives and takes the references that the block changed. All trees
    /// acquire before any releases.
    pub(crate) fn acquire(&mut self, points: &mut PointStore) {
        self.acquired.drain(..).for_each(|id| points.acquire(id));
    }

    pub(crate) fn release(&mut self, points: &mut PointStore) {
        self.released.drain(..).for_each(|id| points.release(id));
    }

    /// Follows points to their new numbers.
    pub(crate) fn rename(&mut self, names: &[u32]) {
        for place in self.places.iter_mut().filter(|place| **place != NONE) {
            *place = names[*place as usize];
        }
        self.tree.rename(names);
    }

    #[inline(always)]
    fn live<'a>(&'a self, block: &MemberBlock<'a>) -> Live<'a> {
        Live::of(&self.tree, block.points)
    }

    pub(crate) fn memory_usage(&self) -> usize {
        size_of::<Member>()
            + self.sampler.memory_usage()
            + self.tree.memory_usage()
            + (self.places.capacity() + self.acquired.capacity() + self.released.capacity()) * 4
            + self.plan.capacity() * 8
            + self.top.capacity() * 4
    }

    /// Checks tree and sampler against each other; adds references to `counts`.
    pub(crate) fn check(&self, points: &PointStore, counts: &mut [u32]) -> Result<(), String> {
        if !self.sampler.is_heap() {
            return Err("the sampler's keys are no heap".into());
        }
        if self.sampler.keys().len() != self.tree.mass() as usize {
            return Err(format!(
                "{} rows sampled, {} in the tree",
                self.sampler.keys().len(),
                self.tree.mass()
            ));
        }
        let mut held = std::collections::HashMap::new();
        for &slot in self.sampler.slots() {
            let id = self.places[slot as usize];
            if id as usize >= counts.len() {
                return Err(format!("slot {slot} names point {id}"));
            }
            counts[id as usize] += 1;
            *held.entry(id).or_insert(0u32) += 1;
        }
        for (&id, &copies) in &held {
            let leaf = self.tree.find(points.row(id));
            if leaf == NONE || self.tree.leaf(leaf).point != id {
                return Err(format!("point {id} is sampled and not in the tree"));
            }
            if self.tree.leaf(leaf).mass != copies {
                return Err(format!(
                    "point {id}: {copies} copies sampled, {} in the tree",
                    self.tree.leaf(leaf).mass
                ));
            }
        }
        Ok(())
    }
}

/// Takes a planned block through one tree: each row is scored against the tree
/// as it stands, then, if it is accepted, it replaces the one that leaves.
/// `out` gets a score per row, or is empty.
#[inline(always)]
pub(crate) fn run_member_body<S: Simd>(
    s: S,
    member: &mut Member,
    block: &MemberBlock<'_>,
    out: &mut [f64],
    buffers: &mut MemberBuffers,
) {
    let e = s.eights();
    // Boxes that are not stored would be put together again for every row.
    let boxes = member.tree.boxes() + member.plan.len();
    let lent = !member.tree.is_bounded()
        && boxes <= BOXES_PER_ROW * (member.plan.len() + out.len())
        && boxes * 2 * size_of::<f32>() * block.stride <= BOXES_BYTES;
    if lent {
        member
            .tree
            .exchange_bounds(e, block.points, &mut buffers.scratch);
    }
    let mut accepted = 0;
    for (g, out) in out.chunks_mut(GROUP).enumerate() {
        let first = g * GROUP;
        let rows = &block.rows[first * block.stride..(first + out.len()) * block.stride];
        // The ways of all rows are found at once, and those that lead through a
        // place at which the tree changed meanwhile are found again.
        let live = member.live(block);
        buffers.score.paths.descend(&live, rows, block.stride);
        let mut next = 0;
        while next < out.len() {
            // Rows up to the next one that is taken find the same tree.
            let taken = member
                .plan
                .get(accepted)
                .map(|&(row, _)| row as usize - first);
            let taken = taken.filter(|&n| n < out.len());
            let end = taken.map_or(out.len(), |n| n + 1);
            let live = member.live(block);
            entry::score_group(
                &live,
                rows,
                block.needed,
                next..end,
                &mut buffers.score,
                out,
            );
            if let Some(novelty) = block.novelty {
                let score = &mut buffers.score;
                entry::novelty_group(&live, rows, novelty, next..end, score, out);
            } else if let Some(blend) = block.blend {
                entry::blend_group(&live, rows, blend, next..end, &mut buffers.score, out);
            } else if block.kind == ScoreKind::Displacement {
                let MemberBuffers { path, bounds, .. } = buffers;
                for i in next..end {
                    if !out[i].is_nan() {
                        let q = &rows[i * block.stride..(i + 1) * block.stride];
                        out[i] = displacement(&live, q, path, bounds);
                    }
                }
            }
            if taken.is_some() {
                entry::replace(member, block, accepted, buffers, taken);
                accepted += 1;
            }
            next = end;
        }
    }
    for i in accepted..member.plan.len() {
        entry::replace(member, block, i, buffers, None);
    }
    if lent {
        member
            .tree
            .exchange_bounds(e, block.points, &mut buffers.scratch);
    }
}

/// Takes a row of the block into a slot, and what the slot held out, whose way
/// is number `i % TOGETHER` of those in `leaving`. What scoring the row, number
/// `n` of the group in `scored`, found out about its way is not done again.
#[inline(always)]
pub(crate) fn replace_body<S: Simd>(
    s: S,
    member: &mut Member,
    block: &MemberBlock<'_>,
    i: usize,
    buffers: &mut MemberBuffers,
    scored: Option<usize>,
) {
    let e = s.eights();
    let MemberBuffers {
        scratch,
        score,
        leaving,
        ..
    } = buffers;
    if i.is_multiple_of(TOGETHER) {
        let next = &member.plan[i..member.plan.len().min(i + TOGETHER)];
        leaving.find(member.live(block), next, &member.places, block.points);
    }
    let (row, slot) = member.plan[i];
    let slot = slot as usize;
    scratch.forks.clear();
    scratch.shrunk = None;
    if slot >= member.places.len() {
        member.places.resize(slot + 1, NONE);
    }
    let old = member.places[slot];
    if old != NONE {
        let point = block.points.row(old);
        let way = leaving
            .paths
            .way_of(&member.live(block), point, i % TOGETHER);
        scratch.path.clear();
        scratch.path.extend(way.down_to(way.depth));
        member.tree.remove_leaf(e, way.leaf, block.points, scratch);
        member.released.push(old);
    }
    scratch.path.clear();
    let changes = scratch.forks.iter().copied().chain(scratch.shrunk);
    if let Some(n) = scored {
        score.still_holding(n, changes, &mut scratch.path);
    } else if !member.top.is_empty() {
        for (depth, id) in changes {
            if member.top.get(depth) == Some(&id) {
                member.top.truncate(depth);
            }
        }
        scratch.path.append(&mut member.top);
    }
    let held = member
        .tree
        .insert(e, block.ids[row as usize], block.points, scratch);
    member.places[slot] = held;
    member.acquired.push(held);
    leaving.paths.forget_through(&scratch.forks);
    score.paths.forget_through(&scratch.forks);
}
