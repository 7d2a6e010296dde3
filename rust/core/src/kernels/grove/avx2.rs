//! Eight trees in the lanes of a vector, as [`super::avx512`] has sixteen.
//!
//! Nothing is gathered: on many processors with AVX2 that takes longer than loads one
//! by one. What moves the trees that go on together is a table of lanes by mask.

use super::eights::{EIGHT, Fours, Vectors, Wide};
use super::{Asked, Buffers, Grove, LEAF, Node, TREES, exposed};
use crate::kernels::prefetch;
use std::arch::x86_64::*;
use std::slice;

/// Vectors of trees that go down at a time at most.
const AT_A_TIME: usize = 4;
/// Shift that makes a place a level.
const LEVEL: i32 = TREES.trailing_zeros() as i32;
/// For each mask the lanes in it, in order; then any.
const PICKED: [[u8; EIGHT]; 256] = picked();

const fn picked() -> [[u8; EIGHT]; 256] {
    let mut all = [[0; EIGHT]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut to) = (0, 0);
        while lane < EIGHT {
            if mask >> lane & 1 != 0 {
                all[mask][to] = lane as u8;
                to += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    all
}

/// The grove's way, as [`super::plain::pass`].
///
/// # Safety
/// [`Grove::values`] has checked the row and the boxes, and made room.
#[target_feature(enable = "avx2,popcnt,bmi1,bmi2")]
pub(super) unsafe fn pass(grove: &Grove, q: &[f32], asked: Asked, b: &mut Buffers) {
    for base in b.bases {
        base.expose_provenance();
    }
    // SAFETY: as the caller says, and rows are of these lengths or a larger
    // multiple of eight.
    unsafe {
        match q.len() {
            4 => through(grove, q, Fours::of(q), asked, b),
            8 => through(grove, q, Wide::<8>::of(q), asked, b),
            16 => through(grove, q, Wide::<16>::of(q), asked, b),
            24 => through(grove, q, Wide::<24>::of(q), asked, b),
            32 => through(grove, q, Wide::<32>::of(q), asked, b),
            _ => through(grove, q, Wide::<0>::of(q), asked, b),
        }
    }
}

/// # Safety
/// As [`pass`], and for all below: the machine has the set.
#[inline(always)]
unsafe fn through<V: Vectors>(grove: &Grove, q: &[f32], row: V, asked: Asked, b: &mut Buffers) {
    // SAFETY: as the caller says; `climb` ends ways at places that it was given.
    unsafe {
        let mut n = grove.lens.len();
        let all = n.div_ceil(EIGHT);
        for first in (0..all).step_by(AT_A_TIME) {
            match all - first {
                1 => descend::<V, 1>(grove, first, q, row, b),
                2 => descend::<V, 2>(grove, first, q, row, b),
                3 => descend::<V, 3>(grove, first, q, row, b),
                _ => descend::<V, AT_A_TIME>(grove, first, q, row, b),
            }
        }
        if asked != Asked::Depth {
            b.settle_homes::<EIGHT>(n);
            visit_homes(row, n, b);
            b.take_bits(n);
        }
        if asked == Asked::Local {
            b.end_all(n);
            b.settle(row, n);
            return;
        }
        while n > 0 {
            let ended = climb(row, q.len(), n, b);
            n = b.settle(row, ended);
        }
    }
}

/// The words of eight nodes that begin so many bytes behind `nodes`: cuts, ranges,
/// children, columns.
///
/// # Safety
/// Nodes begin there.
#[inline(always)]
unsafe fn turned(nodes: *const Node, at: &[u32; EIGHT]) -> [__m256i; 4] {
    // SAFETY: as the caller says, nodes are there; they are of 16 bytes and
    // begin at a multiple.
    unsafe {
        let mut v = [_mm256_setzero_si256(); 4];
        for i in 0..4 {
            let low = _mm_load_si128(nodes.byte_add(at[i] as usize).cast());
            let high = _mm_load_si128(nodes.byte_add(at[i + 4] as usize).cast());
            v[i] = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high);
        }
        let low = [0, 2].map(|i| _mm256_unpacklo_epi32(v[i], v[i + 1]));
        let high = [0, 2].map(|i| _mm256_unpackhi_epi32(v[i], v[i + 1]));
        [
            _mm256_unpacklo_epi64(low[0], low[1]),
            _mm256_unpackhi_epi64(low[0], low[1]),
            _mm256_unpacklo_epi64(high[0], high[1]),
            _mm256_unpackhi_epi64(high[0], high[1]),
        ]
    }
}

/// Goes down `G` vectors of trees from vector `first` on.
///
/// # Safety
/// As [`pass`]; the grove has trees for these vectors, or as many more as make a group.
#[inline(always)]
unsafe fn descend<V: Vectors, const G: usize>(
    grove: &Grove,
    first: usize,
    q: &[f32],
    row: V,
    b: &mut Buffers,
) {
    // SAFETY: `Grove::of` has checked that children are nodes of their tree or
    // leaves, cut columns of the row, and are so many levels; `Grove::values`
    // that there are boxes for all nodes, and room for all levels and trees.
    unsafe {
        let one = _mm256_set1_epi32(1);
        let leaf = _mm256_set1_epi32(i32::from(LEAF));
        let size = _mm256_set1_epi64x((2 * size_of_val(q)) as i64);
        let mut at = [_mm256_setzero_si256(); G];
        let (mut depths, mut homes) = (at, at);
        let firsts = grove.first.as_ptr().cast::<u32>();
        let (boxes, ranges) = (
            b.boxes.as_mut_ptr().cast::<*const f32>(),
            b.ranges.as_mut_ptr().cast::<f32>(),
        );
        let mut level = 0;
        loop {
            let mut all = _mm256_set1_epi32(-1);
            for g in 0..G {
                let t = (first + g) * EIGHT;
                let place = level * TREES + t;
                let ended = _mm256_cmpgt_epi32(at[g], _mm256_sub_epi32(leaf, one));
                all = _mm256_and_si256(all, ended);
                depths[g] = _mm256_add_epi32(depths[g], _mm256_andnot_si256(ended, one));
                // Where a way has ended, the root stands for what is below.
                let id = _mm256_andnot_si256(ended, at[g]);
                let ids = [
                    _mm256_castsi256_si128(id),
                    _mm256_extracti128_si256::<1>(id),
                ];
                for half in 0..2 {
                    let base = _mm256_loadu_si256(b.bases.as_ptr().add(t + 4 * half).cast());
                    let from = _mm256_mul_epu32(_mm256_cvtepu32_epi64(ids[half]), size);
                    let to = boxes.add(place + 4 * half);
                    _mm256_storeu_si256(to.cast(), _mm256_add_epi64(base, from));
                }
                let number = _mm256_add_epi32(_mm256_loadu_si256(firsts.add(t).cast()), id);
                let mut bytes = [0u32; EIGHT];
                _mm256_storeu_si256(bytes.as_mut_ptr().cast(), _mm256_slli_epi32::<4>(number));
                let [cuts, box_ranges, children, columns] = turned(grove.nodes.as_ptr(), &bytes);
                _mm256_storeu_si256(ranges.add(place).cast(), box_ranges);
                let x = row.columns(columns);
                let right = _mm256_cmp_ps::<_CMP_GT_OQ>(x, _mm256_castsi256_ps(cuts));
                let right = _mm256_castps_si256(right);
                // Of both sides' bits, that of the side to which it goes comes first.
                let enough = _mm256_blendv_epi8(_mm256_slli_epi32::<1>(columns), columns, right);
                let enough = _mm256_andnot_si256(ended, _mm256_srli_epi32::<31>(enough));
                homes[g] = _mm256_add_epi32(homes[g], enough);
                let left = _mm256_and_si256(children, _mm256_set1_epi32(0xffff));
                let next = _mm256_blendv_epi8(left, _mm256_srli_epi32::<16>(children), right);
                at[g] = _mm256_blendv_epi8(next, at[g], ended);
            }
            if _mm256_movemask_epi8(all) == -1 {
                break;
            }
            level += 1;
        }
        for g in 0..G {
            let t = (first + g) * EIGHT;
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let trees = _mm256_add_epi32(_mm256_set1_epi32(t as i32), lanes);
            let above = _mm256_slli_epi32::<LEVEL>(_mm256_sub_epi32(depths[g], one));
            let places = _mm256_add_epi32(above, trees);
            _mm256_storeu_si256(b.going.places.as_mut_ptr().add(t).cast(), places);
            _mm256_storeu_ps(b.going.values.as_mut_ptr().add(t), unseen(depths[g]));
            _mm256_storeu_si256(b.depths.as_mut_ptr().add(t).cast(), depths[g]);
            _mm256_storeu_si256(b.homes.as_mut_ptr().add(t).cast(), homes[g]);
            _mm256_storeu_si256(b.leaves.as_mut_ptr().add(t).cast(), at[g]);
        }
    }
}

/// [`crate::score::unseen`].
///
/// # Safety
/// The machine has the instruction set.
#[inline(always)]
unsafe fn unseen(depths: __m256i) -> __m256 {
    // SAFETY: the caller's machine has the set.
    unsafe {
        let next = _mm256_add_epi32(depths, _mm256_set1_epi32(1));
        _mm256_div_ps(_mm256_set1_ps(1.0), _mm256_cvtepi32_ps(next))
    }
}

/// Sums over the boxes of the first `n` trees' neighbourhoods with the row.
///
/// # Safety
/// Their places have been noted; as [`pass`] besides.
#[inline(always)]
unsafe fn visit_homes<V: Vectors>(row: V, n: usize, b: &mut Buffers) {
    let boxes = b.boxes.as_ptr().cast::<*const f32>();
    let n = n.next_multiple_of(EIGHT);
    let homes = b.homes[..n].as_chunks::<EIGHT>().0;
    for (places, sums) in homes.iter().zip(b.local.as_chunks_mut::<EIGHT>().0) {
        // SAFETY: as the caller says; lanes behind the last tree are that tree again.
        unsafe {
            let at = places.map(|place| exposed(*boxes.add(place as usize)));
            _mm256_storeu_ps(sums.as_mut_ptr(), row.union_sums(&at));
        }
    }
}

/// The lanes in a mask of eight bits, in order; then any.
///
/// # Safety
/// The machine has the instruction set.
#[inline(always)]
unsafe fn lanes(mask: u32) -> __m256i {
    let picked = &PICKED[mask as usize & 0xff];
    // SAFETY: the caller's machine has the set, and there are eight bytes.
    unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(picked.as_ptr().cast())) }
}

