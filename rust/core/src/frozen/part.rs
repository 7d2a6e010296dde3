//! A whole block of rows through one frozen tree.
//!
//! Rows are sorted by leaf ([`super::sort`]) and taken in that order, as many
//! at a time as stay in the first-level cache; nodes are taken children first,
//! with sixteen rows in the lanes. There is no path, no gather and no branch
//! per row. The arithmetic is that of a single row's walk, so the bits are too:
//! a node that holds a row has separation probability exactly 0 and leaves its
//! value as it is.
//!
//! Of a row and tree's 7.7 ns (8 columns; 30: 19.5) boxes take two fifths (over
//! half), the sort a quarter (a sixth), bringing rows here a tenth. There are 2 %
//! more lanes than rows in them, so small nodes cost little. What did not pay,
//! though boxes near the root hold most rows:
//! * to go on above the middle of the tree with those rows only that no box
//!   holds yet, close together: to find, move and load them takes more than the
//!   nodes above (8 % slower with 8 columns, 15 % with 30);
//! * to leave out groups of which a box holds all rows: one in seven with 8
//!   columns, one in two hundred with 30;
//! * four groups at a time instead of two: the same;
//! * to ask for the next rows ahead: 3 to 8 % slower (Emerald Rapids: 9 % slower with 8
//!   columns, 5 % faster with 30).

use super::block::Block;
use super::node_rows::NodeRows;
use super::tree::PartTree;
use crate::kernels::entry;
use crate::kernels::simd::{LANES, Simd};
use crate::kernels::wide::Tiles;
use crate::local_range::{self, Blend, near};
use crate::score::norm;
use crate::walk::{Nodes, descend};
use std::hint::select_unpredictable;
use std::ops::Range;

/// Adds the tree's scores of the block's sorted rows to `totals`.
///
/// `W` is their width, or 0 for any: a shell of its own each, since a function that has all of
/// them takes a compiler minutes.
#[inline(always)]
pub(crate) fn score_part_body<S: Simd, const W: usize>(
    s: S,
    tree: &PartTree<'_>,
    block: &mut Block,
    blend: Option<Blend>,
    totals: &mut [f64],
) {
    let norm = norm(tree.mass());
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
            has_depth: blend.is_none_or(|blend| blend.depth != 0.0),
            least: blend.map_or(u32::MAX, |blend| blend.least),
            unions: &mut block.unions,
            held: &mut block.held,
        };
        part.held.clear();
        // The leaves of the rows: the last one may have more of them.
        while let Some(range) = block.node_rows.ends().get(end) {
            part.leaf(end, range);
            if range.end as usize > rows.end {
                break;
            }
            end += 1;
        }
        part.splits_above(&mut block.above);
        for &at in block.above.iter().rev() {
            let near = match blend {
                Some(_) => part.neighbours(at),
                None => 0..0,
            };
            part.split(at, near);
        }
        if let Some(blend) = blend {
            entry::blend_rows_of_block(tree, block, blend, rows, norm, totals);
            continue;
        }
        let values = block.values.as_flattened();
        for (&row, &value) in block.order[rows].iter().zip(values) {
            if let Some(total) = totals.get_mut(usize::from(row)) {
                *total += f64::from(value) * norm;
            }
        }
    }
}

/// Some rows in the order of the leaves, on their way up.
pub(super) struct Part<'a, S, const W: usize> {
    pub(super) s: S,
    pub(super) tree: &'a PartTree<'a>,
    pub(super) tiles: &'a Tiles,
    /// Of each row, what it is worth at the highest node so far.
    pub(super) values: &'a mut [[f32; LANES]],
    pub(super) rows: Range<u32>,
    pub(super) node_rows: &'a NodeRows,
    /// Whether the expected inverse depth is asked for.
    pub(super) has_depth: bool,
    /// For local ranges: rows of a neighbourhood at least, the sums of ranges, and which
    /// of these rows the tree holds.
    pub(super) least: u32,
    pub(super) unions: &'a mut [[f32; LANES]],
    pub(super) held: &'a mut Vec<u32>,
}

