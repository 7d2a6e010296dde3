//! Which columns a score comes from, and in which direction.
//!
//! At a node that separates `q` with probability `p`, column `i` is the cut
//! one with probability `gap_i / (range + gap)`, upwards or downwards as `q`
//! lies above or below the box; its share of the node's value follows. A row
//! that a tree holds already is looked at through shadow boxes, as if its leaf
//! were not there. Per tree the shares are scaled to sum to the tree's score.

use crate::score::{norm, score_path, unseen};
use crate::walk::{BoxBuffer, Climb, Nodes, Path, Step, descend};

/// Per row and column, the part of the score due to the column's value being
/// low or high. Row-major, `n_rows * n_columns`; `low + high` summed over a row
/// is the row's score.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Columns per row: the forest's columns after shingling.
    pub n_columns: usize,
    /// Parts due to values below what is usual.
    pub low: Vec<f64>,
    /// Parts due to values above what is usual.
    pub high: Vec<f64>,
}

/// Buffers of [`attribute`].
pub(crate) struct AttributionBuffers {
    path: Path,
    bounds: BoxBuffer,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl AttributionBuffers {
    pub(crate) fn new(stride: usize, dimensions: usize) -> AttributionBuffers {
        AttributionBuffers {
            path: Path::default(),
            bounds: BoxBuffer::new(stride),
            low: vec![0.0; dimensions],
            high: vec![0.0; dimensions],
        }
    }
}

/// Takes the step of a node that separates `q` by its box.
#[inline(always)]
fn blend(low: &mut [f64], high: &mut [f64], q: &[f32], step: &Step<'_>) -> bool {
    let (mut below, mut above, mut range) = (0.0, 0.0, 0.0);
    for j in 0..low.len() {
        let (q, lo, hi) = (
            f64::from(q[j]),
            f64::from(step.lo[j]),
            f64::from(step.hi[j]),
        );
        below += (lo - q).max(0.0);
        above += (q - hi).max(0.0);
        range += hi - lo;
    }
    let gap = below + above;
    if gap == 0.0 {
        return false;
    }
    let union = range + gap;
    let stay = range / union;
    let weight = f64::from(unseen(step.depth)) / union;
    for j in 0..low.len() {
        let (q, lo, hi) = (
            f64::from(q[j]),
            f64::from(step.lo[j]),
            f64::from(step.hi[j]),
        );
        low[j] = low[j] * stay + (lo - q).max(0.0) * weight;
        high[j] = high[j] * stay + (q - hi).max(0.0) * weight;
    }
    true
}

/// Adds one tree's attribution of `q`, scaled by `scale`, to `low` and `high`.
pub(crate) fn attribute(
    nodes: &impl Nodes,
    q: &[f32],
    scale: f64,
    buffers: &mut AttributionBuffers,
    low: &mut [f64],
    high: &mut [f64],
) {
    let AttributionBuffers {
        path,
        bounds,
        low: l,
        high: h,
    } = buffers;
    descend(nodes, q, path);
    let point = nodes.point(path.leaf);
    let score = f64::from(score_path(nodes, q, path.way(), bounds)) * norm(nodes.mass());
    if point == q {
        let equal = 1.0 / (2 * l.len()) as f64;
        l.fill(equal);
        h.fill(equal);
        let mut climb = Climb::new(nodes, q, path.way(), bounds);
        while let Some(step) = climb.up_in_shadow() {
            if !blend(l, h, q, &step) {
                break;
            }
        }
    } else {
        l.fill(0.0);
        h.fill(0.0);
        let leaf = Step {
            lo: point,
            hi: point,
            range: 0.0,
            depth: path.inner.len(),
            mass: 0,
        };
        blend(l, h, q, &leaf);
        let mut climb = Climb::new(nodes, q, path.way(), bounds);
        while let Some(step) = climb.up() {
            if !blend(l, h, q, &step) {
                break;
            }
        }
    }
    let total: f64 = l.iter().sum::<f64>() + h.iter().sum::<f64>();
    let factor = if total > 0.0 {
        scale * score / total
    } else {
        0.0
    };
    for j in 0..l.len() {
        low[j] += l[j] * factor;
        high[j] += h[j] * factor;
    }
}
