//! Which columns a score comes from, and in which direction.
//!
//! At a node that separates `q` with probability `p`, column `i` is the cut
//! one with probability `gap_i / (range + gap)`, upwards or downwards as `q`
//! lies above or below the box; its share of the node's value follows. A row
//! that a tree holds already is looked at through shadow boxes, as if its leaf
//! were not there. Per tree the shares are scaled to sum to the tree's score.
//!
//! Shares are not blended level by level. The way up notes each box's gaps and
//! its separation; then, from the top down, a level counts with the product of
//! the probabilities not to be separated above it, and each column is one sum
//! over levels. Boxes of a way lie in each other, so a column that lies above
//! one of them lies below none: gaps of both sides fit into one signed number.

use crate::kernels::lanes;
use crate::kernels::simd::{Eights, Simd};
use crate::score::{norm, seen, unseen};
use crate::walk::{BoxBuffer, Climb, GROUP, Nodes, Paths, Step, Way};

/// Per row and column, the part of the score due to the column's value being
/// low or high. Row-major, `n_rows * n_columns`; `low + high` summed over a row
/// is the row's score.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Columns per row: the forest's columns after shingling.
    pub n_columns: usize,
    /// Parts due to values below what is usual.
    pub low: Vec<f64>,
    /// Parts due to values above what is usual.
    pub high: Vec<f64>,
}

/// Where the smallest sum of ranges is below this, weights could overflow
/// single precision.
pub(crate) const TINY: f32 = 1e-30;
/// Columns that are summed together where there are more than that.
const PIECE: usize = 32;

/// What a row's way up has noted, from the deepest level on.
struct Levels {
    used: usize,
    /// By how much each column lies above the box or, negative, below it.
    excess: Vec<f32>,
    /// Sums of ranges of the box, and of the box with the row.
    sums: Vec<[f32; 2]>,
    /// Value of a row that is separated here.
    unseen: Vec<f32>,
    /// The probability not to be separated here.
    stay: Vec<f32>,
    /// What a gap counts if no level above separates the row.
    weights: Vec<f32>,
}

