//! One frozen tree: nodes in preorder, one box for each inner node.

use crate::kernels::boxes;
use crate::kernels::entry;
use crate::kernels::fours::Boxes;
use crate::kernels::lanes::{merge, range_sum};
use crate::kernels::lines::Lines;
use crate::kernels::prefetch;
use crate::kernels::simd::Eights;
use crate::score::{seen, unseen};
use crate::state::FlatNode;
use crate::tree::NONE;
use crate::walk::{Cut, LEAF, Nodes, is_leaf};
use std::hint::select_unpredictable;

#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    pub(super) cut: f32,
    pub(super) dim: u32,
    pub(super) child: [u32; 2],
    pub(super) mass: u32,
    /// Value of a row that is separated here.
    pub(super) unseen: f32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) point: u32,
    pub(super) mass: u32,
    /// Values of a row that ends here and is, or is not, the point.
    pub(super) seen: f32,
    pub(super) unseen: f32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FrozenTree {
    mass: u32,
    splits: Vec<Split>,
    ends: Vec<End>,
    /// Lows, then highs, of each split's box.
    bounds: Lines,
    /// Sums of their ranges.
    ranges: Vec<f32>,
}

impl FrozenTree {
    /// Builds a tree from checked preorder nodes and the forest's padded
    /// points.
    pub(super) fn of(nodes: &[FlatNode], points: &[f32], stride: usize) -> FrozenTree {
        let n_ends = nodes.len().div_ceil(2);
        let mut tree = FrozenTree {
            mass: nodes.iter().map(FlatNode::mass).sum(),
            splits: Vec::with_capacity(nodes.len() - n_ends),
            ends: Vec::with_capacity(n_ends),
            bounds: Lines::default(),
            ranges: Vec::new(),
        };
        // Where the next nodes hang: below which split, on which side, how deep.
        let mut due = vec![(NONE, 0, 0)];
        for node in nodes {
            let Some((parent, side, depth)) = due.pop() else {
                break;
            };
            let number = match *node {
                FlatNode::Leaf { point, mass } => {
                    tree.ends.push(End {
                        point,
                        mass,
                        seen: seen(depth, mass, tree.mass),
                        unseen: unseen(depth),
                    });
                    (tree.ends.len() - 1) as u32 | LEAF
                }
                FlatNode::Split { dim, cut } => {
                    let at = tree.splits.len() as u32;
                    tree.splits.push(Split {
                        cut,
                        dim,
                        child: [NONE; 2],
                        mass: 0,
                        unseen: unseen(depth),
                    });
                    due.extend([(at, 1, depth + 1), (at, 0, depth + 1)]);
                    at
                }
            };
            if let Some(split) = tree.splits.get_mut(parent as usize) {
                split.child[side] = number;
            }
        }
        tree.bounds = Lines::zeros(tree.splits.len() * 2 * stride);
        tree.ranges = vec![0.0; tree.splits.len()];
        entry::build_bounds(&mut tree, points, stride);
        tree
    }

    /// The tree with the forest's points, which are `stride` values long.
    pub(super) fn part<'a>(
        &'a self,
        points: &'a [f32],
        dimensions: usize,
        stride: usize,
    ) -> PartTree<'a> {
        PartTree {
            mass: self.mass,
            splits: &self.splits,
            ends: &self.ends,
            bounds: self.bounds.values(),
            ranges: &self.ranges,
            dimensions,
            stride,
            points,
        }
    }

    /// Inner nodes in preorder.
    pub(super) fn splits(&self) -> &[Split] {
        &self.splits
    }

    pub(super) fn memory_usage(&self) -> usize {
        size_of::<FrozenTree>()
            + self.splits.capacity() * size_of::<Split>()
            + self.ends.capacity() * size_of::<End>()
            + self.bounds.memory_usage()
            + self.ranges.capacity() * size_of::<f32>()
    }
}

/// Boxes and masses from the children up: children come after their parent.
#[inline(always)]
pub(crate) fn build_bounds_body(tree: &mut FrozenTree, points: &[f32], stride: usize) {
    let FrozenTree {
        splits,
        ends,
        bounds,
        ranges,
        ..
    } = tree;
    let bounds = bounds.values_mut();
    for at in (0..splits.len()).rev() {
        let (head, tail) = bounds.split_at_mut((at + 1) * 2 * stride);
        let (lo, hi) = head[at * 2 * stride..].split_at_mut(stride);
        let side = |child: u32| {
            if child & LEAF != 0 {
                let end = &ends[(child & !LEAF) as usize];
                let point = &points[end.point as usize * stride..][..stride];
                (point, point, end.mass)
            } else {
                let from = (child as usize - at - 1) * 2 * stride;
                let (lo, hi) = tail[from..from + 2 * stride].split_at(stride);
                (lo, hi, splits[child as usize].mass)
            }
        };
        let [left, right] = splits[at].child.map(side);
        lo.copy_from_slice(left.0);
        hi.copy_from_slice(left.1);
        merge(lo, hi, right.0, right.1);
        ranges[at] = range_sum(lo, hi);
        splits[at].mass = left.2 + right.2;
    }
}

