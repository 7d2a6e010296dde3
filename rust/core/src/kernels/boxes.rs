//! One box and one row, columns in the lanes: what insertion and deletion do at
//! a node. Boxes and rows are padded, as [`super::lanes`] has it, whose order all
//! sums keep; those of four columns, which are no whole vector, go there.
//!
//! A box takes two loads a column and side, eight columns at a time, and a chain of
//! four sums for the result where one is asked for; an insertion meets as many boxes
//! as lie above its cut, a deletion as many as become smaller.

use super::lanes;
use super::simd::{EIGHT, Eights};

/// A sum over columns.
trait Term {
    /// The terms of eight columns of a box and a row.
    fn of<E: Eights>(e: E, lo: E::Eight, hi: E::Eight, q: E::Eight) -> E::Eight;
}

/// By how much a row lies outside.
struct Gap;

impl Term for Gap {
    #[inline(always)]
    fn of<E: Eights>(e: E, lo: E::Eight, hi: E::Eight, q: E::Eight) -> E::Eight {
        let (below, above) = (e.sub(lo, q), e.sub(q, hi));
        e.add(e.max(below, e.zero()), e.max(above, e.zero()))
    }
}

/// Sixteen lanes of a sum over columns, in two halves.
#[derive(Clone, Copy)]
struct Sum<E: Eights> {
    e: E,
    halves: [E::Eight; 2],
}

impl<E: Eights> Sum<E> {
    #[inline(always)]
    fn new(e: E) -> Sum<E> {
        Sum {
            e,
            halves: [e.zero(); 2],
        }
    }

    /// Takes the terms of the columns of chunk `i` in.
    #[inline(always)]
    fn take(&mut self, i: usize, terms: E::Eight) {
        self.halves[i % 2] = self.e.add(self.halves[i % 2], terms);
    }

    /// The sum, of `chunks` chunks.
    #[inline(always)]
    fn of(self, chunks: usize) -> f32 {
        match chunks {
            1 => self.e.sum(self.halves[0]),
            _ => self.e.sum(self.e.add(self.halves[0], self.halves[1])),
        }
    }
}

/// [`lanes::gap_sum`].
#[inline(always)]
pub(crate) fn gap_sum<E: Eights>(e: E, lo: &[f32], hi: &[f32], q: &[f32]) -> f32 {
    if q.len() < EIGHT {
        return lanes::gap_sum(lo, hi, q);
    }
    let (lo, hi) = (lo.as_chunks::<EIGHT>().0, hi.as_chunks::<EIGHT>().0);
    let q = q.as_chunks::<EIGHT>().0;
    if let ([lo], [hi], [q]) = (lo, hi, q) {
        return e.sum(Gap::of(e, e.load(lo), e.load(hi), e.load(q)));
    }
    let mut sum = Sum::new(e);
    for (i, ((lo, hi), q)) in lo.iter().zip(hi).zip(q).enumerate() {
        sum.take(i, Gap::of(e, e.load(lo), e.load(hi), e.load(q)));
    }
    sum.of(q.len())
}

/// Extends a box to hold a row; returns the sum of its ranges.
#[inline(always)]
pub(crate) fn grow<E: Eights>(e: E, lo: &mut [f32], hi: &mut [f32], q: &[f32]) -> f32 {
    if q.len() < EIGHT {
        lanes::grow(lo, hi, q);
        return lanes::range_sum(lo, hi);
    }
    let q = q.as_chunks::<EIGHT>().0;
    let (los, his) = (lo.as_chunks_mut::<EIGHT>().0, hi.as_chunks_mut::<EIGHT>().0);
    if let ([lo], [hi], [q]) = (&mut *los, &mut *his, q) {
        return e.sum(grow_chunk(e, lo, hi, q));
    }
    let mut sum = Sum::new(e);
    for (i, ((lo, hi), q)) in los.iter_mut().zip(his).zip(q).enumerate() {
        sum.take(i, grow_chunk(e, lo, hi, q));
    }
    sum.of(q.len())
}

