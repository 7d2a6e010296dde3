//! Novelty: what the score of a row in a series is made of.
//!
//! For a row `q` and a tree of mass `M` that does not hold it:
//! `score / log2(S + 1) + 2 * displacement / M` with the expected inverse depth as the
//! score, a sample size `S`, and the expected mass that `q` is separated from as the
//! displacement. Either is between 0 and 1. The first tells how early random cuts
//! separate the row; the second whether they separate it from everything or from a few
//! rows that lie apart themselves. A row that the tree holds displaces nothing.
//!
//! Both are read from one way: down once, then up through the boxes.

use crate::attribution::Attribution;
use crate::config::ScoreKind;
use crate::error::Result;
use crate::kernels::entry;
use crate::kernels::lanes;
use crate::kernels::simd::Simd;
use crate::questions::{Trees, attributions, never};
use crate::rows::Rows;
use crate::score::ScoreBuffers;
use crate::walk::{BoxBuffer, Climb, GROUP, Nodes, Way};
use std::ops::Range;

/// What a share of the sample displaced counts, beside the score.
pub(crate) const DISPLACED: f64 = 2.0;

/// How a forest's novelties are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Novelty {
    /// Greatest score there is.
    pub(crate) norm: f64,
    /// Rows that a tree must hold.
    pub(crate) needed: u64,
}

impl Novelty {
    /// For a forest of this sample size that answers from `needed` rows on.
    pub(crate) fn new(sample_size: usize, needed: u64) -> Novelty {
        Novelty {
            norm: libm::log2(sample_size as f64 + 1.0),
            needed,
        }
    }

    #[inline(always)]
    fn of(&self, score: f64, displaced: f64, mass: u32) -> f64 {
        score / self.norm + DISPLACED * displaced / f64::from(mass)
    }
}

/// Turns scores of rows `which` of a group, whose ways `buffers` has, into novelties.
/// What is NaN, because the tree is too small, stays so.
#[inline(always)]
pub(crate) fn novelty_group_body<S: Simd, N: Nodes>(
    s: S,
    nodes: &N,
    rows: &[f32],
    novelty: Novelty,
    which: Range<usize>,
    buffers: &mut ScoreBuffers,
    out: &mut [f64],
) {
    let ScoreBuffers { paths, bounds, .. } = buffers;
    let stride = bounds.lo.len();
    for i in which {
        if out[i].is_nan() {
            continue;
        }
        let q = &rows[i * stride..(i + 1) * stride];
        let way = paths.way_of(nodes, q, i);
        let displaced = displaced(s, nodes, q, way, bounds);
        out[i] = novelty.of(out[i], displaced, nodes.mass());
    }
}

/// The displacement of a row whose way is known; 0 if the tree holds it.
#[inline(always)]
fn displaced<S: Simd, N: Nodes>(
    s: S,
    nodes: &N,
    q: &[f32],
    way: Way<'_>,
    bounds: &mut BoxBuffer,
) -> f64 {
    if lanes::equal(nodes.point(way.leaf), q) {
        return 0.0;
    }
    let mut value = f64::from(nodes.mass_of(way.leaf));
    let mut climb = Climb::new(s.eights(), nodes, q, way, bounds);
    while let Some(step) = climb.up() {
        let gap = f64::from(lanes::gap_sum(step.lo, step.hi, q));
        if gap <= 0.0 {
            break;
        }
        let p = gap / (f64::from(step.range) + gap);
        value += p * (f64::from(step.mass) - value);
    }
    value
}

/// Novelties of a few padded rows, with the bits that a stream gives them.
pub(crate) fn novelties(trees: &impl Trees, novelty: Novelty, points: &[f32]) -> Vec<f64> {
    let (stride, n_trees) = (trees.intake().stride(), trees.n_trees());
    let mut buffers = ScoreBuffers::new(stride);
    let mut totals = vec![0.0; points.len() / stride];
    let mut values = [0.0; GROUP];
    for t in 0..n_trees {
        let tree = trees.tree(t);
        for (rows, totals) in points.chunks(GROUP * stride).zip(totals.chunks_mut(GROUP)) {
            buffers.paths.descend(&tree, rows, stride);
            let which = 0..totals.len();
            let (needed, out) = (novelty.needed, &mut values);
            entry::score_group(&tree, rows, needed, which.clone(), &mut buffers, out);
            entry::novelty_group(&tree, rows, novelty, which, &mut buffers, out);
            for (total, value) in totals.iter_mut().zip(values) {
                *total += value;
            }
        }
    }
    totals.iter_mut().for_each(|total| *total /= n_trees as f64);
    totals
}

/// Which columns the novelty of checked rows comes from. Trees that hold a row add what
/// they would if it were new.
pub(crate) fn parts(
    trees: &impl Trees,
    novelty: Novelty,
    sample_size: usize,
    rows: &Rows<'_>,
) -> Result<Attribution> {
    let of = |kind| attributions(trees, rows, kind, sample_size, &mut never);
    let mut parts = of(ScoreKind::ExpectedInverseDepth)?;
    let displaced = of(ScoreKind::Displacement)?;
    // All trees take rows until they are full, so their masses are one.
    let mass = f64::from(trees.tree(0).mass().max(1));
    let add = |parts: &mut [f64], displaced: &[f64]| {
        for (part, displaced) in parts.iter_mut().zip(displaced) {
            *part = *part / novelty.norm + DISPLACED * displaced / mass;
        }
    };
    add(&mut parts.low, &displaced.low);
    add(&mut parts.high, &displaced.high);
    Ok(parts)
}
