//! A whole block of rows through one frozen tree.
//!
//! Rows are sorted by leaf ([`super::sort`]); the block's columns are put into
//! that order once; then nodes are taken children first, with sixteen rows in
//! the lanes. There is no path, no gather and no branch per row. The arithmetic
//! is that of a single row's walk, so the bits are too: a node that holds a row
//! has separation probability exactly 0 and leaves its value as it is.

use super::block::Block;
use super::tree::PartTree;
use crate::kernels::simd::{LANES, Simd, TURNED};
use crate::kernels::wide::{Columns, equal_rows, union_sums};
use crate::score::norm;
use crate::walk::Nodes;

/// Adds the tree's scores of the block's sorted rows to `totals`.
#[inline(always)]
pub(crate) fn score_part_body<S: Simd>(
    s: S,
    tree: &PartTree<'_>,
    block: &mut Block,
    totals: &mut [f64],
) {
    reorder(s, block);
    let columns = Columns::new(&block.sorted, block.stride);
    let d = block.dimensions;
    let values = &mut block.values[..];
    for (end, range) in tree.ends().iter().zip(&block.end_rows) {
        let point = &tree.point_of(end)[..d];
        let (seen, unseen) = (s.splat(end.seen), s.splat(end.unseen));
        let stop = range.end as usize;
        for at in (range.start as usize..stop).step_by(LANES) {
            let equal = equal_rows(s, columns, at, point);
            set(s, values, at, stop - at, s.select(equal, seen, unseen));
        }
    }
    for (at, split) in tree.splits().iter().enumerate().rev() {
        let range = &block.split_rows[at];
        if range.is_empty() {
            continue;
        }
        let (lo, hi) = tree.bounds_at(at);
        let (lo, hi) = (&lo[..d], &hi[..d]);
        let step = Step {
            s,
            own: s.splat(split.range),
            unseen: s.splat(split.unseen),
        };
        let (mut at, end) = (range.start as usize, range.end as usize);
        while at + LANES < end {
            let [first, second] = union_sums::<S, 2>(s, columns, at, lo, hi);
            step.up(values, at, LANES, first);
            step.up(values, at + LANES, end - at - LANES, second);
            at += 2 * LANES;
        }
        if at < end {
            let [only] = union_sums::<S, 1>(s, columns, at, lo, hi);
            step.up(values, at, end - at, only);
        }
    }
    let norm = norm(tree.mass());
    for (&row, &value) in block.order[..block.n].iter().zip(&*values) {
        if let Some(total) = totals.get_mut(usize::from(row)) {
            *total += f64::from(value) * norm;
        }
    }
}

/// From the values below a node to those at it.
struct Step<S: Simd> {
    s: S,
    /// Sum of the ranges of the node's box.
    own: S::Lanes,
    /// Value of a row that is separated here.
    unseen: S::Lanes,
}

impl<S: Simd> Step<S> {
    /// For the first `n` of sixteen rows, or all if `n` is larger, whose boxes
    /// with the node's have sums of ranges `union`.
    #[inline(always)]
    fn up(&self, values: &mut [f32], at: usize, n: usize, union: S::Lanes) {
        let s = self.s;
        let Some(old) = values.get(at..).and_then(<[f32]>::first_chunk) else {
            return;
        };
        let old = s.load(old);
        let p = s.div(s.sub(union, self.own), union);
        let new = s.add(old, s.mul(p, s.sub(self.unseen, old)));
        set(s, values, at, n, new);
    }
}

/// Writes the first `n` of sixteen values, or all if `n` is larger.
#[inline(always)]
fn set<S: Simd>(s: S, values: &mut [f32], at: usize, n: usize, lanes: S::Lanes) {
    let Some(to) = values.get_mut(at..).and_then(<[f32]>::first_chunk_mut) else {
        return;
    };
    if n >= LANES {
        s.store(lanes, to);
    } else {
        let kept = s.load(to);
        s.store(s.select((1 << n) - 1, lanes, kept), to);
    }
}

/// Puts the columns into the order of the leaves.
#[inline(always)]
fn reorder<S: Simd>(s: S, block: &mut Block) {
    let (stride, width) = (block.stride, block.width);
    // What is behind the last row is some row; nobody reads what comes of it.
    block.order[block.n..].fill(0);
    for (i, rows) in block.order[..block.n.next_multiple_of(LANES)]
        .as_chunks::<LANES>()
        .0
        .iter()
        .enumerate()
    {
        let rows: [usize; LANES] = std::array::from_fn(|l| usize::from(rows[l]) * width);
        for first in (0..block.dimensions).step_by(TURNED) {
            let columns = s.columns(&block.rows, rows.map(|row| row + first));
            for (j, lanes) in columns.into_iter().enumerate() {
                let from = (first + j) * stride + i * LANES;
                if first + j < block.dimensions
                    && let Some(to) = block.sorted.get_mut(from..).and_then(<[f32]>::first_chunk_mut)
                {
                    s.store(lanes, to);
                }
            }
        }
    }
}
