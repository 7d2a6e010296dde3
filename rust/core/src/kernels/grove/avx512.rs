//! Sixteen trees in the lanes of a vector.
//!
//! Down: sixteen nodes are loaded and turned, so that their cuts, columns and
//! children are vectors; loads of 16 bytes are cheaper than gathers. 64 trees
//! at a time hide that a step waits for the one before. Up: sixteen boxes at once
//! ([`super::vectors`]), and `vpcompressd` moves the trees that go on together.

use super::vectors::{Narrow, Vectors, Wide};
use super::{Asked, Buffers, ENOUGH, GROUPS, Grove, LANES, LEAF, Node, TREES, exposed};
use std::arch::x86_64::*;

/// Groups of trees that go down at a time at most.
const AT_A_TIME: usize = 4;
/// Shift that makes a place a level.
const LEVEL: u32 = TREES.trailing_zeros();

/// The grove's way, as [`super::plain::pass`].
///
/// # Safety
/// [`Grove::values`] has checked the row and the boxes, and made room.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt,bmi1,bmi2")]
pub(super) unsafe fn pass(grove: &Grove, q: &[f32], asked: Asked, b: &mut Buffers) {
    for base in b.bases {
        base.expose_provenance();
    }
    // SAFETY: as the caller says, and rows are of these lengths or a larger
    // multiple of eight.
    unsafe {
        match q.len() {
            4 => through(grove, q, Narrow::<4>::of(q), asked, b),
            8 => through(grove, q, Narrow::<8>::of(q), asked, b),
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
        let mut group = 0;
        while group < grove.first.len() {
            match grove.first.len() - group {
                1 => descend::<V, 1>(grove, group, q, row, b),
                2 => descend::<V, 2>(grove, group, q, row, b),
                3 => descend::<V, 3>(grove, group, q, row, b),
                _ => descend::<V, AT_A_TIME>(grove, group, q, row, b),
            }
            group += AT_A_TIME;
        }
        let mut n = grove.lens.len();
        if asked != Asked::Depth {
            b.settle_homes::<LANES>(n);
            visit_homes(row, n, b);
            b.take_bits(n);
        }
        if asked == Asked::Local {
            b.end_all(n);
            b.settle(row, n);
            return;
        }
        while n > 0 {
            let ended = climb(row, n, b);
            n = b.settle(row, ended);
        }
    }
}

/// The words of sixteen nodes that begin so many bytes behind `nodes`: cuts,
/// ranges, children, columns.
///
/// # Safety
/// Nodes begin there.
#[inline(always)]
unsafe fn turned(nodes: *const Node, at: &[u32; LANES]) -> [__m512i; 4] {
    // SAFETY: as the caller says, nodes are there; they are of 16 bytes and
    // begin at a multiple.
    unsafe {
        let mut v = [_mm512_setzero_si512(); 4];
        for i in 0..4 {
            let mut quarters = [_mm_setzero_si128(); 4];
            for k in 0..4 {
                quarters[k] = _mm_load_si128(nodes.byte_add(at[i + 4 * k] as usize).cast());
            }
            let v0 = _mm512_castsi128_si512(quarters[0]);
            let v1 = _mm512_inserti32x4::<1>(v0, quarters[1]);
            let v2 = _mm512_inserti32x4::<2>(v1, quarters[2]);
            v[i] = _mm512_inserti32x4::<3>(v2, quarters[3]);
        }
        let low = [0, 2].map(|i| _mm512_unpacklo_epi32(v[i], v[i + 1]));
        let high = [0, 2].map(|i| _mm512_unpackhi_epi32(v[i], v[i + 1]));
        [
            _mm512_unpacklo_epi64(low[0], low[1]),
            _mm512_unpackhi_epi64(low[0], low[1]),
            _mm512_unpacklo_epi64(high[0], high[1]),
            _mm512_unpackhi_epi64(high[0], high[1]),
        ]
    }
}

/// Goes down `G` groups of trees from `group` on.
///
/// # Safety
/// As [`pass`]; the grove has these groups.
#[inline(always)]
unsafe fn descend<V: Vectors, const G: usize>(
    grove: &Grove,
    group: usize,
    q: &[f32],
    row: V,
    b: &mut Buffers,
) {
    // SAFETY: `Grove::of` has checked that children are nodes of their tree or
    // leaves, cut columns of the row, and are so many levels; `Grove::values`
    // that there are boxes for all nodes, and room for all levels and trees.
    unsafe {
        let one = _mm512_set1_epi32(1);
        let leaf = _mm512_set1_epi32(i32::from(LEAF));
        let size = _mm512_set1_epi64((2 * size_of_val(q)) as i64);
        let mut at = [_mm512_setzero_si512(); G];
        let (mut depths, mut homes) = (at, at);
        let enough = ENOUGH.map(|side| _mm512_set1_epi32(side as i32));
        let mut place = group;
        loop {
            let mut all = u16::MAX;
            for g in 0..G {
                let ended = _mm512_test_epi32_mask(at[g], leaf);
                all &= ended;
                depths[g] = _mm512_mask_add_epi32(depths[g], !ended, depths[g], one);
                // Where a way has ended, the root stands for what is below.
                let id = _mm512_maskz_mov_epi32(!ended, at[g]);
                let bases = b.bases.as_ptr().add((group + g) * LANES);
                let boxes = b.boxes.as_mut_ptr().add(place + g).cast::<*const f32>();
                let ids = [
                    _mm512_castsi512_si256(id),
                    _mm512_extracti64x4_epi64::<1>(id),
                ];
                for half in 0..2 {
                    let base = _mm512_loadu_si512(bases.add(8 * half).cast());
                    let from = _mm512_mul_epu32(_mm512_cvtepu32_epi64(ids[half]), size);
                    let at = _mm512_add_epi64(base, from);
                    _mm512_storeu_si512(boxes.add(8 * half).cast(), at);
                }
                let first = _mm512_loadu_si512(grove.first.as_ptr().add(group + g).cast());
                let mut bytes = [0u32; LANES];
                let from = _mm512_slli_epi32::<4>(_mm512_add_epi32(first, id));
                _mm512_storeu_si512(bytes.as_mut_ptr().cast(), from);
                let [cuts, ranges, children, columns] = turned(grove.nodes.as_ptr(), &bytes);
                let to = b.ranges.as_mut_ptr().add(place + g);
                _mm512_storeu_si512(to.cast(), ranges);
                let x = row.columns(columns);
                let right = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_castsi512_ps(cuts));
                let enough = _mm512_mask_blend_epi32(right, enough[0], enough[1]);
                let enough = _mm512_mask_test_epi32_mask(!ended, columns, enough);
                homes[g] = _mm512_mask_add_epi32(homes[g], enough, homes[g], one);
                let left = _mm512_and_si512(children, _mm512_set1_epi32(0xffff));
                let next = _mm512_mask_srli_epi32::<16>(left, right, children);
                at[g] = _mm512_mask_mov_epi32(next, ended, at[g]);
            }
            if all == u16::MAX {
                break;
            }
            place += GROUPS;
        }
        for g in 0..G {
            let t = (group + g) * LANES;
            let trees = _mm512_add_epi32(
                _mm512_set1_epi32(t as i32),
                _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
            );
            let above = _mm512_slli_epi32::<LEVEL>(_mm512_sub_epi32(depths[g], one));
            let places = _mm512_add_epi32(above, trees);
            _mm512_storeu_si512(b.going.places.as_mut_ptr().add(t).cast(), places);
            _mm512_storeu_ps(b.going.values.as_mut_ptr().add(t), unseen(depths[g]));
            _mm512_storeu_si512(b.depths.as_mut_ptr().add(t).cast(), depths[g]);
            _mm512_storeu_si512(b.homes.as_mut_ptr().add(t).cast(), homes[g]);
            _mm512_storeu_si512(b.leaves.as_mut_ptr().add(t).cast(), at[g]);
        }
    }
}

