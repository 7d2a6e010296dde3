//! A living tree as walks see it: slices, so that the compiler knows that
//! nothing a walk writes moves them.

use super::Tree;
use crate::kernels::fours::Boxes;
use crate::kernels::simd::Eights;
use crate::kernels::ways::Inner;
use crate::points::PointStore;
use crate::walk::{Cut, LEAF, Nodes, is_leaf};
use std::hint::select_unpredictable;

/// A living tree and the points it refers to.
#[derive(Clone, Copy)]
pub(crate) struct Live<'a> {
    tree: &'a Tree,
    inner: &'a [Inner],
    points: &'a PointStore,
}

impl<'a> Live<'a> {
    #[inline(always)]
    pub(crate) fn of(tree: &'a Tree, points: &'a PointStore) -> Live<'a> {
        Live {
            tree,
            inner: &tree.inner,
            points,
        }
    }
}

impl Nodes for Live<'_> {
    #[inline(always)]
    fn mass(&self) -> u32 {
        self.tree.mass()
    }

    #[inline(always)]
    fn root(&self) -> u32 {
        self.tree.root()
    }

    #[inline(always)]
    fn children(&self, id: u32, q: &[f32]) -> (u32, u32) {
        let node = &self.inner[id as usize];
        let right = usize::from(q[node.dim as usize] > node.cut);
        (node.child[right], node.child[1 - right])
    }

    #[inline(always)]
    fn next(&self, id: u32, rows: &[f32], from: usize) -> u32 {
        // No branch: where a way ends cannot be foretold.
        let node = &self.inner[(id & !LEAF) as usize];
        let child = node.child[usize::from(rows[from + node.dim as usize] > node.cut)];
        select_unpredictable(is_leaf(id), id, child)
    }

    #[inline(always)]
    fn inner(&self) -> &[Inner] {
        self.inner
    }

    #[inline(always)]
    fn split(&self, id: u32) -> Cut {
        let node = &self.inner[id as usize];
        Cut {
            dim: node.dim as usize,
            cut: node.cut,
            child: node.child,
        }
    }

    #[inline(always)]
    fn mass_of(&self, id: u32) -> u32 {
        self.tree.mass_of(id)
    }

    #[inline(always)]
    fn place(&self, leaf: u32) -> u32 {
        self.tree.leaf(leaf).point
    }

    #[inline(always)]
    fn point(&self, leaf: u32) -> &[f32] {
        self.points.row(self.tree.leaf(leaf).point)
    }

    #[inline(always)]
    fn bounds(&self, id: u32) -> Option<(&[f32], &[f32], f32)> {
        self.tree.bounds_of(id)
    }

    #[inline(always)]
    fn boxes(&self) -> Option<Boxes<'_>> {
        self.tree
            .is_bounded()
            .then(|| self.tree.bounds.arena().boxes())
    }

    #[inline(always)]
    fn merge_box<E: Eights>(&self, e: E, id: u32, lo: &mut [f32], hi: &mut [f32]) {
        self.tree.merge_box(e, id, self.points, lo, hi);
    }
}
