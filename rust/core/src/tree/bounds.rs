//! Boxes of some nodes, from which every other box is a few steps away.
//!
//! A node's box is the exact minimum and maximum of its points, so it need not
//! be stored where it is cheap to find. A node has as many parts as its two
//! children together; once these are more than [`PARTS`], it stores its box and
//! counts as one part, like a leaf. So any box is the union of at most
//! [`PARTS`] points and stored boxes, and a tree of `n` leaves stores at most
//! `n / PARTS` boxes, however it is shaped. What is stored is a function of the
//! tree alone and never changes a result.

use crate::kernels::lanes::range_sum;
use crate::points::grow_by_an_eighth;

/// Most parts of a node that does not store its box.
pub(crate) const PARTS: u8 = 4;

const NO_BOX: u32 = u32::MAX;

/// An arena of boxes: lows, then highs, then the sum of ranges.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    stride: usize,
    values: Vec<f32>,
    ranges: Vec<f32>,
    free: Vec<u32>,
}

impl Bounds {
    pub(crate) fn new(stride: usize) -> Bounds {
        Bounds {
            stride,
            values: Vec::new(),
            ranges: Vec::new(),
            free: Vec::new(),
        }
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
    pub(crate) fn add(&mut self, lo: &[f32], hi: &[f32]) -> u32 {
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                grow_by_an_eighth(&mut self.values, 2 * self.stride);
                grow_by_an_eighth(&mut self.ranges, 1);
                self.values.resize(self.values.len() + 2 * self.stride, 0.0);
                self.ranges.push(0.0);
                (self.ranges.len() - 1) as u32
            }
        };
        let (low, high, range) = self.get_mut(at);
        low.copy_from_slice(lo);
        high.copy_from_slice(hi);
        *range = range_sum(lo, hi);
        at
    }

    /// Puts another box in place of one; returns whether it differs.
    #[inline(always)]
    pub(crate) fn replace(&mut self, at: u32, lo: &[f32], hi: &[f32]) -> bool {
        let (low, high, range) = self.get_mut(at);
        if *low == *lo && *high == *hi {
            return false;
        }
        low.copy_from_slice(lo);
        high.copy_from_slice(hi);
        *range = range_sum(lo, hi);
        true
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