/// [`crate::score::unseen`].
///
/// # Safety
/// The machine has the instruction set.
#[inline(always)]
unsafe fn unseen(depths: __m512i) -> __m512 {
    // SAFETY: the caller's machine has the set.
    unsafe {
        let next = _mm512_add_epi32(depths, _mm512_set1_epi32(1));
        _mm512_div_ps(_mm512_set1_ps(1.0), _mm512_cvtepi32_ps(next))
    }
}

/// Sums over the boxes of the first `n` trees' neighbourhoods with the row.
///
/// # Safety
/// Their places have been noted; as [`pass`] besides.
#[inline(always)]
unsafe fn visit_homes<V: Vectors>(row: V, n: usize, b: &mut Buffers) {
    let boxes = b.boxes.as_ptr().cast::<*const f32>();
    let n = n.next_multiple_of(LANES);
    let homes = b.homes[..n].as_chunks::<LANES>().0;
    for (places, sums) in homes.iter().zip(b.local.as_chunks_mut::<LANES>().0) {
        // SAFETY: as the caller says; lanes behind the last tree are that tree again.
        unsafe {
            let at = places.map(|place| exposed(*boxes.add(place as usize)));
            _mm512_storeu_ps(sums.as_mut_ptr(), row.union_sums(&at));
        }
    }
}

