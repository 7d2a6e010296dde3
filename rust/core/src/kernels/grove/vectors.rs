//! The row that goes up, against sixteen boxes at once.
//!
//! The sums over columns of sixteen boxes with the row are turned while they are
//! made, so that each of the four last sums ([`super::super::lanes`] fixes their
//! order) is one for several boxes.

use super::{ENOUGH, LANES, Row, exposed};
use std::arch::x86_64::*;

/// A row in vectors.
pub(super) trait Vectors: Row {
    /// The row's values in sixteen columns, which may have [`ENOUGH`].
    ///
    /// # Safety
    /// The row has these columns.
    unsafe fn columns(self, columns: __m512i) -> __m512;
    /// [`super::super::lanes::union_sum`] of the row with each of sixteen boxes.
    ///
    /// # Safety
    /// As [`Row::within`] for each.
    unsafe fn union_sums(self, at: &[*const f32; LANES]) -> __m512;
}

/// A row of four or eight values, twice.
#[derive(Clone, Copy)]
pub(super) struct Narrow<const W: usize>(__m512);

impl<const W: usize> Narrow<W> {
    /// # Safety
    /// The row has `W` values.
    #[inline(always)]
    pub(super) unsafe fn of(q: &[f32]) -> Self {
        // SAFETY: the row has `W` values.
        unsafe {
            let q = Self::values(q.as_ptr());
            Narrow(_mm512_insertf32x8::<1>(_mm512_castps256_ps512(q), q))
        }
    }

    /// `W` values and zeros.
    ///
    /// # Safety
    /// `W` values can be read.
    #[inline(always)]
    unsafe fn values(from: *const f32) -> __m256 {
        // SAFETY: as the caller says.
        unsafe {
            match W {
                4 => _mm256_zextps128_ps256(_mm_loadu_ps(from)),
                _ => _mm256_loadu_ps(from),
            }
        }
    }

    /// Those of two boxes.
    ///
    /// # Safety
    /// `W` values can be read at each.
    #[inline(always)]
    unsafe fn two(a: *const f32, b: *const f32) -> __m512 {
        // SAFETY: as the caller says.
        unsafe {
            let a = _mm512_castps256_ps512(Self::values(a));
            _mm512_insertf32x8::<1>(a, Self::values(b))
        }
    }
}

impl<const W: usize> Row for Narrow<W> {
    // SAFETY: asked of the caller by `Row::within`: `2 W` values can be read at `at`.
    #[inline(always)]
    unsafe fn within(self, at: *const f32) -> bool {
        let at = exposed(at);
        // SAFETY: as the caller says.
        unsafe {
            let q = _mm512_castps512_ps256(self.0);
            let below = _mm256_cmp_ps_mask::<_CMP_LT_OQ>(q, Self::values(at));
            let above = _mm256_cmp_ps_mask::<_CMP_GT_OQ>(q, Self::values(at.add(W)));
            below | above == 0
        }
    }
}

impl<const W: usize> Vectors for Narrow<W> {
    // SAFETY: asked of the caller by `Vectors::columns`.
    #[inline(always)]
    unsafe fn columns(self, columns: __m512i) -> __m512 {
        // SAFETY: as the caller says.
        unsafe { _mm512_permutexvar_ps(columns, self.0) }
    }

    // SAFETY: asked of the caller by `Vectors::union_sums`, as `Row::within` for each box.
    #[inline(always)]
    unsafe fn union_sums(self, at: &[*const f32; LANES]) -> __m512 {
        // SAFETY: as the caller says.
        unsafe {
            let mut terms = [self.0; 8];
            for i in 0..8 {
                let (a, b) = (at[i], at[i + 8]);
                let (lo, hi) = (Self::two(a, b), Self::two(a.add(W), b.add(W)));
                let (low, high) = (_mm512_min_ps(self.0, lo), _mm512_max_ps(self.0, hi));
                terms[i] = _mm512_sub_ps(high, low);
            }
            sums_of_eight(terms)
        }
    }
}

/// A row of `W` values, or any number of them above 32 if that is zero.
#[derive(Clone, Copy)]
pub(super) struct Wide<const W: usize> {
    q: *const f32,
    len: usize,
    /// The first 32 values, as far as there are so many.
    head: [__m512; 2],
}

impl<const W: usize> Wide<W> {
    /// # Safety
    /// The row has `W` values; a multiple of eight if `W` is 0.
    #[inline(always)]
    pub(super) unsafe fn of(q: &[f32]) -> Self {
        let (q, len) = (q.as_ptr(), if W == 0 { q.len() } else { W });
        // SAFETY: there are `len` values.
        let head = unsafe { [Self::values(q, len, 0), Self::values(q, len, LANES)] };
        Wide { q, len, head }
    }

    #[inline(always)]
    fn len(self) -> usize {
        if W == 0 { self.len } else { W }
    }

