//! Row numbers sorted to both sides of a cut.
//!
//! Stable, so that rows that lie close together in memory stay close. Without
//! branches: which way a row goes cannot be foretold. Three instructions a row
//! and a cycle or more for its key; with `vpcompressw`, sixteen rows at a time,
//! half of it.
//!
//! After Bramas, *A novel hybrid quicksort algorithm vectorized using AVX-512 on Intel
//! Skylake* (2017), with row numbers and a temporary for one side, so that it is stable.

/// Moves the row numbers with `keys[row] <= cut` to the front, the others
/// behind them, both in order; returns how many go to the front. `right` has
/// room for all. Every row number is below the length of `keys` less one.
pub(crate) fn partition(rows: &mut [u16], right: &mut [u16], keys: &[u16], cut: u16) -> usize {
    #[cfg(target_arch = "x86_64")]
    if super::level() >= super::Level::Avx512Vbmi {
        // SAFETY: `level` returned this set, so the machine has it.
        return unsafe { compress::partition(rows, right, keys, cut) };
    }
    one_by_one(rows, right, keys, cut)
}

/// Both sides are written for every row.
#[inline(always)]
fn one_by_one(rows: &mut [u16], right: &mut [u16], keys: &[u16], cut: u16) -> usize {
    let (mut left_n, mut right_n) = (0, 0);
    let right = &mut right[..rows.len()];
    for i in 0..rows.len() {
        let row = rows[i];
        let goes_left = keys[usize::from(row)] <= cut;
        rows[left_n] = row;
        right[right_n] = row;
        left_n += usize::from(goes_left);
        right_n += usize::from(!goes_left);
    }
    rows[left_n..].copy_from_slice(&right[..right_n]);
    left_n
}

#[cfg(target_arch = "x86_64")]
mod compress {
    use std::arch::x86_64::*;

    const LANES: usize = 16;

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,bmi2,popcnt")]
    pub(super) fn partition(rows: &mut [u16], right: &mut [u16], keys: &[u16], cut: u16) -> usize {
        let n = rows.len();
        if right.len() < n || keys.len() < 2 {
            return super::one_by_one(rows, right, keys, cut);
        }
        let (mut left_n, mut right_n, mut at) = (0, 0, 0);
        let (rows, right) = (rows.as_mut_ptr(), right.as_mut_ptr());
        // SAFETY: `at` and the numbers that go to both sides, `left_n + right_n = at`, are
        // at most `n`, which both slices have; whole vectors are read and written where
        // `at + LANES <= n`, else only the lanes in the mask. What is written to the left
        // has been read.
        unsafe {
            while at + LANES <= n {
                let numbers = _mm256_loadu_si256(rows.add(at).cast());
                let left = left_ones(numbers, keys, cut);
                let front = _mm256_maskz_compress_epi16(left, numbers);
                let back = _mm256_maskz_compress_epi16(!left, numbers);
                _mm256_storeu_si256(rows.add(left_n).cast(), front);
                _mm256_storeu_si256(right.add(right_n).cast(), back);
                left_n += left.count_ones() as usize;
                right_n += LANES - left.count_ones() as usize;
                at += LANES;
            }
            // All that a small node has. Its rows take no way through other memory, since
            // those for the right come last.
            let mask = first(n - at);
            let numbers = _mm256_maskz_loadu_epi16(mask, rows.add(at).cast_const().cast());
            let left = left_ones(numbers, keys, cut) & mask;
            let behind = !left & mask;
            let front = _mm256_maskz_compress_epi16(left, numbers);
            let back = _mm256_maskz_compress_epi16(behind, numbers);
            let count = left.count_ones() as usize;
            _mm256_mask_storeu_epi16(rows.add(left_n).cast(), first(count), front);
            left_n += count;
            for from in (0..right_n).step_by(LANES) {
                let some = first(right_n - from);
                let numbers = _mm256_maskz_loadu_epi16(some, right.add(from).cast_const().cast());
                _mm256_mask_storeu_epi16(rows.add(left_n + from).cast(), some, numbers);
            }
            let count = behind.count_ones() as usize;
            _mm256_mask_storeu_epi16(rows.add(n - count).cast(), first(count), back);
        }
        left_n
    }

    /// A bit for each row that goes left. Of at least two keys.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
    fn left_ones(numbers: __m256i, keys: &[u16], cut: u16) -> __mmask16 {
        // The last key cannot be gathered: four bytes are read for two.
        let most = keys.len().saturating_sub(2) as i32;
        let index = _mm512_cvtepu16_epi32(numbers);
        let index = _mm512_min_epu32(index, _mm512_set1_epi32(most));
        // SAFETY: at most the last but one of the keys, whatever the row numbers are.
        let key = unsafe { _mm512_i32gather_epi32::<2>(index, keys.as_ptr().cast()) };
        _mm256_cmple_epu16_mask(_mm512_cvtepi32_epi16(key), _mm256_set1_epi16(cut as i16))
    }

    /// The first lanes, as many as there are.
    #[target_feature(enable = "bmi2")]
    fn first(n: usize) -> __mmask16 {
        _bzhi_u32(u32::from(u16::MAX), n.min(LANES) as u32) as __mmask16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::rng::Rng;

    #[test]
    fn both_sides_keep_their_order() {
        let mut rng = Rng::new(3, 0);
        for n in extent::counts(&[1000, 16_384]) {
            let mut draw = |to: f64| (rng.unit() * to) as u16;
            let keys: Vec<u16> = (0..n + 1).map(|_| draw(65_536.0)).collect();
            let numbers: Vec<u16> = (0..n).map(|_| draw(n as f64)).collect();
            for cut in [0, 9_000, 40_000, u16::MAX] {
                let (mut rows, mut right) = (numbers.clone(), vec![0; n]);
                let left_n = partition(&mut rows, &mut right, &keys, cut);
                let (mut want, behind): (Vec<u16>, Vec<u16>) = numbers
                    .iter()
                    .partition(|&&row| keys[usize::from(row)] <= cut);
                assert_eq!(left_n, want.len());
                want.extend(behind);
                assert_eq!(rows, want, "n = {n}, cut {cut}");
            }
        }
    }
}