impl Levels {
    fn new() -> Levels {
        Levels {
            used: 0,
            excess: Vec::new(),
            sums: Vec::new(),
            unseen: Vec::new(),
            stay: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Room for `n` levels of `stride` columns.
    #[inline(always)]
    fn make_room(&mut self, n: usize, stride: usize) {
        if n > self.sums.len() {
            self.excess.resize(n * stride, 0.0);
            self.sums.resize(n, [0.0; 2]);
            self.unseen.resize(n, 0.0);
            self.stay.resize(n, 0.0);
            self.weights.resize(n, 0.0);
        }
    }

    /// Notes a level; false if its box, and so every one above it, holds `q`.
    /// `value`, a score, is taken up to it.
    #[inline(always)]
    fn push<const W: usize>(&mut self, q: &[f32], step: &Step<'_>, value: &mut f32) -> bool {
        let (lo, hi) = (row::<W>(step.lo), row::<W>(step.hi));
        let union = lanes::union_sum(lo, hi, q);
        if union == step.range && lanes::contains(lo, hi, q) {
            return false;
        }
        // As scores have it, to the bit.
        let p = (union - step.range) / union;
        let unseen = unseen(step.depth);
        *value += p * (unseen - *value);
        let k = self.used;
        lanes::excess(lo, hi, q, &mut self.excess[k * q.len()..(k + 1) * q.len()]);
        self.sums[k] = [step.range, union];
        self.unseen[k] = unseen;
        self.stay[k] = step.range / union;
        self.weights[k] = unseen / union;
        self.used += 1;
        true
    }

    /// Finds the signed share of each column. Returns the probability that no
    /// level separates the row.
    #[inline(always)]
    fn shares<const W: usize>(&mut self, shares: &mut [f32]) -> f32 {
        let n = self.used;
        if n > 0 && self.sums[0][1] < TINY {
            return self.tiny_shares(shares);
        }
        let stride = shares.len();
        let mut stay = 1.0;
        if W == 0 {
            for (&here, weight) in self.stay[..n].iter().zip(&mut self.weights[..n]).rev() {
                *weight *= stay;
                stay *= here;
            }
            for (i, piece) in shares.chunks_mut(PIECE).enumerate() {
                match piece.len() {
                    PIECE => self.sum_piece::<PIECE>(i, stride, piece),
                    24 => self.sum_piece::<24>(i, stride, piece),
                    16 => self.sum_piece::<16>(i, stride, piece),
                    8 => self.sum_piece::<8>(i, stride, piece),
                    _ => self.sum_piece::<4>(i, stride, piece),
                }
            }
            return stay;
        }
        // All columns in one loop over levels, whose end cannot be foretold.
        let mut sums = [0.0; W];
        let levels = self.stay[..n].iter().zip(&self.weights[..n]);
        let excess = self.excess[..n * stride].chunks_exact(stride);
        for ((&here, &weight), excess) in levels.zip(excess).rev() {
            let weight = weight * stay;
            stay *= here;
            if let Some(excess) = excess.first_chunk::<W>() {
                for j in 0..W {
                    sums[j] += excess[j] * weight;
                }
            }
        }
        if let Some(shares) = shares.first_chunk_mut::<W>() {
            *shares = sums;
        }
        stay
    }

    /// [`Levels::shares`] of a piece of `N` columns, whose sums are registers' then, by
    /// weights that count what is above.
    #[inline(always)]
    fn sum_piece<const N: usize>(&self, piece: usize, stride: usize, shares: &mut [f32]) {
        let mut sums = [0.0; N];
        let excess = self.excess[..self.used * stride].chunks_exact(stride);
        for (excess, &weight) in excess.zip(&self.weights[..self.used]).rev() {
            if let Some(excess) = excess[piece * PIECE..].first_chunk::<N>() {
                for j in 0..N {
                    sums[j] += excess[j] * weight;
                }
            }
        }
        if let Some(shares) = shares.first_chunk_mut::<N>() {
            *shares = sums;
        }
    }

    /// [`Levels::shares`] where a weight could overflow.
    #[cold]
    fn tiny_shares(&mut self, shares: &mut [f32]) -> f32 {
        let mut stay = 1.0;
        shares.fill(0.0);
        for k in (0..self.used).rev() {
            let [range, union] = self.sums[k].map(f64::from);
            let weight = stay * f64::from(self.unseen[k]) / union;
            stay *= range / union;
            let excess = &self.excess[k * shares.len()..];
            for (share, &excess) in shares.iter_mut().zip(excess) {
                *share += (f64::from(excess) * weight) as f32;
            }
        }
        stay as f32
    }
}

/// A padded row, whose length is the constant `W` unless that is 0: loops over
/// columns are unrolled for usual lengths.
#[inline(always)]
fn row<const W: usize>(row: &[f32]) -> &[f32] {
    if W == 0 {
        return row;
    }
    match row.first_chunk::<W>() {
        Some(row) => row,
        None => const { &[0.0; W] },
    }
}

/// Buffers of a thread that attributes.
pub(crate) struct AttributionBuffers {
    paths: Paths,
    bounds: BoxBuffer,
    levels: Levels,
    shares: Vec<f32>,
    dimensions: usize,
    /// For each row the parts of all trees so far: low, then high, padded.
    pub(crate) totals: Vec<f64>,
}

impl AttributionBuffers {
    pub(crate) fn new(stride: usize, dimensions: usize) -> AttributionBuffers {
        AttributionBuffers {
            paths: Paths::default(),
            bounds: BoxBuffer::new(stride),
            levels: Levels::new(),
            shares: vec![0.0; stride],
            dimensions,
            totals: Vec::new(),
        }
    }
}

/// Notes the levels of `q`'s way. Returns its score, and whether the tree holds
/// `q`.
#[inline(always)]
fn climb<E: Eights, const W: usize>(
    e: E,
    nodes: &impl Nodes,
    q: &[f32],
    way: Way<'_>,
    bounds: &mut BoxBuffer,
    levels: &mut Levels,
) -> (f32, bool) {
    levels.used = 0;
    levels.make_room(way.depth + 1, q.len());
    let point = row::<W>(nodes.point(way.leaf));
    let leaf = Step {
        lo: point,
        hi: point,
        range: 0.0,
        depth: way.depth,
        mass: nodes.mass_of(way.leaf),
    };
    let mut value = unseen(way.depth);
    let same = !levels.push::<W>(q, &leaf, &mut value);
    if same {
        value = seen(way.depth, leaf.mass, nodes.mass());
        let mut unused = value;
        let mut climb = Climb::new(e, nodes, q, way, bounds);
        while let Some(step) = climb.up_in_shadow() {
            if !levels.push::<W>(q, &step, &mut unused) {
                break;
            }
        }
    } else {
        let mut climb = Climb::new(e, nodes, q, way, bounds);
        while let Some(step) = climb.up() {
            if !levels.push::<W>(q, &step, &mut value) {
                break;
            }
        }
    }
    (value, same)
}

/// Adds one tree's attributions of padded rows, times `scale`, to
/// [`AttributionBuffers::totals`].
#[inline(always)]
pub(crate) fn add_attributions_body<S: Simd, N: Nodes>(
    s: S,
    nodes: &N,
    rows: &[f32],
    stride: usize,
    scale: f64,
    buffers: &mut AttributionBuffers,
) {
    if S::ANY_WIDTH {
        return add_with::<S::Columns, N, 0>(s.eights(), nodes, rows, stride, scale, buffers);
    }
    match stride {
        4 => add_with::<S::Columns, N, 4>(s.eights(), nodes, rows, stride, scale, buffers),
        8 => add_with::<S::Columns, N, 8>(s.eights(), nodes, rows, stride, scale, buffers),
        16 => add_with::<S::Columns, N, 16>(s.eights(), nodes, rows, stride, scale, buffers),
        24 => add_with::<S::Columns, N, 24>(s.eights(), nodes, rows, stride, scale, buffers),
        32 => add_with::<S::Columns, N, 32>(s.eights(), nodes, rows, stride, scale, buffers),
        _ => add_with::<S::Columns, N, 0>(s.eights(), nodes, rows, stride, scale, buffers),
    }
}

#[inline(always)]
fn add_with<E: Eights, N: Nodes, const W: usize>(
    e: E,
    nodes: &N,
    rows: &[f32],
    stride: usize,
    scale: f64,
    buffers: &mut AttributionBuffers,
) {
    let stride = if W == 0 { stride } else { W };
    let AttributionBuffers {
        paths,
        bounds,
        levels,
        shares,
        dimensions,
        totals,
    } = buffers;
    let shares = &mut shares[..stride];
    let scale = scale * norm(nodes.mass());
    let groups = rows.chunks(GROUP * stride);
    for (rows, totals) in groups.zip(totals.chunks_mut(GROUP * 2 * stride)) {
        paths.descend(nodes, rows, stride);
        let rows = rows.chunks_exact(stride);
        for (i, (q, totals)) in rows.zip(totals.chunks_exact_mut(2 * stride)).enumerate() {
            let q = row::<W>(q);
            let (score, same) = climb::<E, W>(e, nodes, q, paths.way(i), bounds, levels);
            let stay = f64::from(levels.shares::<W>(shares));
            // Below all levels a row that the tree holds has equal shares.
            let rest = if same { stay } else { 0.0 };
            let total = rest + lanes::magnitude(shares);
            let factor = if total > 0.0 {
                scale * f64::from(score) / total
            } else {
                0.0
            };
            let rest = rest / (2 * *dimensions) as f64 * factor;
            lanes::add_sides(totals, shares, factor, rest);
        }
    }
}
