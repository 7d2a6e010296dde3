//! Scores of rows that come alone, or few at a time.
//!
//! There are too few for a block: a row goes through up to [`grove::TREES`] trees
//! together, which are brought into a [`Grove`] of their own once, when the first
//! such row comes; `shape.rs` has what it costs.

use super::FrozenForest;
use crate::kernels::entry;
use crate::kernels::grove::{self, Asked, Grove, Inner};
use crate::local_range::Blend;
use crate::lockstep::{Lockstep, Scorer};
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
        let least = Blend::new(self.config.sample_size, 0.0).least;
        Grove::of(some.map(move |t| {
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
                enough: split.child.map(|id| tree.mass_of(id) >= least),
            })
        }))
    }

    /// As [`Trees::add_scores_of_row`].
    pub(super) fn add_scores_alone(
        &self,
        some: Range<usize>,
        needed: u64,
        blend: Option<Blend>,
        q: &[f32],
        buffers: &mut Lockstep,
        total: &mut f64,
    ) {
        let asked = match blend {
            None => Asked::Depth,
            Some(blend) if blend.depth == 0.0 => Asked::Local,
            Some(_) => Asked::Both,
        };
        let found = self
            .groves()
            .and_then(|all| all.get(some.start / grove::TREES))
            .and_then(|grove| {
                let boxes = some.clone().map(|t| self.tree(t).all_bounds());
                grove.values(boxes, q, asked, buffers.grove.get_or_insert_default())
            });
        let Some(found) = found else {
            return entry::add_scores_of_row(self, some, needed, blend, q, buffers, total);
        };
        let Scorer { norm, near, .. } = &mut buffers.scorer;
        let mut local =
            |t: usize, blend: Blend| near.bits_of(&self.tree(some.start + t), q, blend.least);
        if let Some(blend) = blend {
            for &t in found.crowded {
                found.local[t] = local(t, blend);
            }
        }
        for &(t, leaf) in found.near {
            let tree = self.tree(some.start + t);
            let end = &tree.ends()[leaf];
            if tree.point(leaf as u32 | LEAF) == q {
                found.values[t] = end.seen;
                if let Some(blend) = blend {
                    found.local[t] = local(t, blend);
                }
            }
        }
        for (t, number) in some.enumerate() {
            let score = match norm.of(self.tree(number).mass(), needed) {
                None => f64::NAN,
                Some(_) if asked == Asked::Local => 0.0,
                Some(norm) => f64::from(found.values[t]) * norm,
            };
            *total += match blend {
                Some(blend) => blend.of(found.local[t], score),
                None => score,
            };
        }
    }
}
