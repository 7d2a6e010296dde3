//! A whole block of rows through one frozen tree.
//!
//! Row numbers are sorted down the tree like quicksort, so that every node owns
//! a contiguous range; the block's columns are put into that order once; then
//! nodes are taken children first, with sixteen rows in the lanes. There is no
//! path, no gather and no branch per row. The arithmetic is that of a single
//! row's walk, so the bits are too: a node that holds a row has separation
//! probability exactly 0 and leaves its value as it is.

use super::tree::{End, Split};
use crate::error::Result;
use crate::intake::Points;
use crate::kernels::lanes::{Columns, LANES, equal_rows, union_sums};
use crate::rows::Rows;
use crate::score::norm;
use crate::tree::NONE;
use crate::walk::{LEAF, Nodes, is_leaf};
use std::ops::Range;

/// A frozen tree with the forest's points.
pub(crate) struct PartTree<'a> {
    mass: u32,
    splits: &'a [Split],
    ends: &'a [End],
    bounds: &'a [f32],
    stride: usize,
    points: &'a [f32],
}

/// A block of rows, and what taking it through a tree needs.
pub(crate) struct PartBuffers {
    dimensions: usize,
    /// Rows in the block.
    n: usize,
    /// Distance between columns: the largest block, plus room for whole lanes.
    stride: usize,
    columns: Vec<f32>,
    /// The columns in the order of the tree's leaves.
    sorted: Vec<f32>,
    order: Vec<u32>,
    right: Vec<u32>,
    values: Vec<f32>,
    /// First row of each split and of each leaf.
    split_from: Vec<Range<u32>>,
    end_from: Vec<Range<u32>>,
}

impl PartBuffers {
    pub(super) fn new(rows: usize, dimensions: usize) -> PartBuffers {
        // An odd number of cache lines between columns keeps them off each
        // other's cache sets.
        let stride = (rows + LANES).next_multiple_of(32) + 16;
        PartBuffers {
            dimensions,
            n: 0,
            stride,
            columns: vec![0.0; dimensions * stride],
            sorted: vec![0.0; dimensions * stride],
            order: Vec::new(),
            right: Vec::new(),
            values: vec![0.0; stride],
            split_from: Vec::new(),
            end_from: Vec::new(),
        }
    }

    /// Takes rows in, column by column, and checks them.
    ///
    /// # Errors
    /// As [`Points::load_columns`].
    pub(super) fn load(
        &mut self,
        points: &impl Points,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Result<()> {
        self.n = range.len();
        points.load_columns(rows, range, &mut self.columns, self.stride)
    }
}

impl<'a> PartTree<'a> {
    pub(super) fn new(
        mass: u32,
        splits: &'a [Split],
        ends: &'a [End],
        bounds: &'a [f32],
        stride: usize,
        points: &'a [f32],
    ) -> PartTree<'a> {
        PartTree {
            mass,
            splits,
            ends,
            bounds,
            stride,
            points,
        }
    }

    #[inline(always)]
    fn bounds_at(&self, at: usize) -> (&[f32], &[f32]) {
        self.bounds[at * 2 * self.stride..(at + 1) * 2 * self.stride].split_at(self.stride)
    }
}

/// Adds the tree's scores of the block's rows to `totals`.
#[inline(always)]
pub(crate) fn score_part_body(tree: &PartTree<'_>, buffers: &mut PartBuffers, totals: &mut [f64]) {
    sort_down(tree, buffers);
    reorder(buffers);
    let columns = Columns {
        values: &buffers.sorted,
        stride: buffers.stride,
    };
    let d = buffers.dimensions;
    let values = &mut buffers.values;
    for (end, range) in tree.ends.iter().zip(&buffers.end_from) {
        let point = &tree.points[end.point as usize * tree.stride..][..d];
        for (at, n) in groups(range) {
            let equal = equal_rows(columns, at, point);
            for l in 0..n {
                values[at + l] = if equal[l] { end.seen } else { end.unseen };
            }
        }
    }
    for (at, split) in tree.splits.iter().enumerate().rev() {
        let range = &buffers.split_from[at];
        if range.is_empty() {
            continue;
        }
        let (lo, hi) = tree.bounds_at(at);
        let (lo, hi) = (&lo[..d], &hi[..d]);
        let (own, unseen) = (split.range, split.unseen);
        for (at, n) in groups(range) {
            let unions = union_sums(columns, at, lo, hi);
            let Some(values) = values.get_mut(at..at + LANES) else {
                return;
            };
            let mut new = [0.0f32; LANES];
            for l in 0..LANES {
                let p = (unions[l] - own) / unions[l];
                new[l] = values[l] + p * (unseen - values[l]);
            }
            if n == LANES {
                values.copy_from_slice(&new);
            } else {
                values[..n].copy_from_slice(&new[..n]);
            }
        }
    }
    let norm = norm(tree.mass);
    for (&row, &value) in buffers.order.iter().zip(&*values) {
        totals[row as usize] += f64::from(value) * norm;
    }
}

