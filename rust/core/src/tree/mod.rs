//! One random cut tree: its nodes, its boxes, insertion and deletion.
//!
//! After any sequence of insertions and deletions the tree has exactly the
//! distribution of a fresh random cut tree on the points it holds (Guha et al.
//! 2016): a point is separated by the top-most node at which a random cut of
//! the box that takes it in separates it, found going down in one pass.

mod bounds;
mod flat;
mod insert;
mod live;
mod remove;
#[cfg(test)]
mod tests;

use bounds::MOST_PARTS;
pub(crate) use bounds::{Bounds, resting_limit};
pub(crate) use live::Live;

use crate::kernels::arena::Side;
use crate::kernels::boxes;
use crate::kernels::lanes;
use crate::kernels::simd::Eights;
use crate::kernels::ways::Inner;
use crate::points::PointStore;
use crate::rng::Rng;
use crate::walk::{LEAF, is_leaf};

/// A node: an inner one, a leaf (high bit set), or none.
pub(crate) type NodeId = u32;
pub(crate) const NONE: NodeId = u32::MAX;
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    pub(crate) point: u32,
    pub(crate) mass: u32,
}

/// Buffers that outlive one operation, so that none allocates.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    pub(crate) path: Vec<NodeId>,
    /// Depth and number of the topmost node whose box the last removal may have
    /// made smaller.
    pub(crate) shrunk: Option<(usize, NodeId)>,
    /// Depths and nodes at which the tree has changed: ways that do not lead
    /// through them are as they were.
    pub(crate) forks: Vec<(usize, NodeId)>,
    lo: Vec<f32>,
    hi: Vec<f32>,
    /// Room for every box of a tree; the tree's own while it is lent.
    every: Bounds,
}

impl Scratch {
    pub(crate) fn new(stride: usize) -> Scratch {
        Scratch {
            path: Vec::new(),
            shrunk: None,
            forks: Vec::new(),
            lo: vec![0.0; stride],
            hi: vec![0.0; stride],
            every: Bounds::new(stride, 1),
        }
    }
}

/// An inner node that is none yet.
const SPARE: Inner = Inner {
    cut: 0.0,
    dim: 0,
    parts: 0,
    child: [NONE; 2],
    mass: 0,
    bounds: Bounds::none(),
};

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// As many as leaves at least: what is a leaf's number is also an inner
    /// node's, so that a step of a walk can look at either.
    inner: Vec<Inner>,
    free_inner: Vec<u32>,
    leaves: Vec<Leaf>,
    free_leaves: Vec<u32>,
    bounds: Bounds,
    root: NodeId,
    rng: Rng,
}

