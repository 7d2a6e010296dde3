//! Deletion.

use super::{Bounds, LEAF, NONE, Scratch, Tree, is_leaf};
use crate::kernels::lanes;
use crate::points::PointStore;

impl Tree {
    /// Takes one copy of the row `p` out; returns whether the tree held it.
    #[inline(always)]
    pub(crate) fn remove(&mut self, p: &[f32], points: &PointStore, scratch: &mut Scratch) -> bool {
        scratch.path.clear();
        scratch.shrunk = None;
        let mut leaf = self.root;
        while !is_leaf(leaf) {
            scratch.path.push(leaf);
            leaf = self.below(leaf, p);
        }
        if leaf == NONE || !lanes::equal(points.row(self.leaf(leaf).point), p) {
            return false;
        }
        if self.leaf(leaf).mass > 1 {
            self.leaves[(leaf & !LEAF) as usize].mass -= 1;
            self.uncount_path(scratch);
            return true;
        }
        self.free_leaves.push(leaf & !LEAF);
        let Some(parent) = scratch.path.pop() else {
            scratch.forks.push((0, leaf));
            self.root = NONE;
            return true;
        };
        scratch.forks.push((scratch.path.len(), parent));
        let node = *self.inner(parent);
        let sibling = node.child[usize::from(node.child[0] == leaf)];
        let above = scratch.path.last().copied().unwrap_or(NONE);
        self.relink(above, parent, sibling);
        self.bounds.remove(node.bounds);
        self.free_inner.push(parent);
        self.uncount_path(scratch);
        let changed = self.parts_of(sibling) != node.parts;
        self.shrink_path(p, changed, points, scratch);
        true
    }

    /// One row less below every node of the path.
    #[inline(always)]
    fn uncount_path(&mut self, scratch: &Scratch) {
        for &id in &scratch.path {
            self.inner[id as usize].mass -= 1;
        }
    }

    /// Goes up from the deepest node: counts parts anew while they change, and
    /// recomputes stored boxes until one does not change without `p`, since then
    /// those above it cannot change either.
    #[inline(always)]
    fn shrink_path(
        &mut self,
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
                changed = self.settle(id, points, scratch);
            }
            let node = *self.inner(id);
            // A box stored just now is new anyway.
            if shrinking && node.bounds != Bounds::none() && node.bounds == had_box {
                let (low, high, _) = self.bounds.get_mut(node.bounds);
                shrinking = lanes::holds_up(low, high, p);
                if shrinking {
                    self.box_of_children(node.child, points, scratch);
                    let Scratch { lo, hi, .. } = &*scratch;
                    shrinking = self.bounds.replace(node.bounds, lo, hi);
                }
            }
            if shrinking {
                scratch.shrunk = Some((scratch.path.len(), id));
            }
        }
    }
}
