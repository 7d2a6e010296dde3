//! Four boxes and one row, columns in the lanes.
//!
//! What is dear about one row and one box of few columns is to add up the lanes:
//! a chain of shuffles for every box. Four boxes' lanes are turned instead, so
//! that one chain adds up all four: nine instructions a box of eight columns,
//! where one alone takes twenty, and a way up has four times fewer ends that
//! nobody can foretell.

use super::boxes;
use super::simd::Simd;

/// Boxes at a time.
pub(crate) const FOUR: usize = 4;

/// Boxes by number: the lows of one, its highs, and so on; and the sums of their
/// ranges.
#[derive(Clone, Copy)]
pub(crate) struct Boxes<'a> {
    values: &'a [f32],
    ranges: &'a [f32],
    /// Values of a padded row: four or a multiple of eight.
    stride: usize,
}

impl<'a> Boxes<'a> {
    /// As many boxes as there are ranges and values for.
    #[inline(always)]
    pub(crate) fn of(values: &'a [f32], ranges: &'a [f32], stride: usize) -> Boxes<'a> {
        let known = stride == 4 || stride.is_multiple_of(8);
        let there = values.len() >= ranges.len() * 2 * stride;
        Boxes {
            values,
            ranges: if known && there { ranges } else { &[] },
            stride,
        }
    }

    /// The probabilities that a random cut of each box with the padded row in it
    /// separates the row, `1 - range / union`; nothing if there is no such box.
    #[inline(always)]
    pub(crate) fn separations<S: Simd>(
        &self,
        s: S,
        ids: [u32; FOUR],
        q: &[f32],
    ) -> Option<[f32; FOUR]> {
        let last = ids[0].max(ids[1]).max(ids[2].max(ids[3])) as usize;
        if last >= self.ranges.len() || q.len() != self.stride {
            return None;
        }
        let size = 2 * self.stride;
        let mut at = [self.values.as_ptr(); FOUR];
        let mut ranges = [0.0; FOUR];
        for i in 0..FOUR {
            let id = ids[i] as usize;
            // SAFETY: it is at most the last box.
            unsafe {
                at[i] = at[i].add(id * size);
                ranges[i] = *self.ranges.get_unchecked(id);
            }
        }
        // SAFETY: values of a box each, and a row's.
        let unions = unsafe { s.union_sums(at, q.as_ptr(), self.stride) };
        let mut p = [0.0; FOUR];
        for i in 0..FOUR {
            p[i] = (unions[i] - ranges[i]) / unions[i];
        }
        Some(p)
    }

    /// Whether a box holds a padded row.
    #[inline(always)]
    pub(crate) fn holds<S: Simd>(&self, s: S, id: u32, q: &[f32]) -> bool {
        let size = 2 * self.stride;
        let (lo, hi) = self.values[id as usize * size..][..size].split_at(self.stride);
        boxes::contains(s.eights(), lo, hi, q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{extent, lanes};
    use crate::rng::Rng;

    #[inline(always)]
    fn check<S: Simd>(s: S) {
        let mut rng = Rng::new(3, 0);
        for d in extent::widths() {
            let n = lanes::stride(d);
            let mut draw = || (rng.unit() * 2.0 - 1.0) as f32;
            let mut values = vec![0.0; 9 * 2 * n];
            let mut ranges = Vec::new();
            for values in values.chunks_exact_mut(2 * n) {
                for j in 0..d {
                    let (a, b) = (draw(), draw());
                    values[j] = a.min(b);
                    values[n + j] = a.max(b);
                }
                ranges.push(lanes::range_sum(&values[..n], &values[n..]));
            }
            let boxes = Boxes::of(&values, &ranges, n);
            let mut q = vec![0.0; n];
            for ids in [[0, 3, 2, 8], [8, 7, 6, 5], [1, 1, 4, 4]] {
                q[..d].fill_with(|| 1.5 * draw());
                let got = boxes.separations(s, ids, &q).unwrap();
                for (id, got) in ids.into_iter().zip(got) {
                    let at = id as usize;
                    let (lo, hi) = values[at * 2 * n..][..2 * n].split_at(n);
                    let union = lanes::union_sum(lo, hi, &q);
                    let want = (union - ranges[at]) / union;
                    assert_eq!(got.to_bits(), want.to_bits(), "d = {d}");
                    assert_eq!(boxes.holds(s, id, &q), lanes::contains(lo, hi, &q));
                }
            }
            // What is not there is not read.
            assert!(boxes.separations(s, [0, 1, 9, 2], &q).is_none());
            assert!(boxes.separations(s, [0, u32::MAX, 1, 2], &q).is_none());
            assert!(boxes.separations(s, [0; 4], &q[..n - 1]).is_none());
            let short = Boxes::of(&values[1..], &ranges, n);
            assert!(short.separations(s, [0; 4], &q).is_none());
        }
    }

    simd_kernel! {
        pub(crate) fn check_all() = check;
    }

    #[test]
    fn four_boxes_at_once_give_the_bits_of_one_after_the_other() {
        check_all();
        check(crate::kernels::simd::Portable);
    }
}
