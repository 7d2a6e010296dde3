//! One 512-bit register.

use super::avx2::{added_eights, added_fours, terms};
use super::{Avx2, FOUR, LANES, Simd, TURNED};
use std::arch::x86_64::*;

/// AVX-512 F and DQ.
#[derive(Clone, Copy)]
pub(crate) struct Avx512 {
    /// A one that the compiler does not know to be one. Sums go through the
    /// multipliers with it: `1 x a + b`, rounded once, is `a + b`, and the
    /// pipes that add have minima and maxima to do.
    one: __m512,
    avx2: Avx2,
}

impl Avx512 {
    /// The machine has the set.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx2")]
    pub(crate) fn new() -> Avx512 {
        Avx512 {
            one: _mm512_set1_ps(std::hint::black_box(1.0)),
            avx2: Avx2::new(),
        }
    }
}

/// SAFETY of all below: an [`Avx512`] exists, so the machine has the set, and
/// pointers come from references to as many values as are read or written.
impl Simd for Avx512 {
    type Lanes = __m512;
    type Columns = Avx2;

    #[inline(always)]
    fn eights(self) -> Avx2 {
        self.avx2
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, lanes: __m512, to: &mut [f32; LANES]) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), lanes) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, self.one, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fmsub_ps(a, self.one, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn equal(self, a: __m512, b: __m512) -> u16 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    fn select(self, bits: u16, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_ps(bits, b, a) }
    }

    // SAFETY: the trait says what the caller owes.
    #[inline(always)]
    unsafe fn columns(self, rows: *const f32, at: &[u32; LANES]) -> [__m512; TURNED] {
        // Rows `l` and `l + 8` side by side, then both halves turned as eight
        // by eight: pairs, quads, and 128-bit quarters change places.
        // SAFETY: see above.
        unsafe {
            let mut r = [_mm512_setzero_ps(); 8];
            for l in 0..8 {
                let low = _mm256_loadu_ps(rows.add(at[l] as usize));
                let high = _mm256_loadu_ps(rows.add(at[l + 8] as usize));
                r[l] = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high);
            }
            let mut pairs = r;
            for l in [0, 2, 4, 6] {
                pairs[l] = _mm512_unpacklo_ps(r[l], r[l + 1]);
                pairs[l + 1] = _mm512_unpackhi_ps(r[l], r[l + 1]);
            }
            // Columns 0 and 4, 1 and 5, ... of rows 0 to 3, then of 4 to 7.
            let mut quads = r;
            for l in [0, 1, 4, 5] {
                let to = 2 * l - (l & 4);
                quads[to] = _mm512_shuffle_ps::<0x44>(pairs[l], pairs[l + 2]);
                quads[to + 1] = _mm512_shuffle_ps::<0xee>(pairs[l], pairs[l + 2]);
            }
            let even = _mm512_set_epi32(27, 26, 25, 24, 11, 10, 9, 8, 19, 18, 17, 16, 3, 2, 1, 0);
            let odd = _mm512_set_epi32(31, 30, 29, 28, 15, 14, 13, 12, 23, 22, 21, 20, 7, 6, 5, 4);
            let mut columns = r;
            for j in 0..4 {
                columns[j] = _mm512_permutex2var_ps(quads[j], even, quads[j + 4]);
                columns[j + 4] = _mm512_permutex2var_ps(quads[j], odd, quads[j + 4]);
            }
            columns
        }
    }

    // SAFETY: the trait says what the caller owes.
    #[inline(always)]
    unsafe fn union_sums(self, boxes: [*const f32; FOUR], q: *const f32, n: usize) -> [f32; FOUR] {
        // SAFETY: see above.
        unsafe {
            if n == FOUR {
                return added_fours(boxes, q);
            }
            let mut sums = [_mm256_setzero_ps(); FOUR];
            for i in 0..FOUR {
                if n == 8 {
                    sums[i] = terms(boxes[i], q, n);
                    continue;
                }
                let mut total = _mm512_setzero_ps();
                let mut j = 0;
                while j + LANES <= n {
                    let (lo, hi) = (
                        _mm512_loadu_ps(boxes[i].add(j)),
                        _mm512_loadu_ps(boxes[i].add(n + j)),
                    );
                    let q = _mm512_loadu_ps(q.add(j));
                    let term = self.sub(_mm512_max_ps(q, hi), _mm512_min_ps(q, lo));
                    total = self.add(total, term);
                    j += LANES;
                }
                let mut low = _mm512_castps512_ps256(total);
                if j < n {
                    low = _mm256_add_ps(low, terms(boxes[i].add(j), q.add(j), n));
                }
                sums[i] = _mm256_add_ps(low, _mm512_extractf32x8_ps::<1>(total));
            }
            added_eights(sums)
        }
    }
}
