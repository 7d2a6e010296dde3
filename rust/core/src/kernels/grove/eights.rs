//! The row that goes up, against eight boxes at once, by AVX2.
//!
//! As in [`super::vectors`], the sums over columns are turned while they are made.

use super::{Row, exposed};
use std::arch::x86_64::*;

/// Trees in a vector.
pub(super) const EIGHT: usize = 8;

/// A row in vectors.
pub(super) trait Vectors: Row {
    /// The row's values in eight columns, which may have [`super::ENOUGH`].
    ///
    /// # Safety
    /// The row has these columns.
    unsafe fn columns(self, columns: __m256i) -> __m256;
    /// [`super::super::lanes::union_sum`] of the row with each of eight boxes.
    ///
    /// # Safety
    /// As [`Row::within`] for each.
    unsafe fn union_sums(self, at: &[*const f32; EIGHT]) -> __m256;
}

/// A row of four values, twice.
#[derive(Clone, Copy)]
pub(super) struct Fours(__m256);

impl Fours {
    /// # Safety
    /// The row has four values.
    #[inline(always)]
    pub(super) unsafe fn of(q: &[f32]) -> Self {
        // SAFETY: the row has four values.
        unsafe { Self::two(q.as_ptr(), q.as_ptr()) }
    }

    /// # Safety
    /// Four values can be read at each.
    #[inline(always)]
    unsafe fn two(a: *const f32, b: *const f32) -> Self {
        // SAFETY: as the caller says.
        unsafe { Fours(_mm256_loadu2_m128(b, a)) }
    }
}

impl Row for Fours {
    // SAFETY: asked of the caller by `Row::within`: eight values can be read at `at`.
    #[inline(always)]
    unsafe fn within(self, at: *const f32) -> bool {
        let at = exposed(at);
        // SAFETY: as the caller says.
        unsafe {
            let q = _mm256_castps256_ps128(self.0);
            let below = _mm_cmplt_ps(q, _mm_loadu_ps(at));
            let above = _mm_cmpgt_ps(q, _mm_loadu_ps(at.add(4)));
            _mm_movemask_ps(_mm_or_ps(below, above)) == 0
        }
    }
}

impl Vectors for Fours {
    // SAFETY: asked of the caller by `Vectors::columns`.
    #[inline(always)]
    unsafe fn columns(self, columns: __m256i) -> __m256 {
        // SAFETY: as the caller says.
        unsafe { _mm256_permutevar8x32_ps(self.0, columns) }
    }

    // SAFETY: asked of the caller by `Vectors::union_sums`, as `Row::within` for each box.
    #[inline(always)]
    unsafe fn union_sums(self, at: &[*const f32; EIGHT]) -> __m256 {
        let mut fours = [self.0; 4];
        for i in 0..4 {
            // SAFETY: as the caller says.
            unsafe {
                let (a, b) = (at[i], at[i + 4]);
                let (Fours(lo), Fours(hi)) = (Self::two(a, b), Self::two(a.add(4), b.add(4)));
                let (low, high) = (_mm256_min_ps(self.0, lo), _mm256_max_ps(self.0, hi));
                fours[i] = _mm256_sub_ps(high, low);
            }
        }
        // SAFETY: the caller's machine has the set.
        unsafe { sums_of_four(fours) }
    }
}

/// A row of `W` values, or any number of them above 32 if that is zero.
#[derive(Clone, Copy)]
pub(super) struct Wide<const W: usize> {
    q: *const f32,
    len: usize,
    /// The first 32 values, as far as there are so many and then the last of those again.
    head: [__m256; 4],
}

impl<const W: usize> Wide<W> {
    /// # Safety
    /// The row has `W` values; a multiple of eight if `W` is 0.
    #[inline(always)]
    pub(super) unsafe fn of(q: &[f32]) -> Self {
        let (q, len) = (q.as_ptr(), if W == 0 { q.len() } else { W });
        // SAFETY: there are `len` values.
        let head =
            unsafe { [0, 8, 16, 24].map(|j| _mm256_loadu_ps(q.add(usize::min(j, len - EIGHT)))) };
        Wide { q, len, head }
    }

    #[inline(always)]
    fn len(self) -> usize {
        if W == 0 { self.len } else { W }
    }

    /// The row's eight values from column `j` on.
    ///
    /// # Safety
    /// The row has them.
    #[inline(always)]
    unsafe fn own(self, j: usize) -> __m256 {
        match self.head.get(j / EIGHT) {
            Some(&own) if W != 0 => own,
            // SAFETY: as the caller says.
            _ => unsafe { _mm256_loadu_ps(self.q.add(j)) },
        }
    }

