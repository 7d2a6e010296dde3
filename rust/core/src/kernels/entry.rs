//! The kernels: what the rest of the crate calls, built per instruction set.

use super::turn::turn_body;
use crate::attribution::{AttributionBuffers, add_attributions_body};
use crate::forest::{
    DeleteBuffers, Member, MemberBlock, MemberBuffers, delete_rows_body, replace_body,
    run_member_body,
};
use crate::frozen::{
    Block, Cuts, FrozenTree, PartTree, PartsAsked, PartsBlock, attribute_part_body,
    blend_part_body, build_bounds_body, displace_part_body, rank_body, score_part_body,
};
use crate::load::{self, Integer, Scale, Value};
use crate::local_range::{Blend, blend_group_body};
use crate::lockstep::{Lockstep, add_scores_of_row_body};
use crate::novelty::{Novelty, novelty_group_body};
use crate::points::PointStore;
use crate::questions::Trees;
use crate::score::{ScoreBuffers, score_group_body};
use crate::state::{FlatNode, all_good_body, check_nodes_body};
use crate::walk::{GROUP, Nodes};
use std::ops::Range;

simd_kernel! {
    /// A block of rows through one living tree.
    pub(crate) fn run_member(
        member: &mut Member,
        block: &MemberBlock<'_>,
        out: &mut [f64],
        buffers: &mut MemberBuffers,
    ) = run_member_body;
}

simd_kernel! {
    /// Row number `i` of those of a block that a living tree takes, into its slot.
    pub(crate) fn replace(
        member: &mut Member,
        block: &MemberBlock<'_>,
        i: usize,
        buffers: &mut MemberBuffers,
        scored: Option<usize>,
    ) = replace_body;
}

simd_kernel! {
    /// Padded rows out of one living tree.
    pub(crate) fn delete_rows(
        member: &mut Member,
        points: &PointStore,
        rows: &[f32],
        hazard: f64,
        gone: &mut [u32],
        buffers: &mut DeleteBuffers,
    ) = delete_rows_body;
}

simd_kernel! {
    /// Scores rows of a group whose ways `buffers` has.
    pub(crate) fn score_group<N: Nodes>(
        nodes: &N,
        rows: &[f32],
        needed: u64,
        which: Range<usize>,
        buffers: &mut ScoreBuffers,
        out: &mut [f64],
    ) = score_group_body;
}

simd_kernel! {
    /// Turns scores of rows of a group into blends with their local ranges.
    pub(crate) fn blend_group<N: Nodes>(
        nodes: &N,
        rows: &[f32],
        blend: Blend,
        which: Range<usize>,
        buffers: &mut ScoreBuffers,
        out: &mut [f64],
    ) = blend_group_body;
}

simd_kernel! {
    /// Turns scores of rows of a group into novelties.
    pub(crate) fn novelty_group<N: Nodes>(
        nodes: &N,
        rows: &[f32],
        novelty: Novelty,
        which: Range<usize>,
        buffers: &mut ScoreBuffers,
        out: &mut [f64],
    ) = novelty_group_body;
}

/// Adds one tree's scores of padded rows, taken one by one, to `totals`.
pub(crate) fn add_scores<N: Nodes>(
    nodes: &N,
    rows: &[f32],
    stride: usize,
    blend: Option<Blend>,
    buffers: &mut ScoreBuffers,
    totals: &mut [f64],
) {
    let mut scores = [0.0; GROUP];
    let groups = rows.chunks(GROUP * stride).zip(totals.chunks_mut(GROUP));
    for (rows, totals) in groups {
        buffers.paths.descend(nodes, rows, stride);
        let which = 0..totals.len();
        if blend.is_none_or(|blend| blend.depth != 0.0) {
            score_group(nodes, rows, 0, which.clone(), buffers, &mut scores);
        }
        if let Some(blend) = blend {
            blend_group(nodes, rows, blend, which, buffers, &mut scores);
        }
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += score;
        }
    }
}

simd_kernel! {
    /// Adds one tree's attributions of padded rows, times `scale`, to the totals
    /// in `buffers`.
    pub(crate) fn add_attributions<N: Nodes>(
        nodes: &N,
        rows: &[f32],
        stride: usize,
        scale: f64,
        buffers: &mut AttributionBuffers,
    ) = add_attributions_body;
}

