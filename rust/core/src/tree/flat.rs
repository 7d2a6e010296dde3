//! Trees to and from their flat, canonical form.

use super::{Bounds, Inner, NONE, NodeId, Scratch, Tree, is_leaf};
use crate::kernels::simd::Portable;
use crate::points::PointStore;
use crate::rng::Rng;
use crate::state::FlatNode;

impl Tree {
    /// The nodes in preorder; `name` gives a point's number in the flat form.
    pub(crate) fn to_flat(&self, mut name: impl FnMut(u32) -> u32) -> Vec<FlatNode> {
        let mut nodes = Vec::new();
        let mut stack = Vec::new();
        if self.root != NONE {
            stack.push(self.root);
        }
        while let Some(id) = stack.pop() {
            if is_leaf(id) {
                let leaf = self.leaf(id);
                nodes.push(FlatNode::Leaf {
                    point: name(leaf.point),
                    mass: leaf.mass,
                });
            } else {
                let node = self.inner(id);
                nodes.push(FlatNode::Split {
                    dim: u32::from(node.dim),
                    cut: node.cut,
                });
                stack.push(node.child[1]);
                stack.push(node.child[0]);
            }
        }
        nodes
    }

    /// Rebuilds a tree from checked preorder nodes whose points are stored
    /// under the same numbers.
    pub(crate) fn from_flat(
        nodes: &[FlatNode],
        points: &PointStore,
        rng: Rng,
        scratch: &mut Scratch,
    ) -> Tree {
        let mut tree = Tree::new(points.row_len(), rng);
        tree.inner.reserve_exact(nodes.len() / 2);
        tree.leaves.reserve_exact(nodes.len().div_ceil(2));
        // Built from the back: in reversed preorder a split follows its two
        // subtrees, the left one on top.
        let mut stack: Vec<NodeId> = Vec::new();
        for node in nodes.iter().rev() {
            let id = match *node {
                FlatNode::Leaf { point, mass } => {
                    let id = tree.new_leaf(point);
                    tree.leaves[(id & !super::LEAF) as usize].mass = mass;
                    id
                }
                FlatNode::Split { dim, cut } => {
                    let (Some(left), Some(right)) = (stack.pop(), stack.pop()) else {
                        break;
                    };
                    let id = tree.new_inner(Inner {
                        cut,
                        dim: dim as u16,
                        parts: 0,
                        child: [left, right],
                        mass: tree.mass_of(left) + tree.mass_of(right),
                        bounds: Bounds::none(),
                    });
                    tree.settle(Portable, id, points, scratch);
                    id
                }
            };
            stack.push(id);
        }
        tree.root = stack.pop().unwrap_or(NONE);
        tree
    }

    /// Whether everything left of a node's cut is at most the cut, and
    /// everything right of it above.
    pub(crate) fn check_cut(
        &self,
        id: NodeId,
        points: &PointStore,
        scratch: &mut Scratch,
    ) -> Result<(), String> {
        let node = self.inner(id);
        let dim = node.dim as usize;
        let mut side = |child: NodeId| match self.bounds_of(child) {
            Some((lo, hi, _)) => (lo[dim], hi[dim]),
            None => {
                self.box_into(Portable, child, points, &mut scratch.lo, &mut scratch.hi);
                (scratch.lo[dim], scratch.hi[dim])
            }
        };
        let (left, right) = (side(node.child[0]), side(node.child[1]));
        if left.1 <= node.cut && node.cut < right.0 {
            Ok(())
        } else {
            Err(format!(
                "the cut of column {dim} at {} does not separate {} from {}",
                node.cut, left.1, right.0
            ))
        }
    }

    /// Checks masses, boxes and cuts of every node.
    pub(crate) fn check(&self, points: &PointStore, scratch: &mut Scratch) -> Result<(), String> {
        let mut stack = vec![self.root];
        let mut nodes = 0;
        while let Some(id) = stack.pop() {
            nodes += 1;
            if id == NONE || is_leaf(id) {
                if id != NONE && self.leaf(id).mass == 0 {
                    return Err("a leaf holds no row".into());
                }
                continue;
            }
            let node = *self.inner(id);
            if node.mass != self.mass_of(node.child[0]) + self.mass_of(node.child[1]) {
                return Err(format!(
                    "node {id}: mass {} is not its children's",
                    node.mass
                ));
            }
            let sum = self.parts_of(node.child[0]) + self.parts_of(node.child[1]);
            let stored = sum > self.bounds.limit();
            let parts = if stored { 1 } else { sum };
            if stored != self.bounds_of(id).is_some() || node.parts != parts {
                return Err(format!("node {id} of {sum} parts counts as {}", node.parts));
            }
            self.check_cut(id, points, scratch)?;
            if let Some((lo, hi, range)) = self.bounds_of(id) {
                let (mut a, mut b) = (lo.to_vec(), hi.to_vec());
                self.box_into(Portable, node.child[0], points, &mut a, &mut b);
                self.merge_box(Portable, node.child[1], points, &mut a, &mut b);
                if a != lo || b != hi || range != crate::kernels::lanes::range_sum(lo, hi) {
                    return Err(format!("node {id}: its box is not that of its points"));
                }
            }
            stack.extend(node.child);
        }
        let held =
            self.inner.len() - self.free_inner.len() + self.leaves.len() - self.free_leaves.len();
        if nodes != held.max(1) {
            return Err(format!("{nodes} nodes reached, {held} held"));
        }
        Ok(())
    }
}
