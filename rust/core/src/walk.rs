//! One row through one tree: down to its leaf, then up through the boxes.
//!
//! Every question that a forest answers about a row is such a walk with its
//! own arithmetic. The walk is written once, for living and frozen trees.

use crate::kernels::fours::{Boxes, FOUR};
use crate::kernels::lanes;
use crate::kernels::simd::Eights;
use crate::kernels::ways::{self, Inner};

/// The bit that leaves, and only they, have set in their number.
pub(crate) const LEAF: u32 = 1 << 31;

#[inline(always)]
pub(crate) fn is_leaf(id: u32) -> bool {
    id & LEAF != 0
}

/// An inner node: rows with at most `cut` in column `dim` go to `child[0]`.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) dim: usize,
    pub(crate) cut: f32,
    pub(crate) child: [u32; 2],
}

/// What a walk needs of a tree, living or frozen.
pub(crate) trait Nodes: Sync + Copy {
    /// Rows in the tree.
    fn mass(&self) -> u32;
    /// The root, or [`crate::tree::NONE`].
    fn root(&self) -> u32;
    /// The child of inner node `id` on the side of `q`, and the other one.
    fn children(&self, id: u32, q: &[f32]) -> (u32, u32);
    /// The child of an inner node on the side of the row that begins at `from`;
    /// a leaf itself. The root is no leaf.
    fn next(&self, id: u32, rows: &[f32], from: usize) -> u32;
    /// The inner nodes by number, where they are those of a living tree.
    #[inline(always)]
    fn inner(&self) -> &[Inner] {
        &[]
    }
    /// An inner node's cut and children.
    fn split(&self, id: u32) -> Cut;
    fn mass_of(&self, id: u32) -> u32;
    /// The number of a leaf's point among those of the forest.
    fn place(&self, leaf: u32) -> u32;
    /// The point of a leaf.
    fn point(&self, leaf: u32) -> &[f32];
    /// The box of an inner node and the sum of its ranges, if it is stored.
    fn bounds(&self, id: u32) -> Option<(&[f32], &[f32], f32)>;
    /// The boxes by inner node, if all are stored.
    fn boxes(&self) -> Option<Boxes<'_>>;
    /// Extends a box by everything below a node.
    fn merge_box<E: Eights>(&self, e: E, id: u32, lo: &mut [f32], hi: &mut [f32]);
}

/// The way of one row: inner nodes from the root on, and the leaf.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    pub(crate) inner: Vec<u32>,
    pub(crate) leaf: u32,
}

impl Path {
    #[inline(always)]
    pub(crate) fn way(&self) -> Way<'_> {
        Way {
            nodes: &self.inner,
            every: 1,
            depth: self.inner.len(),
            leaf: self.leaf,
        }
    }
}

/// A borrowed way: its node at depth `k` is `nodes[k * every]`.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    nodes: &'a [u32],
    every: usize,
    /// Depth of the leaf.
    pub(crate) depth: usize,
    pub(crate) leaf: u32,
}

impl<'a> Way<'a> {
    /// The first of some ways that lie level by level, `every` nodes apart.
    #[inline(always)]
    pub(crate) fn first_of(nodes: &'a [u32], every: usize, depth: usize, leaf: u32) -> Way<'a> {
        Way {
            nodes,
            every,
            depth,
            leaf,
        }
    }

    /// The four nodes above depth `depth`, the deepest first; nothing if there
    /// are fewer.
    #[inline(always)]
    pub(crate) fn four_above(&self, depth: usize) -> Option<[u32; FOUR]> {
        let first = depth.checked_sub(FOUR)? * self.every;
        let nodes = self.nodes.get(first..=first + (FOUR - 1) * self.every)?;
        let mut ids = [0; FOUR];
        for i in 0..FOUR {
            ids[i] = nodes[(FOUR - 1 - i) * self.every];
        }
        Some(ids)
    }

    /// The inner nodes from the root down to a depth, which is not below the
    /// leaf's.
    #[inline(always)]
    pub(crate) fn down_to(self, depth: usize) -> impl Iterator<Item = u32> + use<'a> {
        self.nodes.iter().step_by(self.every).take(depth).copied()
    }

    /// The inner node at a depth.
    #[inline(always)]
    pub(crate) fn at(&self, depth: usize) -> u32 {
        self.nodes[depth * self.every]
    }
}

