//! Boxes made of others, in registers: columns in the lanes, as [`super::boxes`].
//!
//! The way up through a living tree of many columns goes through boxes that are not
//! stored, each of which is the one below it and a few parts. Lows and highs of up to
//! 32 columns stay in registers from part to part, and are written once for each box;
//! a part takes two loads for eight columns, or one if it is a point.

use super::boxes;
use super::lanes;
use super::simd::{EIGHT, Eights};

/// The lows and the highs of what a box is made of.
pub(crate) type Part<'a> = (&'a [f32], &'a [f32]);

/// Makes some boxes of one way up, the deepest first: lows and then highs of each in
/// `to`, and the sum of its ranges. `parts` gives, for each, what it is made of:
/// whether it begins anew or from the box before it, and how many parts follow.
///
/// Whatever `parts` does not have, or is of another length, makes no box.
#[inline(always)]
pub(crate) fn make<'a, E: Eights>(
    e: E,
    stride: usize,
    joints: &[Joint],
    mut parts: impl Iterator<Item = Part<'a>>,
    to: &mut [f32],
    ranges: &mut [f32],
) {
    match stride {
        16 => in_registers::<E, 2>(e, joints, &mut parts, to, ranges),
        24 => in_registers::<E, 3>(e, joints, &mut parts, to, ranges),
        32 => in_registers::<E, 4>(e, joints, &mut parts, to, ranges),
        _ => in_memory(e, stride, joints, &mut parts, to, ranges),
    }
}

/// What a box is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joint {
    /// Whether its first part is where it begins: else it begins with the box before.
    pub(crate) anew: bool,
    /// Parts.
    pub(crate) parts: u32,
}

/// The same for `8 C` columns.
#[inline(always)]
fn in_registers<'a, E: Eights, const C: usize>(
    e: E,
    joints: &[Joint],
    parts: &mut impl Iterator<Item = Part<'a>>,
    to: &mut [f32],
    ranges: &mut [f32],
) {
    let (mut low, mut high) = ([e.zero(); C], [e.zero(); C]);
    let to = to.chunks_exact_mut(2 * EIGHT * C);
    for ((joint, to), range) in joints.iter().zip(to).zip(ranges) {
        let mut rest = joint.parts;
        if joint.anew {
            let Some((lo, hi)) = parts.next() else { return };
            let (lo, hi) = (lo.as_chunks::<EIGHT>().0, hi.as_chunks::<EIGHT>().0);
            if lo.len() != C || hi.len() != C {
                return;
            }
            for c in 0..C {
                (low[c], high[c]) = (e.load(&lo[c]), e.load(&hi[c]));
            }
            rest -= 1;
        }
        for _ in 0..rest {
            let Some((lo, hi)) = parts.next() else { return };
            let (lo, hi) = (lo.as_chunks::<EIGHT>().0, hi.as_chunks::<EIGHT>().0);
            if lo.len() != C || hi.len() != C {
                return;
            }
            for c in 0..C {
                low[c] = e.min(low[c], e.load(&lo[c]));
                high[c] = e.max(high[c], e.load(&hi[c]));
            }
        }
        let (los, his) = to.split_at_mut(EIGHT * C);
        let (los, his) = (
            los.as_chunks_mut::<EIGHT>().0,
            his.as_chunks_mut::<EIGHT>().0,
        );
        let mut halves = [e.zero(); 2];
        for (c, (lo, hi)) in los.iter_mut().zip(his).enumerate() {
            e.store(low[c], lo);
            e.store(high[c], hi);
            halves[c % 2] = e.add(halves[c % 2], e.sub(high[c], low[c]));
        }
        *range = e.sum(e.add(halves[0], halves[1]));
    }
}

/// The same for any number of columns.
#[inline(always)]
fn in_memory<'a, E: Eights>(
    e: E,
    stride: usize,
    joints: &[Joint],
    parts: &mut impl Iterator<Item = Part<'a>>,
    to: &mut [f32],
    ranges: &mut [f32],
) {
    let size = 2 * stride;
    for (i, (joint, range)) in joints.iter().zip(ranges).enumerate() {
        let mut rest = joint.parts;
        if joint.anew {
            let Some((lo, hi)) = parts.next() else { return };
            to[i * size..][..stride].copy_from_slice(lo);
            to[i * size + stride..][..stride].copy_from_slice(hi);
            rest -= 1;
        } else if i > 0 {
            to.copy_within((i - 1) * size..i * size, i * size);
        }
        let (lo, hi) = to[i * size..][..size].split_at_mut(stride);
        for part in parts.by_ref().take(rest as usize) {
            boxes::merge(e, (lo, hi), part);
        }
        *range = lanes::range_sum(lo, hi);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::kernels::lanes::stride;
    use crate::kernels::simd::{Portable, Simd};
    use crate::rng::Rng;

    fn check<S: Simd>(s: S) {
        let e = s.eights();
        let mut rng = Rng::new(4, 0);
        for d in extent::widths() {
            let n = stride(d);
            // Points, and boxes of two points.
            let points: Vec<Vec<f32>> = (0..24)
                .map(|_| {
                    let mut row = vec![0.0; n];
                    row[..d].fill_with(|| (rng.unit() * 50.0 - 25.0).round() as f32 / 8.0);
                    row
                })
                .collect();
            let parts: Vec<(Vec<f32>, Vec<f32>)> = points
                .windows(2)
                .enumerate()
                .map(|(i, two)| {
                    let (mut lo, mut hi) = (two[0].clone(), two[0].clone());
                    if i % 3 == 0 {
                        lanes::merge(&mut lo, &mut hi, &two[1], &two[1]);
                    }
                    (lo, hi)
                })
                .collect();
            let joints = [
                (true, 2),
                (false, 1),
                (false, 4),
                (true, 1),
                (true, 3),
                (false, 5),
            ]
            .map(|(anew, parts)| Joint { anew, parts });
            let (mut to, mut ranges) = (vec![7.0; joints.len() * 2 * n], vec![7.0; joints.len()]);
            let given = parts.iter().map(|(lo, hi)| (&lo[..], &hi[..]));
            make(e, n, &joints, given, &mut to, &mut ranges);
            let mut at = 0;
            let (mut lo, mut hi) = (vec![0.0; n], vec![0.0; n]);
            for (i, joint) in joints.iter().enumerate() {
                for k in 0..joint.parts {
                    let (a, b) = &parts[at];
                    if k == 0 && joint.anew {
                        (lo, hi) = (a.clone(), b.clone());
                    }
                    for j in 0..n {
                        (lo[j], hi[j]) = (lo[j].min(a[j]), hi[j].max(b[j]));
                    }
                    at += 1;
                }
                let made = &to[i * 2 * n..][..2 * n];
                assert!(made[..n] == lo && made[n..] == hi, "d = {d}, box {i}");
                assert_eq!(ranges[i].to_bits(), lanes::range_sum(&lo, &hi).to_bits());
            }
        }
    }

    simd_kernel! {
        pub(crate) fn check_all() = check;
    }

    #[test]
    fn boxes_are_the_smallest_that_hold_their_parts() {
        check_all();
        check(Portable);
    }
}
