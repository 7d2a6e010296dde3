//! Rows down one living tree, sixteen in the lanes of a vector.
//!
//! A step down is a chain of loads: the node, the row's value in its column, the
//! child. One row after the other takes some sixteen instructions a step and
//! waits; here sixteen nodes are loaded, 16 bytes each, and turned so that cuts,
//! columns and children are vectors, which is cheaper than to gather them, and
//! two groups of sixteen rows take turns: two cycles a step where the plain way
//! (`walk.rs`) takes five. The deepest of more rows is deeper, so larger groups
//! gain nothing.
//!
//! Ways of several rows taken in turns, without a branch, are the interleaved predication
//! of Asadi, Lin and de Vries, *Runtime optimizations for tree-based machine learning
//! models* (2014).

use super::simd::LANES;
use crate::walk::LEAF;

/// An inner node of a living tree. The first 16 bytes are what a way down needs.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Inner {
    pub(crate) cut: f32,
    pub(crate) dim: u16,
    /// Points and stored boxes that its box is the union of; 1 if it is stored.
    pub(crate) parts: u8,
    pub(crate) child: [u32; 2],
    pub(crate) mass: u32,
    /// Its box in the arena, if it is stored.
    pub(crate) bounds: u32,
}

/// Rows that go down at a time at most.
pub(crate) const ROWS: usize = 2 * LANES;

