//! Boxes of nodes with sixteen rows in the lanes: one column at a time, no
//! horizontal sum, no branch per row.
//!
//! Per column and sixteen rows a load, a maximum, a minimum and two sums: one
//! cycle where four vector pipes are there (Zen 5, `simd::Avx512` says how),
//! two where adding and comparing share two. The order of the sums is that of
//! [`super::lanes`], so that a row gets the same bits here and there.

use super::simd::{LANES, Simd};

/// Columns of a block: value of row `i` in column `j` is `values[j * stride + i]`.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    values: &'a [f32],
    stride: usize,
    width: usize,
}

impl<'a> Columns<'a> {
    /// As many columns as `values` hold.
    pub(crate) fn new(values: &'a [f32], stride: usize) -> Columns<'a> {
        Columns {
            values,
            stride,
            width: values.len() / stride.max(1),
        }
    }

    /// Whether rows `at..at + n` of the first `width` columns are there.
    #[inline(always)]
    fn hold(&self, width: usize, at: usize, n: usize) -> bool {
        width <= self.width && at <= self.stride && n <= self.stride - at
    }

    /// Rows `at..at + LANES` of column `j`.
    ///
    /// # Safety
    /// `hold(j + 1, at, LANES)`.
    #[inline(always)]
    unsafe fn lanes(&self, j: usize, at: usize) -> &'a [f32; LANES] {
        debug_assert!(self.hold(j + 1, at, LANES));
        let from = j * self.stride + at;
        // SAFETY: `from + LANES <= (j + 1) * stride <= values.len()`.
        unsafe { &*self.values.as_ptr().add(from).cast() }
    }
}

/// The sums of some lanes of a padded row's columns, for `G` times sixteen rows.
struct Sums<'a, S, const G: usize> {
    s: S,
    columns: Columns<'a>,
    at: usize,
    lo: &'a [f32],
    hi: &'a [f32],
}

impl<S: Simd, const G: usize> Sums<'_, S, G> {
    /// Terms of column `j`.
    ///
    /// # Safety
    /// The column is there, with all rows.
    #[inline(always)]
    unsafe fn terms(&self, j: usize) -> [S::Lanes; G] {
        let s = self.s;
        // SAFETY: `j` is below the length of both, as the caller says.
        let (lo, hi) = unsafe { (*self.lo.get_unchecked(j), *self.hi.get_unchecked(j)) };
        let (lo, hi) = (s.splat(lo), s.splat(hi));
        let mut terms = [lo; G];
        for g in 0..G {
            // SAFETY: as the caller says.
            let x = s.load(unsafe { self.columns.lanes(j, self.at + g * LANES) });
            terms[g] = s.sub(s.max(x, hi), s.min(x, lo));
        }
        terms
    }

    #[inline(always)]
    fn add(&self, mut a: [S::Lanes; G], b: [S::Lanes; G]) -> [S::Lanes; G] {
        for g in 0..G {
            a[g] = self.s.add(a[g], b[g]);
        }
        a
    }

    /// Columns `lane`, `lane + 16`, ...
    #[inline(always)]
    unsafe fn lane(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: as the caller says; the loop ends before the width.
        let mut total = unsafe { self.terms(lane) };
        let mut j = lane + 16;
        while j < self.lo.len() {
            // SAFETY: as above.
            total = self.add(total, unsafe { self.terms(j) });
            j += 16;
        }
        total
    }

    /// Lanes `lane`, `lane + step`, `lane + 2 step`, ... below 16, added in
    /// pairs eight, four, two and one apart.
    #[inline(always)]
    unsafe fn pairs8(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: the lane is below the width.
        let total = unsafe { self.lane(lane) };
        if lane + 8 >= self.lo.len() {
            return total;
        }
        // SAFETY: as above.
        self.add(total, unsafe { self.lane(lane + 8) })
    }

    #[inline(always)]
    unsafe fn pairs4(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: the lane is below the width.
        let total = unsafe { self.pairs8(lane) };
        if lane + 4 >= self.lo.len() {
            return total;
        }
        // SAFETY: as above.
        self.add(total, unsafe { self.pairs8(lane + 4) })
    }

    #[inline(always)]
    unsafe fn pairs2(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: the lane is below the width.
        let total = unsafe { self.pairs4(lane) };
        if lane + 2 >= self.lo.len() {
            return total;
        }
        // SAFETY: as above.
        self.add(total, unsafe { self.pairs4(lane + 2) })
    }

    #[inline(always)]
    unsafe fn all(&self) -> [S::Lanes; G] {
        // SAFETY: there is a column.
        let total = unsafe { self.pairs2(0) };
        if self.lo.len() < 2 {
            return total;
        }
        // SAFETY: as above.
        self.add(total, unsafe { self.pairs2(1) })
    }
}

