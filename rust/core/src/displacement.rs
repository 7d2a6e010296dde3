//! Displacement: how many rows a row pushes down when it joins a tree.
//!
//! The displacement of `q` is the mass of the node that `q` is separated from;
//! the collusive displacement (codisp, Guha et al. 2016) is the largest ratio,
//! over all groups of rows that `q` belongs to in the tree, of the mass beside
//! the group to the mass of the group, so that copies of an anomaly cannot hide
//! each other. For a row that the tree does not hold, both are expectations
//! over its random insertion.
//!
//! The displacement is computed in single precision, so that sixteen rows fit the lanes of
//! a vector (`frozen/displaced.rs`) and get the same bits there. The probability that a
//! node separates the row comes from the gaps themselves, not from a difference of sums:
//! masses would magnify the error of a small one.

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
    let mut value = nodes.mass_of(path.leaf) as f32;
    if nodes.point(path.leaf) == q {
        return f64::from(value);
    }
    let mut climb = Climb::new(Portable, nodes, q, path.way(), buffer);
    while let Some(step) = climb.up() {
        let gap = lanes::gap_sum(step.lo, step.hi, q);
        // This box holds the row, and so does every one above it.
        if gap <= 0.0 {
            break;
        }
        let p = gap / (step.range + gap);
        value += p * (step.mass as f32 - value);
    }
    f64::from(value)
}

/// Adds the parts of the displacement of padded rows, times `scale`, to totals of lows
/// and highs: where a node separates a row, its mass is shared by the columns' gaps; a
/// row that the tree holds has equal shares.
pub(crate) fn add_displacement_parts(
    nodes: &impl Nodes,
    rows: &[f32],
    dimensions: usize,
    scale: f64,
    path: &mut Path,
    buffer: &mut BoxBuffer,
    totals: &mut [f64],
) {
    let stride = buffer.lo.len();
    let mut parts = vec![0.0; 2 * stride];
    let rows = rows.chunks_exact(stride);
    for (q, totals) in rows.zip(totals.chunks_exact_mut(2 * stride)) {
        descend(nodes, q, path);
        let (point, mass) = (nodes.point(path.leaf), nodes.mass_of(path.leaf));
        parts.fill(0.0);
        if point == q {
            let equal = f64::from(mass) / (2 * dimensions) as f64;
            let (lows, highs) = parts.split_at_mut(stride);
            lows[..dimensions].fill(equal);
            highs[..dimensions].fill(equal);
        } else {
            let gap = f64::from(lanes::gap_sum(point, point, q));
            add_gaps(&mut parts, point, point, q, f64::from(mass) / gap);
            let mut climb = Climb::new(Portable, nodes, q, path.way(), buffer);
            while let Some(step) = climb.up() {
                let Some(p) = separation(&step, q) else { break };
                parts.iter_mut().for_each(|part| *part *= 1.0 - p);
                let gap = f64::from(lanes::gap_sum(step.lo, step.hi, q));
                let factor = p * f64::from(step.mass) / gap;
                add_gaps(&mut parts, step.lo, step.hi, q, factor);
            }
        }
        for (total, part) in totals.iter_mut().zip(&parts) {
            *total += scale * part;
        }
    }
}

/// Adds `factor` times the distance by which each column lies below, then above, a box.
fn add_gaps(parts: &mut [f64], lo: &[f32], hi: &[f32], q: &[f32], factor: f64) {
    let (lows, highs) = parts.split_at_mut(q.len());
    for j in 0..q.len() {
        lows[j] += factor * f64::from((lo[j] - q[j]).max(0.0));
        highs[j] += factor * f64::from((q[j] - hi[j]).max(0.0));
    }
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
