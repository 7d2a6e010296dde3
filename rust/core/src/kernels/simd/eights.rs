//! Eight columns of one row in vector lanes: what living trees need to grow and
//! shrink a box. 256 bits, also where wider vectors are there: most rows have few
//! columns, and what follows waits for the last of them.

use super::Portable;
use std::array::from_fn;

/// Columns in a vector.
pub(crate) const EIGHT: usize = 8;

/// Operations on [`EIGHT`] single-precision numbers; see [`super::Simd`].
pub(crate) trait Eights: Copy {
    /// The numbers.
    type Eight: Copy;

    fn zero(self) -> Self::Eight;
    fn load(self, from: &[f32; EIGHT]) -> Self::Eight;
    fn store(self, lanes: Self::Eight, to: &mut [f32; EIGHT]);

    /// The larger ones; of no use with NaN.
    fn max(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;
    fn min(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;
    fn add(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;
    fn sub(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;

    /// A bit for each lane in which both differ.
    fn differ(self, a: Self::Eight, b: Self::Eight) -> u8;
    /// A bit for each lane in which `a` is larger.
    fn above(self, a: Self::Eight, b: Self::Eight) -> u8;
    /// The sum of all lanes: those four apart first, then two, then one.
    fn sum(self, a: Self::Eight) -> f32;
}

impl Eights for Portable {
    type Eight = [f32; EIGHT];

    #[inline(always)]
    fn zero(self) -> [f32; EIGHT] {
        [0.0; EIGHT]
    }

    #[inline(always)]
    fn load(self, from: &[f32; EIGHT]) -> [f32; EIGHT] {
        *from
    }

    #[inline(always)]
    fn store(self, lanes: [f32; EIGHT], to: &mut [f32; EIGHT]) {
        *to = lanes;
    }

    #[inline(always)]
    fn max(self, a: [f32; EIGHT], b: [f32; EIGHT]) -> [f32; EIGHT] {
        from_fn(|l| if a[l] > b[l] { a[l] } else { b[l] })
    }

    #[inline(always)]
    fn min(self, a: [f32; EIGHT], b: [f32; EIGHT]) -> [f32; EIGHT] {
        from_fn(|l| if a[l] < b[l] { a[l] } else { b[l] })
    }

    #[inline(always)]
    fn add(self, a: [f32; EIGHT], b: [f32; EIGHT]) -> [f32; EIGHT] {
        from_fn(|l| a[l] + b[l])
    }

    #[inline(always)]
    fn sub(self, a: [f32; EIGHT], b: [f32; EIGHT]) -> [f32; EIGHT] {
        from_fn(|l| a[l] - b[l])
    }

    #[inline(always)]
    fn differ(self, a: [f32; EIGHT], b: [f32; EIGHT]) -> u8 {
        (0..EIGHT).fold(0, |bits, l| bits | (u8::from(a[l] != b[l]) << l))
    }

    #[inline(always)]
    fn above(self, a: [f32; EIGHT], b: [f32; EIGHT]) -> u8 {
        (0..EIGHT).fold(0, |bits, l| bits | (u8::from(a[l] > b[l]) << l))
    }

    #[inline(always)]
    fn sum(self, a: [f32; EIGHT]) -> f32 {
        let a: [f32; 4] = from_fn(|l| a[l] + a[l + 4]);
        (a[0] + a[2]) + (a[1] + a[3])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{EIGHT, Eights};
    use crate::kernels::simd::Avx2;
    use std::arch::x86_64::*;

    /// SAFETY of all below: an [`Avx2`] exists, so the machine has the set, and
    /// pointers come from references to as many values as are read or written.
    impl Eights for Avx2 {
        type Eight = __m256;

        #[inline(always)]
        fn zero(self) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_setzero_ps() }
        }

        #[inline(always)]
        fn load(self, from: &[f32; EIGHT]) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_loadu_ps(from.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, lanes: __m256, to: &mut [f32; EIGHT]) {
            // SAFETY: see above.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), lanes) }
        }

        #[inline(always)]
        fn max(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_max_ps(a, b) }
        }

        #[inline(always)]
        fn min(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_min_ps(a, b) }
        }

        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        fn sub(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: see above.
            unsafe { _mm256_sub_ps(a, b) }
        }

        #[inline(always)]
        fn differ(self, a: __m256, b: __m256) -> u8 {
            // SAFETY: see above.
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a, b)) as u8 }
        }

        #[inline(always)]
        fn above(self, a: __m256, b: __m256) -> u8 {
            // SAFETY: see above.
            unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) as u8 }
        }

        #[inline(always)]
        fn sum(self, a: __m256) -> f32 {
            // SAFETY: see above.
            unsafe {
                let fours = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
                let pairs = _mm_add_ps(fours, _mm_movehl_ps(fours, fours));
                _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehdup_ps(pairs)))
            }
        }
    }
}
