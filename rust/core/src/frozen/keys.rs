//! Values as ranks among the cuts of a forest.
//!
//! Whether `x` goes right at a cut is a comparison of two small integers: `x`
//! is above the cut if and only if more cuts of the column are below `x` than
//! below the cut. A block's values are ranked once for all trees, and then take
//! half the memory, or a quarter where bytes are compared.

use super::tree::FrozenTree;
use crate::kernels::descent;
use crate::kernels::rank::Ranking;
use crate::walk::LEAF;
use std::ops::Range;

/// Most cuts of a column that two bytes can rank.
const MOST_CUTS: usize = u16::MAX as usize;

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
    /// For [`descent::leaves`], where that pays.
    pub(super) tables: Option<Box<descent::Tables>>,
}

impl Cuts {
    /// The cuts of all trees; nothing if one has too many.
    pub(super) fn of<'a>(
        trees: impl Iterator<Item = &'a FrozenTree>,
        dimensions: usize,
    ) -> Option<Vec<Cuts>> {
        let trees: Vec<&FrozenTree> = trees.collect();
        let mut all = Vec::new();
        let mut first = 0;
        while first < trees.len() {
            let mut columns = vec![Vec::new(); dimensions];
            let mut end = first;
            while let Some(tree) = trees.get(end) {
                let mut counts = columns.iter().map(Vec::len).collect::<Vec<_>>();
                tree.splits().iter().for_each(|s| counts[s.dim as usize] += 1);
                if counts.iter().any(|&n| n > MOST_CUTS) {
                    break;
                }
                for split in tree.splits() {
                    columns[split.dim as usize].push(split.cut);
                }
                end += 1;
            }
            if end == first {
                return None;
            }
            for cuts in &mut columns {
                cuts.sort_unstable_by(f32::total_cmp);
                cuts.dedup();
            }
            let keys = trees[first..end].iter().map(|tree| TreeKeys::of(tree, &columns));
            all.push(Cuts {
                trees: first..end,
                keys: keys.collect(),
                columns: columns.iter().map(|cuts| Ranking::of(cuts)).collect(),
            });
            first = end;
        }
        Some(all)
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
        self.keys.iter().any(|keys| keys.tables.is_some())
    }

    pub(super) fn memory_usage(&self) -> usize {
        let columns = self.columns.iter().map(Ranking::memory_usage);
        let keys = self.keys.iter().map(|keys| {
            let tables = usize::from(keys.tables.is_some()) * size_of::<descent::Tables>();
            size_of::<TreeKeys>() + keys.cuts.capacity() * 2 + tables
        });
        columns.sum::<usize>() + keys.sum::<usize>()
    }
}

impl TreeKeys {
    fn of(tree: &FrozenTree, columns: &[Vec<f32>]) -> TreeKeys {
        let rank = |dim: u32, cut: f32| columns[dim as usize].partition_point(|&c| c < cut) as u16;
        let cuts: Vec<u16> = tree.splits().iter().map(|s| rank(s.dim, s.cut)).collect();
        let tables = (columns.len() <= descent::MOST_COLUMNS && descent::available()).then(|| {
            let inner = tree.splits().iter().zip(&cuts).map(|(split, &key)| descent::Inner {
                column: split.dim as usize,
                key,
                child: split.child.map(|child| match child & LEAF {
                    0 => Ok(child as usize),
                    _ => Err((child & !LEAF) as usize),
                }),
            });
            descent::Tables::of(&inner.collect::<Vec<_>>())
        });
        TreeKeys {
            cuts,
            tables: tables.flatten(),
        }
    }
}
