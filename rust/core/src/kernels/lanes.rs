//! Sums over columns, in one order for every kernel.
//!
//! A score must not depend on which kernel computed it, so the order of every
//! floating-point sum is fixed here: column `j` belongs to lane `j % 16`; a
//! lane adds its columns in ascending order; lanes are added in pairs
//! (`l` and `l + 8`, then 4, 2, 1 apart). One row's columns in vector lanes
//! ([`union_sum`] and its kin) and sixteen rows in vector lanes
//! ([`super::wide`]) both follow it, and absent columns add an exact zero.
//!
//! The code is plain Rust that the compiler vectorises for the instruction set
//! of the function it is inlined into; see the parent module.

/// Length of a padded row: what the loops below take without a tail.
pub(crate) fn stride(dimensions: usize) -> usize {
    if dimensions <= 4 {
        4
    } else {
        dimensions.next_multiple_of(8)
    }
}

/// Rows of `d` values as rows of `stride` values, the rest zero.
pub(crate) fn padded(rows: &[f32], d: usize, stride: usize) -> Vec<f32> {
    let mut padded = vec![0.0; rows.len() / d * stride];
    for (row, to) in rows.chunks_exact(d).zip(padded.chunks_exact_mut(stride)) {
        to[..d].copy_from_slice(row);
    }
    padded
}

/// `f32::max` has to order NaN; boxes hold none.
#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// Adds `term(a[j], b[j], c[j])` over all columns of three padded rows, in the
/// order that the module fixes. Arrays of known length, so that the compiler
/// needs no bounds checks and sees whole vectors.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], c: &[f32], term: impl Fn(f32, f32, f32) -> f32) -> f32 {
    // Three lengths known to be one: a check here spares many below.
    let (b, c) = (&b[..a.len()], &c[..a.len()]);
    if a.len() == 4
        && let ([a], [b], [c]) = (
            a.as_chunks::<4>().0,
            b.as_chunks::<4>().0,
            c.as_chunks::<4>().0,
        )
    {
        return quarters(std::array::from_fn(|l| term(a[l], b[l], c[l])));
    }
    if a.len() == 8
        && let ([a], [b], [c]) = (
            a.as_chunks::<8>().0,
            b.as_chunks::<8>().0,
            c.as_chunks::<8>().0,
        )
    {
        return halves(std::array::from_fn(|l| term(a[l], b[l], c[l])));
    }
    let (whole_a, rest_a) = a.as_chunks::<16>();
    let (whole_b, rest_b) = b.as_chunks::<16>();
    let (whole_c, rest_c) = c.as_chunks::<16>();
    let mut total = [0.0f32; 16];
    for ((a, b), c) in whole_a.iter().zip(whole_b).zip(whole_c) {
        for l in 0..16 {
            total[l] += term(a[l], b[l], c[l]);
        }
    }
    if let ([a], [b], [c]) = (
        rest_a.as_chunks::<8>().0,
        rest_b.as_chunks::<8>().0,
        rest_c.as_chunks::<8>().0,
    ) {
        for l in 0..8 {
            total[l] += term(a[l], b[l], c[l]);
        }
    }
    let total = whole(total);
    halves_of(std::array::from_fn(|l| total[l] + total[l + 8]))
}

/// The lanes as they are. The compiler cannot see through this: it would take
/// the last sums, which are of pairs, as a reason to work in pairs all the way
/// up, at a sixth of the speed.
#[inline(always)]
fn whole<const N: usize>(lanes: [f32; N]) -> [f32; N] {
    std::hint::black_box(lanes)
}

#[inline(always)]
fn halves(t: [f32; 8]) -> f32 {
    halves_of(whole(t))
}

#[inline(always)]
fn halves_of(t: [f32; 8]) -> f32 {
    let t: [f32; 4] = std::array::from_fn(|l| t[l] + t[l + 4]);
    (t[0] + t[2]) + (t[1] + t[3])
}

#[inline(always)]
fn quarters(t: [f32; 4]) -> f32 {
    let t = whole(t);
    (t[0] + t[2]) + (t[1] + t[3])
}

/// Sum of the ranges of a box.
#[inline(always)]
pub(crate) fn range_sum(lo: &[f32], hi: &[f32]) -> f32 {
    sum(lo, hi, hi, |lo, hi, _| hi - lo)
}

/// Sum of the ranges of a box that takes in `q`; equal to [`range_sum`], bit
/// for bit, if `q` lies inside.
#[inline(always)]
pub(crate) fn union_sum(lo: &[f32], hi: &[f32], q: &[f32]) -> f32 {
    sum(lo, hi, q, |lo, hi, q| max(q, hi) - min(q, lo))
}

