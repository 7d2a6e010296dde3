//! Boxes in one piece of memory, by number: lows, then highs; and the sums of
//! their ranges. A number is checked once, and what lies behind it is not: a walk
//! reads a dozen boxes of a few instructions each.

use super::boxes;
use super::fours::Boxes;
use super::lines::Lines;
use super::simd::{EIGHT, Eights};
use crate::points::grow_by_an_eighth;

/// Boxes of rows that are `stride` values long.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    /// At least `2 * stride * ranges.len()`, which is what `unsafe` below rests on.
    values: Lines,
    ranges: Vec<f32>,
    stride: usize,
}

/// A box as lows and highs.
pub(crate) type Ends<'a> = (&'a [f32], &'a [f32]);

/// What lies on one side of a cut: a point, or a box of the arena.
#[derive(Clone, Copy)]
pub(crate) enum Side<'a> {
    Point(&'a [f32]),
    Box(u32),
}

impl Arena {
    /// An empty one. `stride` is that of padded rows, four or a multiple of eight.
    pub(crate) fn new(stride: usize) -> Arena {
        let stride = match stride {
            ..=4 => 4,
            _ => stride.next_multiple_of(EIGHT),
        };
        Arena {
            values: Lines::default(),
            ranges: Vec::new(),
            stride,
        }
    }

    /// Boxes.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Takes every box out; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Gives back what is free beyond the eighth by which an arena grows.
    pub(crate) fn shrink(&mut self) {
        let n = self.ranges.len();
        self.ranges.shrink_to(n + n / 8);
        self.values.shrink_to(n * 2 * self.stride);
    }

    /// Makes room for boxes up to number `last`; new ones hold anything.
    #[cold]
    fn grow_to(&mut self, last: usize) {
        self.values.grow_to((last + 1) * 2 * self.stride);
        let more = last + 1 - self.ranges.len();
        grow_by_an_eighth(&mut self.ranges, more);
        self.ranges.resize(last + 1, 0.0);
    }

    /// The boxes by number, to read.
    #[inline(always)]
    pub(crate) fn boxes(&self) -> Boxes<'_> {
        Boxes::of(self.values.values(), &self.ranges, self.stride)
    }

    /// A box and the sum of its ranges.
    #[inline(always)]
    pub(crate) fn get(&self, at: u32) -> Option<(&[f32], &[f32], f32)> {
        let range = *self.ranges.get(at as usize)?;
        // SAFETY: there is a range, so there is a box.
        let values = unsafe {
            let from = at as usize * 2 * self.stride;
            self.values
                .values()
                .get_unchecked(from..from + 2 * self.stride)
        };
        // SAFETY: a box is twice that long.
        let (lo, hi) = unsafe { values.split_at_unchecked(self.stride) };
        Some((lo, hi, range))
    }

    /// The same to write to.
    #[inline(always)]
    fn get_mut(&mut self, at: u32) -> Option<(&mut [f32], &mut [f32], &mut f32)> {
        let range = self.ranges.get_mut(at as usize)?;
        // SAFETY: there is a range, so there is a box.
        let values = unsafe {
            let from = at as usize * 2 * self.stride;
            let values = self.values.values_mut();
            values.get_unchecked_mut(from..from + 2 * self.stride)
        };
        // SAFETY: a box is twice that long.
        let (lo, hi) = unsafe { values.split_at_mut_unchecked(self.stride) };
        Some((lo, hi, range))
    }

    /// Puts a box under a number, which may be new; returns whether that changes
    /// it.
    #[inline(always)]
    pub(crate) fn put<E: Eights>(&mut self, e: E, at: u32, ends: Ends<'_>) -> bool {
        if at as usize >= self.ranges.len() {
            self.grow_to(at as usize);
        }
        let Some((lo, hi, range)) = self.get_mut(at) else {
            return false;
        };
        let changed = !(boxes::equal(e, lo, ends.0) && boxes::equal(e, hi, ends.1));
        *range = boxes::assign(e, (lo, hi), ends);
        changed
    }

    /// Extends a box to hold a point.
    #[inline(always)]
    pub(crate) fn grow<E: Eights>(&mut self, e: E, at: u32, p: &[f32]) {
        if let Some((lo, hi, range)) = self.get_mut(at) {
            *range = boxes::grow(e, lo, hi, p);
        }
    }

    /// Makes a box, whose number may be new, that of both sides of a cut; returns
    /// whether that changes it.
    #[inline(always)]
    pub(crate) fn join<E: Eights>(&mut self, e: E, at: u32, sides: [Side<'_>; 2]) -> bool {
        if at as usize >= self.ranges.len() {
            self.grow_to(at as usize);
        }
        let size = 2 * self.stride;
        let mut ends: [Ends<'_>; 2] = [(&[], &[]); 2];
        for i in 0..2 {
            ends[i] = match sides[i] {
                Side::Point(point) => (point, point),
                Side::Box(id) if id != at && (id as usize) < self.ranges.len() => {
                    // SAFETY: there is such a box, and it is not the one that is
                    // written to below.
                    let values = unsafe {
                        let from = self.values.values().as_ptr().add(id as usize * size);
                        std::slice::from_raw_parts(from, size)
                    };
                    values.split_at(self.stride)
                }
                Side::Box(_) => return false,
            };
        }
        // SAFETY: room was made; nothing above is of this box.
        let to = unsafe {
            let from = self.values.as_mut_ptr().add(at as usize * size);
            std::slice::from_raw_parts_mut(from, size)
        };
        let (range, changed) = boxes::join(e, to, ends[0], ends[1]);
        self.ranges[at as usize] = range;
        changed
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.values.memory_usage() + self.ranges.capacity() * size_of::<f32>()
    }
}
