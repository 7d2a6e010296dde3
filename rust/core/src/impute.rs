//! What missing values would be, given the others.
//!
//! In each tree a row goes both ways where the cut is in a column that it
//! misses. At each leaf that it reaches so, the missing values are taken from
//! the leaf; the leaf with the lowest score of the row so filled gives the
//! tree's values. Boxes above a meeting of two ways hold the missing values of
//! both, so the lowest score is found as if the ways were compared where they
//! meet. A value is the median over trees, its range their 0.1 and 0.9
//! quantiles, with linear interpolation.
//!
//! A row that misses much would reach whole trees. It may reach [`BRANCHES`]
//! leaves a tree: where it parts, they are shared in proportion to the sides'
//! masses, each side getting at least one; with one left it goes the heavier
//! way.

use crate::error::{Error, Result};
use crate::kernels::lanes;
use crate::kernels::simd::Portable;
use crate::parallel::Stop;
use crate::questions::{Trees, in_blocks};
use crate::rows::Rows;
use crate::score::{seen, unseen};
use crate::walk::{BoxBuffer, Climb, Nodes, Path, descend, is_leaf};

/// Leaves that a row reaches in a tree at most.
const BRANCHES: u32 = 32;
/// The value, and the ends of its range.
pub(crate) const QUANTILES: [f64; 3] = [0.5, 0.1, 0.9];

/// Rows with their missing values filled. Row-major; values that were there
/// are what they were, in all three.
#[derive(Clone, Debug, PartialEq)]
pub struct Imputation {
    /// Columns per row, as they were given.
    pub n_columns: usize,
    /// Medians over trees.
    pub values: Vec<f64>,
    /// Their 0.1 quantiles over trees.
    pub lower: Vec<f64>,
    /// Their 0.9 quantiles over trees.
    pub upper: Vec<f64>,
}

/// Fills rows, with buffers of a thread.
pub(crate) struct Imputer {
    path: Path,
    bounds: BoxBuffer,
    stack: Vec<(u32, u32)>,
    filled: Vec<f32>,
    best: Vec<f32>,
    missing: Vec<usize>,
    /// By missing column, the values of all trees.
    found: Vec<f32>,
}

/// The score of a row within a tree, but for a factor.
fn score(nodes: &impl Nodes, q: &[f32], path: &mut Path, bounds: &mut BoxBuffer) -> f32 {
    descend(nodes, q, path);
    let way = path.way();
    if lanes::equal(nodes.point(way.leaf), q) {
        return seen(way.depth, nodes.mass_of(way.leaf), nodes.mass());
    }
    let mut value = unseen(way.depth);
    let mut climb = Climb::new(Portable, nodes, q, way, bounds);
    while let Some(step) = climb.up() {
        let p = step.separation(q);
        if p == 0.0 && step.holds(q) {
            break;
        }
        value += p * (unseen(step.depth) - value);
    }
    value
}

