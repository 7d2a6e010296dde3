//! Questions about rows, asked of every tree in turn; the same for living and
//! frozen forests.

use crate::attribution::{Attribution, AttributionBuffers, attribute};
use crate::displacement::{CodispBuffers, codisp, displacement};
use crate::error::Result;
use crate::intake::Intake;
use crate::kernels::entry;
use crate::parallel::{self, Stop};
use crate::rows::Rows;
use crate::score::ScoreBuffers;
use crate::walk::{BoxBuffer, Nodes, Path};

/// Rows per item of work: enough to keep a tree's nodes in cache.
const BLOCK: usize = 128;

/// A forest's trees, one at a time.
pub(crate) trait Trees: Sync {
    type Tree<'a>: Nodes
    where
        Self: 'a;
    fn n_trees(&self) -> usize;
    fn tree(&self, t: usize) -> Self::Tree<'_>;
    fn intake(&self) -> &Intake;
    fn n_threads(&self) -> usize;
}

/// A never-ending "no".
pub(crate) fn never() -> bool {
    false
}

/// Runs `work` on blocks of points with the matching pieces of `out`, `width`
/// values per row.
fn in_blocks<S>(
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
    let block = (rows.n_rows() / (4 * threads)).clamp(8, BLOCK);
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

/// Scores of checked rows, tree by tree within each block.
pub(crate) fn scores(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>> {
    let stride = trees.intake().stride();
    let mut out = vec![0.0; rows.n_rows()];
    in_blocks(
        trees,
        rows,
        &mut out,
        1,
        interrupt,
        || ScoreBuffers::new(stride),
        |buffers, points, out, stop| {
            for t in 0..trees.n_trees() {
                entry::add_scores(&trees.tree(t), points, stride, buffers, out);
                if stop.now() {
                    return;
                }
            }
            out.iter_mut().for_each(|s| *s /= trees.n_trees() as f64);
        },
    )?;
    Ok(out)
}

/// Mean over trees of a number per row and tree.
fn means<S>(
    trees: &impl Trees,
    rows: &Rows<'_>,
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
        &mut never,
        || (new(), Path::default(), BoxBuffer::new(stride)),
        |(state, path, buffer), points, out, _| {
            for t in 0..trees.n_trees() {
                for (q, out) in points.chunks_exact(stride).zip(&mut *out) {
                    *out += value(state, t, q, path, buffer);
                }
            }
            out.iter_mut().for_each(|s| *s /= trees.n_trees() as f64);
        },
    )?;
    Ok(out)
}

/// Expected displacement of checked rows.
pub(crate) fn displacements(trees: &impl Trees, rows: &Rows<'_>) -> Result<Vec<f64>> {
    means(
        trees,
        rows,
        || (),
        |(), t, q, path, buffer| displacement(&trees.tree(t), q, path, buffer),
    )
}

/// Expected collusive displacement of checked rows.
pub(crate) fn codisps(trees: &impl Trees, rows: &Rows<'_>) -> Result<Vec<f64>> {
    means(
        trees,
        rows,
        CodispBuffers::default,
        |buffers, t, q, path, buffer| codisp(&trees.tree(t), q, path, buffer, buffers),
    )
}

/// Attribution of checked rows.
pub(crate) fn attributions(
    trees: &impl Trees,
    rows: &Rows<'_>,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Attribution> {
    let stride = trees.intake().stride();
    let d = trees.intake().n_dimensions();
    let scale = 1.0 / trees.n_trees() as f64;
    // Low and high of a row side by side, so that one piece of memory is cut.
    let mut both = vec![0.0; rows.n_rows() * 2 * d];
    in_blocks(
        trees,
        rows,
        &mut both,
        2 * d,
        interrupt,
        || AttributionBuffers::new(stride, d),
        |buffers, points, out, stop| {
            for t in 0..trees.n_trees() {
                let tree = trees.tree(t);
                for (q, out) in points.chunks_exact(stride).zip(out.chunks_exact_mut(2 * d)) {
                    let (low, high) = out.split_at_mut(d);
                    attribute(&tree, q, scale, buffers, low, high);
                }
                if stop.now() {
                    return;
                }
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
