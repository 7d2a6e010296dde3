//! One row through many trees at once.
//!
//! A row that comes alone waits for memory: each node is found through the one
//! above it, and where its way ends is different in every tree. So sixteen trees
//! go down together, level by level and without a branch that nothing foretells,
//! some fourteen instructions a step, and the points of their leaves are asked
//! for at once. Then each tree's way goes up by itself: a living tree may have to
//! make its boxes on the way. Frozen trees have theirs, and go together up as
//! well as down ([`crate::kernels::grove`]), unless they are too large. Figures
//! are in `shape.rs`.
//!
//! What did not pay when it was tried: asking for the boxes too; going up in
//! vector lanes, a tree in each, which takes more code than all of this for the
//! little that it gains.

use crate::kernels::grove;
use crate::kernels::prefetch;
use crate::kernels::simd::{LANES, Portable, Simd};
use crate::local_range::{Blend, NearBuffers, near};
use crate::questions::Trees;
use crate::score::{Norm, score_path};
use crate::walk::{BoxBuffer, Nodes, Path, Way, descend, is_leaf};
use std::ops::Range;

/// Trees that one row goes through at a time at most.
pub(crate) const TREES: usize = grove::TREES;

/// What one row needs on its way through some trees.
#[derive(Clone, Debug)]
pub(crate) struct Lockstep {
    ways: Ways,
    pub(crate) scorer: Scorer,
    /// For frozen trees; made when they are asked.
    pub(crate) grove: Option<Box<grove::Buffers>>,
}

impl Lockstep {
    /// Room for rows `stride` values long and up to `trees` trees.
    pub(crate) fn new(stride: usize, trees: usize) -> Lockstep {
        const LEVELS: usize = 24;
        let groups = trees.min(TREES).div_ceil(LANES);
        Lockstep {
            ways: Ways {
                levels: Vec::with_capacity(groups * LEVELS),
                ended: Vec::with_capacity(groups * LANES),
                holding: Vec::with_capacity(groups * LANES),
            },
            scorer: Scorer {
                bounds: BoxBuffer::new(stride),
                norm: Norm::default(),
                near: NearBuffers::new(stride),
            },
            grove: None,
        }
    }

    /// The nodes from the root on that are known to hold the last row, in tree
    /// number `t` of those that it went through.
    pub(crate) fn holding(&self, t: usize) -> impl Iterator<Item = u32> {
        let known = self.ways.holding.get(t).map(|&n| (self.ways.of(t), n));
        known
            .into_iter()
            .flat_map(|(way, n)| way.down_to(n as usize))
    }
}

/// The ways of one row through some trees.
#[derive(Clone, Debug)]
struct Ways {
    /// Each tree's node at each depth, down to its leaf and then the leaf
    /// again: sixteen trees level by level, then the next sixteen.
    levels: Vec<[u32; LANES]>,
    ended: Vec<Ended>,
    /// For each tree, how many nodes from the root on are found to hold the row.
    holding: Vec<u32>,
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

impl Ways {
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
            self.ended.push(Ended {
                first: first + l,
                depth: depths[l] as usize,
                leaf: at[l],
            });
        }
    }

    /// That through tree number `t` among those that the row has gone down.
    #[inline(always)]
    fn of(&self, t: usize) -> Way<'_> {
        let Ended { first, depth, leaf } = self.ended[t];
        Way::first_of(&self.levels.as_flattened()[first..], LANES, depth, leaf)
    }
}

/// What scoring a row whose way is known needs.
#[derive(Clone, Debug)]
pub(crate) struct Scorer {
    bounds: BoxBuffer,
    pub(crate) norm: Norm,
    pub(crate) near: NearBuffers,
}

impl Scorer {
    /// The score that a tree gives a row, or its blend; NaN if it holds less than
    /// `needed`. And how many nodes from the root on are found to hold the row.
    #[inline(always)]
    fn score<S: Simd, N: Nodes>(
        &mut self,
        s: S,
        tree: &N,
        needed: u64,
        blend: Option<Blend>,
        q: &[f32],
        way: Way<'_>,
    ) -> (f64, usize) {
        let Some(norm) = self.norm.of(tree.mass(), needed) else {
            return (f64::NAN, 0);
        };
        let (mut score, mut holding) = (0.0, 0);
        if blend.is_none_or(|blend| blend.depth != 0.0) {
            let value;
            (value, holding) = score_path(s, tree, tree.boxes(), q, way, &mut self.bounds);
            score = f64::from(value) * norm;
        }
        let Some(blend) = blend else {
            return (score, holding);
        };
        let near = near(s.eights(), tree, q, way, blend.least, &mut self.near);
        (blend.of(near.bits(q), score), holding)
    }
}

/// Adds the scores that up to [`TREES`] trees give one padded row, or their
/// blends, to `total`; NaN if one of them holds less than `needed`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "what is asked, and of whom")]
pub(crate) fn add_scores_of_row_body<S: Simd, T: Trees>(
    s: S,
    trees: &T,
    some: Range<usize>,
    needed: u64,
    blend: Option<Blend>,
    q: &[f32],
    buffers: &mut Lockstep,
    total: &mut f64,
) {
    let Lockstep { ways, scorer, .. } = buffers;
    ways.levels.clear();
    ways.ended.clear();
    ways.holding.clear();
    for first in some.clone().step_by(LANES) {
        // The last group may be smaller: its last tree then comes again.
        let mut group = [trees.tree(first); LANES];
        let mut roots = [0; LANES];
        for l in 0..LANES {
            group[l] = trees.tree((first + l).min(some.end - 1));
            roots[l] = group[l].root();
            if is_leaf(roots[l]) {
                return slowly(trees, some, needed, blend, q, scorer, total);
            }
        }
        ways.descend(&group, roots, q);
    }
    for (t, number) in some.enumerate() {
        let (score, holding) = scorer.score(s, &trees.tree(number), needed, blend, q, ways.of(t));
        *total += score;
        ways.holding.push(holding as u32);
    }
}

/// The same where a tree holds nothing, or nothing but one point: for all instruction sets alike.
fn slowly(
    trees: &impl Trees,
    some: Range<usize>,
    needed: u64,
    blend: Option<Blend>,
    q: &[f32],
    scorer: &mut Scorer,
    total: &mut f64,
) {
    let mut path = Path::default();
    for tree in some.map(|t| trees.tree(t)) {
        // An empty tree has no way.
        if u64::from(tree.mass()) < needed.max(1) {
            *total = f64::NAN;
            return;
        }
        descend(&tree, q, &mut path);
        *total += scorer
            .score(Portable, &tree, needed, blend, q, path.way())
            .0;
    }
}
