//! Insertion by the top-most separating cut.

use super::{Bounds, Inner, NONE, NodeId, Scratch, Tree, is_leaf};
use crate::kernels::boxes::{self, MARKED, outside};
use crate::kernels::lanes;
use crate::kernels::simd::Eights;
use crate::points::PointStore;
use crate::rng::Rng;

impl Tree {
    /// Inserts the point `id` and returns the point that the tree now refers
    /// to for this row: `id`, or the equal point that it held already.
    ///
    /// The scratch's path is the top of the point's way, as far as boxes are
    /// known to hold it, or empty: no cut of such a box separates the point, and
    /// none grows.
    #[inline(always)]
    pub(crate) fn insert<E: Eights>(
        &mut self,
        e: E,
        id: u32,
        points: &PointStore,
        scratch: &mut Scratch,
    ) -> u32 {
        let p = points.row(id);
        let (mut parent, mut at) = match scratch.path.last() {
            Some(&last) => (last, self.below(last, p)),
            None => (NONE, self.root),
        };
        if at == NONE {
            scratch.forks.push((0, NONE));
            self.root = self.new_leaf(id);
            return id;
        }
        self.count_path(scratch);
        let cut = loop {
            if is_leaf(at) {
                let held = self.leaf(at).point;
                let q = points.row(held);
                if boxes::equal(e, p, q) {
                    self.leaves[(at & !super::LEAF) as usize].mass += 1;
                    return held;
                }
                break random_cut(e, &mut self.rng, q, q, p);
            }
            let bounds = self.inner(at).bounds;
            if let Some((lo, hi, range)) = self.bounds.arena().get(bounds) {
                let gap = boxes::gap_sum(e, lo, hi, p);
                if gap > 0.0 {
                    if separates(&mut self.rng, gap, range) {
                        break random_cut(e, &mut self.rng, lo, hi, p);
                    }
                    self.bounds.arena_mut().grow(e, bounds, p);
                }
            } else {
                let Scratch { lo, hi, .. } = scratch;
                self.box_into(e, at, points, lo, hi);
                let gap = boxes::gap_sum(e, lo, hi, p);
                if gap > 0.0 && separates(&mut self.rng, gap, lanes::range_sum(lo, hi)) {
                    break random_cut(e, &mut self.rng, lo, hi, p);
                }
            }
            scratch.path.push(at);
            self.inner[at as usize].mass += 1;
            parent = at;
            at = self.below(at, p);
        };
        scratch.forks.push((scratch.path.len(), at));
        let new = self.split_above(parent, at, cut, id);
        self.settle(e, new, points, scratch);
        let mut changed = self.parts_of(new) != self.parts_of(at);
        while let (true, Some(id)) = (changed, scratch.path.pop()) {
            changed = self.settle(e, id, points, scratch);
        }
        id
    }

    /// Hangs a new inner node with the leaf of `point` above `at`.
    fn split_above(&mut self, parent: NodeId, at: NodeId, cut: Cut, point: u32) -> NodeId {
        let leaf = self.new_leaf(point);
        let child = if cut.point_left {
            [leaf, at]
        } else {
            [at, leaf]
        };
        let node = Inner {
            cut: cut.value,
            dim: cut.dim,
            parts: 0,
            child,
            mass: self.mass_of(at) + 1,
            bounds: Bounds::none(),
        };
        let new = self.new_inner(node);
        self.relink(parent, at, new);
        new
    }

    /// One more row below every node of the path.
    #[inline(always)]
    fn count_path(&mut self, scratch: &Scratch) {
        for &id in &scratch.path {
            self.inner[id as usize].mass += 1;
        }
    }
}

struct Cut {
    dim: u16,
    value: f32,
    /// The new point goes left.
    point_left: bool,
}

/// Whether a random cut of the box with the point falls into the gap.
#[inline(always)]
fn separates(rng: &mut Rng, gap: f32, range: f32) -> bool {
    let (gap, range) = (f64::from(gap), f64::from(range));
    rng.unit() * (range + gap) < gap
}

/// A uniform cut through the gap between a box and a point outside of it.
#[inline(always)]
fn random_cut<E: Eights>(e: E, rng: &mut Rng, lo: &[f32], hi: &[f32], p: &[f32]) -> Cut {
    // In columns in which the point lies outside.
    let gap = |j: usize| match p[j] < lo[j] {
        true => f64::from(lo[j]) - f64::from(p[j]),
        false => f64::from(p[j]) - f64::from(hi[j]),
    };
    // Where there is no gap, nothing is added.
    let mut total = 0.0;
    for first in (0..p.len()).step_by(MARKED) {
        let mut marks = outside(e, lo, hi, p, first);
        while marks != 0 {
            total += gap(first + marks.trailing_zeros() as usize);
            marks &= marks - 1;
        }
    }
    let mut rest = rng.unit() * total;
    let mut chosen = 0;
    'columns: for first in (0..p.len()).step_by(MARKED) {
        let mut marks = outside(e, lo, hi, p, first);
        while marks != 0 {
            // Rounding may leave a rest beyond the last gap; it stays there.
            chosen = first + marks.trailing_zeros() as usize;
            let g = gap(chosen);
            if rest < g {
                break 'columns;
            }
            rest -= g;
            marks &= marks - 1;
        }
    }
    let g = gap(chosen);
    let fraction = (rest / g).clamp(0.0, 1.0);
    let point_left = p[chosen] < lo[chosen];
    let (from, to) = if point_left {
        (p[chosen], lo[chosen])
    } else {
        (hi[chosen], p[chosen])
    };
    let exact = f64::from(from) + fraction * g;
    // Rounded down: then it separates the points that the exact cut does, even
    // where these are neighbours in single precision.
    let value = exact as f32;
    let value = if f64::from(value) > exact {
        value.next_down()
    } else {
        value
    };
    // Left is `<= cut`: the cut must lie in [from, to).
    let value = if value >= to { to.next_down() } else { value };
    Cut {
        dim: chosen as u16,
        value: value.max(from) + 0.0,
        point_left,
    }
}
