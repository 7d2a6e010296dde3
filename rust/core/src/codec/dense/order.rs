//! Values as whole numbers in their order, and points in theirs.

use crate::state::{FlatNode, TreeState};
use std::cmp::Ordering;

const SIGN: u32 = 1 << 31;

/// A value's place among all float32: the same order, and zeros behind the
/// last bit that is set stay. There is one place for both zeros; a forest has
/// no negative one.
#[inline]
pub(super) fn place(value: f32) -> i32 {
    let bits = value.to_bits();
    let magnitude = (bits & !SIGN) as i32;
    match bits & SIGN {
        0 => magnitude,
        _ => -magnitude,
    }
}

/// The value at a place.
#[inline]
pub(super) fn value(place: i32) -> f32 {
    let sign = if place < 0 { SIGN } else { 0 };
    f32::from_bits(place.unsigned_abs() & !SIGN | sign)
}

/// The points' places, sorted by their columns, and the rank of each point.
pub(super) fn sorted(points: &[f32], d: usize) -> (Vec<i32>, Vec<u32>) {
    let places: Vec<i32> = points.iter().map(|&v| place(v)).collect();
    let of = |point: u32| {
        let at = point as usize * d;
        places.get(at..at + d).unwrap_or_default()
    };
    let mut order: Vec<u32> = (0..(points.len() / d) as u32).collect();
    // Equal points, which are in different trees, stay as they were.
    order.sort_by(|&a, &b| match of(a).cmp(of(b)) {
        Ordering::Equal => a.cmp(&b),
        other => other,
    });
    let mut ranks = vec![0; order.len()];
    for (rank, &point) in order.iter().enumerate() {
        ranks[point as usize] = rank as u32;
    }
    let sorted = order.iter().flat_map(|&point| of(point)).copied();
    (sorted.collect(), ranks)
}

/// A tree whose points are called by their ranks.
pub(super) fn renamed(tree: &TreeState, ranks: &[u32]) -> TreeState {
    let mut tree = tree.clone();
    each_point(&mut tree, |point| ranks[point as usize]);
    tree
}

/// Gives points the numbers that a forest gives them: in the order in which
/// trees first name them. Returns them in that order; `None` if one is not
/// named.
pub(super) fn named(points: &[f32], d: usize, trees: &mut [TreeState]) -> Option<Vec<f32>> {
    const NONE: u32 = u32::MAX;
    let mut numbers = vec![NONE; points.len() / d];
    let mut ordered = Vec::with_capacity(points.len());
    let mut next = 0;
    for node in trees.iter().flat_map(|tree| &tree.nodes) {
        if let FlatNode::Leaf { point, .. } = *node
            && numbers[point as usize] == NONE
        {
            numbers[point as usize] = next;
            next += 1;
            let at = point as usize * d;
            ordered.extend_from_slice(&points[at..at + d]);
        }
    }
    for tree in trees {
        each_point(tree, |point| numbers[point as usize]);
    }
    (ordered.len() == points.len()).then_some(ordered)
}

fn each_point(tree: &mut TreeState, to: impl Fn(u32) -> u32) {
    for node in &mut tree.nodes {
        if let FlatNode::Leaf { point, .. } = node {
            *point = to(*point);
        }
    }
    if let Some(stream) = &mut tree.stream {
        for point in &mut stream.points {
            *point = to(*point);
        }
    }
}