impl<S: Simd, const W: usize> Part<'_, S, W> {
    /// The places of a node's rows among these; its first and its last group
    /// and a bit for each of their rows. Nothing if there are none.
    #[inline(always)]
    pub(super) fn groups(&self, range: &Range<u32>) -> Option<(Range<usize>, u16, u16)> {
        let start = range.start.max(self.rows.start) - self.rows.start;
        let end = range.end.min(self.rows.end).saturating_sub(self.rows.start);
        if start >= end {
            return None;
        }
        let (first, last) = (start as usize / LANES, (end as usize - 1) / LANES);
        let head = u16::MAX << (start as usize % LANES);
        let tail = u16::MAX >> (LANES - 1 - (end as usize - 1) % LANES);
        Some(match first == last {
            true => (first..last, head & tail, head & tail),
            false => (first..last, head, tail),
        })
    }

    /// Values of the rows of a leaf.
    #[inline(always)]
    fn leaf(&mut self, end: usize, range: &Range<u32>) {
        let Some((groups, head, tail)) = self.groups(range) else {
            return;
        };
        let s = self.s;
        let end = &self.tree.ends()[end];
        let point = self.tree.point_of(end);
        let (seen, unseen) = (s.splat(end.seen), s.splat(end.unseen));
        let is_near = end.mass >= self.least || self.tree.splits().is_empty();
        for group in groups.start..=groups.end {
            let equal = self.tiles.equal_rows(s, group, point);
            let bits = self.bits(group, &groups, head, tail);
            set(s, self.values, group, bits, s.select(equal, seen, unseen));
            if self.least == u32::MAX {
                continue;
            }
            let mut held = equal & bits;
            while held != 0 {
                let at = group as u32 * LANES as u32 + held.trailing_zeros();
                self.held.push(at);
                held &= held - 1;
            }
            if is_near {
                let point = self.tree.padded_point_of(end);
                let [sum] = self.tiles.union_sums::<S, 1, W>(s, group, point, point);
                set(s, self.unions, group, bits, sum);
            }
        }
    }

    /// The rows of a split whose neighbourhood it is: those of a child that is too small
    /// to be one.
    #[inline(always)]
    pub(super) fn neighbours(&self, at: u32) -> Range<u32> {
        let split = &self.tree.splits()[at as usize];
        // The root is the neighbourhood of all rows of a tree that is too small.
        if split.mass < self.least && at > 0 {
            return 0..0;
        }
        let [left, right] = split.child;
        let [small_left, small_right] =
            [left, right].map(|child| self.tree.mass_of(child) < self.least);
        match (small_left, small_right) {
            (true, true) => self.node_rows.of(at),
            (true, false) => self.node_rows.of(left),
            (false, true) => self.node_rows.of(right),
            (false, false) => 0..0,
        }
    }

    #[inline(always)]
    pub(super) fn bits(&self, group: usize, groups: &Range<usize>, head: u16, tail: u16) -> u16 {
        if group == groups.start {
            head
        } else if group == groups.end {
            tail
        } else {
            u16::MAX
        }
    }

    /// The splits that hold any of the rows, in preorder: those on the way down to the
    /// first row, and those behind them that begin before the last.
    #[inline(always)]
    pub(super) fn splits_above(&self, above: &mut Vec<u32>) {
        let Range { start, end } = self.rows;
        let splits = self.tree.splits();
        above.clear();
        let mut id = self.tree.root();
        while let Some(split) = splits.get(id as usize) {
            above.push(id);
            let [left, right] = split.child;
            id = select_unpredictable(self.node_rows.of(left).end > start, left, right);
        }
        let (mut n, after) = (
            above.len(),
            above.last().map_or(0, |&last| last as usize + 1),
        );
        above.resize(n + splits.len() - after, 0);
        // No branch but the last: which splits have rows cannot be foretold.
        for (at, rows) in self.node_rows.splits().iter().enumerate().skip(after) {
            if rows.start >= end {
                break;
            }
            above[n] = at as u32;
            n += usize::from(rows.end > start && !rows.is_empty());
        }
        above.truncate(n);
    }

    /// Takes the rows of a split's children up to it, and notes the neighbourhood of
    /// those that it is near to.
    #[inline(always)]
    fn split(&mut self, at: u32, near: Range<u32>) {
        let (range, at) = (self.node_rows.of(at), at as usize);
        let near = match near.is_empty() {
            true => None,
            false => self.groups(&near),
        };
        if !self.has_depth {
            if let Some((groups, head, tail)) = near {
                let (lo, hi) = self.tree.bounds_at(at);
                for group in groups.start..=groups.end {
                    let [sum] = self.tiles.union_sums::<S, 1, W>(self.s, group, lo, hi);
                    let bits = self.bits(group, &groups, head, tail);
                    set(self.s, self.unions, group, bits, sum);
                }
            }
            return;
        }
        let Some((groups, head, tail)) = self.groups(&range) else {
            return;
        };
        let s = self.s;
        let split = &self.tree.splits()[at];
        let (lo, hi) = self.tree.bounds_at(at);
        let (own, unseen) = (s.splat(self.tree.range_at(at)), s.splat(split.unseen));
        let mut group = groups.start;
        while group < groups.end {
            let sums = self.tiles.union_sums::<S, 2, W>(s, group, lo, hi);
            for g in 0..2 {
                let bits = self.bits(group + g, &groups, head, tail);
                self.step(group + g, bits, sums[g], own, unseen);
                self.note(group + g, &near, sums[g]);
            }
            group += 2;
        }
        if group == groups.end {
            let [sum] = self.tiles.union_sums::<S, 1, W>(s, group, lo, hi);
            let bits = self.bits(group, &groups, head, tail);
            self.step(group, bits, sum, own, unseen);
            self.note(group, &near, sum);
        }
    }

    /// Notes sums of ranges of a neighbourhood with the rows of a group that it has.
    #[inline(always)]
    pub(super) fn note(
        &mut self,
        group: usize,
        near: &Option<(Range<usize>, u16, u16)>,
        union: S::Lanes,
    ) {
        if let Some((groups, head, tail)) = near
            && groups.start <= group
            && group <= groups.end
        {
            let bits = self.bits(group, groups, *head, *tail);
            set(self.s, self.unions, group, bits, union);
        }
    }

    /// For the rows of a group that have a bit set, whose boxes with a node's
    /// have sums of ranges `union`.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        group: usize,
        bits: u16,
        union: S::Lanes,
        own: S::Lanes,
        unseen: S::Lanes,
    ) {
        let s = self.s;
        let Some(values) = self.values.get_mut(group) else {
            return;
        };
        let old = s.load(values);
        // Rows of other nodes are not separated, so their values stay: cheaper
        // than to store some lanes only, which the next load has to wait for.
        let p = s.select(bits, s.div(s.sub(union, own), union), s.splat(0.0));
        s.store(s.add(old, s.mul(p, s.sub(unseen, old))), values);
    }
}

