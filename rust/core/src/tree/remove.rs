//! Deletion.

use super::{BOUNDED_MASS, Bounds, LEAF, NONE, Scratch, Tree, is_leaf};
use crate::kernels::lanes;
use crate::points::PointStore;

impl Tree {
    /// Takes one copy of the row `p` out; returns whether the tree held it.
    #[inline(always)]
    pub(crate) fn remove(&mut self, p: &[f32], points: &PointStore, scratch: &mut Scratch) -> bool {
        scratch.path.clear();
        let mut leaf = self.root;
        while !is_leaf(leaf) {
            scratch.path.push(leaf);
            let node = self.inner(leaf);
            leaf = node.child[usize::from(p[node.dim as usize] > node.cut)];
        }
        if leaf == NONE || points.row(self.leaf(leaf).point) != p {
            return false;
        }
        if self.leaf(leaf).mass > 1 {
            self.leaves[(leaf & !LEAF) as usize].mass -= 1;
            self.uncount_path(scratch);
            return true;
        }
        self.free_leaves.push(leaf & !LEAF);
        let Some(parent) = scratch.path.pop() else {
            self.root = NONE;
            return true;
        };
        let node = *self.inner(parent);
        let sibling = node.child[usize::from(node.child[0] == leaf)];
        let above = scratch.path.last().copied().unwrap_or(NONE);
        self.relink(above, parent, sibling);
        self.bounds.remove(node.bounds);
        self.free_inner.push(parent);
        self.uncount_path(scratch);
        self.shrink_path(points, scratch);
        true
    }

    /// One row less below every node of the path.
    #[inline(always)]
    fn uncount_path(&mut self, scratch: &Scratch) {
        for &id in &scratch.path {
            let node = &mut self.inner[id as usize];
            node.mass -= 1;
            if node.mass == BOUNDED_MASS - 1 {
                let bounds = std::mem::replace(&mut node.bounds, Bounds::none());
                self.bounds.remove(bounds);
            }
        }
    }

    /// Recomputes boxes from the deepest one up, until one does not change:
    /// those above it cannot change either.
    #[inline(always)]
    fn shrink_path(&mut self, points: &PointStore, scratch: &mut Scratch) {
        let (mut lo, mut hi) = (
            std::mem::take(&mut scratch.lo),
            std::mem::take(&mut scratch.hi),
        );
        while let Some(id) = scratch.path.pop() {
            let node = *self.inner(id);
            if node.mass < BOUNDED_MASS {
                continue;
            }
            self.box_into(node.child[0], points, &mut lo, &mut hi);
            self.merge_box(node.child[1], points, &mut lo, &mut hi);
            let (old_lo, old_hi, range) = self.bounds.get_mut(node.bounds);
            if *old_lo == *lo && *old_hi == *hi {
                break;
            }
            old_lo.copy_from_slice(&lo);
            old_hi.copy_from_slice(&hi);
            *range = lanes::range_sum(&lo, &hi);
        }
        scratch.lo = lo;
        scratch.hi = hi;
    }
}
