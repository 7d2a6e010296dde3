//! One row through many trees at once.
//!
//! A row that comes alone waits for memory: each node is found through the one
//! above it, and where its way ends is different in every tree. So sixteen trees
//! go down together, level by level and without a branch that nothing foretells,
//! some fourteen instructions a step, and the points of their leaves are asked
//! for at once. Then each tree's way goes up by itself: a living tree may have to
//! make its boxes on the way. Frozen trees have theirs, and go together up as
//! well as down ([`crate::kernels::grove`]), unless they are too large. Figures
//! are in `forest/query.rs`.
//!
//! What did not pay when it was tried: asking for the boxes too; going up in
//! vector lanes, a tree in each, which takes more code than all of this for the
//! little that it gains.

use crate::kernels::grove;
use crate::kernels::prefetch;
use crate::kernels::simd::{LANES, Simd};
use crate::questions::Trees;
use crate::score::{Norm, score_path};
use crate::walk::{BoxBuffer, Nodes, Path, Way, descend, is_leaf};
use std::ops::Range;

/// Trees that one row goes through at a time at most.
pub(crate) const TREES: usize = grove::TREES;

/// The ways of one row through some trees.
#[derive(Clone, Debug)]
pub(crate) struct Lockstep {
    /// Each tree's node at each depth, down to its leaf and then the leaf
    /// again: sixteen trees level by level, then the next sixteen.
    levels: Vec<[u32; LANES]>,
    ways: Vec<Ended>,
    bounds: BoxBuffer,
    pub(crate) norm: Norm,
    /// For frozen trees.
    grove: Option<Box<grove::Buffers>>,
}

/// A way through one tree.
#[derive(Clone, Copy, Debug)]
struct Ended {
    /// Where its root is among the nodes of all levels.
    first: usize,
    /// Depth of the leaf.
    depth: usize,
    /// The leaf.
    leaf: u32,
}

impl Lockstep {
    /// Room for rows `stride` values long and up to `trees` trees.
    pub(crate) fn new(stride: usize, trees: usize) -> Lockstep {
        const LEVELS: usize = 24;
        let groups = trees.min(TREES).div_ceil(LANES);
        Lockstep {
            levels: Vec::with_capacity(groups * LEVELS),
            ways: Vec::with_capacity(groups * LANES),
            bounds: BoxBuffer::new(stride),
            norm: Norm::default(),
            grove: None,
        }
    }

    /// What a row needs on its way through a [`grove::Grove`].
    pub(crate) fn grove(&mut self) -> &mut grove::Buffers {
        self.grove
            .get_or_insert_with(|| Box::new(grove::Buffers::new()))
    }

    /// Goes down from the roots to the leaves of a padded row.
    #[inline(always)]
    fn descend<N: Nodes>(&mut self, trees: &[N; LANES], mut at: [u32; LANES], q: &[f32]) {
        let first = self.levels.len() * LANES;
        let mut depths = [0; LANES];
        loop {
            self.levels.push(at);
            let from = at;
            for l in 0..LANES {
                at[l] = trees[l].next(from[l], q, 0);
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
        for l in 0..LANES {
            prefetch::values(trees[l].point(at[l]));
            self.ways.push(Ended {
                first: first + l,
                depth: depths[l] as usize,
                leaf: at[l],
            });
        }
    }

    /// The score before it is normalised of tree number `t` among those that
    /// the row has gone down.
    #[inline(always)]
    fn score<S: Simd, N: Nodes>(&mut self, s: S, tree: &N, q: &[f32], t: usize) -> f32 {
        let Ended { first, depth, leaf } = self.ways[t];
        let way = Way::first_of(&self.levels.as_flattened()[first..], LANES, depth, leaf);
        score_path(s, tree, tree.boxes(), q, way, &mut self.bounds).0
    }
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
    for first in some.clone().step_by(LANES) {
        // The last group may be smaller: its last tree then comes again.
        let mut group = [trees.tree(first); LANES];
        let mut roots = [0; LANES];
        for l in 0..LANES {
            group[l] = trees.tree((first + l).min(some.end - 1));
            roots[l] = group[l].root();
            if is_leaf(roots[l]) {
                return add_scores_of_row_slowly(s, trees, some, needed, q, buffers, total);
            }
        }
        buffers.descend(&group, roots, q);
    }
    for (t, number) in some.enumerate() {
        let tree = trees.tree(number);
        let value = buffers.score(s, &tree, q, t);
        let norm = buffers.norm.of(tree.mass(), needed);
        *total += f64::from(value) * norm.unwrap_or(f64::NAN);
    }
}

/// The same where a tree holds nothing, or nothing but one point.
fn add_scores_of_row_slowly<S: Simd>(
    s: S,
    trees: &impl Trees,
    some: Range<usize>,
    needed: u64,
    q: &[f32],
    buffers: &mut Lockstep,
    total: &mut f64,
) {
    let mut path = Path::default();
    for tree in some.map(|t| trees.tree(t)) {
        let Some(norm) = buffers.norm.of(tree.mass(), needed) else {
            *total = f64::NAN;
            return;
        };
        descend(&tree, q, &mut path);
        let (value, _) = score_path(s, &tree, tree.boxes(), q, path.way(), &mut buffers.bounds);
        *total += f64::from(value) * norm;
    }
}