/// Extends a box to hold another one.
#[inline(always)]
pub(crate) fn merge<E: Eights>(
    e: E,
    (lo, hi): (&mut [f32], &mut [f32]),
    (other_lo, other_hi): (&[f32], &[f32]),
) {
    if lo.len() < EIGHT {
        return lanes::merge(lo, hi, other_lo, other_hi);
    }
    let other_lo = other_lo.as_chunks::<EIGHT>().0;
    let other_hi = other_hi.as_chunks::<EIGHT>().0;
    for (lo, other) in lo.as_chunks_mut::<EIGHT>().0.iter_mut().zip(other_lo) {
        e.store(e.min(e.load(lo), e.load(other)), lo);
    }
    for (hi, other) in hi.as_chunks_mut::<EIGHT>().0.iter_mut().zip(other_hi) {
        e.store(e.max(e.load(hi), e.load(other)), hi);
    }
}

/// Extends eight columns; returns their ranges.
#[inline(always)]
fn grow_chunk<E: Eights>(
    e: E,
    lo: &mut [f32; EIGHT],
    hi: &mut [f32; EIGHT],
    q: &[f32; EIGHT],
) -> E::Eight {
    let q = e.load(q);
    let (low, high) = (e.min(e.load(lo), q), e.max(e.load(hi), q));
    e.store(low, lo);
    e.store(high, hi);
    e.sub(high, low)
}

/// Whether a box holds a row.
#[inline(always)]
pub(crate) fn contains<E: Eights>(e: E, lo: &[f32], hi: &[f32], q: &[f32]) -> bool {
    if q.len() < EIGHT {
        return lanes::contains(lo, hi, q);
    }
    let (lo, hi) = (lo.as_chunks::<EIGHT>().0, hi.as_chunks::<EIGHT>().0);
    let mut out = 0;
    for ((lo, hi), q) in lo.iter().zip(hi).zip(q.as_chunks::<EIGHT>().0) {
        let q = e.load(q);
        out |= e.above(e.load(lo), q) | e.above(q, e.load(hi));
    }
    out == 0
}

/// Whether a box might be smaller without its point `p`: [`lanes::holds_up`].
#[inline(always)]
pub(crate) fn holds_up<E: Eights>(e: E, lo: &[f32], hi: &[f32], p: &[f32]) -> bool {
    if p.len() < EIGHT {
        return lanes::holds_up(lo, hi, p);
    }
    let (lo, hi) = (lo.as_chunks::<EIGHT>().0, hi.as_chunks::<EIGHT>().0);
    let mut up = 0;
    for ((lo, hi), p) in lo.iter().zip(hi).zip(p.as_chunks::<EIGHT>().0) {
        let (lo, hi, p) = (e.load(lo), e.load(hi), e.load(p));
        up |= e.above(hi, lo) & !(e.differ(p, lo) & e.differ(p, hi));
    }
    up != 0
}

/// Whether two rows are equal.
#[inline(always)]
pub(crate) fn equal<E: Eights>(e: E, a: &[f32], b: &[f32]) -> bool {
    if a.len() < EIGHT {
        return lanes::equal(a, b);
    }
    let mut differ = 0;
    for (a, b) in a
        .as_chunks::<EIGHT>()
        .0
        .iter()
        .zip(b.as_chunks::<EIGHT>().0)
    {
        differ |= e.differ(e.load(a), e.load(b));
    }
    differ == 0
}

/// Makes a box another one; returns the sum of its ranges.
#[inline(always)]
pub(crate) fn assign<E: Eights>(
    e: E,
    (lo, hi): (&mut [f32], &mut [f32]),
    from: (&[f32], &[f32]),
) -> f32 {
    if lo.len() < EIGHT {
        lanes::assign(lo, from.0);
        lanes::assign(hi, from.1);
        return lanes::range_sum(lo, hi);
    }
    let chunks = lo.len() / EIGHT;
    let (los, his) = (lo.as_chunks_mut::<EIGHT>().0, hi.as_chunks_mut::<EIGHT>().0);
    let from = from
        .0
        .as_chunks::<EIGHT>()
        .0
        .iter()
        .zip(from.1.as_chunks::<EIGHT>().0);
    let mut sum = Sum::new(e);
    for (i, ((lo, hi), from)) in los.iter_mut().zip(his).zip(from).enumerate() {
        let (low, high) = (e.load(from.0), e.load(from.1));
        e.store(low, lo);
        e.store(high, hi);
        sum.take(i, e.sub(high, low));
    }
    sum.of(chunks)
}

