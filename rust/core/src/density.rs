//! Interpolated density: how many rows of the sample lie how near to a row.
//!
//! Going up from the leaf of `q`, a node that separates it with probability `p`
//! counts, per column and side, with the probability that the cut falls there:
//! as 1 (probability), as the node's mass and one for `q` (measure), and as the
//! gap plus the range of the node's box in that column (distance). These are
//! averaged over trees. With `P_i` and `D_i` for the two sides of column `i`
//! together, and the measure `s` divided by the trees' mean mass,
//! `t_i = (D_i / P_i)^m P_i` and the density is `s / (q s + sum t_i)`, as AWS's
//! open-source Java forest has it; `q` is 0.001 and `m` the dimension of what
//! the rows lie on. A side's part is its share of the measure.
//!
//! A row that a tree holds is looked at through shadow boxes; its leaf counts
//! with equal parts, no distance and one more than the leaf's mass, and the
//! nodes above with that much more than their own mass.

use crate::error::{Error, Result};
use crate::kernels::simd::Portable;
use crate::parallel::Stop;
use crate::questions::{Trees, in_blocks};
use crate::rows::Rows;
use crate::walk::{BoxBuffer, Climb, Nodes, Path, descend};

/// What bounds a density: no row has more than one over this.
const LEAST_FACTOR: f64 = 0.001;
/// Measures of a column: low and high of probability, measure and distance.
const MEASURES: usize = 6;

/// Densities of rows, and their parts by column and direction. Row-major,
/// `n_rows * n_columns`; `low + high` summed over a row is the row's density.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// Columns per row: the forest's columns after shingling.
    pub n_columns: usize,
    /// Each row's density, in `[0, 1000]`.
    pub values: Vec<f64>,
    /// Parts of what rows lie above: `q` is below their boxes.
    pub low: Vec<f64>,
    /// Parts of what rows lie below.
    pub high: Vec<f64>,
}

/// Measures of a row by column: `[low, high]` of each.
#[derive(Clone, Copy, Debug, Default)]
struct Measures {
    probability: [f64; 2],
    measure: [f64; 2],
    distance: [f64; 2],
}

/// Buffers of a thread.
struct Buffers {
    path: Path,
    bounds: BoxBuffer,
    /// The tree's measures.
    tree: Vec<Measures>,
    /// By how much `q` lies below and above a box, and the box's range.
    gaps: Vec<([f64; 2], f64)>,
    /// Measures of all trees, by row and column.
    totals: Vec<f64>,
}

impl Buffers {
    fn new(stride: usize, d: usize) -> Buffers {
        Buffers {
            path: Path::default(),
            bounds: BoxBuffer::new(stride),
            tree: vec![Measures::default(); d],
            gaps: vec![([0.0; 2], 0.0); d],
            totals: Vec::new(),
        }
    }
}

/// Blends a box into what is below it; false if the box holds `q`.
fn blend(
    (lo, hi): (&[f32], &[f32]),
    q: &[f32],
    mass: f64,
    gaps: &mut [([f64; 2], f64)],
    tree: &mut [Measures],
) -> bool {
    let (mut gap, mut union) = (0.0, 0.0);
    for (j, (sides, range)) in gaps.iter_mut().enumerate() {
        let (lo, hi, q) = (f64::from(lo[j]), f64::from(hi[j]), f64::from(q[j]));
        *sides = [(lo - q).max(0.0), (q - hi).max(0.0)];
        *range = hi - lo;
        gap += sides[0] + sides[1];
        union += *range + sides[0] + sides[1];
    }
    if gap <= 0.0 {
        return false;
    }
    let stay = 1.0 - gap / union;
    for (column, (sides, range)) in tree.iter_mut().zip(gaps) {
        for side in 0..2 {
            let p = sides[side] / union;
            let distance = sides[side] + *range;
            column.probability[side] = p + stay * column.probability[side];
            column.measure[side] = p * mass + stay * column.measure[side];
            column.distance[side] = p * distance + stay * column.distance[side];
        }
    }
    true
}

