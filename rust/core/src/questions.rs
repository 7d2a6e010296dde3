//! Questions about rows, asked of every tree in turn; the same for living and
//! frozen forests.

use crate::attribution::{Attribution, AttributionBuffers};
use crate::config::ScoreKind;
use crate::displacement::{CodispBuffers, add_displacement_parts, codisp, displacement};
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::kernels::entry;
use crate::local_range::{Blend, NearBuffers, add_local_parts};
use crate::lockstep::{self, Lockstep};
use crate::parallel::{self, Stop};
use crate::rows::Rows;
use crate::score::ScoreBuffers;
use crate::shape::{self, Way};
use crate::walk::{BoxBuffer, Nodes, Path};
use std::ops::Range;

/// Rows per item of work: enough to keep a tree's nodes in cache.
const BLOCK: usize = 128;
/// Results per item, unless that were fewer than eight rows: every tree adds to
/// them, so they should stay in the first-level cache.
const BLOCK_RESULTS: usize = 1 << 11;
/// Work per item at most, about a tenth of a second: only the calling thread
/// asks whether to stop, and it waits for the last items of the others.
const ITEM: usize = 1 << 27;

/// A forest's trees, one at a time.
pub(crate) trait Trees: Sync {
    type Tree<'a>: Nodes
    where
        Self: 'a;
    fn n_trees(&self) -> usize;
    fn tree(&self, t: usize) -> Self::Tree<'_>;
    fn intake(&self) -> &Intake;
    fn n_threads(&self) -> usize;

    /// Whether rows are best taken one by one, however many there are.
    fn one_by_one(&self) -> bool {
        false
    }

    /// Adds the scores, or their blends with local ranges, that up to
    /// [`lockstep::TREES`] trees give one padded row to `total`; NaN if one of them
    /// holds less than `needed`.
    fn add_scores_of_row(
        &self,
        some: Range<usize>,
        needed: u64,
        blend: Option<Blend>,
        q: &[f32],
        buffers: &mut Lockstep,
        total: &mut f64,
    ) where
        Self: Sized,
    {
        entry::add_scores_of_row(self, some, needed, blend, q, buffers, total);
    }
}

/// A never-ending "no".
pub(crate) fn never() -> bool {
    false
}

