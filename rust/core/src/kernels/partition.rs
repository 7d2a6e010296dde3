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
    if rows.len() >= super::simd::LANES && super::level() >= super::Level::Avx512Vbmi {
        // SAFETY: `level` returned this set, so the machine has it.
        return unsafe { compress::partition(rows, right, keys, cut) };
    }
    one_by_one(rows, right, keys, cut, 0, (0, 0))
}

/// From row `at` on, where `left_n` and `right_n` are placed already. Both
/// sides are written for every row.
#[inline(always)]
fn one_by_one(
    rows: &mut [u16],
    right: &mut [u16],
    keys: &[u16],
    cut: u16,
    at: usize,
    (mut left_n, mut right_n): (usize, usize),
) -> usize {
    let right = &mut right[..rows.len()];
    for i in at..rows.len() {
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

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,popcnt")]
    pub(super) fn partition(rows: &mut [u16], right: &mut [u16], keys: &[u16], cut: u16) -> usize {
        let n = rows.len();
        // The last key cannot be gathered: four bytes are read for two.
        let most = keys.len().saturating_sub(2) as i32;
        if right.len() < n || keys.len() < 2 {
            return super::one_by_one(rows, right, keys, cut, 0, (0, 0));
        }
        let (mut left_n, mut right_n, mut at) = (0, 0, 0);
        while at + LANES <= n {
            // SAFETY: `at + LANES <= n`, and `left_n` and `right_n` are at most
            // `at`: what is written to the left has been read. Gathers stay
            // within the keys, whatever the row numbers are.
            unsafe {
                let numbers = _mm256_loadu_si256(rows.as_ptr().add(at).cast());
                let index = _mm512_cvtepu16_epi32(numbers);
                let index = _mm512_min_epu32(index, _mm512_set1_epi32(most));
                let key = _mm512_i32gather_epi32::<2>(index, keys.as_ptr().cast());
                let key = _mm512_cvtepi32_epi16(key);
                let left = _mm256_cmple_epu16_mask(key, _mm256_set1_epi16(cut as i16));
                let front = _mm256_maskz_compress_epi16(left, numbers);
                let back = _mm256_maskz_compress_epi16(!left, numbers);
                _mm256_storeu_si256(rows.as_mut_ptr().add(left_n).cast(), front);
                _mm256_storeu_si256(right.as_mut_ptr().add(right_n).cast(), back);
                left_n += left.count_ones() as usize;
                right_n += LANES - left.count_ones() as usize;
            }
            at += LANES;
        }
        super::one_by_one(rows, right, keys, cut, at, (left_n, right_n))
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
