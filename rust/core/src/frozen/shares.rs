//! Attributions of a whole block of rows in one frozen tree.
//!
//! Rows are sorted by leaf and taken a few groups of sixteen at a time, as for scores
//! ([`super::part`]), and twice through the boxes above them. Children first: scores, and
//! for each box and group a note of the sums of their common ranges. Then parents first:
//! these give, as [`crate::attribution`] has it, the probability that no box above
//! separates the row and so the weight of this one, and every column's share is a sum over
//! boxes from the root down, kept for sixteen rows at once ([`Shares`]). What follows for a
//! row is done in the order of its columns: shares are turned back into rows, scaled in
//! double precision to sum to the score, and added to the row's totals.
//!
//! A box that holds a row has a common range that is its own, to the bit, and gaps of
//! exactly zero, so that what a single row's walk leaves out adds nothing here. Rows that
//! the tree holds, which are looked at as if their leaf were not there, and rows so near
//! to their leaf that a weight could overflow, are left to that walk.
//!
//! Beside that walk, on the rows of `examples/crossover.rs` (`parts n=4096`), a row takes
//! 0.36 of the time with 8 columns and 0.47 with 30 (AVX-512, a Xeon that others worked on
//! too, so that ratios tell more than times). Half as many or twice as many rows that go
//! through the boxes together, blocks of twice as many rows, and asking for the next
//! rows' totals ahead made no difference that could be told from that noise.

use super::block::Block;
use super::part::{Part, set};
use super::tree::PartTree;
use crate::attribution::{AttributionBuffers, TINY};
use crate::kernels::lanes;
use crate::kernels::shares::Shares;
use crate::kernels::simd::{LANES, Simd};
use crate::local_range::{Blend, NearBuffers, add_room};
use crate::score::norm;
use crate::walk::{LEAF, Nodes, Path, is_leaf};
use std::ops::Range;

/// Values of the rows that go through a tree's boxes together: they, their shares and the
/// notes should stay in the first-level cache.
const TILE_VALUES: usize = 1 << 12;

/// What is attributed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartsAsked {
    /// What a tree counts.
    pub(super) scale: f64,
    /// What its expected inverse depth counts beside that.
    pub(super) depth: f64,
    /// The local range, if it is asked.
    pub(super) blend: Option<Blend>,
}

/// A block of rows, their totals so far, and what adding a tree's parts needs.
pub(crate) struct PartsBlock {
    pub(super) block: Block,
    /// Padded length of a point.
    pub(super) stride: usize,
    /// For each row lows, then highs, padded.
    pub(super) totals: Vec<f64>,
    /// Rows that are walked through the tree one by one.
    pub(super) odd: Vec<u16>,
    /// Buffers of that walk.
    pub(super) rows: Vec<f32>,
    pub(super) depth: AttributionBuffers,
    pub(super) path: Path,
    pub(super) near: NearBuffers,
    /// Sums of common ranges, in the order in which boxes and their groups were taken.
    notes: Vec<[f32; LANES]>,
    /// The probability that no box so far separates the row.
    stays: Vec<[f32; LANES]>,
    shares: Shares,
    turned: Vec<f32>,
    /// Of each row, the node that is its neighbourhood, and whether it is walked.
    around: Vec<u32>,
    is_odd: Vec<bool>,
}

impl PartsBlock {
    pub(super) fn new(rows: usize, dimensions: usize) -> PartsBlock {
        let block = Block::with_tiles(rows, dimensions, TILE_VALUES);
        let groups = block.values.len();
        let shares = Shares::new(groups, dimensions);
        let stride = lanes::stride(dimensions);
        PartsBlock {
            block,
            stride,
            totals: Vec::new(),
            odd: Vec::new(),
            rows: Vec::new(),
            depth: AttributionBuffers::new(stride, dimensions),
            path: Path::default(),
            near: NearBuffers::new(stride),
            notes: Vec::new(),
            stays: vec![[0.0; LANES]; groups],
            turned: vec![0.0; LANES * shares.row_len()],
            shares,
            around: vec![0; groups * LANES],
            is_odd: vec![false; groups * LANES],
        }
    }
}

