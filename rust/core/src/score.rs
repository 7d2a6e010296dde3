//! The anomaly score: expected inverse depth, as AWS's open-source forests
//! define it.
//!
//! For a row `q` and a tree of mass `M`: at `q`'s leaf, at depth `k` and of
//! mass `m`, the value is `(1 - m / 2M) / (k + log2(m + 1))` if the leaf is
//! `q` itself and `1 / (k + 1)` if not. Each node above, at depth `k`, would
//! separate `q` with probability `p` and then give `1 / (k + 1)`. The tree's
//! score is the expectation times `log2(M + 1)`, the forest's the mean over
//! trees.

use crate::tree::NONE;
use crate::walk::{BoxBuffer, Climb, Nodes, Path};

/// Value of a row that is separated at `depth`.
#[inline(always)]
pub(crate) fn unseen(depth: usize) -> f32 {
    1.0 / (depth + 1) as f32
}

/// Value of a row that equals a leaf of mass `mass` at `depth`.
pub(crate) fn seen(depth: usize, mass: u32, tree_mass: u32) -> f32 {
    let (mass, tree_mass) = (f64::from(mass), f64::from(tree_mass));
    ((1.0 - mass / (2.0 * tree_mass)) / (depth as f64 + libm::log2(mass + 1.0))) as f32
}

/// Factor that makes trees of different masses comparable.
pub(crate) fn norm(tree_mass: u32) -> f64 {
    libm::log2(f64::from(tree_mass) + 1.0)
}

/// Value at the leaf at the end of a path.
#[inline(always)]
fn at_leaf(nodes: &impl Nodes, q: &[f32], path: &Path) -> (f32, bool) {
    let depth = path.inner.len();
    if nodes.point(path.leaf) == q {
        let mass = nodes.mass_of(path.leaf);
        (seen(depth, mass, nodes.mass()), true)
    } else {
        (unseen(depth), false)
    }
}

/// The unnormalised score of a row whose path is known.
#[inline(always)]
pub(crate) fn score_path(
    nodes: &impl Nodes,
    q: &[f32],
    path: &Path,
    buffer: &mut BoxBuffer,
) -> f32 {
    let (mut value, same) = at_leaf(nodes, q, path);
    if same {
        return value;
    }
    let mut climb = Climb::new(nodes, q, path, buffer);
    while let Some(step) = climb.up() {
        let p = step.separation(q);
        if p == 0.0 && step.holds(q) {
            break;
        }
        value += p * (unseen(step.depth) - value);
    }
    value
}

/// Rows whose ways down are taken together, so that their loads overlap.
const GROUP: usize = 8;

/// Buffers of [`score_rows`].
#[derive(Clone, Debug)]
pub(crate) struct ScoreBuffers {
    paths: [Path; GROUP],
    bounds: BoxBuffer,
}

impl ScoreBuffers {
    pub(crate) fn new(stride: usize) -> ScoreBuffers {
        ScoreBuffers {
            paths: Default::default(),
            bounds: BoxBuffer::new(stride),
        }
    }
}

/// Normalised scores of padded rows in one tree; NaN while it is too small.
#[inline(always)]
pub(crate) fn score_rows(
    nodes: &impl Nodes,
    needed: u64,
    rows: &[f32],
    stride: usize,
    buffers: &mut ScoreBuffers,
    mut put: impl FnMut(usize, f64),
) {
    let n = rows.len() / stride;
    if u64::from(nodes.mass()) < needed || nodes.root() == NONE {
        (0..n).for_each(|i| put(i, f64::NAN));
        return;
    }
    let norm = norm(nodes.mass());
    let mut first = 0;
    while first < n {
        let group = (n - first).min(GROUP);
        let row = |i: usize| &rows[(first + i) * stride..(first + i + 1) * stride];
        let mut at = [nodes.root(); GROUP];
        for path in &mut buffers.paths {
            path.inner.clear();
        }
        let mut descending = true;
        while descending {
            descending = false;
            for i in 0..group {
                if !nodes.is_leaf(at[i]) {
                    buffers.paths[i].inner.push(at[i]);
                    at[i] = nodes.children(at[i], row(i)).0;
                    descending = true;
                }
            }
        }
        for i in 0..group {
            buffers.paths[i].leaf = at[i];
            let value = score_path(nodes, row(i), &buffers.paths[i], &mut buffers.bounds);
            put(first + i, f64::from(value) * norm);
        }
        first += group;
    }
}
