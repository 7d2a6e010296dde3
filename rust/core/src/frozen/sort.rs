//! Row numbers in the order of a tree's leaves, so that every node owns a
//! contiguous range.
//!
//! A quicksort with the tree's own cuts: what is moved is a row's number, two
//! bytes, and what is compared its rank. The top of a tree, which all rows pass, is
//! one step ([`top`]), or all of a small tree with VBMI ([`descent`]); below it rows
//! go to both sides node by node ([`crate::kernels::partition`]). 152 instructions a
//! row and tree with AVX2, at 8 columns as at 30 (docs/benchmarks.md), for twelve
//! levels. To send rows down in lockstep and count them by leaf took twice as long
//! in the prototypes.

use super::block::Block;
use super::keys::{Top, TreeKeys, Way};
use super::tree::PartTree;
use crate::kernels::partition::partition;
use crate::kernels::{descent, top};
use std::ops::Range;

/// Sorts the block's rows down the tree and notes every node's range.
pub(super) fn sort_down(tree: &PartTree<'_>, keys: &TreeKeys, block: &mut Block) {
    let (splits, ends) = (tree.splits().len(), tree.ends().len());
    block.node_rows.reset(splits, ends);
    match &keys.way {
        Way::Tables(tables) => by_leaf(tree, tables, block),
        Way::Top(top) if splits > 0 => {
            by_top(tree, top, block);
            by_node(tree, keys, top, block);
        }
        Way::Top(_) => {
            // A single leaf, or nothing at all.
            block.places[..block.n].fill(0);
            count(1, block, |block, ranges| {
                block.node_rows.ends_mut().fill(ranges[0].clone())
            });
        }
    }
}

/// All leaves are found, then counted.
fn by_leaf(tree: &PartTree<'_>, tables: &descent::Tables, block: &mut Block) {
    descent::leaves(
        tables,
        &block.planes,
        block.stride,
        block.n,
        &mut block.places,
    );
    count(tree.ends().len(), block, |block, ranges| {
        block.node_rows.ends_mut().clone_from_slice(ranges);
    });
    for (at, split) in tree.splits().iter().enumerate().rev() {
        block.node_rows.join(at as u32, split.child);
    }
}

/// The top of the tree.
fn by_top(tree: &PartTree<'_>, top: &Top, block: &mut Block) {
    top::places(
        &top.nodes,
        &block.keys,
        block.stride,
        block.n,
        &mut block.places,
    );
    count(top.places.len(), block, |block, ranges| {
        for (&id, range) in top.places.iter().zip(ranges) {
            block.node_rows.set(id, range.clone());
        }
    });
    for &at in top.splits.iter().rev() {
        block.node_rows.join(at, tree.splits()[at as usize].child);
    }
}

/// Sorts row numbers by their places, which are below `n_places`, and tells
/// the rows of each.
fn count(n_places: usize, block: &mut Block, tell: impl FnOnce(&mut Block, &[Range<u32>])) {
    let places = &block.places[..block.n];
    // Four counts of each: one would wait for itself where neighbours share it.
    let mut counts = [[0u32; 256]; 4];
    let (quads, rest) = places.as_chunks::<4>();
    for quad in quads {
        for k in 0..4 {
            counts[k][usize::from(quad[k])] += 1;
        }
    }
    for &place in rest {
        counts[0][usize::from(place)] += 1;
    }
    let mut from = [0u32; 256];
    let mut ranges = [const { 0..0 }; 256];
    let mut start = 0;
    for place in 0..n_places.min(256) {
        let end = start + counts.iter().map(|counts| counts[place]).sum::<u32>();
        ranges[place] = start..end;
        from[place] = start;
        start = end;
    }
    let order = &mut block.order[..];
    for (row, &place) in places.iter().enumerate() {
        let next = &mut from[usize::from(place)];
        if let Some(to) = order.get_mut(*next as usize) {
            *to = row as u16;
        }
        *next += 1;
    }
    tell(block, &ranges[..n_places.min(256)]);
}

/// Below the top, like quicksort, from node to node.
fn by_node(tree: &PartTree<'_>, keys: &TreeKeys, top: &Top, block: &mut Block) {
    let mut tops = top.splits.iter().peekable();
    for (at, (split, &cut)) in tree.splits().iter().zip(&keys.cuts).enumerate() {
        if tops.next_if(|&&top| top as usize == at).is_some() {
            continue;
        }
        let Range { start, end } = block.node_rows.of(at as u32);
        if start == end {
            continue;
        }
        let column = &block.keys[split.dim as usize * block.stride..][..block.stride];
        let rows = &mut block.order[start as usize..end as usize];
        let middle = start + partition(rows, &mut block.right, column, cut) as u32;
        for (child, range) in split.child.into_iter().zip([start..middle, middle..end]) {
            block.node_rows.set(child, range);
        }
    }
}