/// Adds the tree's attributions of the block's sorted rows to their totals, and names the
/// rows that are left to be walked.
#[inline(always)]
pub(crate) fn attribute_part_body<S: Simd, const W: usize>(
    s: S,
    tree: &PartTree<'_>,
    parts: &mut PartsBlock,
    asked: PartsAsked,
) {
    let (n, step) = (parts.block.n, parts.block.values.len() * LANES);
    let mut end = 0;
    parts.odd.clear();
    for first in (0..n).step_by(step) {
        let block = &mut parts.block;
        let rows = first..(first + step).min(block.n);
        let order = &block.order[first..rows.end.next_multiple_of(LANES)];
        block
            .tiles
            .load(s, &block.rows, block.width, order.as_chunks().0);
        block.held.clear();
        parts.notes.clear();
        parts.is_odd.fill(false);
        let mut climb = Ways::<S, W> {
            part: Part {
                s,
                tree,
                tiles: &block.tiles,
                values: &mut block.values,
                rows: rows.start as u32..rows.end as u32,
                node_rows: &block.node_rows,
                has_depth: asked.depth != 0.0,
                least: asked.blend.map_or(u32::MAX, |blend| blend.least),
                unions: &mut block.unions,
                held: &mut block.held,
            },
            notes: &mut parts.notes,
            stays: &mut parts.stays,
            shares: &mut parts.shares,
            around: &mut parts.around,
        };
        // The leaves of the rows: the last one may have more of them, and so may the first.
        let first_end = end;
        while let Some(range) = block.node_rows.ends().get(end) {
            climb.leaf(end, range);
            if range.end as usize > rows.end {
                break;
            }
            end += 1;
        }
        climb.part.splits_above(&mut block.above);
        for &at in block.above.iter().rev() {
            climb.split(at);
        }
        if asked.depth != 0.0 {
            climb.begin_down(rows.len());
            let mut notes = climb.notes.len();
            for &at in &block.above {
                climb.share_of_split(at as usize, &block.node_rows.of(at), &mut notes);
            }
            let mut notes = 0;
            let ends = block.node_rows.ends();
            let last = end.min(ends.len().saturating_sub(1));
            for (i, range) in ends[first_end..=last].iter().enumerate() {
                climb.share_of_leaf(first_end + i, range, &mut notes);
            }
        }
        for &at in &*climb.part.held {
            parts.is_odd[at as usize] = true;
            parts.odd.push(order[at as usize]);
        }
        add_part::<S, W>(s, tree, parts, rows, asked);
    }
}

/// Some rows in the order of the leaves, on their way up and down again.
struct Ways<'a, S, const W: usize> {
    part: Part<'a, S, W>,
    notes: &'a mut Vec<[f32; LANES]>,
    stays: &'a mut [[f32; LANES]],
    shares: &'a mut Shares,
    around: &'a mut [u32],
}