/// An interrupt callback for work that goes on with `?`.
pub(crate) fn asking(interrupt: &mut dyn FnMut() -> bool) -> impl FnMut() -> Result<()> {
    move || match interrupt() {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

/// Runs `work` on blocks of points with the matching pieces of `out`, `width`
/// values per row.
pub(crate) fn in_blocks<S>(
    trees: &impl Trees,
    rows: &Rows<'_>,
    out: &mut [f64],
    width: usize,
    interrupt: &mut dyn FnMut() -> bool,
    new: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &[f32], &mut [f64], &mut Stop<'_>) + Sync,
) -> Result<()> {
    let intake = trees.intake();
    let cost = intake.n_dimensions();
    let threads = parallel::threads_for(trees.n_threads(), rows.n_rows(), trees.n_trees(), cost);
    // Small calls are cut finer, so that every thread gets its share.
    let most = (BLOCK_RESULTS / width).clamp(8, BLOCK);
    let block = (rows.n_rows() / (4 * threads)).clamp(8, most);
    let row = trees.n_trees().saturating_mul(256 + 16 * cost);
    let block = block.min(ITEM / row).max(1);
    parallel::for_each(
        out.chunks_mut(block * width).enumerate(),
        threads,
        interrupt,
        || (new(), Vec::new()),
        |(state, points), (i, out), stop| {
            let first = i * block;
            intake.load_query(rows, first..first + out.len() / width, points);
            work(state, points, out, stop);
        },
    )
}

/// The trees in pieces that a row goes through at once.
pub(crate) fn pieces(n_trees: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n_trees)
        .step_by(lockstep::TREES)
        .map(move |first| first..(first + lockstep::TREES).min(n_trees))
}

/// Scores of a few padded rows, or blends, one after the other; NaN where a tree
/// holds less than `needed`.
pub(crate) fn few_scores(
    trees: &impl Trees,
    needed: u64,
    blend: Option<Blend>,
    points: &[f32],
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    let (stride, n_trees) = (trees.intake().stride(), trees.n_trees());
    let mut ask = asking(interrupt);
    let mut buffers = Lockstep::new(stride, n_trees);
    let mut scores = Vec::with_capacity(points.len() / stride);
    for q in points.chunks_exact(stride) {
        let mut total = 0.0;
        for some in pieces(n_trees) {
            ask()?;
            trees.add_scores_of_row(some, needed, blend, q, &mut buffers, &mut total);
        }
        scores.push(total / n_trees as f64);
    }
    Ok(scores)
}

/// How so many rows are scored, if not in blocks of a frozen forest.
pub(crate) fn way(trees: &impl Trees, n: usize) -> Way {
    let d = trees.intake().n_dimensions();
    let threads = parallel::threads_for(trees.n_threads(), n, trees.n_trees(), d);
    shape::few(n, threads, trees.one_by_one())
}

/// Scores of checked rows.
pub(crate) fn scores(
    trees: &impl Trees,
    rows: &Rows<'_>,
    blend: Option<Blend>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    scores_by(trees, way(trees, rows.n_rows()), rows, blend, interrupt)
}

/// The same by one of two ways: each row alone or, for any other, in groups.
pub(crate) fn scores_by(
    trees: &impl Trees,
    way: Way,
    rows: &Rows<'_>,
    blend: Option<Blend>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    let intake = trees.intake();
    let (n, n_trees) = (rows.n_rows(), trees.n_trees());
    let (stride, d) = (intake.stride(), intake.n_dimensions());
    let threads = parallel::threads_for(trees.n_threads(), n, n_trees, d);
    if way == Way::Alone && threads == 1 && n <= BLOCK {
        let mut points = Vec::new();
        intake.load_query(rows, 0..n, &mut points);
        return few_scores(trees, 0, blend, &points, interrupt);
    }
    let mut out = vec![0.0; n];
    in_blocks(
        trees,
        rows,
        &mut out,
        1,
        interrupt,
        || {
            (
                ScoreBuffers::new(stride),
                Lockstep::new(stride, trees.n_trees()),
            )
        },
        |(buffers, alone), points, out, stop| {
            if way == Way::Alone {
                for (q, out) in points.chunks_exact(stride).zip(&mut *out) {
                    for some in pieces(trees.n_trees()) {
                        trees.add_scores_of_row(some, 0, blend, q, alone, out);
                        if stop.now() {
                            return;
                        }
                    }
                }
            } else {
                for t in 0..trees.n_trees() {
                    entry::add_scores(&trees.tree(t), points, stride, blend, buffers, out);
                    if stop.now() {
                        return;
                    }
                }
            }
            out.iter_mut().for_each(|s| *s /= trees.n_trees() as f64);
        },
    )?;
    Ok(out)
}

/// Sums in the order of the trees: no result depends on who computed what.
pub(crate) fn mean_over_trees(scores: &[f64], n: usize, trees: usize, out: &mut [f64]) {
    out.fill(0.0);
    if n == 0 {
        return;
    }
    for tree in scores.chunks_exact(n) {
        for (out, score) in out.iter_mut().zip(tree) {
            *out += score;
        }
    }
    for out in out {
        *out /= trees as f64;
    }
}

/// Mean over trees of a number per row and tree.
fn means<S>(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
    new: impl Fn() -> S + Sync,
    value: impl Fn(&mut S, usize, &[f32], &mut Path, &mut BoxBuffer) -> f64 + Sync,
) -> Result<Vec<f64>> {
    let stride = trees.intake().stride();
    let mut out = vec![0.0; rows.n_rows()];
    in_blocks(
        trees,
        rows,
        &mut out,
        1,
        interrupt,
        || (new(), Path::default(), BoxBuffer::new(stride)),
        |(state, path, buffer), points, out, stop| {
            for t in 0..trees.n_trees() {
                for (q, out) in points.chunks_exact(stride).zip(&mut *out) {
                    *out += value(state, t, q, path, buffer);
                }
                if stop.now() {
                    return;
                }
            }
            out.iter_mut().for_each(|s| *s /= trees.n_trees() as f64);
        },
    )?;
    Ok(out)
}

/// Expected displacement of checked rows.
pub(crate) fn displacements(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    means(
        trees,
        rows,
        interrupt,
        || (),
        |(), t, q, path, buffer| displacement(&trees.tree(t), q, path, buffer),
    )
}

/// Expected collusive displacement of checked rows.
pub(crate) fn codisps(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    means(
        trees,
        rows,
        interrupt,
        CodispBuffers::default,
        |buffers, t, q, path, buffer| codisp(&trees.tree(t), q, path, buffer, buffers),
    )
}

/// Attribution of checked rows to a kind of score.
pub(crate) fn attributions(
    trees: &impl Trees,
    rows: &Rows<'_>,
    kind: ScoreKind,
    sample_size: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Attribution> {
    let stride = trees.intake().stride();
    let d = trees.intake().n_dimensions();
    let scale = 1.0 / trees.n_trees() as f64;
    let blend = kind.blend(sample_size);
    let depth = match kind {
        ScoreKind::Displacement => 0.0,
        _ => blend.map_or(1.0, |blend| blend.depth),
    };
    // Low and high of a row side by side, so that one piece of memory is cut.
    let mut both = vec![0.0; rows.n_rows() * 2 * d];
    in_blocks(
        trees,
        rows,
        &mut both,
        2 * d,
        interrupt,
        || PartsBuffers {
            depth: AttributionBuffers::new(stride, d),
            path: Path::default(),
            bounds: BoxBuffer::new(stride),
            near: NearBuffers::new(stride),
        },
        |buffers, points, out, stop| {
            let totals = &mut buffers.depth.totals;
            totals.clear();
            totals.resize(2 * points.len(), 0.0);
            for t in 0..trees.n_trees() {
                let tree = trees.tree(t);
                if depth != 0.0 {
                    let scale = scale * depth;
                    entry::add_attributions(&tree, points, stride, scale, &mut buffers.depth);
                }
                let (totals, path) = (&mut buffers.depth.totals, &mut buffers.path);
                if let Some(Blend { least, .. }) = blend {
                    let near = &mut buffers.near;
                    add_local_parts(&tree, points, stride, least, scale, path, near, totals);
                }
                if kind == ScoreKind::Displacement {
                    let bounds = &mut buffers.bounds;
                    add_displacement_parts(&tree, points, d, scale, path, bounds, totals);
                }
                if stop.now() {
                    return;
                }
            }
            let sides = buffers.depth.totals.chunks_exact(stride);
            for (side, out) in sides.zip(out.chunks_exact_mut(d)) {
                out.copy_from_slice(&side[..d]);
            }
        },
    )?;
    let half = |skip: usize| {
        both.chunks_exact(2 * d)
            .flat_map(|row| row[skip..skip + d].iter().copied())
            .collect()
    };
    Ok(Attribution {
        n_columns: d,
        low: half(0),
        high: half(d),
    })
}

/// What a thread needs to attribute.
struct PartsBuffers {
    depth: AttributionBuffers,
    path: Path,
    bounds: BoxBuffer,
    near: NearBuffers,
}

#[cfg(test)]
mod tests;
