//! Boxes of nodes with sixteen rows in the lanes: one column at a time, no
//! horizontal sum, no branch per row.
//!
//! Rows lie in groups of sixteen, column after column, so that a group is read
//! from one place on in whole cache lines.
//! Per column and sixteen rows a load, a maximum, a minimum and two sums: one
//! cycle where four vector pipes are there (Zen 5, `simd::Avx512` says how),
//! two where adding and comparing share two. The order of the sums is that of
//! [`super::lanes`], so that a row gets the same bits here and there.
//!
//! The separation of Guha et al., *Robust random cut forest based anomaly detection on
//! streams* (2016), is the only arithmetic; rows in the lanes are of the prototypes that
//! this project began with.

use super::simd::{LANES, Simd, TURNED};

/// Sixteen values of one column, in a cache line of their own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [f32; LANES]);

/// Rows in groups of sixteen; a group's columns follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    lines: Vec<Line>,
    /// Columns, padded: see [`width`].
    width: usize,
    /// Where rows begin.
    at: Vec<[u32; LANES]>,
}

/// Columns that sums are made over: with the exact zeros of absent columns to
/// a number for which there is a kernel of its own, or a multiple of eight.
pub(crate) fn width(dimensions: usize) -> usize {
    match dimensions {
        ..=4 => dimensions,
        5..=6 => 6,
        9..=12 => 12,
        25..=30 => 30,
        _ => dimensions.next_multiple_of(8),
    }
}

/// Gives `$body` with `$w` a constant: the width, if there is a kernel of its own for it, or 0.
macro_rules! by_width {
    ($width:expr, $w:ident => $body:expr) => {
        $crate::kernels::wide::by_width!(@ $width, $w, $body, 1 2 3 4 6 8 12 16 24 30 32)
    };
    (@ $width:expr, $w:ident, $body:expr, $($own:literal)*) => {
        match $width {
            $($own => {
                const $w: usize = $own;
                $body
            })*
            _ => {
                const $w: usize = 0;
                $body
            }
        }
    };
}
pub(crate) use by_width;

/// [`by_width`] for what is built for each instruction set: the crate's own tests, which build the
/// library once more, take fewer, and those beside it all.
macro_rules! by_shell {
    ($width:expr, $w:ident => $body:expr) => {{
        #[cfg(not(test))]
        {
            $crate::kernels::wide::by_width!($width, $w => $body)
        }
        #[cfg(test)]
        {
            $crate::kernels::wide::by_width!(@ $width, $w, $body, 8)
        }
    }};
}
pub(crate) use by_shell;

