//! One row through many trees at once.
//!
//! A row that comes alone waits for memory and for branches that nothing
//! foretells: each node is found through the one above it, and where the way up
//! may stop is different in every tree. So sixteen trees go down together,
//! level by level and without branches, and then up together, a tree in each
//! vector lane; a lane whose tree is done takes the next one. Per level of a
//! tree some thirty instructions, and a mispredicted branch for three levels.
//! The bits are those of [`score_path`].

use crate::kernels::{lanes, prefetch};
use crate::kernels::simd::{LANES, Simd};
use crate::questions::Trees;
use crate::score::{Norm, score_path, seen, unseen};
use crate::walk::{BoxBuffer, Nodes, Way};
use std::ops::Range;

/// Trees that one row goes through at a time at most.
pub(crate) const TREES: usize = 128;

/// Boxes above a leaf that most ways up need: they are asked for as soon as
/// the way is known.
const AHEAD: usize = 6;

/// What a row that comes alone needs of a tree, which holds something. Places
/// on the way down are inner nodes or stand for leaves.
pub(crate) trait Alone: Nodes {
    /// Whether every box is stored.
    fn is_bounded(&self) -> bool;
    /// The place of the root.
    fn begin(&self) -> u32;
    /// The place below an inner node; a leaf's own.
    fn step(&self, at: u32, q: &[f32]) -> u32;
    fn leaf_at(&self, at: u32) -> u32;
    /// The point of a leaf.
    fn point_at(&self, at: u32) -> &[f32];
    /// Asks the memory for the box of an inner node.
    fn ask_for_box(&self, id: u32);
}

/// The ways of one row through some trees.
#[derive(Clone, Debug)]
pub(crate) struct Lockstep {
    /// Each tree's node at each depth, down to its leaf and then the leaf
    /// again: sixteen trees level by level, then the next sixteen.
    levels: Vec<[u32; LANES]>,
    ways: Vec<Ended>,
    bounds: BoxBuffer,
    norm: Norm,
}

/// A way through one tree.
#[derive(Clone, Copy, Debug, Default)]
struct Ended {
    /// Where its root is among the nodes of all levels.
    first: usize,
    /// Depth of the leaf.
    depth: usize,
    /// Its place.
    leaf: u32,
    /// What the row is worth at the highest node so far.
    value: f32,
}

impl Lockstep {
    pub(crate) fn new(stride: usize) -> Lockstep {
        Lockstep {
            levels: Vec::new(),
            ways: Vec::new(),
            bounds: BoxBuffer::new(stride),
            norm: Norm::default(),
        }
    }

    /// Goes down to the leaves of a padded row.
    #[inline(always)]
    fn descend<N: Alone>(&mut self, trees: &[N; LANES], q: &[f32]) {
        let first = self.levels.len() * LANES;
        let mut at = [0; LANES];
        for l in 0..LANES {
            at[l] = trees[l].begin();
        }
        let mut depths = [0; LANES];
        loop {
            self.levels.push(at);
            let from = at;
            for l in 0..LANES {
                at[l] = trees[l].step(from[l], q);
            }
            let mut moved = 0;
            for l in 0..LANES {
                let step = u32::from(at[l] != from[l]);
                depths[l] += step;
                moved |= step;
            }
            if moved == 0 {
                break;
            }
        }
        let nodes = &self.levels.as_flattened()[first..];
        for l in 0..LANES {
            let depth = depths[l] as usize;
            for above in depth.saturating_sub(AHEAD)..depth {
                trees[l].ask_for_box(nodes[above * LANES + l]);
            }
            prefetch::values(trees[l].point_at(at[l]));
            self.ways.push(Ended {
                first: first + l,
                depth,
                leaf: at[l],
                value: 0.0,
            });
        }
    }

    /// The value at a leaf.
    #[inline(always)]
    fn at_leaf<N: Alone>(&self, tree: &N, q: &[f32], t: usize) -> f32 {
        let Ended { depth, leaf, .. } = self.ways[t];
        match lanes::equal(tree.point_at(leaf), q) {
            true => seen(depth, tree.mass_of(tree.leaf_at(leaf)), tree.mass()),
            false => unseen(depth),
        }
    }

    /// Takes the values at the leaves of some trees up to their roots. All
    /// boxes are stored.
    #[inline(always)]
    fn climb<S: Simd, T: Trees>(&mut self, s: S, trees: &T, some: Range<usize>, q: &[f32]) {
        match q.len() {
            4 => self.climb_by::<S, T, 4>(s, trees, some, q),
            8 => self.climb_by::<S, T, 8>(s, trees, some, q),
            16 => self.climb_by::<S, T, 16>(s, trees, some, q),
            24 => self.climb_by::<S, T, 24>(s, trees, some, q),
            32 => self.climb_by::<S, T, 32>(s, trees, some, q),
            _ => self.climb_by::<S, T, 0>(s, trees, some, q),
        }
    }