/// Sum of the distances by which `q` lies outside the box; zero only inside.
#[inline(always)]
pub(crate) fn gap_sum(lo: &[f32], hi: &[f32], q: &[f32]) -> f32 {
    sum(lo, hi, q, |lo, hi, q| max(lo - q, 0.0) + max(q - hi, 0.0))
}

/// By how much each column of `q` lies above its range or, negative, below it.
#[inline(always)]
pub(crate) fn excess(lo: &[f32], hi: &[f32], q: &[f32], to: &mut [f32]) {
    if to.len() == 4 {
        excess_chunks::<4>(lo, hi, q, to);
    } else {
        excess_chunks::<8>(lo, hi, q, to);
    }
}

#[inline(always)]
fn excess_chunks<const N: usize>(lo: &[f32], hi: &[f32], q: &[f32], to: &mut [f32]) {
    let (lo, hi) = (lo.as_chunks::<N>().0, hi.as_chunks::<N>().0);
    let q = q.as_chunks::<N>().0;
    for (((to, lo), hi), q) in to.as_chunks_mut::<N>().0.iter_mut().zip(lo).zip(hi).zip(q) {
        *to = std::array::from_fn(|l| q[l] - min(max(q[l], lo[l]), hi[l]));
    }
}

/// Sum of the magnitudes of a padded row: four lanes, so that a column adds to
/// the last but three.
#[inline(always)]
pub(crate) fn magnitude(row: &[f32]) -> f64 {
    let mut total = [0.0; 4];
    for row in row.as_chunks::<4>().0 {
        for l in 0..4 {
            total[l] += f64::from(row[l].abs());
        }
    }
    (total[0] + total[2]) + (total[1] + total[3])
}

/// Sum of the columns' distances between two padded rows, in double precision: one
/// column that is very far must not hide the others.
#[inline(always)]
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    let mut total = [0.0; 4];
    for (a, b) in a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0) {
        for l in 0..4 {
            total[l] += (f64::from(a[l]) - f64::from(b[l])).abs();
        }
    }
    (total[0] + total[2]) + (total[1] + total[3])
}

/// Adds to the lows and the highs, in this order in `to`, the negative and the
/// positive values of a padded row, times `factor`, and `rest`.
#[inline(always)]
pub(crate) fn add_sides(to: &mut [f64], row: &[f32], factor: f64, rest: f64) {
    let (lows, highs) = to.split_at_mut(row.len());
    let (lows, highs) = (lows.as_chunks_mut::<4>().0, highs.as_chunks_mut::<4>().0);
    for ((lows, highs), row) in lows.iter_mut().zip(highs).zip(row.as_chunks::<4>().0) {
        let value: [f64; 4] = std::array::from_fn(|l| f64::from(row[l]) * factor);
        *lows = std::array::from_fn(|l| lows[l] + (rest - value[l].min(0.0)));
        *highs = std::array::from_fn(|l| highs[l] + (rest + value[l].max(0.0)));
    }
}

/// Whether any column of three padded rows fulfils a condition: counted as
/// [`sum`] does, since how the first hit is found cannot be foretold, and
/// stopping there would cost more than it spares.
#[inline(always)]
fn any(a: &[f32], b: &[f32], c: &[f32], hit: impl Fn(f32, f32, f32) -> bool) -> bool {
    sum(a, b, c, |a, b, c| if hit(a, b, c) { 1.0 } else { 0.0 }) > 0.0
}

/// Whether the box holds `q`.
#[inline(always)]
pub(crate) fn contains(lo: &[f32], hi: &[f32], q: &[f32]) -> bool {
    !any(lo, hi, q, |lo, hi, q| (q < lo) | (q > hi))
}

/// Whether the box might be smaller without its point `p`.
#[inline(always)]
pub(crate) fn holds_up(lo: &[f32], hi: &[f32], p: &[f32]) -> bool {
    any(lo, hi, p, |lo, hi, p| (lo < hi) & ((p == lo) | (p == hi)))
}

/// Whether two padded rows are equal.
#[inline(always)]
pub(crate) fn equal(a: &[f32], b: &[f32]) -> bool {
    !any(a, b, b, |a, b, _| a != b)
}

/// Makes a padded row equal to another one; returns whether it was not. Rows
/// are so short that a call to copy them would cost more than the copy.
#[inline(always)]
pub(crate) fn assign(to: &mut [f32], from: &[f32]) -> bool {
    if to.len() == 4 {
        assign_chunks::<4>(to, from)
    } else {
        assign_chunks::<8>(to, from)
    }
}