/// Takes the first `n` trees that are going up to where they end; returns how
/// many these are.
///
/// # Safety
/// As [`pass`]; their places have been noted.
#[inline(always)]
unsafe fn climb<V: Vectors>(row: V, len: usize, mut n: usize, b: &mut Buffers) -> usize {
    let boxes = b.boxes.as_ptr().cast::<*const f32>();
    let ranges = b.ranges.as_ptr().cast::<f32>();
    let (places, values) = (b.going.places.as_mut_ptr(), b.going.values.as_mut_ptr());
    let mut ended = 0;
    while n > 0 {
        let mut kept = 0;
        for i in (0..n).step_by(EIGHT) {
            // SAFETY: `n` is at most `TREES`, `kept` at most `i`, `ended` at
            // most `TREES`, and there is room for a vector more. The places of
            // trees that are going have been noted, with boxes that
            // `Grove::values` has checked; behind them, places are what they
            // were, or some that trees had or were to have, or zero: all noted.
            unsafe {
                let there = match n - i {
                    rest @ 1..EIGHT => (1 << rest) - 1,
                    _ => 0xff,
                };
                if n - i > EIGHT {
                    for l in EIGHT..2 * EIGHT {
                        let at = exposed(*boxes.add(*places.add(i + l) as usize));
                        prefetch::values(slice::from_raw_parts(at, 2 * len));
                    }
                }
                let (mut at, mut range) = ([std::ptr::null(); EIGHT], [0.0; EIGHT]);
                for l in 0..EIGHT {
                    let place = *places.add(i + l) as usize;
                    at[l] = exposed(*boxes.add(place));
                    range[l] = *ranges.add(place);
                }
                let range = _mm256_loadu_ps(range.as_ptr());
                let place = _mm256_loadu_si256(places.add(i).cast());
                let value = _mm256_loadu_ps(values.add(i));
                let union = row.union_sums(&at);
                let level = _mm256_srli_epi32::<LEVEL>(place);
                let p = _mm256_div_ps(_mm256_sub_ps(union, range), union);
                let change = _mm256_mul_ps(p, _mm256_sub_ps(unseen(level), value));
                let value = _mm256_add_ps(value, change);
                let holds = _mm256_cmp_ps::<_CMP_EQ_OQ>(p, _mm256_setzero_ps());
                let roots = _mm256_cmpeq_epi32(level, _mm256_setzero_si256());
                let ends = _mm256_or_ps(holds, _mm256_castsi256_ps(roots));
                let ends = there & _mm256_movemask_ps(ends) as u32;
                let goes = there & !ends;
                // No place is above a root's.
                let above = _mm256_sub_epi32(place, _mm256_set1_epi32(TREES as i32));
                let above = _mm256_andnot_si256(roots, above);
                let (to, pick) = (&mut b.ended, lanes(ends));
                let at = to.places.as_mut_ptr().add(ended);
                _mm256_storeu_si256(at.cast(), _mm256_permutevar8x32_epi32(place, pick));
                let at = to.values.as_mut_ptr().add(ended);
                _mm256_storeu_ps(at, _mm256_permutevar8x32_ps(value, pick));
                ended += ends.count_ones() as usize;
                let pick = lanes(goes);
                let above = _mm256_permutevar8x32_epi32(above, pick);
                _mm256_storeu_si256(places.add(kept).cast(), above);
                let value = _mm256_permutevar8x32_ps(value, pick);
                _mm256_storeu_ps(values.add(kept), value);
                kept += goes.count_ones() as usize;
            }
        }
        n = kept;
    }
    ended
}