/// A range in pieces of at most [`LANES`] rows: where each starts, how many.
#[inline(always)]
fn groups(range: &Range<u32>) -> impl Iterator<Item = (usize, usize)> {
    let (start, end) = (range.start as usize, range.end as usize);
    (start..end)
        .step_by(LANES)
        .map(move |at| (at, (end - at).min(LANES)))
}

/// Sorts row numbers down the tree and notes every node's range.
#[inline(always)]
fn sort_down(tree: &PartTree<'_>, buffers: &mut PartBuffers) {
    let n = buffers.n;
    let PartBuffers {
        order,
        right,
        split_from,
        end_from,
        columns,
        stride,
        ..
    } = buffers;
    order.clear();
    order.extend(0..n as u32);
    right.clear();
    right.resize(n, 0);
    split_from.clear();
    split_from.resize(tree.splits.len(), 0..0);
    end_from.clear();
    end_from.resize(tree.ends.len(), 0..0);
    match split_from.first_mut() {
        Some(root) => *root = 0..n as u32,
        None => end_from.iter_mut().for_each(|end| *end = 0..n as u32),
    }
    for (at, split) in tree.splits.iter().enumerate() {
        let range = split_from[at].clone();
        if range.is_empty() {
            continue;
        }
        let column = &columns[split.dim as usize * *stride..][..n];
        let part = &mut order[range.start as usize..range.end as usize];
        let middle = range.start + partition(part, right, column, split.cut) as u32;
        for (child, range) in split
            .child
            .into_iter()
            .zip([range.start..middle, middle..range.end])
        {
            if child & LEAF != 0 {
                end_from[(child & !LEAF) as usize] = range;
            } else {
                split_from[child as usize] = range;
            }
        }
    }
}

/// Stable partition of row numbers by `column[row] <= cut`; returns how many
/// go left. Both sides are written for every row, so there is no branch.
#[inline(always)]
fn partition(rows: &mut [u32], right: &mut [u32], column: &[f32], cut: f32) -> usize {
    let right = &mut right[..rows.len()];
    let (mut left_n, mut right_n) = (0, 0);
    for i in 0..rows.len() {
        let row = rows[i];
        let goes_left = column[row as usize] <= cut;
        rows[left_n] = row;
        right[right_n] = row;
        left_n += usize::from(goes_left);
        right_n += usize::from(!goes_left);
    }
    rows[left_n..].copy_from_slice(&right[..right_n]);
    left_n
}

/// Puts the columns into the order of the leaves.
#[inline(always)]
fn reorder(buffers: &mut PartBuffers) {
    let (n, stride) = (buffers.n, buffers.stride);
    for j in 0..buffers.dimensions {
        let from = &buffers.columns[j * stride..][..n];
        let to = &mut buffers.sorted[j * stride..][..n];
        for (to, &row) in to.iter_mut().zip(&buffers.order) {
            *to = from[row as usize];
        }
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
        let leaf = 0u32.wrapping_sub(u32::from(is_leaf(id)));
        let node = &self.splits[(id & !leaf) as usize];
        let child = node.child[usize::from(rows[from + node.dim as usize] > node.cut)];
        (id & leaf) | (child & !leaf)
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
        Some((lo, hi, self.splits[id as usize].range))
    }

    #[inline(always)]
    fn merge_box(&self, id: u32, lo: &mut [f32], hi: &mut [f32]) {
        match self.bounds(id) {
            Some((a, b, _)) => crate::kernels::lanes::merge(lo, hi, a, b),
            None => crate::kernels::lanes::grow(lo, hi, self.point(id)),
        }
    }
}
