//! The anomaly score: expected inverse depth, as AWS's open-source forests
//! define it.
//!
//! For a row `q` and a tree of mass `M`: at `q`'s leaf, at depth `k` and of
//! mass `m`, the value is `(1 - m / 2M) / (k + log2(m + 1))` if the leaf is
//! `q` itself and `1 / (k + 1)` if not. Each node above, at depth `k`, would
//! separate `q` with probability `p` and then give `1 / (k + 1)`. The tree's
//! score is the expectation times `log2(M + 1)`, the forest's the mean over
//! trees.

use crate::kernels::fours::{Boxes, FOUR};
use crate::kernels::lanes;
use crate::kernels::simd::Simd;
use crate::local_range::NearBuffers;
use crate::walk::{BoxBuffer, Climb, Nodes, Paths, Way};
use std::ops::Range;

/// Value of a row that is separated at `depth`.
#[inline(always)]
pub(crate) fn unseen(depth: usize) -> f32 {
    match UNSEEN.get(depth) {
        Some(&value) => value,
        None => 1.0 / (depth + 1) as f32,
    }
}

/// Values at the four nodes above a depth, the deepest first.
#[inline(always)]
fn four_unseen(depth: usize) -> [f32; FOUR] {
    match UNSEEN.get(depth.wrapping_sub(FOUR)..depth) {
        Some(&[d, c, b, a]) => [a, b, c, d],
        _ => [1, 2, 3, 4].map(|up| unseen(depth.saturating_sub(up))),
    }
}

/// A table, since a division takes as long as all else at a level of few columns.
const UNSEEN: [f32; 64] = {
    let mut values = [0.0; 64];
    let mut depth = 0;
    while depth < values.len() {
        values[depth] = 1.0 / (depth + 1) as f32;
        depth += 1;
    }
    values
};

/// Value of a row that equals a leaf of mass `mass` at `depth`.
pub(crate) fn seen(depth: usize, mass: u32, tree_mass: u32) -> f32 {
    let (mass, tree_mass) = (f64::from(mass), f64::from(tree_mass));
    ((1.0 - mass / (2.0 * tree_mass)) / (depth as f64 + libm::log2(mass + 1.0))) as f32
}

/// Factor that makes trees of different masses comparable.
pub(crate) fn norm(tree_mass: u32) -> f64 {
    libm::log2(f64::from(tree_mass) + 1.0)
}

/// The last [`norm`]: most trees of a forest have one mass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Norm {
    mass: u32,
    norm: f64,
}

impl Norm {
    /// The norm of a tree, or nothing if it holds nothing or less than `needed`.
    #[inline(always)]
    pub(crate) fn of(&mut self, mass: u32, needed: u64) -> Option<f64> {
        if u64::from(mass) < needed.max(1) {
            return None;
        }
        if mass != self.mass {
            self.mass = mass;
            self.norm = norm(mass);
        }
        Some(self.norm)
    }
}

/// The ways of a group of rows through one tree, and what scoring them needs.
#[derive(Clone, Debug)]
pub(crate) struct ScoreBuffers {
    pub(crate) paths: Paths,
    /// Nodes from the root on that hold the last row scored.
    holding: usize,
    pub(crate) bounds: BoxBuffer,
    norm: Norm,
    /// For local ranges.
    pub(crate) near: NearBuffers,
}

impl ScoreBuffers {
    pub(crate) fn new(stride: usize) -> ScoreBuffers {
        ScoreBuffers {
            paths: Paths::default(),
            holding: 0,
            bounds: BoxBuffer::new(stride),
            norm: Norm::default(),
            near: NearBuffers::new(stride),
        }
    }

    /// The nodes from the root on that hold row `i`, the last one scored, in a
    /// tree that has changed since, where nodes from some depths on went or
    /// became smaller.
    #[inline(always)]
    pub(crate) fn still_holding(
        &self,
        i: usize,
        changes: impl Iterator<Item = (usize, u32)>,
        nodes: &mut Vec<u32>,
    ) {
        nodes.clear();
        let way = self.paths.way(i);
        let mut holding = self.holding;
        for (depth, id) in changes {
            if depth < holding && way.at(depth) == id {
                holding = depth;
            }
        }
        nodes.extend(way.down_to(holding));
    }
}

/// Normalised scores of rows `which` of a group, one after the other; NaN if the
/// tree is too small.
#[inline(always)]
pub(crate) fn score_group_body<S: Simd, N: Nodes>(
    s: S,
    nodes: &N,
    rows: &[f32],
    needed: u64,
    which: Range<usize>,
    buffers: &mut ScoreBuffers,
    out: &mut [f64],
) {
    buffers.holding = 0;
    let stride = buffers.bounds.lo.len();
    let Some(norm) = buffers.norm.of(nodes.mass(), needed) else {
        out[which].fill(f64::NAN);
        return;
    };
    let boxes = nodes.boxes();
    for i in which {
        let q = &rows[i * stride..(i + 1) * stride];
        let way = buffers.paths.way_of(nodes, q, i);
        let (value, holding) = score_path(s, nodes, boxes, q, way, &mut buffers.bounds);
        buffers.holding = holding;
        out[i] = f64::from(value) * norm;
    }
}

/// The unnormalised score of a row whose path is known, and how many nodes from
/// the root on are found to hold it. Goes up four boxes at a time while they are
/// stored.
///
/// Nodes above one that holds the row change nothing: they hold it too, so their
/// probability is an exact zero. Nor does the leaf have to be looked at before
/// the node above it holds the row: only then can the leaf be the row.
#[inline(always)]
pub(crate) fn score_path<S: Simd, N: Nodes>(
    s: S,
    nodes: &N,
    boxes: Option<Boxes<'_>>,
    q: &[f32],
    way: Way<'_>,
    buffer: &mut BoxBuffer,
) -> (f32, usize) {
    let mut value = unseen(way.depth);
    // Nodes that are still above.
    let mut above = way.depth;
    if let Some(boxes) = boxes {
        while let Some(ids) = way.four_above(above) {
            let Some(p) = boxes.separations(s, ids, q) else {
                break;
            };
            let mut zeros = 0u32;
            let unseen = four_unseen(above);
            for i in 0..FOUR {
                value += p[i] * (unseen[i] - value);
                zeros |= u32::from(p[i] == 0.0) << i;
            }
            // Which one is the first cannot be foretold, so it is no branch.
            while zeros != 0 {
                let first = zeros.trailing_zeros() as usize % FOUR;
                if boxes.holds(s, ids[first], q) {
                    return held(nodes, q, way, value, above - first);
                }
                zeros &= zeros - 1;
            }
            above -= FOUR;
        }
    }
    let mut climb = Climb::new(s.eights(), nodes, q, way, buffer).from(above);
    while let Some(step) = climb.up() {
        let p = step.separation(q);
        if p == 0.0 && step.holds(q) {
            let holding = step.depth + 1;
            return held(nodes, q, way, value, holding);
        }
        value += p * (unseen(step.depth) - value);
    }
    match way.depth {
        0 => held(nodes, q, way, value, 0),
        _ => (value, 0),
    }
}

/// What a row is worth that `holding` nodes hold, and is worth `value` if it is
/// not the leaf.
#[inline(always)]
fn held(nodes: &impl Nodes, q: &[f32], way: Way<'_>, value: f32, holding: usize) -> (f32, usize) {
    if holding == way.depth && lanes::equal(nodes.point(way.leaf), q) {
        let seen = seen(way.depth, nodes.mass_of(way.leaf), nodes.mass());
        return (seen, holding);
    }
    (value, holding)
}