/// Rows whose ways down are taken together, so that their loads overlap.
pub(crate) const GROUP: usize = ways::ROWS;
/// The same without vectors for it; what more there are are groups of their own.
const EIGHT: usize = 8;

/// The ways of up to [`GROUP`] rows, level by level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    /// Each row's node at each depth, down to its leaf; what follows means nothing.
    levels: Vec<[u32; GROUP]>,
    depths: [u32; GROUP],
    /// From which depth on each row's way is not known any more.
    known: [u32; GROUP],
}

impl Paths {
    pub(crate) fn memory_usage(&self) -> usize {
        self.levels.capacity() * size_of::<[u32; GROUP]>()
    }

    /// Goes down to the leaves of at most [`GROUP`] padded rows.
    #[inline(always)]
    pub(crate) fn descend<N: Nodes>(&mut self, nodes: &N, rows: &[f32], stride: usize) {
        self.levels.clear();
        self.known = [u32::MAX; GROUP];
        let mut first = 0;
        if !is_leaf(nodes.root()) {
            let (levels, depths) = (&mut self.levels, &mut self.depths);
            first = ways::descend(nodes.inner(), nodes.root(), rows, stride, levels, depths);
            while rows.len() >= (first + EIGHT) * stride {
                descend_eight(*nodes, rows, stride, first, levels, depths);
                first += EIGHT;
            }
        }
        for (i, q) in rows.chunks_exact(stride).enumerate().skip(first) {
            self.descend_one(nodes, q, i);
        }
    }

    /// Goes down to the leaf of row `i`.
    #[inline(always)]
    pub(crate) fn descend_one(&mut self, nodes: &impl Nodes, q: &[f32], i: usize) {
        self.descend_from(nodes, q, i, 0);
    }

    /// The same from a depth on, whose parent is known.
    #[inline(always)]
    fn descend_from(&mut self, nodes: &impl Nodes, q: &[f32], i: usize, mut depth: usize) {
        let mut id = match depth.checked_sub(1) {
            Some(above) => nodes.children(self.levels[above][i], q).0,
            None => nodes.root(),
        };
        self.level(depth)[i] = id;
        while !is_leaf(id) {
            id = nodes.children(id, q).0;
            depth += 1;
            self.level(depth)[i] = id;
        }
        self.depths[i] = depth as u32;
        self.known[i] = u32::MAX;
    }

    /// Forgets a row's way.
    pub(crate) fn forget(&mut self, i: usize) {
        self.known[i] = 0;
    }

    /// Forgets the ways through nodes at depths.
    #[inline(always)]
    pub(crate) fn forget_through(&mut self, nodes: &[(usize, u32)]) {
        for &(depth, id) in nodes {
            if let Some(level) = self.levels.get(depth) {
                for i in 0..GROUP {
                    let from = if level[i] == id {
                        depth as u32
                    } else {
                        u32::MAX
                    };
                    self.known[i] = self.known[i].min(from);
                }
            }
        }
    }

    /// The way of row `i`, which is `q`; found again if it was forgotten.
    #[inline(always)]
    pub(crate) fn way_of(&mut self, nodes: &impl Nodes, q: &[f32], i: usize) -> Way<'_> {
        if self.known[i] != u32::MAX {
            self.descend_from(nodes, q, i, self.known[i] as usize);
        }
        self.way(i)
    }

    /// A level to write to.
    #[inline(always)]
    fn level(&mut self, level: usize) -> &mut [u32; GROUP] {
        if level == self.levels.len() {
            self.levels.push([0; GROUP]);
        }
        &mut self.levels[level]
    }

    #[inline(always)]
    pub(crate) fn way(&self, i: usize) -> Way<'_> {
        let nodes = &self.levels.as_flattened()[i..];
        let depth = self.depths[i] as usize;
        Way::first_of(nodes, GROUP, depth, nodes[depth * GROUP])
    }
}