/// Makes a box, lows then highs, the smallest that holds two others; returns the
/// sum of its ranges, and whether that changes it.
#[inline(always)]
pub(crate) fn join<E: Eights>(
    e: E,
    values: &mut [f32],
    a: (&[f32], &[f32]),
    b: (&[f32], &[f32]),
) -> (f32, bool) {
    let (lo, hi) = values.split_at_mut(values.len() / 2);
    if lo.len() < EIGHT {
        return join_fours(lo, hi, a, b);
    }
    let chunks = lo.len() / EIGHT;
    let los = lo.as_chunks_mut::<EIGHT>().0;
    let his = hi.as_chunks_mut::<EIGHT>().0;
    let (a_lo, a_hi) = (a.0.as_chunks::<EIGHT>().0, a.1.as_chunks::<EIGHT>().0);
    let (b_lo, b_hi) = (b.0.as_chunks::<EIGHT>().0, b.1.as_chunks::<EIGHT>().0);
    if let ([lo], [hi], [a_lo], [a_hi], [b_lo], [b_hi]) =
        (&mut *los, &mut *his, a_lo, a_hi, b_lo, b_hi)
    {
        let (ranges, changed) = join_chunk(e, (lo, hi), (a_lo, a_hi), (b_lo, b_hi));
        return (e.sum(ranges), changed != 0);
    }
    let mut sum = Sum::new(e);
    let mut changed = 0;
    let (a, b) = (a_lo.iter().zip(a_hi), b_lo.iter().zip(b_hi));
    for (i, ((to, a), b)) in los.iter_mut().zip(his).zip(a).zip(b).enumerate() {
        let (ranges, differ) = join_chunk(e, to, a, b);
        sum.take(i, ranges);
        changed |= differ;
    }
    (sum.of(chunks), changed != 0)
}

/// Eight columns.
type Chunk = [f32; EIGHT];

/// Joins eight columns; returns their ranges, and a bit for each that changes.
#[inline(always)]
fn join_chunk<E: Eights>(
    e: E,
    (lo, hi): (&mut Chunk, &mut Chunk),
    a: (&Chunk, &Chunk),
    b: (&Chunk, &Chunk),
) -> (E::Eight, u8) {
    let low = e.min(e.load(a.0), e.load(b.0));
    let high = e.max(e.load(a.1), e.load(b.1));
    let changed = e.differ(low, e.load(lo)) | e.differ(high, e.load(hi));
    e.store(low, lo);
    e.store(high, hi);
    (e.sub(high, low), changed)
}

/// The same for four columns.
#[inline(always)]
fn join_fours(
    lo: &mut [f32],
    hi: &mut [f32],
    a: (&[f32], &[f32]),
    b: (&[f32], &[f32]),
) -> (f32, bool) {
    let (mut low, mut high) = ([0.0; 4], [0.0; 4]);
    let (low, high) = (&mut low[..lo.len()], &mut high[..hi.len()]);
    lanes::join(low, high, a, b);
    let changed = lanes::assign(lo, low) | lanes::assign(hi, high);
    (lanes::range_sum(lo, hi), changed)
}

/// A bit for each column of those from `first` on, 32 at most, in which a row
/// lies outside of a box.
#[inline(always)]
pub(crate) fn outside<E: Eights>(e: E, lo: &[f32], hi: &[f32], p: &[f32], first: usize) -> u32 {
    let end = p.len().min(first + MARKED);
    let (lo, hi, p) = (&lo[first..end], &hi[first..end], &p[first..end]);
    let mut marks = 0;
    if p.len() < EIGHT {
        for j in 0..p.len() {
            marks |= u32::from((p[j] < lo[j]) | (p[j] > hi[j])) << j;
        }
        return marks;
    }
    let (lo, hi) = (lo.as_chunks::<EIGHT>().0, hi.as_chunks::<EIGHT>().0);
    let p = p.as_chunks::<EIGHT>().0;
    for (i, ((lo, hi), p)) in lo.iter().zip(hi).zip(p).enumerate() {
        let p = e.load(p);
        let bits = e.above(e.load(lo), p) | e.above(p, e.load(hi));
        marks |= u32::from(bits) << (EIGHT * i);
    }
    marks
}

