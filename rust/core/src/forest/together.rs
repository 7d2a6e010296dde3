//! One row through many living trees at once, down and up.
//!
//! Trees go down level by level ([`crate::lockstep`]); where they end, it is known which
//! boxes are on each way, and what those that are not stored are made of. These are made
//! first, also those above a box that may turn out to hold the row: then no box waits
//! for the sum of the one below, and trees go up in rounds as frozen ones do
//! ([`crate::kernels::grove`]), without a branch that nothing foretells.

use super::Forest;
use crate::kernels::grove::known::{Below, Ways as Upward};
use crate::kernels::grove::{Asked, Buffers};
use crate::kernels::lanes;
use crate::kernels::simd::{Eights, LANES, Simd};
use crate::local_range::{Blend, near};
use crate::lockstep::{Lockstep, Scorer, TREES, Ways, one_by_one, slowly};
use crate::questions::Trees;
use crate::score::seen;
use crate::tree::Boxes;
use crate::walk::{Nodes, Way};
use std::ops::Range;

/// Trees that have boxes made at a time: so many that these stay near, and at least as
/// many as fill a vector.
fn making(stride: usize) -> usize {
    const VALUES: usize = 32 * 32;
    (VALUES / stride).clamp(LANES, TREES)
}

/// As [`Trees::add_scores_of_row`].
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "what is asked, and of whom")]
pub(crate) fn add_scores_of_living_body<S: Simd>(
    s: S,
    forest: &Forest,
    some: Range<usize>,
    needed: u64,
    blend: Option<Blend>,
    q: &[f32],
    buffers: &mut Lockstep,
    total: &mut f64,
) {
    let Lockstep {
        ways,
        scorer,
        grove,
        boxes,
    } = buffers;
    if !ways.go_down(forest, some.clone(), q) {
        return slowly(s, forest, some, needed, blend, q, scorer, total);
    }
    let grove = grove.get_or_insert_default();
    let mut holding = std::mem::take(&mut ways.holding);
    // What one call adds in the order of trees, several pieces do too.
    let (before, stored) = (*total, forest.tree(some.start).is_bounded());
    let piece = if stored { TREES } else { making(q.len()) };
    for first in some.clone().step_by(piece) {
        let piece = Piece {
            forest,
            trees: first..(first + piece).min(some.end),
            before: first - some.start,
            needed,
            blend,
        };
        if piece
            .add(
                s.eights(),
                q,
                ways,
                scorer,
                grove,
                boxes,
                &mut holding,
                total,
            )
            .is_none()
        {
            *total = before;
            return one_by_one(s, forest, some, needed, blend, q, ways, scorer, total);
        }
    }
    ways.holding = holding;
}

/// Some trees whose ways are known.
struct Piece<'a> {
    forest: &'a Forest,
    trees: Range<usize>,
    /// Ways before theirs.
    before: usize,
    needed: u64,
    blend: Option<Blend>,
}

impl Piece<'_> {
    /// Adds their scores, in their order, and notes which of their nodes hold the row.
    /// Nothing if they cannot go up together.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "buffers that the caller lends")]
    fn add<E: Eights>(
        &self,
        e: E,
        q: &[f32],
        ways: &Ways,
        scorer: &mut Scorer,
        grove: &mut Buffers,
        boxes: &mut Boxes,
        holding: &mut Vec<u32>,
        total: &mut f64,
    ) -> Option<()> {
        let way = |i: usize| ways.of(self.before + i);
        let asked = match self.blend {
            None => Asked::Depth,
            Some(blend) if blend.depth == 0.0 => Asked::Local,
            Some(_) => Asked::Both,
        };
        let mut up = Upward::new(q, ways.deepest(), grove)?;
        if self.forest.tree(self.trees.start).is_bounded() {
            for (i, t) in self.trees.clone().enumerate() {
                let (tree, way) = (self.forest.tree(t), way(i));
                up.add(self.below(tree, way), tree.stored(way))?;
            }
        } else {
            boxes.clear();
            for (i, t) in self.trees.clone().enumerate() {
                boxes.add(&self.forest.tree(t), way(i));
            }
            let trees = self.trees.clone().map(|t| self.forest.tree(t));
            boxes.make(e, q.len(), trees);
            let mut from = 0;
            for (i, t) in self.trees.clone().enumerate() {
                let (tree, way) = (self.forest.tree(t), way(i));
                let found = boxes.of(tree, q.len(), from, way.depth);
                up.add(self.below(tree, way), found)?;
                from += way.depth;
            }
        }
        let found = up.up(asked)?;
        let Scorer {
            norm, near: room, ..
        } = scorer;
        if let Some(blend) = self.blend {
            for &i in found.crowded {
                let tree = self.forest.tree(self.trees.start + i);
                found.local[i] = near(e, &tree, q, way(i), blend.least, room).bits(q);
            }
        }
        for &(i, _) in found.near {
            let (tree, way) = (self.forest.tree(self.trees.start + i), way(i));
            if lanes::equal(tree.point(way.leaf), q) {
                found.values[i] = seen(way.depth, tree.mass_of(way.leaf), tree.mass());
                if let Some(blend) = self.blend {
                    found.local[i] = near(e, &tree, q, way, blend.least, room).bits(q);
                }
            }
        }
        for (i, t) in self.trees.clone().enumerate() {
            let score = match norm.of(self.forest.tree(t).mass(), self.needed) {
                None => f64::NAN,
                Some(_) if asked == Asked::Local => 0.0,
                Some(norm) => f64::from(found.values[i]) * norm,
            };
            *total += match self.blend {
                Some(blend) => blend.of(found.local[i], score),
                None => score,
            };
        }
        holding.extend_from_slice(found.holding);
        Some(())
    }

    /// Where a way ends, and how many of its nodes are large enough for what is asked.
    #[inline(always)]
    fn below(&self, tree: impl Nodes, way: Way<'_>) -> Below {
        let mut enough = 0;
        if let Some(Blend { least, .. }) = self.blend {
            enough = u32::from(tree.mass_of(way.leaf) >= least);
            for depth in 1..way.depth {
                enough += u32::from(tree.mass_of(way.at(depth)) >= least);
            }
        }
        Below {
            depth: way.depth,
            enough,
        }
    }
}
