//! One frozen tree: nodes in preorder, one box for each inner node.

use super::part::PartTree;
use crate::kernels::lanes::{grow, merge, range_sum};
use crate::points::PointStore;
use crate::score::{seen, unseen};
use crate::state::FlatNode;
use crate::tree::{NONE, NodeId, Tree, is_leaf};

/// Marks a child that is a leaf.
pub(super) const LEAF: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    pub(super) cut: f32,
    pub(super) dim: u32,
    pub(super) child: [u32; 2],
    pub(super) mass: u32,
    /// Sum of the box's ranges.
    pub(super) range: f32,
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

#[derive(Clone, Debug)]
pub(super) struct FrozenTree {
    mass: u32,
    splits: Vec<Split>,
    ends: Vec<End>,
    /// Lows, then highs, of each split's box.
    bounds: Vec<f32>,
}

/// A node to be frozen: its depth, and its parent with the side it is on.
type Pending = (NodeId, usize, Option<(usize, usize)>);

impl FrozenTree {
    /// Freezes a tree; `name` gives a point's number in the frozen forest.
    pub(super) fn of(
        tree: &Tree,
        points: &PointStore,
        stride: usize,
        name: &mut impl FnMut(u32) -> u32,
    ) -> FrozenTree {
        let mut frozen = FrozenTree {
            mass: tree.mass(),
            splits: Vec::new(),
            ends: Vec::new(),
            bounds: Vec::new(),
        };
        // The stored numbers of points are renamed; boxes need the old ones.
        let mut old_points = Vec::new();
        let mut stack: Vec<Pending> = Vec::new();
        if tree.root() != NONE {
            stack.push((tree.root(), 0, None));
        }
        while let Some((id, depth, parent)) = stack.pop() {
            let number = if is_leaf(id) {
                let leaf = tree.leaf(id);
                frozen.ends.push(End {
                    point: name(leaf.point),
                    mass: leaf.mass,
                    seen: seen(depth, leaf.mass, frozen.mass),
                    unseen: unseen(depth),
                });
                old_points.push(leaf.point);
                (frozen.ends.len() - 1) as u32 | LEAF
            } else {
                let node = tree.inner(id);
                let at = frozen.splits.len();
                frozen.splits.push(Split {
                    cut: node.cut,
                    dim: u32::from(node.dim),
                    child: [NONE; 2],
                    mass: node.mass,
                    range: 0.0,
                    unseen: unseen(depth),
                });
                stack.push((node.child[1], depth + 1, Some((at, 1))));
                stack.push((node.child[0], depth + 1, Some((at, 0))));
                at as u32
            };
            if let Some((at, side)) = parent {
                frozen.splits[at].child[side] = number;
            }
        }
        frozen.build_bounds(points, stride, &old_points);
        frozen
    }

    /// Boxes from the children up: children come after their parent.
    fn build_bounds(&mut self, points: &PointStore, stride: usize, point_of: &[u32]) {
        self.bounds = vec![0.0; self.splits.len() * 2 * stride];
        for at in (0..self.splits.len()).rev() {
            let split = &mut self.splits[at];
            let (head, tail) = self.bounds.split_at_mut((at + 1) * 2 * stride);
            let (lo, hi) = head[at * 2 * stride..].split_at_mut(stride);
            for (side, child) in split.child.into_iter().enumerate() {
                if child & LEAF != 0 {
                    let point = points.row(point_of[(child & !LEAF) as usize]);
                    if side == 0 {
                        lo.copy_from_slice(point);
                        hi.copy_from_slice(point);
                    } else {
                        grow(lo, hi, point);
                    }
                } else {
                    let from = (child as usize - at - 1) * 2 * stride;
                    let (a, b) = tail[from..from + 2 * stride].split_at(stride);
                    if side == 0 {
                        lo.copy_from_slice(a);
                        hi.copy_from_slice(b);
                    } else {
                        merge(lo, hi, a, b);
                    }
                }
            }
            split.range = range_sum(lo, hi);
        }
    }

    pub(super) fn mass(&self) -> u32 {
        self.mass
    }

    /// The tree with the forest's points, which are `stride` values long.
    pub(super) fn part<'a>(&'a self, points: &'a [f32], stride: usize) -> PartTree<'a> {
        PartTree::new(
            self.mass,
            &self.splits,
            &self.ends,
            &self.bounds,
            stride,
            points,
        )
    }

    /// The nodes in preorder.
    pub(super) fn to_flat(&self) -> Vec<FlatNode> {
        let mut nodes = Vec::with_capacity(self.splits.len() + self.ends.len());
        let mut stack = Vec::new();
        if !self.splits.is_empty() {
            stack.push(0);
        } else if !self.ends.is_empty() {
            stack.push(LEAF);
        }
        while let Some(id) = stack.pop() {
            if id & LEAF != 0 {
                let end = self.ends[(id & !LEAF) as usize];
                nodes.push(FlatNode::Leaf {
                    point: end.point,
                    mass: end.mass,
                });
            } else {
                let split = self.splits[id as usize];
                nodes.push(FlatNode::Split {
                    dim: split.dim,
                    cut: split.cut,
                });
                stack.extend([split.child[1], split.child[0]]);
            }
        }
        nodes
    }

    pub(super) fn memory_usage(&self) -> usize {
        size_of::<FrozenTree>()
            + self.splits.capacity() * size_of::<Split>()
            + self.ends.capacity() * size_of::<End>()
            + self.bounds.capacity() * 4
    }
}
