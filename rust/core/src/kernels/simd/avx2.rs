//! Two 256-bit registers: every operation is two instructions. A division is the
//! dearest of them; a selection by bits has to make its mask from them first.

use super::{FOUR, LANES, Simd, TURNED};
use std::arch::x86_64::*;

/// AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The machine has the set.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(crate) fn new() -> Avx2 {
        Avx2(())
    }
}

type Two = [__m256; 2];

/// SAFETY of all below: an [`Avx2`] exists, so the machine has the set, and
/// pointers come from references to as many values as are read or written.
impl Simd for Avx2 {
    type Lanes = Two;
    type Columns = Avx2;

    #[inline(always)]
    fn eights(self) -> Avx2 {
        self
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Two {
        let from = from.as_ptr();
        // SAFETY: see above.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    fn store(self, lanes: Two, to: &mut [f32; LANES]) {
        let to = to.as_mut_ptr();
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_ps(to, lanes[0]);
            _mm256_storeu_ps(to.add(8), lanes[1]);
        }
    }

    #[inline(always)]
    fn max(self, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn min(self, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn add(self, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn div(self, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn equal(self, a: Two, b: Two) -> u16 {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a[0], b[0])) as u8;
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a[1], b[1])) as u8;
            u16::from_le_bytes([low, high])
        }
    }

    #[inline(always)]
    fn select(self, bits: u16, a: Two, b: Two) -> Two {
        // SAFETY: see above.
        unsafe {
            let one = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let mut picked = b;
            for (half, bits) in bits.to_le_bytes().into_iter().enumerate() {
                let set = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), one);
                let mask = _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, one));
                picked[half] = _mm256_blendv_ps(b[half], a[half], mask);
            }
            picked
        }
    }

    // SAFETY: the trait says what the caller owes.
    #[inline(always)]
    unsafe fn columns(self, rows: *const f32, at: &[u32; LANES]) -> [Two; TURNED] {
        let [low, high] = [0, 8].map(|first| [0, 1, 2, 3, 4, 5, 6, 7].map(|l| at[first + l]));
        // SAFETY: see above.
        let (low, high) = unsafe { (turned(rows, low), turned(rows, high)) };
        let mut columns = [[low[0], high[0]]; TURNED];
        for j in 1..TURNED {
            columns[j] = [low[j], high[j]];
        }
        columns
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
                let mut low = _mm256_setzero_ps();
                let mut high = low;
                let mut j = 0;
                if n == 8 {
                    sums[i] = terms(boxes[i], q, n);
                    continue;
                }
                while j + 16 <= n {
                    low = _mm256_add_ps(low, terms(boxes[i].add(j), q.add(j), n));
                    high = _mm256_add_ps(high, terms(boxes[i].add(j + 8), q.add(j + 8), n));
                    j += 16;
                }
                if j < n {
                    low = _mm256_add_ps(low, terms(boxes[i].add(j), q.add(j), n));
                }
                sums[i] = _mm256_add_ps(low, high);
            }
            added_eights(sums)
        }
    }
}

/// Terms of eight columns, whose highs lie `n` behind the lows.
///
/// # Safety
/// There are eight of each.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn terms(lo: *const f32, q: *const f32, n: usize) -> __m256 {
    // SAFETY: as the caller says.
    let (lo, hi, q) = unsafe {
        (
            _mm256_loadu_ps(lo),
            _mm256_loadu_ps(lo.add(n)),
            _mm256_loadu_ps(q),
        )
    };
    _mm256_sub_ps(_mm256_max_ps(q, hi), _mm256_min_ps(q, lo))
}

/// Boxes of four columns.
///
/// # Safety
/// As [`Simd::union_sums`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn added_fours(boxes: [*const f32; FOUR], q: *const f32) -> [f32; FOUR] {
    let mut sums = [_mm_setzero_ps(); FOUR];
    for i in 0..FOUR {
        // SAFETY: as the caller says.
        let (lo, hi, q) = unsafe {
            (
                _mm_loadu_ps(boxes[i]),
                _mm_loadu_ps(boxes[i].add(4)),
                _mm_loadu_ps(q),
            )
        };
        sums[i] = _mm_sub_ps(_mm_max_ps(q, hi), _mm_min_ps(q, lo));
    }
    added(sums)
}

/// Adds up the lanes of each of four: four apart first, as [`lanes`] says.
///
/// [`lanes`]: crate::kernels::lanes
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn added_eights(sums: [__m256; FOUR]) -> [f32; FOUR] {
    let mut halves = [_mm_setzero_ps(); FOUR];
    for i in 0..FOUR {
        let (low, high) = (
            _mm256_castps256_ps128(sums[i]),
            _mm256_extractf128_ps::<1>(sums[i]),
        );
        halves[i] = _mm_add_ps(low, high);
    }
    added(halves)
}

/// Adds up the lanes of each of four: two apart, then the rest.
#[inline]
#[target_feature(enable = "avx2")]
fn added(t: [__m128; FOUR]) -> [f32; FOUR] {
    let ab = _mm_add_ps(_mm_unpacklo_ps(t[0], t[1]), _mm_unpackhi_ps(t[0], t[1]));
    let cd = _mm_add_ps(_mm_unpacklo_ps(t[2], t[3]), _mm_unpackhi_ps(t[2], t[3]));
    let sums = _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
    let mut to = [0.0; FOUR];
    // SAFETY: there is room for four.
    unsafe { _mm_storeu_ps(to.as_mut_ptr(), sums) };
    to
}

/// Eight columns of eight rows: pairs, quads, and halves change places.
///
/// # Safety
/// As [`Simd::columns`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn turned(rows: *const f32, at: [u32; 8]) -> [__m256; 8] {
    let mut r = [_mm256_setzero_ps(); 8];
    for l in 0..8 {
        // SAFETY: as the caller says.
        r[l] = unsafe { _mm256_loadu_ps(rows.add(at[l] as usize)) };
    }
    let mut pairs = r;
    for l in [0, 2, 4, 6] {
        pairs[l] = _mm256_unpacklo_ps(r[l], r[l + 1]);
        pairs[l + 1] = _mm256_unpackhi_ps(r[l], r[l + 1]);
    }
    let mut quads = r;
    for l in [0, 1, 4, 5] {
        let to = 2 * l - (l & 4);
        quads[to] = _mm256_shuffle_ps::<0x44>(pairs[l], pairs[l + 2]);
        quads[to + 1] = _mm256_shuffle_ps::<0xee>(pairs[l], pairs[l + 2]);
    }
    let mut columns = r;
    for j in 0..4 {
        columns[j] = _mm256_permute2f128_ps::<0x20>(quads[j], quads[j + 4]);
        columns[j + 4] = _mm256_permute2f128_ps::<0x31>(quads[j], quads[j + 4]);
    }
    columns
}