    /// Terms of eight columns of a box.
    ///
    /// # Safety
    /// The row and the box have them.
    #[inline(always)]
    unsafe fn terms(self, at: *const f32, j: usize) -> __m256 {
        // SAFETY: as the caller says.
        unsafe {
            let q = self.own(j);
            let low = _mm256_min_ps(q, _mm256_loadu_ps(at.add(j)));
            let high = _mm256_max_ps(q, _mm256_loadu_ps(at.add(self.len() + j)));
            _mm256_sub_ps(high, low)
        }
    }

    /// The sums of each lane of sixteen, and those of lanes eight apart.
    ///
    /// # Safety
    /// A box can be read at `at`: twice as many values as the row has.
    #[inline(always)]
    unsafe fn sums(self, at: *const f32) -> __m256 {
        // SAFETY: as the caller says.
        unsafe {
            let mut low = self.terms(at, 0);
            if W == EIGHT {
                return low;
            }
            let mut high = self.terms(at, EIGHT);
            let mut j = 2 * EIGHT;
            while j + EIGHT < self.len() {
                low = _mm256_add_ps(low, self.terms(at, j));
                high = _mm256_add_ps(high, self.terms(at, j + EIGHT));
                j += 2 * EIGHT;
            }
            if j < self.len() {
                low = _mm256_add_ps(low, self.terms(at, j));
            }
            _mm256_add_ps(low, high)
        }
    }
}

impl<const W: usize> Row for Wide<W> {
    // SAFETY: asked of the caller by `Row::within`: as many values as two rows have, at `at`.
    #[inline(always)]
    unsafe fn within(self, at: *const f32) -> bool {
        let at = exposed(at);
        // SAFETY: as the caller says.
        unsafe {
            let mut outside = _mm256_setzero_ps();
            for j in (0..self.len()).step_by(EIGHT) {
                let q = self.own(j);
                let lo = _mm256_loadu_ps(at.add(j));
                let hi = _mm256_loadu_ps(at.add(self.len() + j));
                outside = _mm256_or_ps(outside, _mm256_cmp_ps::<_CMP_LT_OQ>(q, lo));
                outside = _mm256_or_ps(outside, _mm256_cmp_ps::<_CMP_GT_OQ>(q, hi));
            }
            _mm256_movemask_ps(outside) == 0
        }
    }
}

impl<const W: usize> Vectors for Wide<W> {
    // SAFETY: asked of the caller by `Vectors::columns`.
    #[inline(always)]
    unsafe fn columns(self, columns: __m256i) -> __m256 {
        // SAFETY: as the caller says.
        unsafe {
            if W == 0 {
                let mask = _mm256_set1_epi32((super::ENOUGH[0] - 1) as i32);
                let mut at = [0u32; EIGHT];
                _mm256_storeu_si256(at.as_mut_ptr().cast(), _mm256_and_si256(columns, mask));
                let [a, b, c, d, e, f, g, h] = at.map(|j| *self.q.add(j as usize));
                return _mm256_setr_ps(a, b, c, d, e, f, g, h);
            }
            // Others look at no more bits than they need: three, then one for each half.
            let of = |i: usize| _mm256_permutevar8x32_ps(self.head[i], columns);
            let eighth = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(columns));
            let sixteenth = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(columns));
            match W {
                8 => of(0),
                16 => _mm256_blendv_ps(of(0), of(1), eighth),
                24 => {
                    let low = _mm256_blendv_ps(of(0), of(1), eighth);
                    _mm256_blendv_ps(low, of(2), sixteenth)
                }
                _ => {
                    let low = _mm256_blendv_ps(of(0), of(1), eighth);
                    let high = _mm256_blendv_ps(of(2), of(3), eighth);
                    _mm256_blendv_ps(low, high, sixteenth)
                }
            }
        }
    }

    // SAFETY: asked of the caller by `Vectors::union_sums`, as `Row::within` for each box.
    #[inline(always)]
    unsafe fn union_sums(self, at: &[*const f32; EIGHT]) -> __m256 {
        let mut fours = [self.head[0]; 4];
        for i in 0..4 {
            // SAFETY: as the caller says.
            unsafe {
                let (a, b) = (self.sums(at[i]), self.sums(at[i + 4]));
                let low = _mm256_permute2f128_ps::<0x20>(a, b);
                let high = _mm256_permute2f128_ps::<0x31>(a, b);
                fours[i] = _mm256_add_ps(low, high);
            }
        }
        // SAFETY: the caller's machine has the set.
        unsafe { sums_of_four(fours) }
    }
}

/// Sums of four values each: `v[i]` has those of tree `i`, then of tree `i + 4`.
///
/// # Safety
/// The machine has the instruction set.
#[inline(always)]
unsafe fn sums_of_four(v: [__m256; 4]) -> __m256 {
    // SAFETY: the caller's machine has the set.
    unsafe {
        let two = |a, b| _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (low, high) = (two(v[0], v[1]), two(v[2], v[3]));
        let even = _mm256_shuffle_ps::<0x44>(low, high);
        let odd = _mm256_shuffle_ps::<0xee>(low, high);
        _mm256_add_ps(even, odd)
    }
}
