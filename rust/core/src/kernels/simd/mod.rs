//! Sixteen rows in vector lanes, one operation for each instruction set.
//!
//! A value of a type that implements [`Simd`] is the proof that the machine has
//! its instruction set: only the dispatcher makes one. Every operation rounds
//! as IEEE 754 says and nothing is fused, so all sets give the same bits.
//!
//! What is written with these operations must be `#[inline(always)]` functions
//! from the shell of an instruction set down, and no closures: a function that
//! is not inlined is built without the set, and then calls every instruction.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod eights;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use eights::{EIGHT, Eights};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

use super::fours::FOUR;
use super::lanes;
use std::slice;

/// Rows in a vector.
pub(crate) const LANES: usize = 16;
/// Columns that [`Simd::columns`] turns at a time.
pub(crate) const TURNED: usize = 8;

/// Operations on [`LANES`] single-precision numbers.
pub(crate) trait Simd: Copy {
    /// The numbers.
    type Lanes: Copy;
    /// What the same set does with eight columns.
    type Columns: Eights;

    /// Whether one kernel is for rows of any width, instead of one for each that is usual.
    const ANY_WIDTH: bool = false;

    fn eights(self) -> Self::Columns;

    fn splat(self, value: f32) -> Self::Lanes;
    fn load(self, from: &[f32; LANES]) -> Self::Lanes;
    fn store(self, lanes: Self::Lanes, to: &mut [f32; LANES]);

    /// The larger ones; of no use with NaN.
    fn max(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn min(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn sub(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn mul(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    fn div(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// A bit for each lane in which both are equal.
    fn equal(self, a: Self::Lanes, b: Self::Lanes) -> u16;
    /// `a` where a bit is set, else `b`.
    fn select(self, bits: u16, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// Eight columns of sixteen rows, of which row `l` begins `at[l]` values
    /// behind `rows`.
    ///
    /// # Safety
    /// Each row has eight values.
    unsafe fn columns(self, rows: *const f32, at: &[u32; LANES]) -> [Self::Lanes; TURNED];

    /// [`lanes::union_sum`] of four boxes, lows then highs, with a row.
    ///
    /// # Safety
    /// The row has `n` values and each box twice as many, with `n` four or a
    /// multiple of eight.
    #[inline(always)]
    unsafe fn union_sums(self, boxes: [*const f32; FOUR], q: *const f32, n: usize) -> [f32; FOUR] {
        let mut sums = [0.0; FOUR];
        for i in 0..FOUR {
            // SAFETY: as the caller says.
            let (lo, hi, q) = unsafe {
                (
                    slice::from_raw_parts(boxes[i], n),
                    slice::from_raw_parts(boxes[i].add(n), n),
                    slice::from_raw_parts(q, n),
                )
            };
            sums[i] = lanes::union_sum(lo, hi, q);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::rng::Rng;

    /// Every operation against plain numbers.
    fn check<S: Simd>(s: S) {
        let mut rng = Rng::new(5, 0);
        for _ in 0..extent::times(500) {
            let mut draw = || -> [f32; LANES] {
                std::array::from_fn(|_| match rng.unit() {
                    u if u < 0.1 => 0.0,
                    u if u < 0.2 => 1.0,
                    u => ((u - 0.5) * 1e3) as f32,
                })
            };
            let (x, y) = (draw(), draw());
            let (a, b) = (s.load(&x), s.load(&y));
            let is = |lanes, want: fn(f32, f32) -> f32| {
                let mut got = [0.0; LANES];
                s.store(lanes, &mut got);
                for l in 0..LANES {
                    let want = want(x[l], y[l]);
                    assert!(got[l].to_bits() == want.to_bits() || got[l].is_nan() && want.is_nan());
                }
            };
            is(s.max(a, b), f32::max);
            is(s.min(a, b), f32::min);
            is(s.add(a, b), |x, y| x + y);
            is(s.sub(a, b), |x, y| x - y);
            is(s.mul(a, b), |x, y| x * y);
            is(s.div(a, b), |x, y| x / y);
            is(
                s.select(s.equal(a, b), s.splat(1.0), s.splat(0.0)),
                |x, y| f32::from(u8::from(x == y)),
            );
        }
        let rows: Vec<f32> = (0..41 * 24).map(|i| i as f32).collect();
        let at: [u32; LANES] = std::array::from_fn(|_| (rng.unit() * 39.0) as u32 * 24 + 8);
        // SAFETY: rows are 24 values long, and the last begins 32 before the end.
        let columns = unsafe { s.columns(rows.as_ptr(), &at) };
        for (j, column) in columns.into_iter().enumerate() {
            let mut got = [0.0; LANES];
            s.store(column, &mut got);
            assert_eq!(got, at.map(|at| (at + j as u32) as f32));
        }
    }

    #[test]
    fn every_instruction_set_computes_the_same() {
        check(Portable);
        #[cfg(target_arch = "aarch64")]
        check(Neon);
        #[cfg(target_arch = "x86_64")]
        {
            use crate::kernels::{Level, level};
            if level() >= Level::Avx2 {
                // SAFETY: the machine has the set.
                unsafe { check_avx2() };
            }
            if level() >= Level::Avx512 {
                // SAFETY: the machine has the set.
                unsafe { check_avx512() };
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn check_avx2() {
        check(Avx2::new());
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
    fn check_avx512() {
        check(Avx512::new());
    }
}
