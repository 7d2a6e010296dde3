//! Attributions of tables, in blocks.
//!
//! Blocks are those of scores ([`super::score`]), only smaller: every tree adds to the
//! parts of every column on either side, in double precision, and these should stay in the
//! second-level cache. Threads take blocks.

use super::FrozenForest;
use super::keys::Cuts;
use super::shares::{PartsAsked, PartsBlock};
use super::sort::sort_down;
use super::tree::PartTree;
use crate::attribution::Attribution;
use crate::config::ScoreKind;
use crate::error::Result;
use crate::intake::Points;
use crate::kernels::entry;
use crate::kernels::wide::by_shell;
use crate::local_range::add_local_parts;
use crate::parallel;
use crate::questions::Trees;
use crate::rows::Rows;
use crate::shape;

/// Parts of a block at most, of both sides.
const BLOCK_PARTS: usize = 1 << 17;

/// Rows of a block at most.
fn most_rows(dimensions: usize) -> usize {
    (BLOCK_PARTS / (2 * dimensions)).clamp(512, 4096)
}

impl FrozenForest {
    /// Whether so many rows are attributed in blocks.
    pub(crate) fn attributes_blocks(&self, kind: ScoreKind, n_rows: usize) -> bool {
        let (d, sample_size) = (self.n_dimensions(), self.config.sample_size);
        shape::takes_blocks_for_parts(n_rows, d, sample_size) && self.can_attribute_blocks(kind)
    }

    /// Whether attributions to a kind of score can be made in blocks.
    pub(crate) fn can_attribute_blocks(&self, kind: ScoreKind) -> bool {
        kind != ScoreKind::Displacement && self.can_take_blocks()
    }

    /// Attributions of rows of the right width, checked as `points` loads them. The
    /// forest has to be ready.
    pub(crate) fn attribute_in_blocks(
        &self,
        points: &impl Points,
        rows: &Rows<'_>,
        kind: ScoreKind,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Attribution> {
        self.build(interrupt)?;
        let (n, d, trees) = (rows.n_rows(), self.n_dimensions(), self.flat.len());
        let mut parts = Attribution {
            n_columns: d,
            low: vec![0.0; n * d],
            high: vec![0.0; n * d],
        };
        if n == 0 {
            return Ok(parts);
        }
        let blend = kind.blend(self.config.sample_size);
        let asked = PartsAsked {
            scale: 1.0 / trees as f64,
            depth: blend.map_or(1.0, |blend| blend.depth),
            blend,
        };
        let work = n as f64 * trees as f64 * shape::block_cost_of_parts(d);
        let threads = parallel::threads_for_work(self.config.n_threads, work);
        // Equal blocks, as many for each thread.
        let size = n.div_ceil(n.div_ceil(most_rows(d)).next_multiple_of(threads));
        let cuts = self.cuts();
        let sides = parts.low.chunks_mut(size * d);
        parallel::try_for_each(
            sides.zip(parts.high.chunks_mut(size * d)).enumerate(),
            threads,
            interrupt,
            || PartsBlock::new(size, d),
            |parts, (i, (low, high)), stop| {
                let first = i * size;
                let n = low.len() / d;
                parts.block.load(points, rows, first..first + n)?;
                parts.totals.clear();
                parts.totals.resize(n * 2 * parts.stride, 0.0);
                for cuts in cuts {
                    entry::rank(&mut parts.block, cuts);
                    for t in cuts.trees.clone() {
                        self.add_parts(t, cuts, parts, asked);
                        if stop.now() {
                            return Ok(());
                        }
                    }
                }
                let totals = parts.totals.chunks_exact(2 * parts.stride);
                let out = low.chunks_exact_mut(d).zip(high.chunks_exact_mut(d));
                for (totals, (low, high)) in totals.zip(out) {
                    low.copy_from_slice(&totals[..d]);
                    high.copy_from_slice(&totals[parts.stride..][..d]);
                }
                Ok(())
            },
        )?;
        Ok(parts)
    }

    /// Adds one tree's parts of a block that is loaded and ranked by its cuts.
    fn add_parts(&self, t: usize, cuts: &Cuts, parts: &mut PartsBlock, asked: PartsAsked) {
        let tree = self.tree(t);
        tree.prefetch();
        sort_down(&tree, cuts.keys(t), &mut parts.block);
        by_shell!(parts.block.tiles.width(), W => {
            entry::add_attributions_of_block::<W>(&tree, parts, asked);
        });
        add_odd(&tree, parts, asked);
    }
}

/// Adds the parts of rows that are walked through a tree: all at once, with their totals
/// side by side for as long.
fn add_odd(tree: &PartTree<'_>, parts: &mut PartsBlock, asked: PartsAsked) {
    if parts.odd.is_empty() {
        return;
    }
    let stride = parts.stride;
    let (d, width) = (parts.block.dimensions, parts.block.width);
    let all = |row: &u16| usize::from(*row) * 2 * stride..(usize::from(*row) + 1) * 2 * stride;
    let totals = &mut parts.depth.totals;
    totals.clear();
    parts.rows.clear();
    for row in &parts.odd {
        totals.extend_from_slice(&parts.totals[all(row)]);
        let first = usize::from(*row) * width;
        parts
            .rows
            .extend_from_slice(&parts.block.rows[first..first + d]);
        parts
            .rows
            .resize(parts.rows.len().next_multiple_of(stride), 0.0);
    }
    if asked.depth != 0.0 {
        let scale = asked.scale * asked.depth;
        entry::add_attributions(tree, &parts.rows, stride, scale, &mut parts.depth);
    }
    if let Some(blend) = asked.blend {
        add_local_parts(
            tree,
            &parts.rows,
            stride,
            blend.least,
            asked.scale,
            &mut parts.path,
            &mut parts.near,
            &mut parts.depth.totals,
        );
    }
    let totals = parts.depth.totals.chunks_exact(2 * stride);
    for (row, totals) in parts.odd.iter().zip(totals) {
        parts.totals[all(row)].copy_from_slice(totals);
    }
}