impl<S: Simd, const W: usize> Ways<'_, S, W> {
    /// Values and notes of the rows of a leaf, and which of them are walked.
    #[inline(always)]
    fn leaf(&mut self, number: usize, range: &Range<u32>) {
        let part = &mut self.part;
        let Some((groups, head, tail)) = part.groups(range) else {
            return;
        };
        let s = part.s;
        let end = &part.tree.ends()[number];
        let point = part.tree.padded_point_of(end);
        let unseen = s.splat(end.unseen);
        let is_near =
            part.least != u32::MAX && (end.mass >= part.least || part.tree.splits().is_empty());
        for group in groups.start..=groups.end {
            let bits = part.bits(group, &groups, head, tail);
            let [union] = part.tiles.union_sums::<S, 1, W>(s, group, point, point);
            self.notes.push([0.0; LANES]);
            if let Some(note) = self.notes.last_mut() {
                s.store(union, note);
            }
            set(s, part.values, group, bits, unseen);
            // Where the point is the row, this is 0.
            let mut odd = s.equal(s.min(union, s.splat(TINY)), union) & bits;
            while odd != 0 {
                let at = group as u32 * LANES as u32 + odd.trailing_zeros();
                part.held.push(at);
                odd &= odd - 1;
            }
            if is_near {
                set(s, part.unions, group, bits, union);
            }
        }
        if is_near {
            self.stay_around(number as u32 | LEAF, range);
        }
    }

    /// Notes the node that is the neighbourhood of some of these rows.
    #[inline(always)]
    fn stay_around(&mut self, id: u32, range: &Range<u32>) {
        let Range { start, end } = self.part.rows;
        let places = range.start.max(start)..range.end.min(end);
        if places.is_empty() {
            return;
        }
        let places = (places.start - start) as usize..(places.end - start) as usize;
        if let Some(around) = self.around.get_mut(places) {
            around.fill(id);
        }
    }

    /// Takes the rows of a split's children up to it, and notes the sums of ranges.
    #[inline(always)]
    fn split(&mut self, at: u32) {
        let part = &mut self.part;
        let (id, at) = (at, at as usize);
        let (s, tree) = (part.s, part.tree);
        let (lo, hi) = tree.bounds_at(at);
        let near = match part.least {
            u32::MAX => 0..0,
            _ => part.neighbours(id),
        };
        let near_groups = match near.is_empty() {
            true => None,
            false => part.groups(&near),
        };
        if part.has_depth
            && let Some((groups, head, tail)) = part.groups(&part.node_rows.of(id))
        {
            let (own, unseen) = (
                s.splat(tree.range_at(at)),
                s.splat(tree.splits()[at].unseen),
            );
            let mut group = groups.start;
            let first = self.notes.len();
            self.notes
                .resize(first + groups.end + 1 - groups.start, [0.0; LANES]);
            let notes = &mut self.notes[first..];
            while group < groups.end {
                let sums = part.tiles.union_sums::<S, 2, W>(s, group, lo, hi);
                for g in 0..2 {
                    let bits = part.bits(group + g, &groups, head, tail);
                    s.store(sums[g], &mut notes[group + g - groups.start]);
                    part.step(group + g, bits, sums[g], own, unseen);
                    part.note(group + g, &near_groups, sums[g]);
                }
                group += 2;
            }
            if group == groups.end {
                let [sum] = part.tiles.union_sums::<S, 1, W>(s, group, lo, hi);
                let bits = part.bits(group, &groups, head, tail);
                s.store(sum, &mut notes[group - groups.start]);
                part.step(group, bits, sum, own, unseen);
                part.note(group, &near_groups, sum);
            }
        } else if let Some((groups, _, _)) = &near_groups {
            for group in groups.start..=groups.end {
                let [sum] = part.tiles.union_sums::<S, 1, W>(s, group, lo, hi);
                part.note(group, &near_groups, sum);
            }
        }
        if near_groups.is_some() {
            self.stay_around(at as u32, &near);
        }
    }

    /// Before the way down of `n` rows.
    #[inline(always)]
    fn begin_down(&mut self, n: usize) {
        let groups = n.div_ceil(LANES);
        self.stays[..groups].fill([1.0; LANES]);
        self.shares.clear(groups);
    }

    /// Adds what a split's box gives to the shares of its rows. `notes` is where the notes
    /// of boxes end that are not above it.
    #[inline(always)]
    fn share_of_split(&mut self, at: usize, range: &Range<u32>, notes: &mut usize) {
        let Some((groups, head, tail)) = self.part.groups(range) else {
            return;
        };
        let (s, tree) = (self.part.s, self.part.tree);
        let bounds = tree.bounds_at(at);
        let (own, unseen) = (
            s.splat(tree.range_at(at)),
            s.splat(tree.splits()[at].unseen),
        );
        let n = groups.end + 1 - groups.start;
        *notes -= n;
        let mut k = 0;
        while k + 1 < n {
            let mut weights = [own; 2];
            for g in 0..2 {
                let group = groups.start + k + g;
                let bits = self.part.bits(group, &groups, head, tail);
                weights[g] = self.weight(group, *notes + k + g, bits, own, unseen);
            }
            let (tiles, first) = (self.part.tiles, groups.start + k);
            self.shares
                .add::<S, 2, W, false>(s, tiles, first, bounds, weights);
            k += 2;
        }
        if k < n {
            let group = groups.start + k;
            let bits = self.part.bits(group, &groups, head, tail);
            let weight = self.weight(group, *notes + k, bits, own, unseen);
            self.shares
                .add::<S, 1, W, false>(s, self.part.tiles, group, bounds, [weight]);
        }
    }

    /// What a gap to a split's box counts for the rows of a group that have a bit set, and
    /// nothing for others.
    #[inline(always)]
    fn weight(
        &mut self,
        group: usize,
        note: usize,
        bits: u16,
        own: S::Lanes,
        unseen: S::Lanes,
    ) -> S::Lanes {
        let s = self.part.s;
        let (Some(union), Some(stays)) = (self.notes.get(note), self.stays.get_mut(group)) else {
            return s.splat(0.0);
        };
        let (union, stay) = (s.load(union), s.load(stays));
        let next = s.mul(stay, s.div(own, union));
        s.store(s.select(bits, next, stay), stays);
        s.select(bits, s.mul(s.div(unseen, union), stay), s.splat(0.0))
    }

    /// Adds what a leaf gives to the shares of its rows, whose notes begin at `notes`.
    #[inline(always)]
    fn share_of_leaf(&mut self, number: usize, range: &Range<u32>, notes: &mut usize) {
        let Some((groups, head, tail)) = self.part.groups(range) else {
            return;
        };
        let (s, tree) = (self.part.s, self.part.tree);
        let end = &tree.ends()[number];
        let point = tree.padded_point_of(end);
        let unseen = s.splat(end.unseen);
        for group in groups.start..=groups.end {
            let bits = self.part.bits(group, &groups, head, tail);
            let (Some(union), Some(stay)) = (self.notes.get(*notes), self.stays.get(group)) else {
                return;
            };
            let weight = s.mul(s.div(unseen, s.load(union)), s.load(stay));
            let weight = s.select(bits, weight, s.splat(0.0));
            self.shares
                .add::<S, 1, W, true>(s, self.part.tiles, group, (point, point), [weight]);
            *notes += 1;
        }
    }
}