/// [`super::lanes::union_sum`] of the box with each of `G` times sixteen rows
/// from `at` on.
#[inline(always)]
pub(crate) fn union_sums<S: Simd, const G: usize>(
    s: S,
    columns: Columns<'_>,
    at: usize,
    lo: &[f32],
    hi: &[f32],
) -> [S::Lanes; G] {
    if lo.is_empty() || hi.len() != lo.len() || !columns.hold(lo.len(), at, G * LANES) {
        return [s.splat(0.0); G];
    }
    let sums = Sums::<S, G> {
        s,
        columns,
        at,
        lo,
        hi,
    };
    // SAFETY: all columns hold all rows.
    unsafe { sums.all() }
}

/// For sixteen rows from `at` on: a bit for each that equals `point` in every
/// column.
#[inline(always)]
pub(crate) fn equal_rows<S: Simd>(s: S, columns: Columns<'_>, at: usize, point: &[f32]) -> u16 {
    if !columns.hold(point.len(), at, LANES) {
        return 0;
    }
    let mut equal = u16::MAX;
    for (j, &p) in point.iter().enumerate() {
        // SAFETY: the columns hold the rows.
        let x = s.load(unsafe { columns.lanes(j, at) });
        equal &= s.equal(x, s.splat(p));
        if equal == 0 {
            break;
        }
    }
    equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::lanes::{contains, gap_sum, range_sum, stride, union_sum};
    use crate::rng::Rng;

    /// Two times sixteen rows at once against one row after the other.
    fn check<S: Simd>(s: S) {
        const ROWS: usize = 2 * LANES;
        let mut rng = Rng::new(1, 0);
        for d in (1..70).chain([127, 128, 129, 1000]) {
            let n = stride(d);
            let mut draw = |scale: f64| ((rng.unit() - 0.5) * scale) as f32;
            let (mut lo, mut hi) = (vec![0.0; n], vec![0.0; n]);
            for j in 0..d {
                let (a, b) = (draw(2.0), draw(2.0));
                lo[j] = a.min(b);
                hi[j] = a.max(b);
            }
            let mut values = vec![0.0; d * (ROWS + 3)];
            let mut rows = vec![vec![0.0; n]; ROWS];
            for (i, row) in rows.iter_mut().enumerate() {
                for j in 0..d {
                    row[j] = draw(if i % 2 == 0 { 1.0 } else { 8.0 });
                    values[j * (ROWS + 3) + 3 + i] = row[j];
                }
            }
            let columns = Columns::new(&values, ROWS + 3);
            let sums: [S::Lanes; 2] = union_sums(s, columns, 3, &lo[..d], &hi[..d]);
            let mut wide = [[0.0; LANES]; 2];
            s.store(sums[0], &mut wide[0]);
            s.store(sums[1], &mut wide[1]);
            for (row, sum) in rows.iter().zip(wide.as_flattened()) {
                let one = union_sum(&lo, &hi, row);
                assert_eq!(one.to_bits(), sum.to_bits(), "d = {d}");
                let inside = contains(&lo, &hi, row);
                assert_eq!(inside, gap_sum(&lo, &hi, row) == 0.0);
                if inside {
                    assert_eq!(one.to_bits(), range_sum(&lo, &hi).to_bits());
                }
            }
            assert_eq!(equal_rows(s, columns, 3, &rows[5][..d]) & (1 << 5), 1 << 5);
            if d > 1 {
                assert_eq!(equal_rows(s, columns, 3, &rows[5][..d]), 1 << 5);
            }
        }
    }

    simd_kernel! {
        pub(crate) fn check_all() = check;
    }

    #[test]
    fn rows_in_lanes_and_columns_in_lanes_agree_bit_for_bit() {
        check_all();
        check(crate::kernels::simd::Portable);
    }
}
