//! Displacement: how many rows a row pushes down when it joins a tree.
//!
//! The displacement of `q` is the mass of the node that `q` is separated from;
//! the collusive displacement (codisp, Guha et al. 2016) is the largest ratio,
//! over all groups of rows that `q` belongs to in the tree, of the mass beside
//! the group to the mass of the group, so that copies of an anomaly cannot hide
//! each other. For a row that the tree does not hold, both are expectations
//! over its random insertion.

use crate::kernels::lanes;
use crate::kernels::simd::Portable;
use crate::walk::{BoxBuffer, Climb, Nodes, Path, Step, descend};

/// The probability that a random cut of the box with `q` separates `q`; none if
/// the box holds `q`. From the gap itself, not from a difference as scores have
/// it: masses would magnify the error of a small one.
#[inline(always)]
fn separation(step: &Step<'_>, q: &[f32]) -> Option<f64> {
    let gap = f64::from(lanes::gap_sum(step.lo, step.hi, q));
    (gap > 0.0).then(|| gap / (f64::from(step.range) + gap))
}

/// Expected mass of the sibling of `q`; the leaf's own mass if the tree holds
/// `q`.
pub(crate) fn displacement(
    nodes: &impl Nodes,
    q: &[f32],
    path: &mut Path,
    buffer: &mut BoxBuffer,
) -> f64 {
    descend(nodes, q, path);
    let mut value = f64::from(nodes.mass_of(path.leaf));
    if nodes.point(path.leaf) == q {
        return value;
    }
    let mut climb = Climb::new(Portable, nodes, q, path.way(), buffer);
    while let Some(step) = climb.up() {
        let Some(p) = separation(&step, q) else { break };
        value += p * (f64::from(step.mass) - value);
    }
    value
}

/// Buffers of [`codisp`].
#[derive(Default)]
pub(crate) struct CodispBuffers {
    /// For each inner node of the path, the largest ratio at the edges above it.
    above: Vec<f64>,
}

/// Collusive displacement of `q`.
pub(crate) fn codisp(
    nodes: &impl Nodes,
    q: &[f32],
    path: &mut Path,
    buffer: &mut BoxBuffer,
    buffers: &mut CodispBuffers,
) -> f64 {
    descend(nodes, q, path);
    let held = nodes.point(path.leaf) == q;
    // A row that joins the tree is one more in every group it belongs to.
    let joins = if held { 0.0 } else { 1.0 };
    let above = &mut buffers.above;
    above.clear();
    let mut largest = 0.0f64;
    for (depth, &id) in path.inner.iter().enumerate() {
        above.push(largest);
        let (_, sibling) = nodes.children(id, q);
        let child = path.inner.get(depth + 1).copied().unwrap_or(path.leaf);
        let group = f64::from(nodes.mass_of(child)) + joins;
        largest = largest.max(f64::from(nodes.mass_of(sibling)) / group);
    }
    if held {
        return largest;
    }
    let mut value = largest.max(f64::from(nodes.mass_of(path.leaf)));
    let mut climb = Climb::new(Portable, nodes, q, path.way(), buffer);
    while let Some(step) = climb.up() {
        let Some(p) = separation(&step, q) else { break };
        let here = above[step.depth].max(f64::from(step.mass));
        value += p * (here - value);
    }
    value
}
