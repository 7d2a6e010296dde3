//! Deletion.

use super::{Bounds, LEAF, Leaf, NONE, NodeId, Scratch, Tree};
use crate::kernels::boxes;
use crate::kernels::simd::Eights;
use crate::points::PointStore;

impl Tree {
    /// Takes one copy of a leaf's point out; the scratch's path leads to the leaf.
    #[inline(always)]
    pub(crate) fn remove_leaf<E: Eights>(
        &mut self,
        e: E,
        leaf: NodeId,
        points: &PointStore,
        scratch: &mut Scratch,
    ) {
        scratch.shrunk = None;
        for &id in &scratch.path {
            self.inner[id as usize].mass -= 1;
        }
        let Leaf { point, mass } = *self.leaf(leaf);
        if mass > 1 {
            self.leaves[(leaf & !LEAF) as usize].mass -= 1;
            return;
        }
        self.free_leaves.push(leaf & !LEAF);
        let Some(parent) = scratch.path.pop() else {
            scratch.forks.push((0, leaf));
            self.root = NONE;
            return;
        };
        scratch.forks.push((scratch.path.len(), parent));
        let node = *self.inner(parent);
        let sibling = node.child[usize::from(node.child[0] == leaf)];
        let above = scratch.path.last().copied().unwrap_or(NONE);
        self.relink(above, parent, sibling);
        self.bounds.remove(node.bounds);
        self.free_inner.push(parent);
        let changed = self.parts_of(sibling) != node.parts;
        self.shrink_path(e, points.row(point), changed, points, scratch);
    }

    /// Goes up from the deepest node: counts parts anew while they change, and
    /// recomputes stored boxes until one does not change without `p`, since then
    /// those above it cannot change either.
    #[inline(always)]
    fn shrink_path<E: Eights>(
        &mut self,
        e: E,
        p: &[f32],
        mut changed: bool,
        points: &PointStore,
        scratch: &mut Scratch,
    ) {
        let mut shrinking = true;
        while changed || shrinking {
            let Some(id) = scratch.path.pop() else { return };
            let had_box = self.inner(id).bounds;
            if changed {
                changed = self.settle(e, id, points, scratch);
            }
            let node = *self.inner(id);
            // A box stored just now is new anyway.
            if shrinking && node.bounds != Bounds::none() && node.bounds == had_box {
                shrinking = match self.bounds.arena().get(node.bounds) {
                    Some((low, high, _)) => boxes::holds_up(e, low, high, p),
                    None => false,
                };
                if shrinking {
                    shrinking = self.join_children(e, node.bounds, node.child, points, scratch);
                }
            }
            if shrinking {
                scratch.shrunk = Some((scratch.path.len(), id));
            }
        }
    }
}