/// Takes the first `n` trees that are going up to where they end; returns how
/// many these are.
///
/// # Safety
/// As [`pass`]; their places have been noted.
#[inline(always)]
unsafe fn climb<V: Vectors>(row: V, mut n: usize, b: &mut Buffers) -> usize {
    let boxes = b.boxes.as_ptr().cast::<*const f32>();
    let ranges = b.ranges.as_ptr().cast::<f32>();
    let (places, values) = (b.going.places.as_mut_ptr(), b.going.values.as_mut_ptr());
    let mut ended = 0;
    while n > 0 {
        let mut kept = 0;
        for i in (0..n).step_by(LANES) {
            // SAFETY: `n` is at most `TREES`, `kept` at most `i`, `ended` at
            // most `TREES`, and there is room for a vector more. The places of
            // trees that are going have been noted, with boxes that
            // `Grove::values` has checked; behind them, places are what they
            // were or zero, which has been noted too.
            unsafe {
                let there = match n - i {
                    rest @ 1..LANES => (1 << rest) - 1,
                    _ => u16::MAX,
                };
                let mut at = [std::ptr::null(); LANES];
                for l in 0..LANES {
                    at[l] = exposed(*boxes.add(*places.add(i + l) as usize));
                }
                let place = _mm512_loadu_si512(places.add(i).cast());
                let value = _mm512_loadu_ps(values.add(i));
                let range = _mm512_i32gather_ps::<4>(place, ranges);
                let union = row.union_sums(&at);
                let level = _mm512_srli_epi32::<LEVEL>(place);
                let p = _mm512_div_ps(_mm512_sub_ps(union, range), union);
                let change = _mm512_mul_ps(p, _mm512_sub_ps(unseen(level), value));
                let value = _mm512_add_ps(value, change);
                let ends = there
                    & (_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(p, _mm512_setzero_ps())
                        | _mm512_testn_epi32_mask(level, level));
                let goes = there & !ends;
                // Registers are compressed, then stored: in one, it takes an age.
                let to = b.ended.places.as_mut_ptr().add(ended);
                _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi32(ends, place));
                let to = b.ended.values.as_mut_ptr().add(ended);
                _mm512_storeu_ps(to, _mm512_maskz_compress_ps(ends, value));
                ended += ends.count_ones() as usize;
                let above = _mm512_sub_epi32(place, _mm512_set1_epi32(TREES as i32));
                let to = places.add(kept);
                _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi32(goes, above));
                _mm512_storeu_ps(values.add(kept), _mm512_maskz_compress_ps(goes, value));
                kept += goes.count_ones() as usize;
            }
        }
        n = kept;
    }
    ended
}
