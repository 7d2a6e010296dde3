//! The nearest of the points that a row reaches in the trees.
//!
//! In each tree a row reaches the points below the highest node on its way that
//! holds at most `2 k` rows, and in any case those of its leaf. All points that
//! are reached in some tree are compared exactly: by Euclidean distance, then
//! by number. Points of equal values count once, under the smallest number.

use crate::error::{Error, Result};
use crate::kernels::lanes;
use crate::parallel::Stop;
use crate::questions::{Trees, in_blocks};
use crate::rows::Rows;
use crate::walk::{Nodes, Path, descend, is_leaf};
use std::cmp::Ordering;

/// The most neighbours that can be asked for.
pub const MAX_NEIGHBORS: usize = 1024;

/// The nearest points of each row, nearest first. Where fewer than `k` are
/// reached, the rest has the number -1 and NaN for everything else.
#[derive(Clone, Debug)]
pub struct Neighbors {
    /// Neighbours per row.
    pub k: usize,
    /// Columns per point: the forest's columns after shingling.
    pub n_columns: usize,
    /// The points as they were given, without the columns' weights:
    /// `n_rows * k * n_columns`.
    pub points: Vec<f32>,
    /// Euclidean distances between weighted points, `n_rows * k`.
    pub distances: Vec<f64>,
    /// Numbers of the points within the model, `n_rows * k`.
    pub ids: Vec<i64>,
}

/// The points of a forest by the numbers that its leaves have for them.
pub(crate) trait Named: Sync {
    /// Every number is below this.
    fn places(&self) -> usize;
    /// The number of a point within the model, frozen and living alike.
    fn name(&self, point: u32) -> u32;
    /// Its values, perhaps padded.
    fn values(&self, point: u32) -> &[f32];
}

/// Buffers of a thread.
struct Buffers {
    path: Path,
    stack: Vec<u32>,
    /// For each place, the last row that reached it.
    reached_by: Vec<u64>,
    row: u64,
    /// Distance, name and place of what the row has reached.
    found: Vec<(f64, u32, u32)>,
}

/// Gathers what a row reaches in a tree.
fn reach(nodes: &impl Nodes, q: &[f32], most: u32, buffers: &mut Buffers, named: &impl Named) {
    descend(nodes, q, &mut buffers.path);
    let way = &buffers.path;
    let inner = way.inner.iter().copied();
    let top = inner.into_iter().find(|&id| nodes.mass_of(id) <= most);
    buffers.stack.push(top.unwrap_or(way.leaf));
    while let Some(id) = buffers.stack.pop() {
        if !is_leaf(id) {
            buffers.stack.extend(nodes.split(id).child);
            continue;
        }
        let place = nodes.place(id);
        if std::mem::replace(&mut buffers.reached_by[place as usize], buffers.row) == buffers.row {
            continue;
        }
        let columns = q.iter().zip(nodes.point(id));
        let squares = columns.map(|(&a, &b)| {
            let gap = f64::from(a) - f64::from(b);
            gap * gap
        });
        let distance = squares.fold(0.0, |sum, square| sum + square).sqrt();
        buffers.found.push((distance, named.name(place), place));
    }
}

/// The nearest of what a row has reached: distances, then places; NaN where
/// there are no more.
fn nearest(found: &mut [(f64, u32, u32)], named: &impl Named, out: &mut [f64]) {
    let (distances, places) = out.split_at_mut(out.len() / 2);
    distances.fill(f64::NAN);
    places.fill(f64::NAN);
    found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut n = 0;
    for &(distance, _, place) in found.iter() {
        if n == distances.len() {
            break;
        }
        // Equal points have equal distances, so that they follow each other.
        let equal = (0..n)
            .rev()
            .take_while(|&i| distances[i] == distance)
            .any(|i| named.values(places[i] as u32) == named.values(place));
        if !equal {
            (distances[n], places[n]) = (distance, f64::from(place));
            n += 1;
        }
    }
}

/// The `k` nearest of the points that checked rows reach.
pub(crate) fn neighbors(
    trees: &impl Trees,
    named: &impl Named,
    rows: &Rows<'_>,
    k: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Neighbors> {
    let (stride, d) = (trees.intake().stride(), trees.intake().n_dimensions());
    let most = 2 * k as u32;
    let mut out = vec![0.0; rows.n_rows() * 2 * k];
    let work = |buffers: &mut Buffers, points: &[f32], out: &mut [f64], stop: &mut Stop<'_>| {
        for (q, out) in points.chunks_exact(stride).zip(out.chunks_exact_mut(2 * k)) {
            buffers.row += 1;
            buffers.found.clear();
            for t in 0..trees.n_trees() {
                reach(&trees.tree(t), q, most, buffers, named);
                if stop.now() {
                    return;
                }
            }
            nearest(&mut buffers.found, named, out);
        }
    };
    let new = || Buffers {
        path: Path::default(),
        stack: Vec::new(),
        reached_by: vec![0; named.places()],
        row: 0,
        found: Vec::new(),
    };
    in_blocks(trees, rows, &mut out, 2 * k, interrupt, new, work)?;
    let mut result = Neighbors {
        k,
        n_columns: d,
        points: Vec::with_capacity(rows.n_rows() * k * d),
        distances: Vec::with_capacity(rows.n_rows() * k),
        ids: Vec::with_capacity(rows.n_rows() * k),
    };
    for row in out.chunks_exact(2 * k) {
        let (distances, places) = row.split_at(k);
        result.distances.extend(distances);
        for &place in places {
            if place.is_nan() {
                result.ids.push(-1);
                result.points.extend((0..d).map(|_| f32::NAN));
                continue;
            }
            result.ids.push(i64::from(named.name(place as u32)));
            let values = named.values(place as u32)[..d].iter().enumerate();
            let given = values.map(|(j, &v)| match trees.intake().weight(j) {
                Some(weight) => (f64::from(v) / weight) as f32,
                None => v,
            });
            result.points.extend(given);
        }
    }
    Ok(result)
}

