//! A tree with all boxes lent to it and one with its own few are the same tree.

use super::{NONE, Scratch, Tree, is_leaf};
use crate::kernels::boxes;
use crate::kernels::extent;
use crate::kernels::simd::Portable;
use crate::points::PointStore;
use crate::rng::Rng;

impl Tree {
    /// Takes one copy of the row `p` out; returns whether the tree held it.
    pub(crate) fn remove(&mut self, p: &[f32], points: &PointStore, scratch: &mut Scratch) -> bool {
        scratch.path.clear();
        let mut leaf = self.root;
        while !is_leaf(leaf) {
            scratch.path.push(leaf);
            leaf = self.below(leaf, p);
        }
        if leaf == NONE || !boxes::equal(Portable, points.row(self.leaf(leaf).point), p) {
            return false;
        }
        self.remove_leaf(Portable, leaf, points, scratch);
        true
    }
}

/// A tree that grows to some thirty rows of small whole numbers, so that there
/// are equal rows and constant columns, and whose boxes change hands now and
/// then if `lent`. Every invariant is checked after each step.
fn grow_and_shrink(stride: usize, lent: bool, seed: u64) -> Vec<crate::state::FlatNode> {
    let (mut draws, mut lends) = (Rng::new(seed, 0), Rng::new(seed, 2));
    let mut points = PointStore::new(stride);
    let mut scratch = Scratch::new(stride);
    let mut tree = Tree::new(stride, Rng::new(seed, 1));
    let mut held = Vec::new();
    for step in 0..if cfg!(miri) { 40 } else { 400 } {
        if lent && lends.unit() < 0.2 {
            let had = tree.is_bounded();
            tree.exchange_bounds(Portable, &points, &mut scratch);
            assert_ne!(tree.is_bounded(), had);
            tree.check(&points, &mut scratch).unwrap();
        }
        if held.len() > 30 || (!held.is_empty() && draws.unit() < 0.3) {
            let at = (draws.unit() * held.len() as f64) as usize;
            let id = held.swap_remove(at);
            assert!(tree.remove(points.row(id), &points, &mut scratch));
        } else {
            let mut row = vec![0.0; stride];
            row[..stride - 1].fill_with(|| (draws.unit() * 4.0).floor() as f32);
            let id = points.add(&row);
            scratch.path.clear();
            held.push(tree.insert(Portable, id, &points, &mut scratch));
        }
        tree.check(&points, &mut scratch)
            .unwrap_or_else(|wrong| panic!("stride {stride}, step {step}: {wrong}"));
    }
    tree.to_flat(|id| id)
}

#[test]
fn where_boxes_lie_changes_nothing() {
    for stride in [24, 16, 40].into_iter().take(extent::times(3)) {
        for seed in 0..extent::times(5) as u64 {
            assert_eq!(
                grow_and_shrink(stride, false, seed),
                grow_and_shrink(stride, true, seed)
            );
        }
    }
}