/// Puts lanes whose bits are set into a group.
#[inline(always)]
pub(super) fn set<S: Simd>(
    s: S,
    to: &mut [[f32; LANES]],
    group: usize,
    bits: u16,
    lanes: S::Lanes,
) {
    if let Some(values) = to.get_mut(group) {
        let kept = s.load(values);
        s.store(s.select(bits, lanes, kept), values);
    }
}

/// Adds blends of rows whose sums of ranges are known to `totals`; rows that the tree
/// holds are walked through it by themselves.
///
/// A shell of its own: the walk is the same for rows of any width.
#[inline(always)]
pub(crate) fn blend_part_body<S: Simd>(
    s: S,
    tree: &PartTree<'_>,
    block: &mut Block,
    blend: Blend,
    rows: Range<usize>,
    norm: f64,
    totals: &mut [f64],
) {
    let root = match tree.splits().is_empty() {
        true => 0.0,
        false => tree.range_at(0),
    };
    let groups = rows.len().div_ceil(LANES);
    for unions in &mut block.unions[..groups] {
        for union in unions {
            *union = local_range::bits(*union, root);
        }
    }
    let order = &block.order[rows];
    let locals = block.unions.as_flattened_mut();
    for &at in &block.held {
        let first = usize::from(order[at as usize]) * block.width;
        let d = block.dimensions;
        block.row[..d].copy_from_slice(&block.rows[first..first + d]);
        descend(tree, &block.row, &mut block.path);
        let way = block.path.way();
        let found = near(
            s.eights(),
            tree,
            &block.row,
            way,
            blend.least,
            &mut block.near,
        );
        locals[at as usize] = found.bits(&block.row);
    }
    let values = block.values.as_flattened();
    for ((&row, &local), &value) in order.iter().zip(&*locals).zip(values) {
        if let Some(total) = totals.get_mut(usize::from(row)) {
            *total += blend.of(local, f64::from(value) * norm);
        }
    }
}