/// Points near rows: those of a row follow each other, nearest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// Columns of a point.
    pub(crate) width: usize,
    /// The points' values as the trees hold them, one point after the other.
    pub(crate) points: Vec<f32>,
    /// The first point of each row, and how many it has.
    pub(crate) starts: Vec<usize>,
    pub(crate) counts: Vec<usize>,
}

impl Around {
    /// The values of a point.
    pub(crate) fn point(&self, i: usize) -> &[f32] {
        &self.points[i * self.width..][..self.width]
    }
}

/// A point that a row has reached: its distance, and where it is.
#[derive(Clone, Copy)]
struct Reached {
    distance: f64,
    tree: u32,
    leaf: u32,
}

/// Leaves that a row reaches in each tree.
const LEAVES: usize = 16;

/// The `k` nearest of the points that checked rows reach, cheaper than [`neighbors`] and
/// without their numbers. In each tree a row reaches the leaves that it comes to first if
/// it goes down to its own, and then back over the nodes above it, down each on its side
/// of every cut: so a few rows that lie apart with it do not hide the others. The distance
/// is the sum of the columns' distances, as random cuts see it; of points as far as each
/// other, the one whose first value that differs is less comes first, and equal points
/// count once. So nothing depends on the numbers of points, nor on whether the forest is
/// frozen.
pub(crate) fn around(
    trees: &impl Trees,
    rows: &Rows<'_>,
    k: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Around> {
    let (stride, width) = (trees.intake().stride(), trees.intake().n_dimensions());
    let mut out = vec![f64::NAN; rows.n_rows() * 2 * k];
    let new = || (Vec::new(), Vec::with_capacity(k + 1));
    let work = |(stack, found): &mut (Vec<u32>, Vec<Reached>),
                points: &[f32],
                out: &mut [f64],
                stop: &mut Stop<'_>| {
        for (q, out) in points.chunks_exact(stride).zip(out.chunks_exact_mut(2 * k)) {
            found.clear();
            for t in 0..trees.n_trees() {
                let tree = trees.tree(t);
                stack.clear();
                stack.push(tree.root());
                let mut reached = 0;
                while let Some(id) = stack.pop() {
                    if is_leaf(id) {
                        keep(trees, q, t as u32, id, k, found);
                        reached += 1;
                        if reached == LEAVES {
                            break;
                        }
                        continue;
                    }
                    let (near, far) = tree.children(id, q);
                    stack.extend([far, near]);
                }
                if stop.now() {
                    return;
                }
            }
            for (reached, out) in found.iter().zip(out.chunks_exact_mut(2)) {
                out.copy_from_slice(&[f64::from(reached.tree), f64::from(reached.leaf)]);
            }
        }
    };
    in_blocks(trees, rows, &mut out, 2 * k, interrupt, new, work)?;
    let mut around = Around {
        width,
        ..Around::default()
    };
    for row in out.chunks_exact(2 * k) {
        let found = row.chunks_exact(2).take_while(|place| !place[0].is_nan());
        let before = around.points.len() / width;
        around.starts.push(before);
        for place in found {
            let tree = trees.tree(place[0] as usize);
            let point = tree.point(place[1] as u32);
            around.points.extend_from_slice(&point[..width]);
        }
        around.counts.push(around.points.len() / width - before);
    }
    Ok(around)
}

/// Puts a leaf's point among the `k` nearest, if it is one and not there.
fn keep(trees: &impl Trees, q: &[f32], tree: u32, leaf: u32, k: usize, found: &mut Vec<Reached>) {
    let nodes = trees.tree(tree as usize);
    let point = nodes.point(leaf);
    let distance = lanes::distance(point, q);
    let is_far = |last: &Reached| distance > last.distance;
    if found.len() == k && found.last().is_some_and(is_far) {
        return;
    }
    let order = |other: &Reached| {
        let by_value = || {
            let others = trees.tree(other.tree as usize);
            let pairs = others.point(other.leaf).iter().zip(point);
            let mut orders = pairs.map(|(a, b)| a.total_cmp(b));
            orders
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        other.distance.total_cmp(&distance).then_with(by_value)
    };
    // An equal point is there already.
    if let Err(at) = found.binary_search_by(order) {
        found.insert(
            at,
            Reached {
                distance,
                tree,
                leaf,
            },
        );
        found.truncate(k);
    }
}

/// Checks how many neighbours are asked for.
pub(crate) fn check_count(k: usize) -> Result<()> {
    match k {
        1..=MAX_NEIGHBORS => Ok(()),
        _ => Err(Error::config(
            "k",
            format!("{k} is not between 1 and {MAX_NEIGHBORS}"),
        )),
    }
}
