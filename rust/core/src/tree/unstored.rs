//! What the boxes on a way up are, stored or made of parts ([`super::bounds`]).
//!
//! Which parts a box has is known before any of them is needed, so all ways of a row
//! through some trees are gone up twice: once for numbers alone, which asks for points
//! and boxes, and once through these.

use super::{Bounds, Live, MOST_PARTS, NONE};
use crate::kernels::prefetch;
use crate::kernels::simd::Eights;
use crate::kernels::unions::{self, Joint};
use crate::walk::{LEAF, Nodes, Way, is_leaf};

/// The boxes on the ways of one row up some trees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boxes {
    /// A point's number with [`LEAF`], or that of a stored box of its tree.
    parts: Vec<u32>,
    joints: Vec<Joint>,
    /// For each node from the one above a leaf up to the root, one tree after the
    /// other: its stored box or, with [`LEAF`], its joint.
    found: Vec<u32>,
    /// Ends of each tree's joints and parts.
    ends: Vec<(usize, usize)>,
    /// Boxes of joints, and the sums of their ranges.
    values: Vec<f32>,
    ranges: Vec<f32>,
}

impl Boxes {
    pub(crate) fn clear(&mut self) {
        self.parts.clear();
        self.joints.clear();
        self.found.clear();
        self.ends.clear();
    }

    /// Finds out what the boxes on a way through the next tree are.
    #[inline(always)]
    pub(crate) fn add(&mut self, tree: &Live<'_>, way: Way<'_>) {
        let (mut at, mut running) = (way.leaf, false);
        let mut below = tree.place(way.leaf) | LEAF;
        for depth in (0..way.depth).rev() {
            let id = way.at(depth);
            let node = &tree.inner[id as usize];
            if node.bounds != Bounds::none() {
                self.found.push(node.bounds);
                (below, running) = (node.bounds, false);
            } else {
                let had = self.parts.len();
                if !running {
                    self.parts.push(below);
                }
                let sibling = node.child[usize::from(node.child[0] == at)];
                self.add_parts(tree, sibling);
                self.found.push(self.joints.len() as u32 | LEAF);
                self.joints.push(Joint {
                    anew: !running,
                    parts: (self.parts.len() - had) as u32,
                });
                running = true;
            }
            at = id;
        }
        self.ends.push((self.joints.len(), self.parts.len()));
    }

    /// Adds the parts of a node, and asks for them.
    #[inline(always)]
    fn add_parts(&mut self, tree: &Live<'_>, id: u32) {
        // A stack holds no more nodes than the parts they stand for.
        let mut stack = [NONE; MOST_PARTS as usize + 1];
        let mut depth = 1;
        stack[0] = id;
        while depth > 0 {
            depth -= 1;
            let at = stack[depth];
            if is_leaf(at) {
                let place = tree.place(at);
                prefetch::values(tree.points.row(place));
                self.parts.push(place | LEAF);
                continue;
            }
            let node = &tree.inner[at as usize];
            if let Some((values, _)) = tree.tree.bounds.arena().whole(node.bounds) {
                prefetch::values(values);
                self.parts.push(node.bounds);
            } else {
                stack[depth] = node.child[0];
                stack[depth + 1] = node.child[1];
                depth += 2;
            }
        }
    }

    /// Makes the boxes that are not stored. `trees` are those of the ways, in their order.
    #[inline(always)]
    pub(crate) fn make<'t, E: Eights>(
        &mut self,
        e: E,
        stride: usize,
        trees: impl Iterator<Item = Live<'t>>,
    ) {
        let size = 2 * stride;
        if self.ranges.len() < self.joints.len() {
            self.ranges.resize(self.joints.len(), 0.0);
            self.values.resize(self.joints.len() * size, 0.0);
        }
        let (mut joint, mut part) = (0, 0);
        for (tree, &(joints, parts)) in trees.zip(&self.ends) {
            let numbers = self.parts[part..parts].iter();
            unions::make(
                e,
                stride,
                &self.joints[joint..joints],
                numbers.filter_map(|&number| tree.part(number)),
                &mut self.values[joint * size..joints * size],
                &mut self.ranges[joint..joints],
            );
            (joint, part) = (joints, parts);
        }
    }

    /// The boxes on a way through one tree, and the sums of their ranges, from the node
    /// above the leaf up to the root; `from` is how many nodes came before.
    #[inline(always)]
    pub(crate) fn of<'a>(
        &'a self,
        tree: Live<'a>,
        stride: usize,
        from: usize,
        depth: usize,
    ) -> impl Iterator<Item = (&'a [f32], f32)> {
        let found = self.found[from..from + depth].iter();
        found.filter_map(move |&number| {
            if is_leaf(number) {
                let joint = (number & !LEAF) as usize;
                let values = &self.values[joint * 2 * stride..][..2 * stride];
                return Some((values, self.ranges[joint]));
            }
            tree.tree.bounds.arena().whole(number)
        })
    }
}

impl<'a> Live<'a> {
    /// The boxes of a tree that stores all of them, on a way up.
    #[inline(always)]
    pub(crate) fn stored(self, way: Way<'a>) -> impl Iterator<Item = (&'a [f32], f32)> {
        let arena = self.tree.bounds.arena();
        (0..way.depth)
            .rev()
            .filter_map(move |depth| arena.whole(way.at(depth)))
    }

    /// Whether it stores all boxes.
    #[inline(always)]
    pub(crate) fn is_bounded(self) -> bool {
        self.tree.is_bounded()
    }

    /// A point by its number with [`LEAF`], or a stored box by its own.
    #[inline(always)]
    fn part(self, number: u32) -> Option<unions::Part<'a>> {
        if is_leaf(number) {
            let point = self.points.row(number & !LEAF);
            return Some((point, point));
        }
        let (lo, hi, _) = self.tree.bounds.arena().get(number)?;
        Some((lo, hi))
    }
}
