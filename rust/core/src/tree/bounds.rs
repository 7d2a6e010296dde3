//! Boxes of some nodes, from which every other box is a few steps away.
//!
//! A node's box is the exact minimum and maximum of its points, so it need not
//! be stored where it is cheap to find. A node has as many parts as its two
//! children together; once these are more than a limit, it stores its box and
//! counts as one part, like a leaf. So any box is the union of at most `limit`
//! points and stored boxes, and a tree of `n` leaves stores at most `n / limit`
//! boxes, however it is shaped. What is stored is a function of the tree and
//! the limit alone and never changes a result.
//!
//! A limit of one stores every box. Trees of few columns can afford it always;
//! a tree of many has all of them while a block of rows goes through it, in an
//! arena that every tree of a thread takes in turn ([`super::Tree::exchange_bounds`]).

use crate::kernels::lanes::{assign, range_sum};
use crate::points::grow_by_an_eighth;

/// Most parts of a node that does not store its box, in any arena.
pub(crate) const MOST_PARTS: u8 = 5;

/// Most parts of a node that does not store its box, where rows are `stride`
/// values long: such that 100 trees of 256 rows fit into 4 MB up to 32 columns.
pub(crate) fn resting_limit(stride: usize) -> u8 {
    match stride {
        ..=8 => 1,
        9..=16 => 2,
        _ => MOST_PARTS,
    }
}

const NO_BOX: u32 = u32::MAX;

/// An arena of boxes: lows, then highs, then the sum of ranges.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    stride: usize,
    limit: u8,
    values: Vec<f32>,
    ranges: Vec<f32>,
    free: Vec<u32>,
}

impl Bounds {
    pub(crate) fn new(stride: usize, limit: u8) -> Bounds {
        Bounds {
            stride,
            limit,
            values: Vec::new(),
            ranges: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Most parts of a node that does not store its box here.
    #[inline(always)]
    pub(crate) fn limit(&self) -> u8 {
        self.limit
    }

    /// Takes every box out; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.ranges.clear();
        self.free.clear();
    }

    /// Gives back what is free beyond the eighth by which an arena grows.
    pub(crate) fn shrink(&mut self) {
        let (values, ranges) = (self.values.len(), self.ranges.len());
        self.values.shrink_to(values + values / 8);
        self.ranges.shrink_to(ranges + ranges / 8);
        self.free.shrink_to(0);
    }

    /// The number that stands for "none".
    pub(crate) const fn none() -> u32 {
        NO_BOX
    }

    #[inline(always)]
    pub(crate) fn get(&self, at: u32) -> Option<(&[f32], &[f32], f32)> {
        let range = *self.ranges.get(at as usize)?;
        let from = at as usize * 2 * self.stride;
        let (lo, hi) = self.values[from..from + 2 * self.stride].split_at(self.stride);
        Some((lo, hi, range))
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, at: u32) -> (&mut [f32], &mut [f32], &mut f32) {
        let from = at as usize * 2 * self.stride;
        let (lo, hi) = self.values[from..from + 2 * self.stride].split_at_mut(self.stride);
        (lo, hi, &mut self.ranges[at as usize])
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, lo: &[f32], hi: &[f32], sum: f32) -> u32 {
        let Some(at) = self.free.pop() else {
            grow_by_an_eighth(&mut self.values, 2 * self.stride);
            grow_by_an_eighth(&mut self.ranges, 1);
            self.values.extend_from_slice(lo);
            self.values.extend_from_slice(hi);
            self.ranges.push(sum);
            return (self.ranges.len() - 1) as u32;
        };
        let (low, high, range) = self.get_mut(at);
        assign(low, lo);
        assign(high, hi);
        *range = sum;
        at
    }

    /// Puts another box in place of one; returns whether it differs.
    #[inline(always)]
    pub(crate) fn replace(&mut self, at: u32, lo: &[f32], hi: &[f32]) -> bool {
        let (low, high, range) = self.get_mut(at);
        let changed = assign(low, lo) | assign(high, hi);
        if changed {
            *range = range_sum(lo, hi);
        }
        changed
    }

    pub(crate) fn remove(&mut self, at: u32) {
        if at != NO_BOX {
            self.free.push(at);
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        (self.values.capacity() + self.ranges.capacity() + self.free.capacity()) * 4
    }
}