impl Tree {
    pub(crate) fn new(stride: usize, rng: Rng) -> Tree {
        Tree {
            inner: Vec::new(),
            free_inner: Vec::new(),
            leaves: Vec::new(),
            free_leaves: Vec::new(),
            bounds: Bounds::new(stride, resting_limit(stride)),
            root: NONE,
            rng,
        }
    }

    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) fn rng_state(&self) -> [u64; 4] {
        self.rng.state()
    }

    #[inline(always)]
    pub(crate) fn inner(&self, id: NodeId) -> &Inner {
        &self.inner[id as usize]
    }

    #[inline(always)]
    pub(crate) fn leaf(&self, id: NodeId) -> &Leaf {
        &self.leaves[(id & !LEAF) as usize]
    }

    /// Rows held below and with a node.
    #[inline(always)]
    pub(crate) fn mass_of(&self, id: NodeId) -> u32 {
        if is_leaf(id) {
            self.leaf(id).mass
        } else {
            self.inner(id).mass
        }
    }

    /// Rows held.
    #[inline(always)]
    pub(crate) fn mass(&self) -> u32 {
        if self.root == NONE {
            0
        } else {
            self.mass_of(self.root)
        }
    }

    /// The child of an inner node on the side of `q`.
    #[inline(always)]
    fn below(&self, id: NodeId, q: &[f32]) -> NodeId {
        let node = self.inner(id);
        node.child[usize::from(q[node.dim as usize] > node.cut)]
    }

    /// The leaf that `q` falls to.
    #[inline(always)]
    pub(crate) fn find(&self, q: &[f32]) -> NodeId {
        let mut at = self.root;
        if at == NONE {
            return NONE;
        }
        while !is_leaf(at) {
            at = self.below(at, q);
        }
        at
    }

    fn new_leaf(&mut self, point: u32) -> NodeId {
        let leaf = Leaf { point, mass: 1 };
        let at = match self.free_leaves.pop() {
            Some(at) => {
                self.leaves[at as usize] = leaf;
                at
            }
            None => {
                crate::points::grow_by_an_eighth(&mut self.leaves, 1);
                self.leaves.push(leaf);
                if self.inner.len() < self.leaves.len() {
                    crate::points::grow_by_an_eighth(&mut self.inner, 1);
                    self.free_inner.push(self.inner.len() as u32);
                    self.inner.push(SPARE);
                }
                (self.leaves.len() - 1) as u32
            }
        };
        at | LEAF
    }

    fn new_inner(&mut self, node: Inner) -> NodeId {
        match self.free_inner.pop() {
            Some(at) => {
                self.inner[at as usize] = node;
                at
            }
            None => {
                crate::points::grow_by_an_eighth(&mut self.inner, 1);
                self.inner.push(node);
                (self.inner.len() - 1) as u32
            }
        }
    }

    /// Puts `new` where `old` hangs below `parent` (or at the root).
    fn relink(&mut self, parent: NodeId, old: NodeId, new: NodeId) {
        if parent == NONE {
            self.root = new;
        } else {
            let child = &mut self.inner[parent as usize].child;
            child[usize::from(child[1] == old)] = new;
        }
    }

    /// The box of a node that has one stored, with the sum of its ranges.
    #[inline(always)]
    pub(crate) fn bounds_of(&self, id: NodeId) -> Option<(&[f32], &[f32], f32)> {
        if is_leaf(id) {
            return None;
        }
        self.bounds.arena().get(self.inner(id).bounds)
    }

    /// Extends `lo` and `hi` to hold every point below `id`.
    #[inline(always)]
    pub(crate) fn merge_box<E: Eights>(
        &self,
        e: E,
        id: NodeId,
        points: &PointStore,
        lo: &mut [f32],
        hi: &mut [f32],
    ) {
        // A stack holds no more nodes than the parts they stand for.
        let mut stack = [NONE; MOST_PARTS as usize + 1];
        let mut depth = 1;
        stack[0] = id;
        while depth > 0 {
            depth -= 1;
            let at = stack[depth];
            if is_leaf(at) {
                let point = points.row(self.leaf(at).point);
                boxes::merge(e, (lo, hi), (point, point));
            } else if let Some((a, b, _)) = self.bounds_of(at) {
                boxes::merge(e, (lo, hi), (a, b));
            } else {
                let child = self.inner(at).child;
                stack[depth] = child[0];
                stack[depth + 1] = child[1];
                depth += 2;
            }
        }
    }

    /// The box of any node, into `lo` and `hi`.
    #[inline(always)]
    pub(crate) fn box_into<E: Eights>(
        &self,
        e: E,
        id: NodeId,
        points: &PointStore,
        lo: &mut [f32],
        hi: &mut [f32],
    ) {
        let Some((a, b)) = self.stored_box(id, points) else {
            let first = points.row(self.any_point(id));
            lanes::assign(lo, first);
            lanes::assign(hi, first);
            self.merge_box(e, id, points, lo, hi);
            return;
        };
        lanes::assign(lo, a);
        lanes::assign(hi, b);
    }

    /// Makes box `at` that of two children; returns whether that changes it.
    #[inline(always)]
    fn join_children<E: Eights>(
        &mut self,
        e: E,
        at: u32,
        child: [NodeId; 2],
        points: &PointStore,
        scratch: &mut Scratch,
    ) -> bool {
        if let Some(sides) = self.sides(child, points) {
            return self.bounds.arena_mut().join(e, at, sides);
        }
        let Scratch { lo, hi, .. } = scratch;
        self.box_into(e, child[0], points, lo, hi);
        self.merge_box(e, child[1], points, lo, hi);
        self.bounds.arena_mut().put(e, at, (lo, hi))
    }

    /// A leaf's point or the box that a node stores.
    #[inline(always)]
    fn stored_box<'a>(
        &'a self,
        id: NodeId,
        points: &'a PointStore,
    ) -> Option<(&'a [f32], &'a [f32])> {
        if is_leaf(id) {
            let point = points.row(self.leaf(id).point);
            return Some((point, point));
        }
        self.bounds_of(id).map(|(lo, hi, _)| (lo, hi))
    }

    /// Two nodes as sides of a cut, if both are leaves or store their boxes.
    #[inline(always)]
    fn sides<'a>(&self, child: [NodeId; 2], points: &'a PointStore) -> Option<[Side<'a>; 2]> {
        Some([self.side(child[0], points)?, self.side(child[1], points)?])
    }

    #[inline(always)]
    fn side<'a>(&self, id: NodeId, points: &'a PointStore) -> Option<Side<'a>> {
        if is_leaf(id) {
            return Some(Side::Point(points.row(self.leaf(id).point)));
        }
        // Where every node has a box, the number is the node's.
        let at = match self.is_bounded() {
            true => id,
            false => self.inner(id).bounds,
        };
        (at != Bounds::none()).then_some(Side::Box(at))
    }

    /// Any point below `id`, to start a box from.
    #[inline(always)]
    fn any_point(&self, mut id: NodeId) -> u32 {
        while !is_leaf(id) {
            id = self.inner(id).child[0];
        }
        self.leaf(id).point
    }

    /// Parts that a node counts for.
    #[inline(always)]
    fn parts_of(&self, id: NodeId) -> u8 {
        if is_leaf(id) { 1 } else { self.inner(id).parts }
    }

    /// Counts a node's parts anew, and stores or drops its box accordingly.
    /// Returns whether it counts for another number of parts than before.
    #[inline(always)]
    fn settle<E: Eights>(
        &mut self,
        e: E,
        id: NodeId,
        points: &PointStore,
        scratch: &mut Scratch,
    ) -> bool {
        let node = *self.inner(id);
        let sum = self.parts_of(node.child[0]) + self.parts_of(node.child[1]);
        let stored = sum > self.bounds.limit();
        let parts = if stored { 1 } else { sum };
        let mut bounds = node.bounds;
        if stored && bounds == Bounds::none() {
            bounds = self.bounds.number(id);
            self.join_children(e, bounds, node.child, points, scratch);
        } else if !stored {
            self.bounds.remove(bounds);
            bounds = Bounds::none();
        }
        let node = &mut self.inner[id as usize];
        node.bounds = bounds;
        std::mem::replace(&mut node.parts, parts) != parts
    }

    /// Follows points to their new numbers.
    pub(crate) fn rename(&mut self, names: &[u32]) {
        for leaf in &mut self.leaves {
            // A leaf that is free may have any number.
            if let Some(&name) = names.get(leaf.point as usize) {
                leaf.point = name;
            }
        }
    }

    /// Boxes of the tree, stored or not.
    #[inline(always)]
    pub(crate) fn boxes(&self) -> usize {
        self.inner.len() - self.free_inner.len()
    }

    /// Whether every box is stored.
    #[inline(always)]
    pub(crate) fn is_bounded(&self) -> bool {
        self.bounds.limit() == 1
    }

    /// Changes places with the scratch's arena: once to have every box stored,
    /// and once more to have the tree's own arena back, with the boxes that its
    /// limit asks for.
    #[inline(always)]
    pub(crate) fn exchange_bounds<E: Eights>(
        &mut self,
        e: E,
        points: &PointStore,
        scratch: &mut Scratch,
    ) {
        scratch.every.clear();
        std::mem::swap(&mut self.bounds, &mut scratch.every);
        let mut nodes = std::mem::take(&mut scratch.path);
        self.inner_nodes(&mut nodes);
        // Children first: their boxes make their parent's.
        for &id in nodes.iter().rev() {
            let node = *self.inner(id);
            let sum = self.parts_of(node.child[0]) + self.parts_of(node.child[1]);
            let stored = sum > self.bounds.limit();
            let bounds = if !stored {
                Bounds::none()
            } else {
                let number = self.bounds.number(id);
                match scratch.every.arena().get(node.bounds) {
                    Some((lo, hi, _)) => {
                        self.bounds.arena_mut().put(e, number, (lo, hi));
                    }
                    None => {
                        self.join_children(e, number, node.child, points, scratch);
                    }
                }
                number
            };
            let node = &mut self.inner[id as usize];
            node.bounds = bounds;
            node.parts = if stored { 1 } else { sum };
        }
        scratch.path = nodes;
        if !self.is_bounded() {
            self.bounds.shrink();
        }
    }

    /// The inner nodes in preorder.
    fn inner_nodes(&self, nodes: &mut Vec<NodeId>) {
        nodes.clear();
        let mut at = self.root;
        // Right children that wait lie at the end, behind the ones given out.
        let mut waiting = Vec::new();
        loop {
            if is_leaf(at) {
                match waiting.pop() {
                    Some(next) => at = next,
                    None => return,
                }
            } else {
                nodes.push(at);
                let child = self.inner(at).child;
                waiting.push(child[1]);
                at = child[0];
            }
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.inner.capacity() * size_of::<Inner>()
            + self.leaves.capacity() * size_of::<Leaf>()
            + (self.free_inner.capacity() + self.free_leaves.capacity()) * 4
            + self.bounds.memory_usage()
    }
}