/// Finds the measures of `q` in a tree.
fn measure(nodes: &impl Nodes, q: &[f32], buffers: &mut Buffers) {
    let Buffers {
        path,
        bounds,
        tree,
        gaps,
        ..
    } = buffers;
    descend(nodes, q, path);
    tree.fill(Measures::default());
    let point = nodes.point(path.leaf);
    let copies = f64::from(nodes.mass_of(path.leaf));
    if blend((point, point), q, copies + 1.0, gaps, tree) {
        let mut climb = Climb::new(Portable, nodes, q, path.way(), bounds);
        while let Some(step) = climb.up() {
            let mass = f64::from(step.mass) + 1.0;
            if !blend((step.lo, step.hi), q, mass, gaps, tree) {
                break;
            }
        }
        return;
    }
    let part = 0.5 / tree.len() as f64;
    tree.fill(Measures {
        probability: [part; 2],
        measure: [part * (copies + 1.0); 2],
        distance: [0.0; 2],
    });
    let mut climb = Climb::new(Portable, nodes, q, path.way(), bounds);
    while let Some(step) = climb.up_in_shadow() {
        // A shadow's mass is without the leaf's.
        let mass = f64::from(step.mass) + copies + copies + 1.0;
        if !blend((step.lo, step.hi), q, mass, gaps, tree) {
            break;
        }
    }
}

/// The density, then the parts by side and column, of the totals over trees.
fn conclude(totals: &[f64], trees: f64, mean_mass: f64, dimension: f64, out: &mut [f64]) {
    let (density, parts) = out.split_at_mut(1);
    let d = parts.len() / 2;
    let (mut all, mut factors) = (0.0, 0.0);
    for column in totals.chunks_exact(MEASURES) {
        let mean = |k: usize| (column[k] + column[k + 1]) / trees;
        let (probability, measure, distance) = (mean(0), mean(2), mean(4));
        all += measure;
        if probability > 0.0 && distance > 0.0 {
            factors += libm::pow(distance / probability, dimension) * probability;
        }
    }
    let points = all / mean_mass;
    density[0] = points / (LEAST_FACTOR * points + factors);
    let scale = density[0] / all / trees;
    for (j, column) in totals.chunks_exact(MEASURES).enumerate() {
        parts[j] = column[2] * scale;
        parts[d + j] = column[3] * scale;
    }
}

/// Densities of checked rows; `dimension` is that of what they lie on.
pub(crate) fn densities(
    trees: &impl Trees,
    rows: &Rows<'_>,
    dimension: Option<f64>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Density> {
    let (stride, d) = (trees.intake().stride(), trees.intake().n_dimensions());
    let n_trees = trees.n_trees();
    let dimension = dimension.unwrap_or(d as f64);
    let mass: f64 = (0..n_trees).map(|t| f64::from(trees.tree(t).mass())).sum();
    let mean_mass = mass / n_trees as f64;
    let width = 1 + 2 * d;
    let mut out = vec![0.0; rows.n_rows() * width];
    let work = |buffers: &mut Buffers, points: &[f32], out: &mut [f64], stop: &mut Stop<'_>| {
        let n = points.len() / stride;
        buffers.totals.clear();
        buffers.totals.resize(n * d * MEASURES, 0.0);
        for t in 0..n_trees {
            let tree = trees.tree(t);
            for (i, q) in points.chunks_exact(stride).enumerate() {
                measure(&tree, q, buffers);
                let totals = &mut buffers.totals[i * d * MEASURES..(i + 1) * d * MEASURES];
                for (total, m) in totals.chunks_exact_mut(MEASURES).zip(&buffers.tree) {
                    let sides = m.probability.iter().chain(&m.measure).chain(&m.distance);
                    total.iter_mut().zip(sides).for_each(|(t, m)| *t += m);
                }
            }
            if stop.now() {
                return;
            }
        }
        let totals = buffers.totals.chunks_exact(d * MEASURES);
        for (totals, out) in totals.zip(out.chunks_exact_mut(width)) {
            conclude(totals, n_trees as f64, mean_mass, dimension, out);
        }
    };
    let new = || Buffers::new(stride, d);
    in_blocks(trees, rows, &mut out, width, interrupt, new, work)?;
    let part = |skip: usize, len: usize| {
        out.chunks_exact(width)
            .flat_map(|row| row[skip..skip + len].iter().copied())
            .collect()
    };
    Ok(Density {
        n_columns: d,
        values: part(0, 1),
        low: part(1, d),
        high: part(1 + d, d),
    })
}

/// Checks the dimension that rows are said to lie on.
pub(crate) fn check_dimension(dimension: Option<f64>) -> Result<()> {
    match dimension {
        Some(m) if !(m > 0.0 && m.is_finite()) => Err(Error::config(
            "dimension",
            format!("{m} is not a positive number"),
        )),
        _ => Ok(()),
    }
}