    /// Values from column `j` on, and zeros behind the last of `len`, a
    /// multiple of eight.
    ///
    /// # Safety
    /// `len` values can be read.
    #[inline(always)]
    unsafe fn values(from: *const f32, len: usize, j: usize) -> __m512 {
        // SAFETY: no more is read than the caller says.
        unsafe {
            match len.saturating_sub(j) {
                0 => _mm512_setzero_ps(),
                8 => _mm512_zextps256_ps512(_mm256_loadu_ps(from.add(j))),
                _ => _mm512_loadu_ps(from.add(j)),
            }
        }
    }

    /// The row's.
    ///
    /// # Safety
    /// The row has a value in column `j`.
    #[inline(always)]
    unsafe fn own(self, j: usize) -> __m512 {
        match j / LANES {
            i @ (0 | 1) => self.head[i],
            // SAFETY: the row is there.
            _ => unsafe { Self::values(self.q, self.len(), j) },
        }
    }

    /// The sums of each lane.
    ///
    /// # Safety
    /// A box can be read at `at`: twice as many values as the row has.
    #[inline(always)]
    unsafe fn terms(self, at: *const f32) -> __m512 {
        // SAFETY: as the caller says.
        unsafe {
            let mut total = _mm512_setzero_ps();
            for j in (0..self.len()).step_by(LANES) {
                let q = self.own(j);
                let low = _mm512_min_ps(q, Self::values(at, self.len(), j));
                let high = _mm512_max_ps(q, Self::values(at.add(self.len()), self.len(), j));
                total = _mm512_add_ps(total, _mm512_sub_ps(high, low));
            }
            total
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
            let mut outside = 0;
            for j in (0..self.len()).step_by(LANES) {
                let q = self.own(j);
                let (lo, hi) = (
                    Self::values(at, self.len(), j),
                    Self::values(at.add(self.len()), self.len(), j),
                );
                outside |= _mm512_cmp_ps_mask::<_CMP_LT_OQ>(q, lo);
                outside |= _mm512_cmp_ps_mask::<_CMP_GT_OQ>(q, hi);
            }
            outside == 0
        }
    }
}

impl<const W: usize> Vectors for Wide<W> {
    // SAFETY: asked of the caller by `Vectors::columns`.
    #[inline(always)]
    unsafe fn columns(self, columns: __m512i) -> __m512 {
        // SAFETY: as the caller says.
        unsafe {
            match W {
                // Other ways look at no more bits than they need.
                0 => {
                    let column = _mm512_set1_epi32((ENOUGH[0] - 1) as i32);
                    _mm512_i32gather_ps::<4>(_mm512_and_si512(columns, column), self.q)
                }
                16 => _mm512_permutexvar_ps(columns, self.head[0]),
                _ => _mm512_permutex2var_ps(self.head[0], columns, self.head[1]),
            }
        }
    }

    // SAFETY: asked of the caller by `Vectors::union_sums`, as `Row::within` for each box.
    #[inline(always)]
    unsafe fn union_sums(self, at: &[*const f32; LANES]) -> __m512 {
        // SAFETY: as the caller says.
        unsafe {
            let mut halves = [self.head[0]; 8];
            for i in 0..8 {
                let (a, b) = (self.terms(at[i]), self.terms(at[i + 8]));
                let low = _mm512_shuffle_f32x4::<0x44>(a, b);
                let high = _mm512_shuffle_f32x4::<0xee>(a, b);
                halves[i] = _mm512_add_ps(low, high);
            }
            sums_of_eight(halves)
        }
    }
}

/// Sums of eight values each: `v[i]` has those of tree `i`, then of tree `i + 8`.
///
/// # Safety
/// The machine has the instruction set.
#[inline(always)]
unsafe fn sums_of_eight(v: [__m512; 8]) -> __m512 {
    // SAFETY: the caller's machine has the set.
    unsafe {
        // Four of trees i, i + 8, i + 4 and i + 12.
        let mut four = [v[0]; 4];
        for i in 0..4 {
            let low = _mm512_shuffle_f32x4::<0x88>(v[i], v[i + 4]);
            let high = _mm512_shuffle_f32x4::<0xdd>(v[i], v[i + 4]);
            four[i] = _mm512_add_ps(low, high);
        }
        // Two of each of two.
        let mut two = [v[0]; 2];
        for i in 0..2 {
            let [a, b] = [0, 1].map(|side| _mm512_castps_pd(four[2 * i + side]));
            let (low, high) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
            two[i] = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
        }
        let even = _mm512_shuffle_ps::<0x88>(two[0], two[1]);
        let odd = _mm512_shuffle_ps::<0xdd>(two[0], two[1]);
        let one = _mm512_add_ps(even, odd);
        // Quarters 0, 2, 1, 3: trees in order.
        _mm512_shuffle_f32x4::<0xd8>(one, one)
    }
}