impl Tiles {
    /// Room for `groups` times sixteen rows.
    pub(crate) fn new(groups: usize, dimensions: usize) -> Tiles {
        let width = width(dimensions);
        Tiles {
            lines: vec![Line([0.0; LANES]); groups * width],
            width,
            at: vec![[0; LANES]; groups],
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Takes in the rows whose numbers `order` has: row `i` begins at
    /// `rows[i * stride]`, and is padded with zeros to a multiple of [`TURNED`].
    #[inline(always)]
    pub(crate) fn load<S: Simd>(
        &mut self,
        s: S,
        rows: &[f32],
        stride: usize,
        order: &[[u16; LANES]],
    ) {
        // Numbers of rows that are not there name the last one.
        let Some(last) = (rows.len() / stride.max(1)).checked_sub(1) else {
            return;
        };
        if self.width.next_multiple_of(TURNED) > stride || last * stride > u32::MAX as usize {
            return;
        }
        // All places first: what one store writes together should not be read
        // in pieces at once.
        for (at, order) in self.at.iter_mut().zip(order) {
            for l in 0..LANES {
                at[l] = u32::from(order[l]).min(last as u32) * stride as u32;
            }
        }
        let groups = self.lines.chunks_exact_mut(self.width);
        for (at, lines) in self.at[..order.len()].iter().zip(groups) {
            for (i, lines) in lines.chunks_mut(TURNED).enumerate() {
                // SAFETY: rows are there, `stride` values long, and `TURNED (i
                // + 1)` is at most their padded width.
                let columns = unsafe { s.columns(rows.as_ptr().add(i * TURNED), at) };
                match <&mut [Line; TURNED]>::try_from(&mut *lines) {
                    Ok(lines) => {
                        for j in 0..TURNED {
                            s.store(columns[j], &mut lines[j].0);
                        }
                    }
                    Err(_) => {
                        for (line, &column) in lines.iter_mut().zip(&columns) {
                            s.store(column, &mut line.0);
                        }
                    }
                }
            }
        }
    }

    /// Column `j` of a group.
    #[inline(always)]
    pub(crate) fn column<S: Simd>(&self, s: S, group: usize, j: usize) -> S::Lanes {
        match self.lines.get(group * self.width + j) {
            Some(line) => s.load(&line.0),
            None => s.splat(0.0),
        }
    }

    /// The lines of `n` groups from `group` on.
    #[inline(always)]
    pub(super) fn groups(&self, group: usize, n: usize) -> Option<&[Line]> {
        self.lines.get(group * self.width..(group + n) * self.width)
    }

    /// [`super::lanes::union_sum`] of the padded box with each row of `G` groups
    /// from `group` on. `W` is [`Tiles::width`], or 0.
    #[inline(always)]
    pub(crate) fn union_sums<S: Simd, const G: usize, const W: usize>(
        &self,
        s: S,
        group: usize,
        lo: &[f32],
        hi: &[f32],
    ) -> [S::Lanes; G] {
        self.sums::<S, G, W, false>(s, group, lo, hi)
    }

    /// [`super::lanes::gap_sum`] of the same.
    #[inline(always)]
    pub(crate) fn gap_sums<S: Simd, const G: usize, const W: usize>(
        &self,
        s: S,
        group: usize,
        lo: &[f32],
        hi: &[f32],
    ) -> [S::Lanes; G] {
        self.sums::<S, G, W, true>(s, group, lo, hi)
    }

    #[inline(always)]
    fn sums<S: Simd, const G: usize, const W: usize, const GAPS: bool>(
        &self,
        s: S,
        group: usize,
        lo: &[f32],
        hi: &[f32],
    ) -> [S::Lanes; G] {
        let there = lo.len() >= self.width && hi.len() >= self.width;
        let right = self.width == W || W == 0 && (S::ANY_WIDTH || self.width >= TURNED);
        match self.groups(group, G) {
            Some(lines) if there && right => {
                let sums = Sums::<S, G, W, GAPS> {
                    s,
                    lines,
                    lo,
                    hi,
                    width: self.width,
                };
                // SAFETY: boxes and groups have `width` columns, and that is
                // `W`, a multiple of eight, or what is asked for below.
                unsafe { sums.all() }
            }
            _ => [s.splat(0.0); G],
        }
    }

    /// For the rows of a group a bit for each that equals `point` in every
    /// column.
    #[inline(always)]
    pub(crate) fn equal_rows<S: Simd>(&self, s: S, group: usize, point: &[f32]) -> u16 {
        let mut equal = u16::MAX;
        for (line, &p) in self.groups(group, 1).unwrap_or_default().iter().zip(point) {
            equal &= s.equal(s.load(&line.0), s.splat(p));
            if equal == 0 {
                break;
            }
        }
        equal
    }
}

/// Sums over the columns of a box and `G` groups: of the ranges of the box with each row,
/// or of the gaps between them.
struct Sums<'a, S, const G: usize, const W: usize, const GAPS: bool> {
    s: S,
    lines: &'a [Line],
    lo: &'a [f32],
    hi: &'a [f32],
    width: usize,
}

impl<S: Simd, const G: usize, const W: usize, const GAPS: bool> Sums<'_, S, G, W, GAPS> {
    /// Columns; a constant where it can be.
    #[inline(always)]
    fn width(&self) -> usize {
        if W == 0 { self.width } else { W }
    }

    /// Whether there are no columns from `j` on. Without a constant, the width is a multiple
    /// of eight, but where one kernel is for all.
    #[inline(always)]
    fn ends(&self, j: usize) -> bool {
        (W != 0 || S::ANY_WIDTH) && j >= self.width()
    }

