//! Which rows each node of a tree holds, once they are in the order of its leaves.

use crate::walk::LEAF;
use std::ops::Range;

/// A range of the sorted rows for each split and each leaf; `0..0` for those that no row
/// has been told of.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeRows {
    /// Of the splits, then of the leaves: what a child is costs no branch, which would
    /// be foretold half of the time.
    all: Vec<Range<u32>>,
    splits: usize,
}

impl NodeRows {
    /// Begins with another tree.
    pub(super) fn reset(&mut self, splits: usize, ends: usize) {
        self.all.clear();
        self.all.resize(splits + ends, 0..0);
        self.splits = splits;
    }

    #[inline(always)]
    fn place(&self, id: u32) -> usize {
        (id & !LEAF) as usize + usize::from(id & LEAF != 0) * self.splits
    }

    /// The rows of a split or of a leaf.
    #[inline(always)]
    pub(super) fn of(&self, id: u32) -> Range<u32> {
        self.all[self.place(id)].clone()
    }

    #[inline(always)]
    pub(super) fn set(&mut self, id: u32, rows: Range<u32>) {
        let place = self.place(id);
        self.all[place] = rows;
    }

    /// Notes that a split holds what its children, of which these are told, hold.
    #[inline(always)]
    pub(super) fn join(&mut self, split: u32, [left, right]: [u32; 2]) {
        self.set(split, self.of(left).start..self.of(right).end);
    }

    /// Of the splits, in preorder.
    #[inline(always)]
    pub(super) fn splits(&self) -> &[Range<u32>] {
        &self.all[..self.splits]
    }

    /// Of the leaves, in their order.
    #[inline(always)]
    pub(super) fn ends(&self) -> &[Range<u32>] {
        &self.all[self.splits..]
    }

    #[inline(always)]
    pub(super) fn ends_mut(&mut self) -> &mut [Range<u32>] {
        &mut self.all[self.splits..]
    }
}
