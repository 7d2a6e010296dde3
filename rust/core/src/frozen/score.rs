//! Scores of tables, in blocks.
//!
//! A block's rows are ranked among the cuts of all trees once ([`keys`]) and then go
//! through one tree after the other, whose nodes and boxes so come from memory once
//! for thousands of rows. Threads take blocks; where there are too few, trees.

use super::block::{Block, MOST_ROWS};
use super::keys::Cuts;
use super::sort::sort_down;
use super::{FrozenForest, keys};
use crate::config::ScoreKind;
use crate::error::Result;
use crate::intake::Points;
use crate::kernels::entry;
use crate::kernels::wide::by_shell;
use crate::local_range::Blend;
use crate::parallel;
use crate::questions::{Trees, mean_over_trees};
use crate::rows::Rows;
use crate::shape;
use std::ops::Range;

/// Values of a block at most: 4 MiB. Each node should get many rows, which pays
/// for rows that come from the third-level cache: with half of it a row takes 4 %
/// longer (8 columns: 32,768 against 16,384 rows) to 7 % (64 columns), with twice
/// as much a fifth (30 columns).
const BLOCK_VALUES: usize = 1 << 20;

/// What rows are asked in blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// The expected inverse depth, or a blend with it.
    Score(Option<Blend>),
    /// The expected displacement.
    Displacement,
}

impl Asked {
    /// What a kind of score asks, for samples of this size.
    pub(crate) fn of(kind: ScoreKind, sample_size: usize) -> Asked {
        match kind {
            ScoreKind::Displacement => Asked::Displacement,
            _ => Asked::Score(kind.blend(sample_size)),
        }
    }
}

/// Rows of a block at most.
fn most_rows(dimensions: usize) -> usize {
    (BLOCK_VALUES / dimensions).clamp(1024, MOST_ROWS)
}

impl FrozenForest {
    /// Whether so many rows are taken in blocks.
    pub(crate) fn takes_blocks(&self, n_rows: usize) -> bool {
        shape::takes_blocks(n_rows, self.n_dimensions(), self.config.sample_size)
            && self.can_take_blocks()
    }

    /// Whether any rows can be taken in blocks.
    pub(crate) fn can_take_blocks(&self) -> bool {
        shape::can_take_blocks(self.n_dimensions())
            && self
                .flat
                .iter()
                .all(|nodes| nodes.len() / 2 <= keys::MOST_CUTS)
    }

    /// Scores of rows of the right width, checked as `points` loads them. The
    /// forest has to be ready.
    pub(crate) fn score_blocks(
        &self,
        points: &impl Points,
        rows: &Rows<'_>,
        asked: Asked,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.build(interrupt)?;
        let (n, trees) = (rows.n_rows(), self.flat.len());
        let work = n as f64 * trees as f64 * shape::block_cost(self.n_dimensions());
        let threads = parallel::threads_for_work(self.config.n_threads, work);
        if parallel::take_trees(threads, n) {
            self.score_by_trees(points, rows, asked, threads, interrupt)
        } else {
            self.score_by_rows(points, rows, asked, threads, interrupt)
        }
    }

    /// Every thread takes some rows through all trees.
    fn score_by_rows(
        &self,
        points: &impl Points,
        rows: &Rows<'_>,
        asked: Asked,
        threads: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        let (n, d, trees) = (rows.n_rows(), self.n_dimensions(), self.flat.len());
        let cuts = self.cuts();
        let most = most_rows(d);
        // Equal blocks, at least one for each thread.
        let size = n.div_ceil(n.div_ceil(most).next_multiple_of(threads));
        let mut scores = vec![0.0; n];
        parallel::try_for_each(
            scores.chunks_mut(size).enumerate(),
            threads,
            interrupt,
            || Block::new(size, d),
            |block, (i, out), stop| {
                block.load(points, rows, i * size..i * size + out.len())?;
                for cuts in cuts {
                    entry::rank(block, cuts);
                    for t in cuts.trees.clone() {
                        self.add_scores(t, cuts, block, asked, out);
                        if stop.now() {
                            return Ok(());
                        }
                    }
                }
                out.iter_mut().for_each(|score| *score /= trees as f64);
                Ok(())
            },
        )?;
        Ok(scores)
    }

    /// Every thread takes all rows, which are a block at most, through some
    /// trees; their scores are summed in the order of the trees in the end.
    fn score_by_trees(
        &self,
        points: &impl Points,
        rows: &Rows<'_>,
        asked: Asked,
        threads: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        let (n, d, trees) = (rows.n_rows(), self.n_dimensions(), self.flat.len());
        let cuts = self.cuts();
        let most = most_rows(d);
        let mut scores = vec![0.0; n];
        let mut parts = vec![0.0; trees * n.min(most)];
        for (first, out) in (0..n).step_by(most).zip(scores.chunks_mut(most)) {
            let range = first..first + out.len();
            let parts = &mut parts[..trees * out.len()];
            parts.fill(0.0);
            let some = trees.div_ceil(4 * threads);
            parallel::try_for_each(
                parts.chunks_mut(some * out.len()).enumerate(),
                threads,
                interrupt,
                || Loaded::new(out.len(), d),
                |loaded, (i, parts), stop| {
                    let trees = i * some..;
                    for (t, part) in trees.zip(parts.chunks_mut(out.len())) {
                        if !loaded.has_rows {
                            loaded.block.load(points, rows, range.clone())?;
                            loaded.has_rows = true;
                        }
                        let cuts = loaded.rank(cuts, t);
                        self.add_scores(t, cuts, &mut loaded.block, asked, part);
                        if stop.now() {
                            return Ok(());
                        }
                    }
                    Ok(())
                },
            )?;
            mean_over_trees(parts, out.len(), trees, out);
        }
        Ok(scores)
    }

    /// One tree's scores of a block that is loaded and ranked by its cuts.
    fn add_scores(&self, t: usize, cuts: &Cuts, block: &mut Block, asked: Asked, out: &mut [f64]) {
        let tree = self.tree(t);
        // Boxes are on their way while rows are sorted: 6 % (8 columns).
        tree.prefetch();
        sort_down(&tree, cuts.keys(t), block);
        by_shell!(block.tiles.width(), W => match asked {
            Asked::Score(blend) => entry::add_scores_of_block::<W>(&tree, block, blend, out),
            Asked::Displacement => entry::add_displacements_of_block::<W>(&tree, block, out),
        });
    }
}

/// A block of rows that goes through any trees.
struct Loaded {
    block: Block,
    has_rows: bool,
    /// Trees by whose cuts it is ranked.
    ranked: Range<usize>,
}

impl Loaded {
    fn new(rows: usize, dimensions: usize) -> Loaded {
        Loaded {
            block: Block::new(rows, dimensions),
            has_rows: false,
            ranked: 0..0,
        }
    }

    /// Ranks the rows by the cuts of tree `t`, and returns these.
    fn rank<'a>(&mut self, all: &'a [Cuts], t: usize) -> &'a Cuts {
        let after = all.partition_point(|cuts| cuts.trees.end <= t);
        let cuts = &all[after.min(all.len() - 1)];
        if self.ranked != cuts.trees {
            entry::rank(&mut self.block, cuts);
            self.ranked = cuts.trees.clone();
        }
        cuts
    }
}