    /// Terms of column `j`.
    ///
    /// # Safety
    /// `lo`, `hi` and the groups have more than `j` columns.
    #[inline(always)]
    unsafe fn terms(&self, j: usize) -> [S::Lanes; G] {
        let s = self.s;
        // SAFETY: as the caller says.
        let (lo, hi) = unsafe { (*self.lo.get_unchecked(j), *self.hi.get_unchecked(j)) };
        let (lo, hi) = (s.splat(lo), s.splat(hi));
        let mut terms = [lo; G];
        for g in 0..G {
            // SAFETY: as the caller says.
            let line = unsafe { self.lines.get_unchecked(g * self.width() + j) };
            let x = s.load(&line.0);
            terms[g] = match GAPS {
                // One of the two is not above 0, as the box is no less than its least.
                true => s.max(s.max(s.sub(lo, x), s.sub(x, hi)), s.splat(0.0)),
                false => s.sub(s.max(x, hi), s.min(x, lo)),
            };
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
    ///
    /// # Safety
    /// There is a column `lane`.
    #[inline(always)]
    unsafe fn lane(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: as the caller says.
        let mut total = unsafe { self.terms(lane) };
        let mut j = lane + 16;
        while j < self.width() {
            // SAFETY: below the width.
            total = self.add(total, unsafe { self.terms(j) });
            j += 16;
        }
        total
    }

    /// Lanes `lane` and eight above.
    ///
    /// # Safety
    /// As [`Sums::lane`].
    #[inline(always)]
    unsafe fn pairs8(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: as the caller says.
        let total = unsafe { self.lane(lane) };
        if self.width() <= 8 || self.ends(lane + 8) {
            return total;
        }
        // SAFETY: below the width.
        self.add(total, unsafe { self.lane(lane + 8) })
    }

    /// Four apart, of pairs that are eight apart.
    ///
    /// # Safety
    /// As [`Sums::lane`].
    #[inline(always)]
    unsafe fn pairs4(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: as the caller says.
        let total = unsafe { self.pairs8(lane) };
        if self.ends(lane + 4) {
            return total;
        }
        // SAFETY: below the width.
        self.add(total, unsafe { self.pairs8(lane + 4) })
    }

    /// Two apart, and so on.
    ///
    /// # Safety
    /// As [`Sums::lane`].
    #[inline(always)]
    unsafe fn pairs2(&self, lane: usize) -> [S::Lanes; G] {
        // SAFETY: as the caller says.
        let total = unsafe { self.pairs4(lane) };
        if self.ends(lane + 2) {
            return total;
        }
        // SAFETY: below the width.
        self.add(total, unsafe { self.pairs4(lane + 2) })
    }

    /// All columns.
    ///
    /// # Safety
    /// There are columns, as many as `W` says; for 0 a multiple of eight, or any number where
    /// [`Simd::ANY_WIDTH`] says so.
    #[inline(always)]
    unsafe fn all(&self) -> [S::Lanes; G] {
        // SAFETY: as the caller says.
        let total = unsafe { self.pairs2(0) };
        if self.ends(1) {
            return total;
        }
        // SAFETY: below the width.
        self.add(total, unsafe { self.pairs2(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::kernels::lanes::{contains, gap_sum, range_sum, stride, union_sum};
    use crate::rng::Rng;

    /// Two times sixteen rows at once against one row after the other.
    #[inline(always)]
    fn check_width<S: Simd, const W: usize>(s: S, d: usize) {
        const ROWS: usize = 2 * LANES;
        let mut rng = Rng::new(1, d as u64);
        for _ in 0..extent::times(3) {
            let n = stride(d);
            let mut draw = |scale: f64| ((rng.unit() - 0.5) * scale) as f32;
            let (mut lo, mut hi) = (vec![0.0; n], vec![0.0; n]);
            for j in 0..d {
                let (a, b) = (draw(2.0), draw(2.0));
                lo[j] = a.min(b);
                hi[j] = a.max(b);
            }
            let padded = d.next_multiple_of(8);
            let mut values = vec![0.0; padded * ROWS];
            for row in values.chunks_exact_mut(padded) {
                let scale = if draw(1.0) > 0.0 { 1.0 } else { 8.0 };
                row[..d].fill_with(|| draw(scale));
            }
            let mut order = [[0; LANES]; 3];
            for (i, to) in order.as_flattened_mut().iter_mut().enumerate() {
                *to = (i * 7 % ROWS) as u16;
            }
            let mut tiles = Tiles::new(3, d);
            tiles.load(s, &values, padded, &order);
            let sums: [S::Lanes; 2] = tiles.union_sums::<S, 2, W>(s, 1, &lo, &hi);
            let mut wide = [[0.0; LANES]; 2];
            s.store(sums[0], &mut wide[0]);
            s.store(sums[1], &mut wide[1]);
            let gaps: [S::Lanes; 2] = tiles.gap_sums::<S, 2, W>(s, 1, &lo, &hi);
            let mut apart = [[0.0; LANES]; 2];
            s.store(gaps[0], &mut apart[0]);
            s.store(gaps[1], &mut apart[1]);
            let apart = apart.as_flattened();
            let numbers = order[1..].as_flattened().iter();
            for ((&i, sum), gap) in numbers.zip(wide.as_flattened()).zip(apart) {
                let mut row = vec![0.0; n];
                row[..d].copy_from_slice(&values[usize::from(i) * padded..][..d]);
                let one = union_sum(&lo, &hi, &row);
                assert_eq!(one.to_bits(), sum.to_bits(), "d = {d}");
                let one = gap_sum(&lo, &hi, &row);
                assert_eq!(one.to_bits(), gap.to_bits(), "d = {d}");
                let inside = contains(&lo, &hi, &row);
                assert_eq!(inside, gap_sum(&lo, &hi, &row) == 0.0);
                if inside {
                    let one = union_sum(&lo, &hi, &row);
                    assert_eq!(one.to_bits(), range_sum(&lo, &hi).to_bits());
                }
            }
            let fifth = &values[usize::from(order[2][5]) * padded..][..d];
            assert_eq!(tiles.equal_rows(s, 2, fifth), 1 << 5);
        }
    }

    simd_kernel! {
        pub(crate) fn check_in_shell<const W: usize>(d: usize) = check_width;
    }

    #[test]
    fn rows_in_lanes_and_columns_in_lanes_agree_bit_for_bit() {
        for d in extent::widths() {
            by_width!(width(d), W => check_in_shell::<W>(d));
        }
        // As it is built: one for all widths.
        for d in extent::widths() {
            check_width::<_, 0>(crate::kernels::simd::Portable, d);
        }
    }
}