simd_kernel! {
    /// Adds the scores that some trees give one padded row, or their blends, to
    /// `total`; NaN if one of them holds less than `needed`.
    pub(crate) fn add_scores_of_row<T: Trees>(
        trees: &T,
        some: Range<usize>,
        needed: u64,
        blend: Option<Blend>,
        q: &[f32],
        buffers: &mut Lockstep,
        total: &mut f64,
    ) = add_scores_of_row_body;
}

simd_kernel! {
    /// Ranks a block's values among the cuts of some trees.
    pub(crate) fn rank(block: &mut Block, cuts: &Cuts) = rank_body;
}

simd_kernel! {
    /// Adds one frozen tree's scores of a whole block to `totals`.
    pub(crate) fn add_scores_of_block<const W: usize>(
        tree: &PartTree<'_>,
        block: &mut Block,
        blend: Option<Blend>,
        totals: &mut [f64],
    ) = score_part_body;
}

simd_kernel! {
    /// Adds the blends of some rows of a block that has been through a frozen tree to `totals`.
    pub(crate) fn blend_rows_of_block(
        tree: &PartTree<'_>,
        block: &mut Block,
        blend: Blend,
        rows: Range<usize>,
        norm: f64,
        totals: &mut [f64],
    ) = blend_part_body;
}

simd_kernel! {
    /// Adds one frozen tree's displacements of a whole block to `totals`.
    pub(crate) fn add_displacements_of_block<const W: usize>(
        tree: &PartTree<'_>,
        block: &mut Block,
        totals: &mut [f64],
    ) = displace_part_body;
}

simd_kernel! {
    /// Adds one frozen tree's attributions of a whole block to the block's totals, but for
    /// the rows that it names to be walked.
    pub(crate) fn add_attributions_of_block<const W: usize>(
        tree: &PartTree<'_>,
        block: &mut PartsBlock,
        asked: PartsAsked,
    ) = attribute_part_body;
}

kernel! {
    /// Builds a frozen tree's boxes.
    pub(crate) fn build_bounds(
        tree: &mut FrozenTree,
        points: &[f32],
        stride: usize,
    ) = build_bounds_body;
}

kernel! {
    /// Whether no magnitude is above `limit` and every value is a number.
    pub(crate) fn all_within<T: Value>(values: &[T], limit: T) -> bool = load::all_within_body;
}

kernel! {
    /// Scales a contiguous piece of column `j`; whether its values are within `limit`.
    pub(crate) fn convert_column<T: Value, S: Scale>(
        values: &[T],
        j: usize,
        scale: S,
        limit: T,
        out: &mut [f32],
    ) -> bool = load::convert_column_body;
}

kernel! {
    /// Scales rows of `width` values into rows `stride` apart; whether they are within `limit`.
    pub(crate) fn convert_rows<T: Value, S: Scale>(
        values: &[T],
        width: usize,
        scale: S,
        limit: T,
        out: &mut [f32],
        stride: usize,
    ) -> bool = load::convert_rows_body;
}

simd_kernel! {
    /// Columns with `room` for so many values each become rows `stride` apart, as many as `out` has.
    pub(crate) fn turn(
        columns: &[f32],
        room: usize,
        out: &mut [f32],
        stride: usize,
    ) = turn_body;
}

kernel! {
    /// Integers in double precision.
    pub(crate) fn doubles<T: Integer>(values: &[T], out: &mut [f64]) = load::doubles_body;
}

kernel! {
    /// Widens each column's extremes to those of rows of finite values.
    pub(crate) fn widen<T: Value>(
        values: &[T],
        width: usize,
        extremes: &mut [(f64, f64)],
    ) = load::widen_body;
}

kernel! {
    /// The same for values of one column, side by side.
    pub(crate) fn widen_column<T: Value>(
        values: &[T],
        extremes: &mut (f64, f64),
    ) = load::widen_column_body;
}

kernel! {
    /// Whether nodes that nobody has checked are a tree whose cuts separate its points.
    pub(crate) fn check_nodes(
        nodes: &[FlatNode],
        points: &[f32],
        d: usize,
        named: &mut u32,
    ) -> std::result::Result<u32, String> = check_nodes_body;
}

kernel! {
    /// Whether values are what a forest holds.
    pub(crate) fn all_good(values: &[f32]) -> bool = all_good_body;
}