/// Goes down with as many whole groups of sixteen padded rows as there are, two
/// at most, where the machine has vectors for it; returns for how many rows that
/// is done. Row `i` finds its nodes in place `i` of each level, from the root,
/// which is no leaf, to its leaf and then the leaf again, and its depth in
/// `depths[i]`.
pub(crate) fn descend(
    nodes: &[Inner],
    root: u32,
    rows: &[f32],
    stride: usize,
    levels: &mut Vec<[u32; ROWS]>,
    depths: &mut [u32; ROWS],
) -> usize {
    #[cfg(target_arch = "x86_64")]
    if super::level() >= super::Level::Avx512 && !nodes.is_empty() && stride > 0 {
        // SAFETY: `level` returned this set, so the machine has it.
        return unsafe {
            match rows.len() / (LANES * stride) {
                0 => 0,
                1 => avx512::descend::<1>(nodes, root, rows, stride, levels, depths),
                _ => avx512::descend::<2>(nodes, root, rows, stride, levels, depths),
            }
        };
    }
    let _ = (nodes, root, rows, stride, levels, depths, LEAF);
    0
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Inner, LANES, LEAF, ROWS};
    use std::arch::x86_64::*;

    /// As [`super::descend`], for `G` groups.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,popcnt,bmi1,bmi2")]
    pub(super) fn descend<const G: usize>(
        nodes: &[Inner],
        root: u32,
        rows: &[f32],
        stride: usize,
        levels: &mut Vec<[u32; ROWS]>,
        depths: &mut [u32; ROWS],
    ) -> usize {
        // What is no node, or no column, is the last one: so all below is in bounds.
        let last = _mm512_set1_epi32((nodes.len() - 1).min(i32::MAX as usize) as i32);
        let last_column = _mm512_set1_epi32((stride - 1).min(i32::MAX as usize) as i32);
        if rows.len() < G * LANES * stride || rows.len() > i32::MAX as usize {
            return 0;
        }
        let one = _mm512_set1_epi32(1);
        let leaf = _mm512_set1_epi32(LEAF as i32);
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let from = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride as i32));
        let mut at = [_mm512_set1_epi32(root as i32); G];
        let mut depth = [_mm512_setzero_si512(); G];
        let mut level = [0; ROWS];
        level[..G * LANES].fill(root);
        levels.push(level);
        loop {
            let mut all = u16::MAX;
            for g in 0..G {
                let ended = _mm512_test_epi32_mask(at[g], leaf);
                depth[g] = _mm512_mask_add_epi32(depth[g], !ended, depth[g], one);
                // Of a leaf any node will do.
                let id = _mm512_min_epu32(_mm512_andnot_si512(leaf, at[g]), last);
                let [cuts, columns, left, right] = turned(nodes, id);
                let columns = _mm512_and_si512(columns, _mm512_set1_epi32(0xffff));
                let places = _mm512_add_epi32(_mm512_min_epu32(columns, last_column), from);
                // SAFETY: columns are below the stride, and sixteen rows are there.
                let values = unsafe {
                    let rows = rows.as_ptr().add(g * LANES * stride);
                    _mm512_i32gather_ps::<4>(places, rows)
                };
                let goes_right =
                    _mm512_cmp_ps_mask::<_CMP_GT_OQ>(values, _mm512_castsi512_ps(cuts));
                let next = _mm512_mask_mov_epi32(left, goes_right, right);
                at[g] = _mm512_mask_mov_epi32(next, ended, at[g]);
                all &= _mm512_test_epi32_mask(at[g], leaf);
                let to = &mut level[g * LANES..(g + 1) * LANES];
                // SAFETY: there is room for sixteen.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), at[g]) };
            }
            levels.push(level);
            if all == u16::MAX {
                break;
            }
        }
        for g in 0..G {
            let to = &mut depths[g * LANES..(g + 1) * LANES];
            // SAFETY: there is room for sixteen.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), depth[g]) };
        }
        G * LANES
    }

    /// Cuts, columns (and what follows them), left and right children of sixteen
    /// nodes, whose numbers are below their number.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,popcnt,bmi1,bmi2")]
    fn turned(nodes: &[Inner], ids: __m512i) -> [__m512i; 4] {
        let mut id = [0u32; LANES];
        let mut v = [_mm512_setzero_si512(); 4];
        // SAFETY: there is room for sixteen, and nodes have 16 bytes and more.
        unsafe {
            _mm512_storeu_si512(id.as_mut_ptr().cast(), ids);
            for i in 0..4 {
                let mut quarters = [_mm_setzero_si128(); 4];
                for k in 0..4 {
                    let node = nodes.as_ptr().add(id[i + 4 * k] as usize);
                    quarters[k] = _mm_loadu_si128(node.cast());
                }
                let v0 = _mm512_castsi128_si512(quarters[0]);
                let v1 = _mm512_inserti32x4::<1>(v0, quarters[1]);
                let v2 = _mm512_inserti32x4::<2>(v1, quarters[2]);
                v[i] = _mm512_inserti32x4::<3>(v2, quarters[3]);
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A random tree of `n` inner nodes, whose numbers are in no order.
    fn tree(rng: &mut Rng, n: usize, columns: usize) -> (Vec<Inner>, u32) {
        let mut draw = |below: usize| (rng.unit() * below as f64) as usize;
        // Trees that hang below nothing yet: leaves at first, joined by twos.
        let mut loose: Vec<u32> = (0..=n as u32).map(|leaf| leaf | LEAF).collect();
        let mut numbers: Vec<u32> = (0..n as u32).collect();
        let spare = Inner {
            cut: 0.0,
            dim: 0,
            parts: 1,
            child: [LEAF; 2],
            mass: 0,
            bounds: 0,
        };
        let mut nodes = vec![spare; n + 1];
        while let Some(id) = numbers.pop() {
            if !numbers.is_empty() {
                let other = draw(numbers.len());
                numbers.swap(0, other);
            }
            let child = [0, 1].map(|_| loose.swap_remove(draw(loose.len())));
            nodes[id as usize] = Inner {
                cut: draw(100) as f32 / 100.0,
                dim: draw(columns) as u16,
                child,
                ..spare
            };
            loose.push(id);
        }
        (nodes, loose[0])
    }

    #[test]
    fn groups_find_the_ways_of_rows_alone() {
        let mut rng = Rng::new(9, 0);
        for (n, columns, stride) in [(1, 1, 4), (5, 3, 4), (255, 8, 8), (300, 30, 32)] {
            let (nodes, root) = tree(&mut rng, n, columns);
            for n_rows in [0, 15, 16, 31, 32] {
                let rows: Vec<f32> = (0..n_rows * stride).map(|_| rng.unit() as f32).collect();
                let (mut levels, mut depths) = (Vec::new(), [0; ROWS]);
                let done = descend(&nodes, root, &rows, stride, &mut levels, &mut depths);
                let able = cfg!(target_arch = "x86_64")
                    && crate::kernels::level() >= crate::kernels::Level::Avx512;
                assert_eq!(done, if able { n_rows / 16 * 16 } else { 0 });
                for (i, q) in rows.chunks_exact(stride).enumerate().take(done) {
                    let (mut at, mut depth) = (root, 0);
                    while at & LEAF == 0 {
                        assert_eq!(levels[depth][i], at);
                        let node = nodes[at as usize];
                        at = node.child[usize::from(q[node.dim as usize] > node.cut)];
                        depth += 1;
                    }
                    assert_eq!(depths[i] as usize, depth);
                    assert!(levels[depth..].iter().all(|level| level[i] == at));
                }
            }
        }
    }

    #[test]
    fn what_is_no_node_and_no_column_is_not_read() {
        let node = |dim, child| Inner {
            cut: 0.5,
            dim,
            parts: 1,
            child,
            mass: 0,
            bounds: 0,
        };
        // Leaves with any number, a child and a column that are not there.
        let far = LEAF | 1_000_000;
        let nodes = [node(9, [77, far]), node(0, [far, LEAF])];
        let rows = [1.0; 2 * LANES * 4];
        let (mut levels, mut depths) = (Vec::new(), [0; ROWS]);
        let done = descend(&nodes, 0, &rows, 4, &mut levels, &mut depths);
        assert!(done == 0 || levels.last() == Some(&[far; ROWS]));
    }
}