impl Imputer {
    pub(crate) fn new(stride: usize) -> Imputer {
        Imputer {
            path: Path::default(),
            bounds: BoxBuffer::new(stride),
            stack: Vec::new(),
            filled: Vec::new(),
            best: Vec::new(),
            missing: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Finds the values of a tree for the missing columns of `q`, in `best`.
    fn fill_by(&mut self, nodes: &impl Nodes, q: &[f32]) {
        let mut lowest = f32::INFINITY;
        self.stack.clear();
        self.stack.push((nodes.root(), BRANCHES));
        while let Some((id, branches)) = self.stack.pop() {
            if !is_leaf(id) {
                let split = nodes.split(id);
                let [left, right] = split.child;
                let value = q[split.dim];
                if !value.is_nan() {
                    let next = if value > split.cut { right } else { left };
                    self.stack.push((next, branches));
                    continue;
                }
                let masses = [left, right].map(|child| u64::from(nodes.mass_of(child)));
                if branches == 1 {
                    let next = if masses[1] > masses[0] { right } else { left };
                    self.stack.push((next, 1));
                } else {
                    let share = u64::from(branches) * masses[0] / (masses[0] + masses[1]);
                    let share = (share as u32).clamp(1, branches - 1);
                    self.stack.push((right, branches - share));
                    self.stack.push((left, share));
                }
                continue;
            }
            let point = nodes.point(id);
            self.filled.clear();
            self.filled.extend_from_slice(q);
            for &j in &self.missing {
                self.filled[j] = point[j];
            }
            let rank = score(nodes, &self.filled, &mut self.path, &mut self.bounds);
            if rank < lowest {
                lowest = rank;
                self.best.clear();
                self.best.extend(self.missing.iter().map(|&j| point[j]));
            }
        }
    }

    /// Finds the missing values, NaN, of a padded row of `d` columns, and gives
    /// `put` each one's column and [`QUANTILES`]. False if it was stopped.
    pub(crate) fn impute(
        &mut self,
        trees: &impl Trees,
        q: &[f32],
        stop: &mut dyn FnMut() -> bool,
        mut put: impl FnMut(usize, [f64; 3]),
    ) -> bool {
        let n_trees = trees.n_trees();
        self.missing.clear();
        self.missing.extend((0..q.len()).filter(|&j| q[j].is_nan()));
        if self.missing.is_empty() {
            return true;
        }
        self.found.clear();
        self.found.resize(self.missing.len() * n_trees, 0.0);
        for t in 0..n_trees {
            self.fill_by(&trees.tree(t), q);
            let found = self.found.iter_mut().skip(t).step_by(n_trees);
            found.zip(&self.best).for_each(|(to, &value)| *to = value);
            if stop() {
                return false;
            }
        }
        for (&j, values) in self
            .missing
            .iter()
            .zip(self.found.chunks_exact_mut(n_trees))
        {
            values.sort_unstable_by(f32::total_cmp);
            put(j, QUANTILES.map(|p| quantile(values, p)));
        }
        true
    }
}

/// A quantile of sorted values, with linear interpolation.
fn quantile(sorted: &[f32], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let below = at as usize;
    let (a, b) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    let (a, b) = (f64::from(a), f64::from(b));
    a + (b - a) * (at - below as f64)
}

/// Checks rows in which NaN marks what is missing.
pub(crate) fn check(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<()> {
    trees.intake().check_known(rows, interrupt)?;
    let d = rows.n_columns();
    if d < trees.intake().n_dimensions() {
        // The rows before are known.
        return Ok(());
    }
    let nothing = |&i: &usize| (0..d).all(|j| rows.value(i, j).is_nan());
    match (0..rows.n_rows()).find(nothing) {
        Some(row) => Err(Error::InvalidValue {
            row,
            column: 0,
            value: f64::NAN,
            reason: "is missing, and so is every other value of the row",
        }),
        None => Ok(()),
    }
}

/// Fills what is missing in checked rows.
pub(crate) fn imputations(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Imputation> {
    let (stride, d) = (trees.intake().stride(), trees.intake().n_dimensions());
    let (n, width) = (rows.n_rows(), rows.n_columns());
    // Columns of the rows seen before, which are known.
    let past = d - width;
    let mut out = vec![0.0; n * 3 * width];
    let work = |imputer: &mut Imputer, points: &[f32], out: &mut [f64], stop: &mut Stop<'_>| {
        let rows = points.chunks_exact(stride);
        for (q, out) in rows.zip(out.chunks_exact_mut(3 * width)) {
            let went = imputer.impute(trees, q, &mut || stop.now(), |j, values| {
                let weight = trees.intake().weight(j).unwrap_or(1.0);
                for (k, value) in values.into_iter().enumerate() {
                    out[k * width + j - past] = value / weight;
                }
            });
            if !went {
                return;
            }
        }
    };
    let new = || Imputer::new(stride);
    in_blocks(trees, rows, &mut out, 3 * width, interrupt, new, work)?;
    for (i, out) in out.chunks_exact_mut(3 * width).enumerate() {
        for j in 0..width {
            let value = rows.value(i, j);
            if !value.is_nan() {
                (0..3).for_each(|k| out[k * width + j] = value);
            }
        }
    }
    let part = |k: usize| {
        out.chunks_exact(3 * width)
            .flat_map(|row| row[k * width..(k + 1) * width].iter().copied())
            .collect()
    };
    Ok(Imputation {
        n_columns: width,
        values: part(0),
        lower: part(1),
        upper: part(2),
    })
}
