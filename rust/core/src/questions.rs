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
mod tests {
    use crate::{
        ColumnKind, DetectorBuilder, DetectorConfig, Error, Forest, ForestConfig, Model, Result,
        Rows, Sampling, Scaling,
    };

    const TREES: usize = 30;

    type Change<'a> = &'a mut dyn FnMut(&mut Forest, &mut dyn FnMut() -> bool) -> Result<()>;

    /// Says to stop at ever later questions until the call ends by itself, and
    /// tells at which it was not reached. The call must say that it stopped.
    fn questions<T>(mut call: impl FnMut(&mut dyn FnMut() -> bool) -> Result<T>) -> usize {
        let mut stop_at = 0;
        loop {
            let mut asked = 0;
            let result = call(&mut || {
                asked += 1;
                asked > stop_at
            });
            match result {
                Ok(_) => return stop_at,
                Err(Error::Interrupted) => assert!(asked > stop_at),
                Err(other) => panic!("{other}"),
            }
            stop_at += 1 + stop_at / 4;
        }
    }

    fn values(n: usize) -> Vec<f64> {
        (0..n).map(|i| (i as f64 * 0.7).sin()).collect()
    }

    fn forest() -> Forest {
        let config = ForestConfig {
            n_trees: TREES,
            sample_size: 64,
            n_threads: 1,
            ..Default::default()
        };
        let mut forest = Forest::new(config, 2).unwrap();
        forest
            .insert(&Rows::from_f64(&values(400), 2).unwrap())
            .unwrap();
        forest
    }

    #[test]
    fn every_question_is_interrupted_between_trees() {
        let forest = forest();
        // So many rows that they go through one tree after the other.
        let x = values(40);
        let rows = Rows::from_f64(&x, 2).unwrap();
        let bytes = forest.to_bytes();
        let frozen = forest.freeze().unwrap().to_bytes();
        let asked = [
            questions(|stop| forest.score_with(&rows, stop)),
            questions(|stop| forest.attribution_with(&rows, stop)),
            questions(|stop| forest.displacement_with(&rows, stop)),
            questions(|stop| forest.codisp_with(&rows, stop)),
            questions(|stop| forest.freeze_with(stop)),
            questions(|stop| forest.to_bytes_with(stop)),
            questions(|stop| forest.freeze()?.to_bytes_with(stop)),
            questions(|stop| Model::from_bytes_with(&bytes, stop)),
            1 + questions(|stop| Model::from_bytes_with(&frozen, stop)),
            // Boxes are built tree by tree.
            questions(|stop| forest.freeze()?.score_with(&rows, stop)),
            questions(|stop| forest.freeze()?.codisp_with(&rows, stop)),
        ];
        assert!(asked.iter().all(|&n| n >= TREES), "{asked:?}");
    }

    #[test]
    fn what_an_interrupted_call_has_built_stays_and_gives_the_same_scores() {
        let (forest, x) = (forest(), values(20));
        let rows = Rows::from_f64(&x, 2).unwrap();
        let frozen = forest.freeze().unwrap();
        let mut asked = 0;
        let stopped = frozen.score_with(&rows, &mut || {
            asked += 1;
            asked > TREES / 2
        });
        assert!(matches!(stopped, Err(Error::Interrupted)));
        assert!(frozen.memory_usage() > forest.freeze().unwrap().memory_usage());
        assert_eq!(frozen.score(&rows).unwrap(), forest.score(&rows).unwrap());
    }

    #[test]
    fn one_thread_takes_a_row_through_many_trees_at_once() {
        // So many trees that a few rows are worth threads, and each holds its one row.
        let trees = if cfg!(miri) { 300 } else { 20_000 };
        let config = ForestConfig {
            n_trees: trees,
            sample_size: 2,
            n_threads: 1,
            ..Default::default()
        };
        let mut forest = Forest::new(config, 1).unwrap();
        let x = [0.0, 3.0, 1.0];
        let rows = Rows::from_f64(&x, 1).unwrap();
        forest.insert(&rows).unwrap();
        let mut asked = 0;
        let mut count = || {
            asked += 1;
            false
        };
        let scores = forest.score_with(&rows, &mut count).unwrap();
        // Once for many trees, not for each.
        assert!(asked < trees / 10, "{asked}");
        forest.set_threads(2);
        assert_eq!(forest.score(&rows).unwrap(), scores);
    }

    #[test]
    fn an_interrupted_change_is_none() {
        let x = values(2000);
        let rows = Rows::from_f64(&x, 2).unwrap();
        // With a clock that jumps, blocks end early: short calls too have some.
        let clock: Vec<i64> = (0..1000).map(|i| i * 400_000).collect();
        for n in [1, 3, 40, 200, 1000] {
            let rows = rows.slice(0..n);
            for sampling in [Sampling::Decay { rate: None }, Sampling::Window] {
                let config = ForestConfig {
                    n_trees: TREES,
                    sample_size: 64,
                    sampling,
                    ..Default::default()
                };
                let mut forest = Forest::new(config, 2).unwrap();
                forest
                    .insert(&Rows::from_f64(&values(400), 2).unwrap())
                    .unwrap();
                let before = forest.to_bytes();
                let check = |call: Change<'_>| {
                    questions(|stop| {
                        let mut changed = forest.clone();
                        let result = call(&mut changed, stop);
                        if result.is_err() {
                            assert!(changed.to_bytes() == before);
                        }
                        result
                    })
                };
                let inserted = check(&mut |f, stop| f.insert_with(&rows, Some(&clock[..n]), stop));
                let processed = check(&mut |f, stop| f.process_with(&rows, None, stop).map(drop));
                // One that is asked half-way is in `forest/delete.rs`.
                check(&mut |f, stop| f.delete_with(&rows, stop).map(drop));
                assert!(inserted > 0 && processed > 0);
            }
        }
    }

    #[test]
    fn a_detector_is_interrupted_while_it_is_fitted_and_asked() {
        let config = DetectorConfig {
            n_trees: TREES,
            alert_rate: 0.2,
            n_threads: 1,
            ..Default::default()
        };
        let columns = ["a", "b"].map(|name| (name.into(), ColumnKind::Number(Scaling::Auto)));
        let mut builder = DetectorBuilder::new(config, columns.into()).unwrap();
        let x = values(80_000);
        let rows = Rows::from_f64(&x, 2).unwrap();
        // An interrupted batch is as if it had never come.
        let mut again = builder.clone();
        again.add(&rows).unwrap();
        assert!(questions(|stop| builder.add_with(&rows, stop)) > 2);
        let few = rows.slice(0..300);
        assert!(questions(|stop| builder.add_with(&few, stop)) > 0);
        again.add(&few).unwrap();
        let finish = |builder: &DetectorBuilder| builder.clone().finish(&mut || false);
        let detector = finish(&again).unwrap();
        assert!(finish(&builder).unwrap().to_bytes() == detector.to_bytes());
        let before = detector.to_bytes();
        assert!(questions(|stop| detector.to_bytes_with(stop)) >= TREES);
        assert!(questions(|stop| detector.reasons_with(&few, stop)) >= TREES);
        assert!(questions(|stop| detector.detect_with(&few, stop)) >= TREES);
        for n in [1, 300] {
            let rows = rows.slice(0..n);
            let asked = questions(|stop| {
                let mut changed = detector.clone();
                let result = changed.process_with(&rows, stop);
                if result.is_err() {
                    assert!(changed.to_bytes() == before);
                }
                result
            });
            // One row goes through many trees between two questions.
            let least = if n == 1 { 1 } else { TREES };
            assert!(asked >= least, "{n} rows: {asked}");
        }
    }
}
