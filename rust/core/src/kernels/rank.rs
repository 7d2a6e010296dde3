//! How many ascending cuts lie below each of sixteen values.
//!
//! A binary search without branches, sixteen at a time. The cuts lie in the
//! order of a breadth-first walk (Eytzinger), so that the first steps share a
//! few cache lines; with AVX-512 the first five take no memory at all, and the
//! others a gather each: some ten cycles a value among 3,000 cuts. To count the
//! lower ones among sixteen, block by block, takes as long.
//!
//! The order is that of Khuong and Morin, *Array layouts for comparison-based searching*
//! (2017).

use super::simd::LANES;

/// The cuts of a column, laid out for the search.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    /// From place 1 on: the children of place `i` are `2 i` and `2 i + 1`. A
    /// power of two of them, and at least 32; those that are no cuts are
    /// infinite.
    places: Vec<f32>,
    /// Steps down: the length is two to this power.
    steps: u32,
    cuts: usize,
}

impl Ranking {
    /// Ascending cuts, at most `u16::MAX`.
    pub(crate) fn of(cuts: &[f32]) -> Ranking {
        let len = (cuts.len() + 1).next_power_of_two().max(32);
        let mut places = vec![f32::INFINITY; len];
        let mut rest = cuts.iter();
        // In order: left children, the node, right children.
        let (mut at, mut stack) = (1, Vec::new());
        loop {
            while at < len {
                stack.push(at);
                at *= 2;
            }
            let (Some(node), Some(&cut)) = (stack.pop(), rest.next()) else {
                break;
            };
            places[node] = cut;
            at = 2 * node + 1;
        }
        Ranking {
            steps: len.trailing_zeros(),
            cuts: cuts.len(),
            places,
        }
    }

    /// How many cuts are below each of `x`, finite numbers.
    #[inline]
    pub(crate) fn ranks(&self, x: &[f32; LANES]) -> [u16; LANES] {
        if self.cuts == 0 {
            return [0; LANES];
        }
        #[cfg(target_arch = "x86_64")]
        if super::level() >= super::Level::Avx512 {
            // SAFETY: `level` returned this set, so the machine has it.
            return unsafe { self.gathered(x) };
        }
        let mut at = [1u32; LANES];
        for _ in 0..self.steps {
            for l in 0..LANES {
                // SAFETY: before the last of `steps` steps from 1 on, `at` is
                // below two to the power of `steps`, the length.
                let cut = unsafe { *self.places.get_unchecked(at[l] as usize) };
                at[l] = 2 * at[l] + u32::from(cut < x[l]);
            }
        }
        at.map(|at| (at - self.places.len() as u32) as u16)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
    fn gathered(&self, x: &[f32; LANES]) -> [u16; LANES] {
        use std::arch::x86_64::*;
        // SAFETY: there are 32 places and 16 values; gathers stay within the
        // places as above.
        unsafe {
            let places = self.places.as_ptr();
            let (first, second) = (_mm512_loadu_ps(places), _mm512_loadu_ps(places.add(LANES)));
            let x = _mm512_loadu_ps(x.as_ptr());
            let one = _mm512_set1_epi32(1);
            let mut at = one;
            for step in 0..self.steps {
                let cut = match step {
                    ..5 => _mm512_permutex2var_ps(first, at, second),
                    _ => _mm512_i32gather_ps::<4>(at, places),
                };
                let right = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(cut, x);
                let twice = _mm512_add_epi32(at, at);
                at = _mm512_mask_add_epi32(twice, right, twice, one);
            }
            let len = _mm512_set1_epi32(self.places.len() as i32);
            let ranks = _mm512_cvtepi32_epi16(_mm512_sub_epi32(at, len));
            let mut out = [0; LANES];
            _mm256_storeu_si256(out.as_mut_ptr().cast(), ranks);
            out
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.places.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::rng::Rng;

    #[test]
    fn ranks_count_the_cuts_below() {
        let mut rng = Rng::new(11, 0);
        for n in extent::counts(&[127, 128, 1000, 65_535]) {
            let mut draw = || ((rng.unit() - 0.5) * 1000.0).round() as f32 / 4.0;
            let mut cuts: Vec<f32> = (0..n).map(|_| draw()).collect();
            cuts.sort_unstable_by(f32::total_cmp);
            cuts.dedup();
            let ranking = Ranking::of(&cuts);
            for _ in 0..extent::times(20) {
                let mut x: [f32; LANES] = std::array::from_fn(|_| draw());
                x[0] = 1e30;
                x[1] = -1e30;
                let want = x.map(|x| cuts.partition_point(|&cut| cut < x) as u16);
                assert_eq!(ranking.ranks(&x), want, "{n} cuts");
            }
        }
    }
}
