//! Columns become rows, sixteen rows and eight columns at a time, turned in registers.
//!
//! A value costs a quarter of a cycle with AVX-512 as long as both sides are in the
//! first-level cache: who calls gives some dozen rows at a time. Where eight columns do
//! not fit, the last piece begins earlier and writes some values again.

use super::simd::{LANES, Simd, TURNED};
use crate::load::starts;

/// Columns at least.
pub(crate) const LEAST_WIDTH: usize = TURNED;

/// Writes value `i` of column `j`, which is `columns[j * room + i]`, to `out[i * stride + j]`
/// for as many rows as `out` has; `room` is at least that, in whole groups of [`LANES`].
/// What lies beyond the columns of a row stays as it is.
#[inline(always)]
pub(crate) fn turn_body<S: Simd>(
    s: S,
    columns: &[f32],
    room: usize,
    out: &mut [f32],
    stride: usize,
) {
    let width = columns.len() / room.max(1);
    let n_rows = out.len().div_ceil(stride.max(1));
    let fits = n_rows.next_multiple_of(LANES) <= room && columns.len() <= u32::MAX as usize;
    if !fits || width < LEAST_WIDTH || width > stride {
        return;
    }
    for (group, out) in out.chunks_mut(LANES * stride).enumerate() {
        for j in starts::<TURNED>(width) {
            // Eight columns from the group's first row on, then from its ninth.
            let mut at = [0; LANES];
            for l in 0..TURNED {
                at[l] = ((j + l) * room + group * LANES) as u32;
                at[l + TURNED] = at[l] + TURNED as u32;
            }
            // SAFETY: a group of rows is inside of each column's room, and eight values
            // from its first and from its ninth row on are.
            let rows = unsafe { s.columns(columns.as_ptr(), &at) };
            let mut turned = [[0.0; LANES]; TURNED];
            for r in 0..TURNED {
                s.store(rows[r], &mut turned[r]);
            }
            for (i, row) in out.chunks_mut(stride).enumerate() {
                let half = i / TURNED * TURNED;
                row[j..j + TURNED].copy_from_slice(&turned[i % TURNED][half..half + TURNED]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::Portable;
    use crate::kernels::{entry, extent};

    #[test]
    fn every_value_of_a_column_goes_to_its_row() {
        for width in extent::widths().filter(|&width| width >= LEAST_WIDTH) {
            for n in extent::counts(&[]).skip(1) {
                let room = n.next_multiple_of(LANES) + LANES;
                let columns: Vec<f32> = (0..width * room).map(|i| i as f32).collect();
                for stride in [width, width + 3] {
                    // The last row may end with its columns.
                    let mut out = [vec![-1.0; (n - 1) * stride + width], vec![]];
                    out[1] = out[0].clone();
                    entry::turn(&columns, room, &mut out[0], stride);
                    turn_body(Portable, &columns, room, &mut out[1], stride);
                    for out in out {
                        for (at, &x) in out.iter().enumerate() {
                            let (i, j) = (at / stride, at % stride);
                            let expected = if j < width {
                                (j * room + i) as f32
                            } else {
                                -1.0
                            };
                            assert_eq!(x, expected, "row {i} of {n}, column {j} of {width}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_left_alone() {
        let mut out = vec![0.0; 17 * 8];
        entry::turn(&[1.0; 16 * 8], 16, &mut out, 8);
        entry::turn(&[1.0; 32 * 7], 32, &mut out, 8);
        entry::turn(&[1.0; 32 * 9], 32, &mut out, 8);
        assert!(out.iter().all(|&x| x == 0.0));
    }
}