#[inline(always)]
fn assign_chunks<const N: usize>(to: &mut [f32], from: &[f32]) -> bool {
    let from = &from[..to.len()];
    let mut changed = [0.0f32; N];
    for (to, from) in to
        .as_chunks_mut::<N>()
        .0
        .iter_mut()
        .zip(from.as_chunks::<N>().0)
    {
        for l in 0..N {
            changed[l] += if to[l] != from[l] { 1.0 } else { 0.0 };
        }
        *to = *from;
    }
    whole(changed).iter().sum::<f32>() > 0.0
}

/// Makes a box the smallest that holds two others.
#[inline(always)]
pub(crate) fn join(lo: &mut [f32], hi: &mut [f32], a: (&[f32], &[f32]), b: (&[f32], &[f32])) {
    join_ends(lo, a.0, b.0, f32::min);
    join_ends(hi, a.1, b.1, f32::max);
}

#[inline(always)]
fn join_ends(to: &mut [f32], a: &[f32], b: &[f32], end: impl Fn(f32, f32) -> f32) {
    let (a, b) = (&a[..to.len()], &b[..to.len()]);
    let (a, b) = (a.as_chunks::<4>().0, b.as_chunks::<4>().0);
    for ((to, a), b) in to.as_chunks_mut::<4>().0.iter_mut().zip(a).zip(b) {
        *to = std::array::from_fn(|l| end(a[l], b[l]));
    }
}

/// Extends the box to hold `q`.
#[inline(always)]
pub(crate) fn grow(lo: &mut [f32], hi: &mut [f32], q: &[f32]) {
    merge(lo, hi, q, q);
}

/// Extends the box to hold another one.
#[inline(always)]
pub(crate) fn merge(lo: &mut [f32], hi: &mut [f32], other_lo: &[f32], other_hi: &[f32]) {
    merge_chunks::<16>(lo, hi, other_lo, other_hi);
    let whole = lo.len() / 16 * 16;
    let (lo, hi) = (&mut lo[whole..], &mut hi[whole..]);
    merge_chunks::<4>(lo, hi, &other_lo[whole..], &other_hi[whole..]);
}

#[inline(always)]
fn merge_chunks<const N: usize>(lo: &mut [f32], hi: &mut [f32], a: &[f32], b: &[f32]) {
    let (lo, hi) = (lo.as_chunks_mut::<N>().0, hi.as_chunks_mut::<N>().0);
    let (a, b) = (a.as_chunks::<N>().0, b.as_chunks::<N>().0);
    for (((lo, hi), a), b) in lo.iter_mut().zip(hi).zip(a).zip(b) {
        // Not this module's `min`: in place it would become a masked store,
        // which the next load has to wait for.
        *lo = std::array::from_fn(|l| lo[l].min(a[l]));
        *hi = std::array::from_fn(|l| hi[l].max(b[l]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;

    #[test]
    fn comparisons_see_every_column() {
        for d in extent::widths() {
            let n = stride(d);
            let (lo, hi) = (vec![1.0; n], vec![3.0; n]);
            let inside = vec![2.0; n];
            assert!(contains(&lo, &hi, &inside) && !holds_up(&lo, &hi, &inside));
            for j in 0..n {
                let with = |value: f32| {
                    let mut row = inside.clone();
                    row[j] = value;
                    row
                };
                assert!(!equal(&inside, &with(2.5)));
                for (value, held) in [(1.0, true), (3.0, true), (0.5, false), (3.5, false)] {
                    assert_eq!(contains(&lo, &hi, &with(value)), held, "d = {d}, {j}");
                    assert_eq!(holds_up(&lo, &hi, &with(value)), held, "d = {d}, {j}");
                }
                // A column without a range holds nothing up.
                let mut flat = hi.clone();
                flat[j] = 1.0;
                assert!(!holds_up(&lo, &flat, &with(1.0)));
                let mut row = inside.clone();
                assert!(assign(&mut row, &with(2.5)) && row == with(2.5));
                assert!(!assign(&mut row, &with(2.5)));
                let (mut a, mut b) = (vec![0.0; n], vec![0.0; n]);
                join(
                    &mut a,
                    &mut b,
                    (&with(0.5), &with(2.25)),
                    (&with(1.5), &inside),
                );
                assert!(a == with(0.5) && b == with(2.25));
            }
        }
    }
}
