//! Scores of rows that come alone, or few at a time.

use super::FrozenForest;
use crate::kernels::entry;
use crate::kernels::grove::{self, Found, Grove, Inner};
use crate::lockstep::Lockstep;
use crate::questions::Trees;
use crate::walk::{LEAF, Nodes, is_leaf};
use std::ops::Range;

impl FrozenForest {
    /// The trees in pieces of [`grove::TREES`]; nothing if one is too large, or
    /// is a leaf. All are built.
    pub(super) fn groves(&self) -> Option<&[Grove]> {
        let groves = || {
            (0..self.n_trees())
                .step_by(grove::TREES)
                .map(|first| self.grove(first..(first + grove::TREES).min(self.n_trees())))
                .collect()
        };
        self.built().groves.get_or_init(groves).as_deref()
    }

    fn grove(&self, some: Range<usize>) -> Option<Grove> {
        Grove::of(some.map(|t| {
            let tree = self.tree(t);
            let splits = tree.splits().iter().enumerate();
            splits.map(move |(at, split)| Inner {
                cut: split.cut,
                column: split.dim as usize,
                range: tree.range_at(at),
                child: split.child.map(|id| match is_leaf(id) {
                    true => Err((id & !LEAF) as usize),
                    false => Ok(id as usize),
                }),
            })
        }))
    }

    /// As [`Trees::add_scores_of_row`].
    pub(super) fn add_scores_alone(
        &self,
        some: Range<usize>,
        needed: u64,
        q: &[f32],
        buffers: &mut Lockstep,
        total: &mut f64,
    ) {
        let mut norms = buffers.norm;
        let grove = self
            .groves()
            .and_then(|all| all.get(some.start / grove::TREES));
        let boxes = some.clone().map(|t| self.tree(t).all_bounds());
        let found = grove.and_then(|grove| grove.values(boxes, q, buffers.grove()));
        let Some(Found { values, near }) = found else {
            return entry::add_scores_of_row(self, some, needed, q, buffers, total);
        };
        for &(t, leaf) in near {
            let tree = self.tree(some.start + t);
            let end = &tree.ends()[leaf];
            if tree.point(leaf as u32 | LEAF) == q {
                values[t] = end.seen;
            }
        }
        for (t, &value) in some.zip(&*values) {
            let norm = norms.of(self.tree(t).mass(), needed);
            *total += f64::from(value) * norm.unwrap_or(f64::NAN);
        }
        buffers.norm = norms;
    }
}