/// Columns that [`outside`] looks at.
pub(crate) const MARKED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::kernels::lanes::stride;
    use crate::kernels::simd::Simd;
    use crate::rng::Rng;

    #[inline(always)]
    fn check<S: Simd>(s: S) {
        let e = s.eights();
        let mut rng = Rng::new(11, 0);
        for d in extent::widths() {
            let n = stride(d);
            for _ in 0..extent::times(20) {
                // Few values, so that some are equal.
                let mut row = || {
                    let mut row = vec![0.0f32; n];
                    row[..d].fill_with(|| (rng.unit() * 5.0).floor() as f32 / 3.0);
                    row
                };
                let (a, b, p, q) = (row(), row(), row(), row());
                let of = |a: &[f32], b: &[f32]| {
                    let (mut lo, mut hi) = (a.to_vec(), a.to_vec());
                    lanes::merge(&mut lo, &mut hi, b, b);
                    (lo, hi)
                };
                let (lo, hi) = of(&a, &b);
                let gap = gap_sum(e, &lo, &hi, &p);
                assert_eq!(gap.to_bits(), lanes::gap_sum(&lo, &hi, &p).to_bits());
                assert_eq!(holds_up(e, &lo, &hi, &a), lanes::holds_up(&lo, &hi, &a));
                assert_eq!(holds_up(e, &lo, &hi, &p), lanes::holds_up(&lo, &hi, &p));
                assert_eq!(contains(e, &lo, &hi, &p), lanes::contains(&lo, &hi, &p));
                assert!(contains(e, &lo, &hi, &a));
                assert_eq!(equal(e, &a, &b), a == b);
                assert!(equal(e, &a, &a));
                for first in (0..n).step_by(MARKED) {
                    let marks = outside(e, &lo, &hi, &p, first);
                    for j in first..n.min(first + MARKED) {
                        let out = p[j] < lo[j] || p[j] > hi[j];
                        assert_eq!(marks >> (j - first) & 1 == 1, out);
                    }
                }
                let (mut low, mut high) = (lo.clone(), hi.clone());
                merge(e, (&mut low, &mut high), (&p, &q));
                let (mut want_lo, mut want_hi) = (lo.clone(), hi.clone());
                lanes::merge(&mut want_lo, &mut want_hi, &p, &q);
                assert!(low == want_lo && high == want_hi);
                let (mut low, mut high) = (lo.clone(), hi.clone());
                let range = grow(e, &mut low, &mut high, &p);
                let (mut want_lo, mut want_hi) = (lo.clone(), hi.clone());
                lanes::grow(&mut want_lo, &mut want_hi, &p);
                assert!(low == want_lo && high == want_hi);
                assert_eq!(range.to_bits(), lanes::range_sum(&low, &high).to_bits());
                // The box of two boxes, in place of another one and of itself.
                let (other_lo, other_hi) = of(&p, &q);
                let mut values = [lo.clone(), hi.clone()].concat();
                let sides = ((&lo[..], &hi[..]), (&other_lo[..], &other_hi[..]));
                let (mut want_lo, mut want_hi) = (lo.clone(), hi.clone());
                let (sum, changed) = join(e, &mut values, sides.0, sides.1);
                lanes::join(&mut want_lo, &mut want_hi, sides.0, sides.1);
                assert!(values[..n] == want_lo && values[n..] == want_hi);
                let range = lanes::range_sum(&want_lo, &want_hi);
                assert_eq!(sum.to_bits(), range.to_bits());
                assert_eq!(changed, want_lo != lo || want_hi != hi);
                assert!(!join(e, &mut values, sides.0, sides.1).1);
            }
        }
    }

    simd_kernel! {
        pub(crate) fn check_all() = check;
    }

    #[test]
    fn boxes_change_as_one_column_after_the_other_says() {
        check_all();
        check(crate::kernels::simd::Portable);
    }
}
