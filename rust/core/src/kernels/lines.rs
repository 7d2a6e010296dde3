//! Values that begin with a cache line, so that what fits into one lies in one: a box
//! of eight columns is one line, and would be two at most other places.

use super::simd::LANES;
use crate::points::grow_by_an_eighth;

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// Whole lines of values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    /// At least `n` zeros.
    pub(crate) fn zeros(n: usize) -> Lines {
        Lines(vec![Line([0.0; LANES]); n.div_ceil(LANES)])
    }

    /// Room for `n` values at least; new ones are zero.
    pub(crate) fn grow_to(&mut self, n: usize) {
        let more = n.div_ceil(LANES).saturating_sub(self.0.len());
        grow_by_an_eighth(&mut self.0, more);
        self.0.resize(self.0.len() + more, Line([0.0; LANES]));
    }

    /// Gives back what is beyond `n` values and an eighth.
    pub(crate) fn shrink_to(&mut self, n: usize) {
        let lines = n.div_ceil(LANES);
        self.0.truncate(lines);
        self.0.shrink_to(lines + lines / 8);
    }

    /// Where values begin; no reference to any is made.
    #[inline(always)]
    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }

    #[inline(always)]
    pub(crate) fn values(&self) -> &[f32] {
        // SAFETY: a line is `LANES` values and nothing else.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LANES) }
    }

    #[inline(always)]
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the lines are borrowed for as long.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LANES) }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.0.capacity() * size_of::<Line>()
    }
}
