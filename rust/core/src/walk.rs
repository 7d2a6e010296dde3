//! One row through one tree: down to its leaf, then up through the boxes.
//!
//! Every question that a forest answers about a row is such a walk with its
//! own arithmetic. The walk is written once, for living and frozen trees.

use crate::kernels::lanes;

/// What a walk needs of a tree, living or frozen.
pub(crate) trait Nodes: Sync {
    /// Rows in the tree.
    fn mass(&self) -> u32;
    /// The root, or [`crate::tree::NONE`].
    fn root(&self) -> u32;
    fn is_leaf(&self, id: u32) -> bool;
    /// The child of inner node `id` on the side of `q`, and the other one.
    fn children(&self, id: u32, q: &[f32]) -> (u32, u32);
    fn mass_of(&self, id: u32) -> u32;
    /// The point of a leaf.
    fn point(&self, leaf: u32) -> &[f32];
    /// The box of an inner node and the sum of its ranges, if it is stored.
    /// Where a node's is, those of all nodes above are.
    fn bounds(&self, id: u32) -> Option<(&[f32], &[f32], f32)>;
    /// Extends a box by everything below a node.
    fn merge_box(&self, id: u32, lo: &mut [f32], hi: &mut [f32]);
}

/// The way of one row: inner nodes from the root on, and the leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    pub(crate) inner: Vec<u32>,
    pub(crate) leaf: u32,
}

/// One inner node on the way up.
pub(crate) struct Step<'a> {
    pub(crate) lo: &'a [f32],
    pub(crate) hi: &'a [f32],
    /// Sum of the box's ranges.
    pub(crate) range: f32,
    /// Edges from the root.
    pub(crate) depth: usize,
    pub(crate) mass: u32,
}

impl Step<'_> {
    /// The probability that a random cut of the box with `q` separates `q`.
    #[inline(always)]
    pub(crate) fn separation(&self, q: &[f32]) -> f32 {
        let union = lanes::union_sum(self.lo, self.hi, q);
        (union - self.range) / union
    }

    /// Whether the box, and so every one above it, holds `q`.
    #[inline(always)]
    pub(crate) fn holds(&self, q: &[f32]) -> bool {
        lanes::contains(self.lo, self.hi, q)
    }
}

/// A pair of buffers for a box.
#[derive(Clone, Debug)]
pub(crate) struct BoxBuffer {
    pub(crate) lo: Vec<f32>,
    pub(crate) hi: Vec<f32>,
}

impl BoxBuffer {
    pub(crate) fn new(stride: usize) -> BoxBuffer {
        BoxBuffer {
            lo: vec![0.0; stride],
            hi: vec![0.0; stride],
        }
    }

    #[inline(always)]
    pub(crate) fn start(&mut self, point: &[f32]) {
        self.lo.copy_from_slice(point);
        self.hi.copy_from_slice(point);
    }
}

/// Goes down to the leaf of `q`. The tree is not empty.
#[inline(always)]
pub(crate) fn descend(nodes: &impl Nodes, q: &[f32], path: &mut Path) {
    path.inner.clear();
    let mut at = nodes.root();
    while !nodes.is_leaf(at) {
        path.inner.push(at);
        at = nodes.children(at, q).0;
    }
    path.leaf = at;
}

/// Visits the inner nodes of a path from the deepest one up, each with the box
/// of all that it holds, until `visit` returns false.
#[inline(always)]
pub(crate) fn climb(
    nodes: &impl Nodes,
    q: &[f32],
    path: &Path,
    buffer: &mut BoxBuffer,
    mut visit: impl FnMut(&Step<'_>) -> bool,
) {
    let mut started = false;
    for (depth, &id) in path.inner.iter().enumerate().rev() {
        let mass = nodes.mass_of(id);
        let go_on = if let Some((lo, hi, range)) = nodes.bounds(id) {
            visit(&Step {
                lo,
                hi,
                range,
                depth,
                mass,
            })
        } else {
            if !started {
                buffer.start(nodes.point(path.leaf));
                started = true;
            }
            let sibling = nodes.children(id, q).1;
            nodes.merge_box(sibling, &mut buffer.lo, &mut buffer.hi);
            visit(&Step {
                lo: &buffer.lo,
                hi: &buffer.hi,
                range: lanes::range_sum(&buffer.lo, &buffer.hi),
                depth,
                mass,
            })
        };
        if !go_on {
            return;
        }
    }
}

/// Visits the inner nodes of a path from the deepest one up, each with its
/// shadow: the box of all that it holds but the leaf at the end of the path.
/// Stops when `visit` returns false.
#[inline(always)]
pub(crate) fn climb_shadow(
    nodes: &impl Nodes,
    q: &[f32],
    path: &Path,
    buffer: &mut BoxBuffer,
    mut visit: impl FnMut(&Step<'_>) -> bool,
) {
    let leaf_mass = nodes.mass_of(path.leaf);
    let mut started = false;
    for (depth, &id) in path.inner.iter().enumerate().rev() {
        let sibling = nodes.children(id, q).1;
        if !started {
            let mut at = sibling;
            while !nodes.is_leaf(at) {
                at = nodes.children(at, q).0;
            }
            buffer.start(nodes.point(at));
            started = true;
        }
        nodes.merge_box(sibling, &mut buffer.lo, &mut buffer.hi);
        let step = Step {
            lo: &buffer.lo,
            hi: &buffer.hi,
            range: lanes::range_sum(&buffer.lo, &buffer.hi),
            depth,
            mass: nodes.mass_of(id) - leaf_mass,
        };
        if !visit(&step) {
            return;
        }
    }
}
