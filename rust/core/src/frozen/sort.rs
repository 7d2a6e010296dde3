//! Row numbers in the order of a tree's leaves, so that every node owns a
//! contiguous range.

use super::block::Block;
use super::keys::TreeKeys;
use super::tree::FrozenTree;
use crate::kernels::partition::partition;
use crate::kernels::descent;
use crate::walk::LEAF;
use std::ops::Range;

/// Sorts the block's rows down the tree and notes every node's range.
pub(super) fn sort_down(tree: &FrozenTree, keys: &TreeKeys, block: &mut Block) {
    let (splits, ends) = (tree.splits().len(), tree.ends().len());
    block.split_rows.clear();
    block.split_rows.resize(splits, 0..0);
    block.end_rows.clear();
    block.end_rows.resize(ends, 0..0);
    match &keys.tables {
        Some(tables) => by_leaf(tree, tables, block),
        None => by_node(tree, keys, block),
    }
}

/// All leaves are found, then counted.
fn by_leaf(tree: &FrozenTree, tables: &descent::Tables, block: &mut Block) {
    let n = block.n;
    descent::leaves(tables, &block.planes, block.stride, n, &mut block.leaves);
    let leaves = &block.leaves[..n];
    // Four counts of each leaf: one would wait for itself where neighbours share it.
    let mut counts = [[0u32; descent::MOST_LEAVES]; 4];
    let (quads, rest) = leaves.as_chunks::<4>();
    for quad in quads {
        for k in 0..4 {
            counts[k][usize::from(quad[k])] += 1;
        }
    }
    for &leaf in rest {
        counts[0][usize::from(leaf)] += 1;
    }
    let mut from = [0u32; descent::MOST_LEAVES];
    let mut start = 0;
    for (leaf, range) in block.end_rows.iter_mut().enumerate() {
        let end = start + counts.iter().map(|counts| counts[leaf]).sum::<u32>();
        *range = start..end;
        from[leaf] = start;
        start = end;
    }
    let order = &mut block.order[..];
    for (row, &leaf) in leaves.iter().enumerate() {
        let place = &mut from[usize::from(leaf)];
        if let Some(to) = order.get_mut(*place as usize) {
            *to = row as u16;
        }
        *place += 1;
    }
    for (at, split) in tree.splits().iter().enumerate().rev() {
        let rows = |child: u32| match child & LEAF {
            0 => &block.split_rows[child as usize],
            _ => &block.end_rows[(child & !LEAF) as usize],
        };
        block.split_rows[at] = rows(split.child[0]).start..rows(split.child[1]).end;
    }
}

/// Like quicksort, from node to node.
fn by_node(tree: &FrozenTree, keys: &TreeKeys, block: &mut Block) {
    let n = block.n;
    for (row, to) in block.order[..n].iter_mut().enumerate() {
        *to = row as u16;
    }
    let all = 0..n as u32;
    match block.split_rows.first_mut() {
        Some(root) => *root = all,
        None => block.end_rows.fill(all),
    }
    for (at, (split, &cut)) in tree.splits().iter().zip(&keys.cuts).enumerate() {
        let Range { start, end } = block.split_rows[at];
        if start == end {
            continue;
        }
        let column = &block.keys[split.dim as usize * block.stride..][..block.stride];
        let rows = &mut block.order[start as usize..end as usize];
        let middle = start + partition(rows, &mut block.right, column, cut) as u32;
        for (child, range) in split.child.into_iter().zip([start..middle, middle..end]) {
            match child & LEAF {
                0 => block.split_rows[child as usize] = range,
                _ => block.end_rows[(child & !LEAF) as usize] = range,
            }
        }
    }
}