/// Goes down to the leaves of eight rows, from a root that is no leaf. A function
/// of its own: within a large one the compiler keeps none of this in registers,
/// and a step takes twice as many instructions.
#[inline(never)]
fn descend_eight<N: Nodes>(
    nodes: N,
    rows: &[f32],
    stride: usize,
    first: usize,
    levels: &mut Vec<[u32; GROUP]>,
    depths: &mut [u32; GROUP],
) {
    let rows = &rows[first * stride..];
    let mut at = [nodes.root(); EIGHT];
    let mut depth = [0; EIGHT];
    let mut level = 0;
    loop {
        if level == levels.len() {
            levels.push([0; GROUP]);
        }
        levels[level][first..first + EIGHT].copy_from_slice(&at);
        let mut all = u32::MAX;
        for i in 0..EIGHT {
            depth[i] += u32::from(!is_leaf(at[i]));
            all &= at[i];
        }
        if is_leaf(all) {
            break;
        }
        for i in 0..EIGHT {
            at[i] = nodes.next(at[i], rows, i * stride);
        }
        level += 1;
    }
    depths[first..first + EIGHT].copy_from_slice(&depth);
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
    pub(crate) fn start(&mut self, lo: &[f32], hi: &[f32]) {
        lanes::assign(&mut self.lo, lo);
        lanes::assign(&mut self.hi, hi);
    }
}

/// Goes down to the leaf of `q`. The tree is not empty.
#[inline(always)]
pub(crate) fn descend(nodes: &impl Nodes, q: &[f32], path: &mut Path) {
    path.inner.clear();
    let mut at = nodes.root();
    while !is_leaf(at) {
        path.inner.push(at);
        at = nodes.children(at, q).0;
    }
    path.leaf = at;
}

/// The inner nodes of a path from the deepest one up, each with the box of all
/// that it holds. A loop over [`Climb::up`], not a visitor: a closure would be
/// built for the baseline instruction set where it is not inlined.
pub(crate) struct Climb<'a, E, N> {
    e: E,
    nodes: &'a N,
    q: &'a [f32],
    way: Way<'a>,
    buffer: &'a mut BoxBuffer,
    depth: usize,
    /// The buffer holds the box of the last node.
    running: bool,
}

impl<'a, E: Eights, N: Nodes> Climb<'a, E, N> {
    #[inline(always)]
    pub(crate) fn new(
        e: E,
        nodes: &'a N,
        q: &'a [f32],
        way: Way<'a>,
        buffer: &'a mut BoxBuffer,
    ) -> Self {
        Climb {
            e,
            nodes,
            q,
            way,
            buffer,
            depth: way.depth,
            running: false,
        }
    }

    /// The same from a depth on, above a node that has its box stored.
    #[inline(always)]
    pub(crate) fn from(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The next node up.
    #[inline(always)]
    pub(crate) fn up(&mut self) -> Option<Step<'_>> {
        self.depth = self.depth.checked_sub(1)?;
        let (id, depth) = (self.way.at(self.depth), self.depth);
        let mass = self.nodes.mass_of(id);
        let (lo, hi, range) = match self.nodes.bounds(id) {
            Some(stored) => {
                self.running = false;
                stored
            }
            None => {
                if !self.running {
                    // The last node stored its box, or was the leaf.
                    let below = (depth + 1 < self.way.depth).then(|| self.way.at(depth + 1));
                    match below.and_then(|below| self.nodes.bounds(below)) {
                        Some((lo, hi, _)) => self.buffer.start(lo, hi),
                        None => {
                            let point = self.nodes.point(self.way.leaf);
                            self.buffer.start(point, point);
                        }
                    }
                    self.running = true;
                }
                self.take_in(id)
            }
        };
        Some(Step {
            lo,
            hi,
            range,
            depth,
            mass,
        })
    }

    /// The next node up with its shadow: the box of all that it holds but the
    /// leaf at the end of the path.
    #[inline(always)]
    pub(crate) fn up_in_shadow(&mut self) -> Option<Step<'_>> {
        self.depth = self.depth.checked_sub(1)?;
        let (id, depth) = (self.way.at(self.depth), self.depth);
        let mass = self.nodes.mass_of(id) - self.nodes.mass_of(self.way.leaf);
        if !self.running {
            let mut at = self.nodes.children(id, self.q).1;
            while !is_leaf(at) {
                at = self.nodes.children(at, self.q).0;
            }
            let point = self.nodes.point(at);
            self.buffer.start(point, point);
            self.running = true;
        }
        let (lo, hi, range) = self.take_in(id);
        Some(Step {
            lo,
            hi,
            range,
            depth,
            mass,
        })
    }

    /// Extends the running box by the sibling below `id`.
    #[inline(always)]
    fn take_in(&mut self, id: u32) -> (&[f32], &[f32], f32) {
        let sibling = self.nodes.children(id, self.q).1;
        let BoxBuffer { lo, hi } = &mut *self.buffer;
        self.nodes.merge_box(self.e, sibling, lo, hi);
        (lo, hi, lanes::range_sum(lo, hi))
    }
}
