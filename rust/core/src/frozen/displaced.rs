//! Displacements of a whole block of rows in one frozen tree.
//!
//! Rows, leaves and boxes are taken as for scores ([`super::part`]); a node gives the sum
//! of its gaps to a row instead of the sum of their common ranges, and its mass instead
//! of a depth's value. A leaf is worth its mass, whether or not it is the row: above a row
//! that the tree holds every gap is exactly 0.

use super::block::Block;
use super::part::{Part, set};
use super::tree::PartTree;
use crate::kernels::simd::{LANES, Simd};
use std::ops::Range;

/// Adds the tree's displacements of the block's sorted rows to `totals`.
#[inline(always)]
pub(crate) fn displace_part_body<S: Simd, const W: usize>(
    s: S,
    tree: &PartTree<'_>,
    block: &mut Block,
    totals: &mut [f64],
) {
    let step = block.values.len() * LANES;
    let mut end = 0;
    for first in (0..block.n).step_by(step) {
        let rows = first..(first + step).min(block.n);
        let order = &block.order[first..rows.end.next_multiple_of(LANES)];
        block
            .tiles
            .load(s, &block.rows, block.width, order.as_chunks().0);
        let mut part = Part::<S, W> {
            s,
            tree,
            tiles: &block.tiles,
            values: &mut block.values,
            rows: rows.start as u32..rows.end as u32,
            node_rows: &block.node_rows,
            has_depth: true,
            least: u32::MAX,
            unions: &mut block.unions,
            held: &mut block.held,
        };
        // The leaves of the rows: the last one may have more of them.
        while let Some(range) = block.node_rows.ends().get(end) {
            part.displaced_leaf(end, range);
            if range.end as usize > rows.end {
                break;
            }
            end += 1;
        }
        part.splits_above(&mut block.above);
        for &at in block.above.iter().rev() {
            part.displaced_split(at as usize, &block.node_rows.of(at));
        }
        let values = block.values.as_flattened();
        for (&row, &value) in block.order[rows].iter().zip(values) {
            if let Some(total) = totals.get_mut(usize::from(row)) {
                *total += f64::from(value);
            }
        }
    }
}

impl<S: Simd, const W: usize> Part<'_, S, W> {
    /// Displacements of the rows of a leaf.
    #[inline(always)]
    fn displaced_leaf(&mut self, end: usize, range: &Range<u32>) {
        let Some((groups, head, tail)) = self.groups(range) else {
            return;
        };
        let mass = self.s.splat(self.tree.ends()[end].mass as f32);
        for group in groups.start..=groups.end {
            let bits = self.bits(group, &groups, head, tail);
            set(self.s, self.values, group, bits, mass);
        }
    }

    /// Takes the rows of a split's children up to it.
    #[inline(always)]
    fn displaced_split(&mut self, at: usize, range: &Range<u32>) {
        let Some((groups, head, tail)) = self.groups(range) else {
            return;
        };
        let s = self.s;
        let (lo, hi) = self.tree.bounds_at(at);
        let own = s.splat(self.tree.range_at(at));
        let mass = s.splat(self.tree.splits()[at].mass as f32);
        let mut group = groups.start;
        while group < groups.end {
            let gaps = self.tiles.gap_sums::<S, 2, W>(s, group, lo, hi);
            for g in 0..2 {
                let bits = self.bits(group + g, &groups, head, tail);
                self.displaced_step(group + g, bits, gaps[g], own, mass);
            }
            group += 2;
        }
        if group == groups.end {
            let [gap] = self.tiles.gap_sums::<S, 1, W>(s, group, lo, hi);
            let bits = self.bits(group, &groups, head, tail);
            self.displaced_step(group, bits, gap, own, mass);
        }
    }

    /// For the rows of a group that have a bit set, whose gaps to a node's box are `gap`.
    #[inline(always)]
    fn displaced_step(
        &mut self,
        group: usize,
        bits: u16,
        gap: S::Lanes,
        own: S::Lanes,
        mass: S::Lanes,
    ) {
        let s = self.s;
        let Some(values) = self.values.get_mut(group) else {
            return;
        };
        let old = s.load(values);
        // A split's own range is above 0, so that there is no 0 / 0.
        let p = s.select(bits, s.div(gap, s.add(own, gap)), s.splat(0.0));
        s.store(s.add(old, s.mul(p, s.sub(mass, old))), values);
    }
}
