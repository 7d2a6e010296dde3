//! Random cut trees made from scratch, and ways to insert a point: the right
//! one, and wrong ones that tests must be able to tell from it.

use super::tree::{Bounds, Node, Point};
use crate::files::Numbers;

/// How a point joins a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Insertion {
    /// At the top-most of the random cuts, one for each node of the path, that
    /// separate it: the bottom-up rule of the open-source forests.
    TopMost,
    /// At the first separating cut going up. Wrong.
    First,
    /// At the top-most one, but through any column that has a gap, however
    /// small. Wrong.
    AnyColumn,
}

/// A uniform cut of a box of positive size, columns in proportion to their ranges.
fn random_cut(bounds: &Bounds, numbers: &mut Numbers) -> (usize, f32) {
    loop {
        let mut rest = numbers.unit() * bounds.range();
        for (dim, (lo, hi)) in bounds.lo.iter().zip(&bounds.hi).enumerate() {
            // Rounding may reach the upper end; then another one is drawn.
            if rest < hi - lo && lo + rest < *hi {
                return (dim, down(lo + rest));
            }
            rest -= hi - lo;
        }
    }
}

/// The largest number of single precision that is not above `cut`: it separates
/// the points that `cut` separates.
fn down(cut: f64) -> f32 {
    let near = cut as f32;
    match f64::from(near) > cut {
        true => near.next_down(),
        false => near,
    }
}

/// A random cut tree on points, by the definition: cut the box, go on on both
/// sides. Equal points are copies of one leaf.
pub fn fresh_tree(points: &[Point], numbers: &mut Numbers) -> Node {
    let bounds = Bounds::of(points).expect("points");
    if bounds.range() == 0.0 {
        return Node::Leaf {
            point: points[0].clone(),
            copies: points.len() as u32,
        };
    }
    let (dim, cut) = random_cut(&bounds, numbers);
    let (left, right): (Vec<_>, Vec<_>) = points.iter().cloned().partition(|p| p[dim] <= cut);
    Node::Split {
        dim,
        cut,
        children: [left, right].map(|side| Box::new(fresh_tree(&side, numbers))),
    }
}

/// A tree that points have joined one by one.
pub fn grown_tree(points: &[Point], rule: Insertion, numbers: &mut Numbers) -> Node {
    let mut tree = Node::leaf(&points[0]);
    for point in &points[1..] {
        tree = insert(tree, point, rule, numbers);
    }
    tree
}

fn insert(tree: Node, p: &Point, rule: Insertion, numbers: &mut Numbers) -> Node {
    if tree.holds(p) {
        return with_copy(tree, p);
    }
    let depth = tree.depth(p);
    let mut chosen = None;
    for at in (0..=depth).rev() {
        let bounds = node_at(&tree, p, at).bounds();
        let joined = Bounds::of(
            [&bounds.lo, &bounds.hi]
                .map(|v| {
                    // A corner of the box is a point of it.
                    v.iter().map(|&v| v as f32).collect::<Point>()
                })
                .iter()
                .chain([p]),
        )
        .expect("points");
        let (dim, cut) = random_cut(&joined, numbers);
        let (v, c) = (f64::from(p[dim]), f64::from(cut));
        let separates = (v <= c && c < bounds.lo[dim]) || (v > c && c >= bounds.hi[dim]);
        if separates {
            chosen = Some((at, dim, cut));
            if rule == Insertion::First {
                break;
            }
        }
    }
    let (at, dim, cut) = chosen.expect("a leaf is always separated from another point");
    match rule {
        Insertion::AnyColumn => {
            let bounds = node_at(&tree, p, at).bounds();
            let columns = (0..p.len()).filter(|&j| bounds.gap(p, j) != (0.0, 0.0));
            let columns: Vec<usize> = columns.collect();
            let dim = columns[numbers.below(columns.len())];
            let left = bounds.gap(p, dim).0 > 0.0;
            let (from, to) = match left {
                true => (f64::from(p[dim]), bounds.lo[dim]),
                false => (bounds.hi[dim], f64::from(p[dim])),
            };
            let cut = down(from + 0.999_999 * numbers.unit() * (to - from));
            put_above(tree, p, at, dim, cut)
        }
        Insertion::TopMost | Insertion::First => put_above(tree, p, at, dim, cut),
    }
}

fn node_at<'a>(tree: &'a Node, p: &Point, depth: usize) -> &'a Node {
    match tree {
        Node::Split { dim, cut, children } if depth > 0 => {
            node_at(&children[usize::from(p[*dim] > *cut)], p, depth - 1)
        }
        node => node,
    }
}

/// Changes the node at `depth` on the way of `p`.
fn change_at(tree: Node, p: &Point, depth: usize, change: impl FnOnce(Node) -> Node) -> Node {
    match tree {
        Node::Split { dim, cut, children } if depth > 0 => {
            let [left, right] = children;
            let children = match p[dim] <= cut {
                true => [Box::new(change_at(*left, p, depth - 1, change)), right],
                false => [left, Box::new(change_at(*right, p, depth - 1, change))],
            };
            Node::Split { dim, cut, children }
        }
        node => change(node),
    }
}

fn put_above(tree: Node, p: &Point, depth: usize, dim: usize, cut: f32) -> Node {
    change_at(tree, p, depth, |node| node.split_off(p, dim, cut))
}

fn with_copy(tree: Node, p: &Point) -> Node {
    change_at(tree, p, usize::MAX, |node| match node {
        Node::Leaf { point, copies } => Node::Leaf {
            point,
            copies: copies + 1,
        },
        split => split,
    })
}