/// A frozen tree with the forest's points.
#[derive(Clone, Copy)]
pub(crate) struct PartTree<'a> {
    mass: u32,
    splits: &'a [Split],
    ends: &'a [End],
    bounds: &'a [f32],
    ranges: &'a [f32],
    dimensions: usize,
    stride: usize,
    points: &'a [f32],
}

impl<'a> PartTree<'a> {
    pub(super) fn splits(&self) -> &'a [Split] {
        self.splits
    }

    pub(super) fn ends(&self) -> &'a [End] {
        self.ends
    }

    /// The sum of the ranges of a split's box.
    #[inline(always)]
    pub(super) fn range_at(&self, at: usize) -> f32 {
        self.ranges[at]
    }

    /// The point of a leaf, padded.
    #[inline(always)]
    pub(super) fn padded_point_of(&self, end: &End) -> &'a [f32] {
        &self.points[end.point as usize * self.stride..][..self.stride]
    }

    /// Asks for all that a block of rows needs of the tree.
    pub(super) fn prefetch(&self) {
        prefetch::values(self.splits);
        prefetch::values(self.ends);
        prefetch::values(self.ranges);
        prefetch::values(self.bounds);
        for end in self.ends {
            // Few rows equal the point's first values and need more.
            prefetch::values(&self.point_of(end)[..1]);
        }
    }

    /// All padded boxes.
    #[inline(always)]
    pub(super) fn all_bounds(&self) -> &'a [f32] {
        self.bounds
    }

    /// The point of a leaf.
    #[inline(always)]
    pub(super) fn point_of(&self, end: &End) -> &'a [f32] {
        &self.points[end.point as usize * self.stride..][..self.dimensions]
    }

    /// The padded box of a split.
    #[inline(always)]
    pub(super) fn bounds_at(&self, at: usize) -> (&'a [f32], &'a [f32]) {
        self.bounds[at * 2 * self.stride..(at + 1) * 2 * self.stride].split_at(self.stride)
    }
}

impl Nodes for PartTree<'_> {
    #[inline(always)]
    fn mass(&self) -> u32 {
        self.mass
    }

    #[inline(always)]
    fn root(&self) -> u32 {
        match (self.splits.is_empty(), self.ends.is_empty()) {
            (false, _) => 0,
            (true, false) => LEAF,
            (true, true) => NONE,
        }
    }

    #[inline(always)]
    fn children(&self, id: u32, q: &[f32]) -> (u32, u32) {
        let split = &self.splits[id as usize];
        let right = usize::from(q[split.dim as usize] > split.cut);
        (split.child[right], split.child[1 - right])
    }

    #[inline(always)]
    fn next(&self, id: u32, rows: &[f32], from: usize) -> u32 {
        // No branch: where a way ends cannot be foretold.
        let ended = is_leaf(id);
        let node = &self.splits[select_unpredictable(ended, 0, id) as usize];
        let child = node.child[usize::from(rows[from + node.dim as usize] > node.cut)];
        select_unpredictable(ended, id, child)
    }

    #[inline(always)]
    fn split(&self, id: u32) -> Cut {
        let split = &self.splits[id as usize];
        Cut {
            dim: split.dim as usize,
            cut: split.cut,
            child: split.child,
        }
    }

    #[inline(always)]
    fn mass_of(&self, id: u32) -> u32 {
        if is_leaf(id) {
            self.ends[(id & !LEAF) as usize].mass
        } else {
            self.splits[id as usize].mass
        }
    }

    #[inline(always)]
    fn place(&self, leaf: u32) -> u32 {
        self.ends[(leaf & !LEAF) as usize].point
    }

    #[inline(always)]
    fn point(&self, leaf: u32) -> &[f32] {
        let end = &self.ends[(leaf & !LEAF) as usize];
        &self.points[end.point as usize * self.stride..][..self.stride]
    }

    #[inline(always)]
    fn bounds(&self, id: u32) -> Option<(&[f32], &[f32], f32)> {
        if is_leaf(id) {
            return None;
        }
        let (lo, hi) = self.bounds_at(id as usize);
        Some((lo, hi, self.range_at(id as usize)))
    }

    #[inline(always)]
    fn boxes(&self) -> Option<Boxes<'_>> {
        Some(Boxes::of(self.bounds, self.ranges, self.stride))
    }

    #[inline(always)]
    fn merge_box<E: Eights>(&self, e: E, id: u32, lo: &mut [f32], hi: &mut [f32]) {
        let (a, b) = match self.bounds(id) {
            Some((a, b, _)) => (a, b),
            None => (self.point(id), self.point(id)),
        };
        boxes::merge(e, (lo, hi), (a, b));
    }
}