/// Adds scaled shares, and the parts of local ranges, of some rows to their totals.
#[inline(always)]
fn add_part<S: Simd, const W: usize>(
    s: S,
    tree: &PartTree<'_>,
    parts: &mut PartsBlock,
    rows: Range<usize>,
    asked: PartsAsked,
) {
    let block = &parts.block;
    let stride = if W == 0 {
        parts.stride
    } else {
        lanes::stride(W)
    };
    let each = parts.shares.row_len();
    let scale = asked.scale * asked.depth * norm(tree.mass());
    let root = match tree.splits().is_empty() {
        true => 0.0,
        false => tree.range_at(0),
    };
    for (group, order) in block.order[rows.clone()].chunks(LANES).enumerate() {
        let mut factors = [0.0; LANES];
        if asked.depth != 0.0 {
            let totals = parts.shares.magnitudes::<W>(group);
            let values = &block.values[group];
            for l in 0..LANES {
                if totals[l] > 0.0 {
                    factors[l] = scale * f64::from(values[l]) / totals[l];
                }
            }
            parts.shares.turn::<S, W>(s, group, &mut parts.turned);
        }
        for (l, &row) in order.iter().enumerate() {
            let at = group * LANES + l;
            if parts.is_odd[at] {
                continue;
            }
            let first = usize::from(row) * 2 * stride;
            let Some(totals) = parts.totals.get_mut(first..first + 2 * stride) else {
                continue;
            };
            if asked.depth != 0.0 {
                let shares = &parts.turned[l * each..l * each + stride];
                lanes::add_sides(totals, shares, factors[l], 0.0);
            }
            if asked.blend.is_some() {
                let id = parts.around[at];
                let bounds = match is_leaf(id) {
                    true => {
                        let end = &tree.ends()[(id & !LEAF) as usize];
                        let point = tree.padded_point_of(end);
                        (point, point)
                    }
                    false => tree.bounds_at(id as usize),
                };
                let q = &block.rows[usize::from(row) * block.width..][..stride];
                let union = block.unions[group][l];
                add_room(totals, bounds, q, union, root, asked.scale);
            }
        }
    }
}
