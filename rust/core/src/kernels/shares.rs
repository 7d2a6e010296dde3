//! What each column adds to the scores of sixteen rows in the lanes.
//!
//! A group's shares lie as its rows do ([`super::wide`]): column after column, a cache
//! line each. A box adds to each column by how much the rows lie above it, or, negative,
//! below it, times a weight for each row: a load, two comparisons, a difference, a product
//! and a sum, five operations in all and so two and a half cycles where two pipes share
//! them; shares come from the first-level cache and go back there. In the end sixteen rows
//! are read out as the tiles of rows were read in: sixteen columns' lines taken for rows,
//! turned, are sixteen rows of shares.
//!
//! The arithmetic is that of [`super::lanes::excess`] and of one row's sum over levels: no
//! product is fused with a sum, so that a row gets the same bits here and there.

use super::simd::{LANES, Simd, TURNED};
use super::wide::{Line, Tiles, width};

/// Shares of rows in groups of sixteen; a group's columns follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    lines: Vec<Line>,
    /// Columns that boxes are compared in, as [`Tiles`] have it.
    width: usize,
}

/// Lines of a group of so many columns: whole squares, which are turned at a time. What
/// is beyond the columns stays zero.
const fn lines_of(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl Shares {
    /// Room for `groups` times sixteen rows.
    pub(crate) fn new(groups: usize, dimensions: usize) -> Shares {
        let width = width(dimensions);
        Shares {
            lines: vec![Line([0.0; LANES]); groups * lines_of(width)],
            width,
        }
    }

    /// Values of a row that [`Shares::turn`] writes.
    pub(crate) fn row_len(&self) -> usize {
        lines_of(self.width)
    }

    /// Sets the shares of the first groups to zero.
    pub(crate) fn clear(&mut self, groups: usize) {
        let all = self.lines.chunks_exact_mut(lines_of(self.width));
        for lines in all.take(groups) {
            lines[..self.width].fill(Line([0.0; LANES]));
        }
    }

    /// Adds to the shares of `G` groups from `group` on by how much each row lies above
    /// the padded box or, negative, below it, times the row's weight. `W` is
    /// [`Tiles::width`], or 0; of a box that is a `POINT` the lows are enough.
    #[inline(always)]
    pub(crate) fn add<S: Simd, const G: usize, const W: usize, const POINT: bool>(
        &mut self,
        s: S,
        tiles: &Tiles,
        group: usize,
        (lo, hi): (&[f32], &[f32]),
        weights: [S::Lanes; G],
    ) {
        let width = if W == 0 { self.width } else { W };
        let each = lines_of(width);
        let there = lo.len() >= width && hi.len() >= width;
        if !there || self.width != width || tiles.width() != width {
            return;
        }
        let lines = self.lines.get_mut(group * each..(group + G) * each);
        let (Some(lines), Some(rows)) = (lines, tiles.groups(group, G)) else {
            return;
        };
        for j in 0..width {
            // SAFETY: boxes have `width` columns at least, as was seen above.
            let (lo, hi) = unsafe { (*lo.get_unchecked(j), *hi.get_unchecked(j)) };
            let (lo, hi) = (s.splat(lo), s.splat(hi));
            for g in 0..G {
                // SAFETY: there are `G` groups of `width` and of `each` lines, which are
                // no fewer.
                let (row, line) = unsafe {
                    (
                        rows.get_unchecked(g * width + j),
                        lines.get_unchecked_mut(g * each + j),
                    )
                };
                let x = s.load(&row.0);
                let inside = match POINT {
                    true => lo,
                    false => s.min(s.max(x, lo), hi),
                };
                let part = s.mul(s.sub(x, inside), weights[g]);
                s.store(s.add(s.load(&line.0), part), &mut line.0);
            }
        }
    }

    /// [`super::lanes::magnitude`] of each row of a group.
    #[inline(always)]
    pub(crate) fn magnitudes<const W: usize>(&self, group: usize) -> [f64; LANES] {
        let width = if W == 0 { self.width } else { W };
        let lines = self.lines.get(group * lines_of(width)..);
        let lines = lines.and_then(|lines| lines.get(..width)).unwrap_or(&[]);
        let mut totals = [0.0; LANES];
        // Half of the rows at a time: their four sums fit into registers.
        for half in [0, LANES / 2] {
            let mut sums = [[0.0; LANES / 2]; 4];
            for (j, line) in lines.iter().enumerate() {
                let sum = &mut sums[j % 4];
                for l in 0..LANES / 2 {
                    sum[l] += f64::from(line.0[half + l].abs());
                }
            }
            for l in 0..LANES / 2 {
                totals[half + l] = (sums[0][l] + sums[2][l]) + (sums[1][l] + sums[3][l]);
            }
        }
        totals
    }

    /// Writes the shares of a group's rows, row after row, [`Shares::row_len`] values
    /// each.
    #[inline(always)]
    pub(crate) fn turn<S: Simd, const W: usize>(&self, s: S, group: usize, to: &mut [f32]) {
        let each = lines_of(if W == 0 { self.width } else { W });
        let lines = self.lines.get(group * each..(group + 1) * each);
        let (Some(lines), true) = (lines, to.len() >= LANES * each) else {
            return;
        };
        let mut at = [0; LANES];
        for l in 0..LANES {
            at[l] = (l * LANES) as u32;
        }
        for (i, square) in lines.chunks_exact(LANES).enumerate() {
            for half in [0, TURNED] {
                // SAFETY: sixteen lines are sixteen times sixteen values, and a half of
                // a line, the last one too, is eight of them. A line is nothing else.
                let rows = unsafe { s.columns(square.as_ptr().cast::<f32>().add(half), &at) };
                for k in 0..TURNED {
                    let row = &mut to[(half + k) * each + i * LANES..];
                    if let Some(row) = row.first_chunk_mut() {
                        s.store(rows[k], row);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::kernels::lanes::{excess, magnitude, stride};
    use crate::kernels::wide::by_width;
    use crate::rng::Rng;

    /// Boxes over sixteen rows at once against one row after the other.
    #[inline(always)]
    fn check_width<S: Simd, const W: usize>(s: S, d: usize) {
        const ROWS: usize = 3 * LANES;
        let mut rng = Rng::new(8, d as u64);
        let n = stride(d);
        let mut draw = |scale: f64| ((rng.unit() - 0.5) * scale) as f32;
        let padded = d.next_multiple_of(TURNED);
        let mut values = vec![0.0; padded * ROWS];
        for row in values.chunks_exact_mut(padded) {
            row[..d].fill_with(|| draw(4.0));
        }
        values[d - 1] = -0.0;
        let mut order = [[0; LANES]; 3];
        for (i, to) in order.as_flattened_mut().iter_mut().enumerate() {
            *to = (i * 7 % ROWS) as u16;
        }
        let mut tiles = Tiles::new(3, d);
        tiles.load(s, &values, padded, &order);
        let mut shares = Shares::new(3, d);
        let mut want = vec![vec![0.0f32; n]; ROWS];
        // What another part of the rows left must not stay.
        let one = [s.splat(1.0)];
        shares.add::<S, 1, W, true>(s, &tiles, 1, (&vec![9.0; n], &vec![9.0; n]), one);
        shares.clear(3);
        for level in 0..extent::times(5) {
            let (mut lo, mut hi) = (vec![0.0; n], vec![0.0; n]);
            let is_point = level % 3 == 2;
            for j in 0..d {
                let (a, b) = (draw(2.0), draw(2.0));
                lo[j] = a.min(b);
                hi[j] = if is_point { a.min(b) } else { a.max(b) };
            }
            let mut weights = [[0.0; LANES]; 3];
            for weight in weights.as_flattened_mut() {
                *weight = draw(1.0).max(0.0);
            }
            let [a, b, c] = weights.map(|weights| s.load(&weights));
            let bounds = (&lo[..], &hi[..]);
            if is_point {
                shares.add::<S, 1, W, true>(s, &tiles, 0, bounds, [a]);
                shares.add::<S, 2, W, true>(s, &tiles, 1, bounds, [b, c]);
            } else {
                shares.add::<S, 2, W, false>(s, &tiles, 0, bounds, [a, b]);
                shares.add::<S, 1, W, false>(s, &tiles, 2, bounds, [c]);
            }
            let numbers = order.as_flattened().iter();
            for ((&i, weight), want) in numbers.zip(weights.as_flattened()).zip(&mut want) {
                let mut row = vec![0.0; n];
                row[..d].copy_from_slice(&values[usize::from(i) * padded..][..d]);
                let mut out = vec![0.0; n];
                excess(&lo, &hi, &row, &mut out);
                for (want, out) in want.iter_mut().zip(out) {
                    *want += out * weight;
                }
            }
        }
        let each = shares.row_len();
        let mut turned = vec![f32::NAN; LANES * each];
        for group in 0..3 {
            shares.turn::<S, W>(s, group, &mut turned);
            let magnitudes = shares.magnitudes::<W>(group);
            for l in 0..LANES {
                let (row, want) = (&turned[l * each..][..n], &want[group * LANES + l]);
                let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(row), bits(want), "d = {d}");
                assert_eq!(magnitudes[l].to_bits(), magnitude(want).to_bits());
            }
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
