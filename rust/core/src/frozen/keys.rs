//! Values as ranks among the cuts of a forest.
//!
//! Whether `x` goes right at a cut is a comparison of two small integers: `x`
//! is above the cut if and only if more cuts of the column are below `x` than
//! below the cut. A block's values are ranked once for all trees, and then take
//! half the memory, or a quarter where bytes are compared.

use super::tree::FrozenTree;
use crate::kernels::rank::Ranking;
use crate::kernels::{descent, top};
use crate::walk::LEAF;
use std::cmp::Reverse;
use std::ops::Range;

/// Most cuts of a column that two bytes can rank.
pub(super) const MOST_CUTS: usize = u16::MAX as usize;

/// The cuts of some trees, as many as two bytes can rank.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    pub(super) trees: Range<usize>,
    columns: Vec<Ranking>,
    keys: Vec<TreeKeys>,
}

/// A tree's cuts as ranks.
#[derive(Clone, Debug)]
pub(super) struct TreeKeys {
    /// How many cuts of the column are below that of each split.
    pub(super) cuts: Vec<u16>,
    /// How rows find their way.
    pub(super) way: Way,
}

/// How rows find their way down a tree.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// By [`descent::leaves`].
    Tables(Box<descent::Tables>),
    /// By [`top::places`], then from node to node.
    Top(Top),
}

/// The nodes of a tree that hold most rows.
#[derive(Clone, Debug)]
pub(super) struct Top {
    pub(super) nodes: Vec<top::Node>,
    /// Of each node its split, ascending.
    pub(super) splits: Vec<u32>,
    /// The splits and leaves where rows come out, from left to right.
    pub(super) places: Vec<u32>,
}

impl Cuts {
    /// The cuts of all trees, none of which has more than [`MOST_CUTS`].
    pub(super) fn of<'a>(
        trees: impl Iterator<Item = &'a FrozenTree>,
        dimensions: usize,
    ) -> Vec<Cuts> {
        let trees: Vec<&FrozenTree> = trees.collect();
        let mut all = Vec::new();
        let mut first = 0;
        while first < trees.len() {
            let mut columns = vec![Vec::new(); dimensions];
            let mut end = first;
            while let Some(tree) = trees.get(end) {
                let mut counts = columns.iter().map(Vec::len).collect::<Vec<_>>();
                tree.splits()
                    .iter()
                    .for_each(|s| counts[s.dim as usize] += 1);
                // A tree alone always fits.
                if end > first && counts.iter().any(|&n| n > MOST_CUTS) {
                    break;
                }
                for split in tree.splits() {
                    columns[split.dim as usize].push(split.cut);
                }
                end += 1;
            }
            for cuts in &mut columns {
                cuts.sort_unstable_by(f32::total_cmp);
                cuts.dedup();
            }
            let keys = trees[first..end]
                .iter()
                .map(|tree| TreeKeys::of(tree, &columns));
            all.push(Cuts {
                trees: first..end,
                keys: keys.collect(),
                columns: columns.iter().map(|cuts| Ranking::of(cuts)).collect(),
            });
            first = end;
        }
        all
    }

    pub(super) fn keys(&self, tree: usize) -> &TreeKeys {
        &self.keys[tree - self.trees.start]
    }

    /// Each column's distinct cuts.
    pub(super) fn columns(&self) -> &[Ranking] {
        &self.columns
    }

    /// Whether a tree goes by [`descent::leaves`].
    pub(super) fn any_tables(&self) -> bool {
        self.keys
            .iter()
            .any(|keys| matches!(keys.way, Way::Tables(_)))
    }

    pub(super) fn memory_usage(&self) -> usize {
        let columns = self.columns.iter().map(Ranking::memory_usage);
        let keys = self.keys.iter().map(|keys| {
            let way = match &keys.way {
                Way::Tables(_) => size_of::<descent::Tables>(),
                Way::Top(top) => {
                    top.nodes.capacity() * size_of::<top::Node>()
                        + (top.splits.capacity() + top.places.capacity()) * 4
                }
            };
            size_of::<TreeKeys>() + keys.cuts.capacity() * 2 + way
        });
        columns.sum::<usize>() + keys.sum::<usize>()
    }
}

impl TreeKeys {
    fn of(tree: &FrozenTree, columns: &[Vec<f32>]) -> TreeKeys {
        let rank = |dim: u32, cut: f32| columns[dim as usize].partition_point(|&c| c < cut) as u16;
        let cuts: Vec<u16> = tree.splits().iter().map(|s| rank(s.dim, s.cut)).collect();
        let tables = (columns.len() <= descent::MOST_COLUMNS && descent::available()).then(|| {
            let inner = tree
                .splits()
                .iter()
                .zip(&cuts)
                .map(|(split, &key)| descent::Inner {
                    column: split.dim as usize,
                    key,
                    child: split.child.map(|child| match child & LEAF {
                        0 => Ok(child as usize),
                        _ => Err((child & !LEAF) as usize),
                    }),
                });
            descent::Tables::of(&inner.collect::<Vec<_>>())
        });
        let way = match tables.flatten() {
            Some(tables) => Way::Tables(tables),
            None => Way::Top(Top::of(tree, &cuts)),
        };
        TreeKeys { cuts, way }
    }
}

impl Top {
    fn of(tree: &FrozenTree, cuts: &[u16]) -> Top {
        let all = tree.splits();
        // Always the heaviest node that hangs below one taken.
        let mut splits = Vec::new();
        let mut waiting = std::collections::BinaryHeap::new();
        waiting.extend(all.first().map(|root| (root.mass, Reverse(0u32))));
        while let (true, Some((_, Reverse(id)))) = (splits.len() < top::MOST_NODES, waiting.pop()) {
            splits.push(id);
            let inner = all[id as usize]
                .child
                .into_iter()
                .filter(|child| child & LEAF == 0);
            waiting.extend(inner.map(|child| (all[child as usize].mass, Reverse(child))));
        }
        // Preorder: parents come first, and places from left to right.
        splits.sort_unstable();
        let mut places = Vec::new();
        let mut stack: Vec<u32> = splits.first().copied().into_iter().collect();
        while let Some(id) = stack.pop() {
            match splits.binary_search(&id) {
                Ok(_) => stack.extend(all[id as usize].child.into_iter().rev()),
                Err(_) => places.push(id),
            }
        }
        let child_of = |child: u32| match splits.binary_search(&child) {
            Ok(node) => Ok(node as u8),
            Err(_) => Err(places.iter().position(|&p| p == child).unwrap_or(0) as u8),
        };
        let node = |&id: &u32| top::Node {
            column: all[id as usize].dim as usize,
            key: cuts[id as usize],
            child: all[id as usize].child.map(child_of),
        };
        Top {
            nodes: splits.iter().map(node).collect(),
            places,
            splits,
        }
    }
}