    /// `W` is the length of a padded row, or 0.
    #[inline(always)]
    fn climb_by<S: Simd, T: Trees, const W: usize>(
        &mut self,
        s: S,
        trees: &T,
        some: Range<usize>,
        q: &[f32],
    ) {
        let nodes = self.levels.as_flattened();
        let (one, nothing) = (s.splat(1.0), s.splat(0.0));
        // Of each lane: its tree and that one's number, the nodes above, and
        // the lowest of them.
        let mut group = [trees.tree(some.start); LANES];
        let mut number = [0; LANES];
        let mut above = [0; LANES];
        let mut at = [0; LANES];
        let mut values = [0.0; LANES];
        let (mut busy, mut idle, mut next) = (0, u16::MAX, 0);
        loop {
            // Lanes that are free take the next trees.
            while idle != 0 && next < some.len() {
                let way = self.ways[next];
                if way.depth > 0 {
                    let l = idle.trailing_zeros() as usize;
                    idle &= idle - 1;
                    busy |= 1 << l;
                    group[l] = trees.tree(some.start + next);
                    number[l] = next;
                    above[l] = way.depth;
                    at[l] = way.first + (way.depth - 1) * LANES;
                    values[l] = way.value;
                }
                next += 1;
            }
            if busy == 0 {
                return;
            }
            let mut value = s.load(&values);
            let mut found = 0;
            while found == 0 {
                let mut unions = [nothing; LANES];
                let mut ranges = [0.0; LANES];
                let mut nth = [0.0; LANES];
                let mut last = 0;
                for l in 0..LANES {
                    nth[l] = above[l] as f32;
                    last |= u16::from(above[l] == 1) << l;
                    if let Some((lo, hi, range)) = group[l].bounds(nodes[at[l]]) {
                        ranges[l] = range;
                        unions[l] = union_terms::<S, W>(s, lo, hi, q);
                    }
                }
                let union = s.sums(unions);
                let p = s.div(s.sub(union, s.load(&ranges)), union);
                let unseen = s.div(one, s.load(&nth));
                value = s.add(value, s.mul(p, s.sub(unseen, value)));
                // Rounding may make nothing of what lies outside, so a box is asked.
                let mut maybe = s.equal(p, nothing) & busy & !last;
                found = last & busy;
                while maybe != 0 {
                    let l = maybe.trailing_zeros() as usize;
                    if let Some((lo, hi, _)) = group[l].bounds(nodes[at[l]])
                        && lanes::contains(lo, hi, q)
                    {
                        found |= 1 << l;
                    }
                    maybe &= maybe - 1;
                }
                for l in 0..LANES {
                    let up = usize::from(above[l] > 1);
                    above[l] -= up;
                    at[l] -= up * LANES;
                }
            }
            s.store(value, &mut values);
            busy &= !found;
            idle |= found;
            while found != 0 {
                let l = found.trailing_zeros() as usize;
                self.ways[number[l]].value = values[l];
                found &= found - 1;
            }
        }
    }
}

/// Terms of [`lanes::union_sum`], by lane.
#[inline(always)]
fn union_terms<S: Simd, const W: usize>(s: S, lo: &[f32], hi: &[f32], q: &[f32]) -> S::Lanes {
    let n = if W == 0 { q.len() } else { W };
    let (lo, hi, q) = (&lo[..n], &hi[..n], &q[..n]);
    let mut total = s.splat(0.0);
    let whole = n - n % LANES;
    for at in (0..whole).step_by(LANES) {
        let [lo, hi, q] = [lo, hi, q].map(|row| s.load_some(&row[at..at + LANES]));
        total = s.add(total, s.sub(s.max(q, hi), s.min(q, lo)));
    }
    if whole < n {
        let [lo, hi, q] = [lo, hi, q].map(|row| s.load_some(&row[whole..]));
        total = s.add(total, s.sub(s.max(q, hi), s.min(q, lo)));
    }
    total
}

/// Adds the scores that up to [`TREES`] trees give one padded row to `total`;
/// NaN if one of them holds less than `needed`.
#[inline(always)]
pub(crate) fn add_scores_of_row_body<S: Simd, T: Trees>(
    s: S,
    trees: &T,
    some: Range<usize>,
    needed: u64,
    q: &[f32],
    buffers: &mut Lockstep,
    total: &mut f64,
) {
    buffers.levels.clear();
    buffers.ways.clear();
    let mut bounded = true;
    for first in some.clone().step_by(LANES) {
        // The last group may be smaller: its last tree then comes again.
        let mut group = [trees.tree(first); LANES];
        for l in 1..LANES {
            group[l] = trees.tree((first + l).min(some.end - 1));
        }
        for tree in &group {
            bounded &= tree.is_bounded();
            if buffers.norm.of(tree.mass(), needed).is_none() {
                *total = f64::NAN;
                return;
            }
        }
        buffers.descend(&group, q);
    }
    for (t, tree) in some.clone().map(|t| trees.tree(t)).enumerate() {
        buffers.ways[t].value = match bounded {
            true => buffers.at_leaf(&tree, q, t),
            false => {
                let Ended { first, depth, leaf, .. } = buffers.ways[t];
                let nodes = &buffers.levels.as_flattened()[first..];
                let way = Way::first_of(nodes, LANES, depth, tree.leaf_at(leaf));
                score_path(&tree, q, way, &mut buffers.bounds)
            }
        };
    }
    if bounded {
        buffers.climb(s, trees, some.clone(), q);
    }
    for (t, tree) in some.map(|t| trees.tree(t)).enumerate() {
        let norm = buffers.norm.of(tree.mass(), needed).unwrap_or(f64::NAN);
        *total += f64::from(buffers.ways[t].value) * norm;
    }
}
