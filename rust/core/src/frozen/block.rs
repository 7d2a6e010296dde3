//! A block of rows, and what taking it through trees needs.
//!
//! Rows are kept as rows: a row that a tree has sorted is read in one or two pieces
//! of a cache line each, and turned in registers ([`Tiles::load`]). Beside them are
//! their ranks, column after column, which the sort compares. Nothing here is made
//! anew for another block.

use super::keys::Cuts;
use super::node_rows::NodeRows;
use crate::error::Result;
use crate::intake::Points;
use crate::kernels::descent;
use crate::kernels::lanes;
use crate::kernels::simd::{LANES, Simd, TURNED};
use crate::kernels::wide::Tiles;
use crate::local_range::NearBuffers;
use crate::rows::Rows;
use crate::walk::Path;
use std::ops::Range;

/// Most rows of a block: their numbers take two bytes. Twice as many gain nothing
/// more.
pub(super) const MOST_ROWS: usize = 1 << 15;

/// Values of the rows that go through a tree's boxes together: they should
/// stay in the first-level cache. Half of it and twice as much are slower.
const TILE_VALUES: usize = 1 << 13;

pub(crate) struct Block {
    pub(super) dimensions: usize,
    /// Rows in the block.
    pub(super) n: usize,
    /// Distance between columns, of keys as of values: the largest block, with
    /// room for whole vectors.
    pub(super) stride: usize,
    /// Length of a row: the columns, padded to what is turned at a time.
    pub(super) width: usize,
    pub(super) rows: Vec<f32>,
    /// Ranks of the values, column by column.
    pub(super) keys: Vec<u16>,
    /// Their high and low bytes: two planes for each column, for a number of
    /// columns that [`descent::leaves`] takes; else empty.
    pub(super) planes: Vec<u8>,
    /// Where each row is after the first steps.
    pub(super) places: Vec<u8>,
    /// Row numbers in the order of the tree's leaves.
    pub(super) order: Vec<u16>,
    pub(super) right: Vec<u16>,
    /// Some of the rows in that order.
    pub(super) tiles: Tiles,
    /// A value for each of these.
    pub(super) values: Vec<[f32; LANES]>,
    /// For local ranges: sums of ranges of each one's neighbourhood and it.
    pub(super) unions: Vec<[f32; LANES]>,
    /// Which of them the tree holds, and what finding their neighbourhoods needs.
    pub(super) held: Vec<u32>,
    pub(super) path: Path,
    pub(super) near: NearBuffers,
    pub(super) row: Vec<f32>,
    /// Splits above these rows.
    pub(super) above: Vec<u32>,
    pub(super) node_rows: NodeRows,
}

impl Block {
    pub(super) fn new(rows: usize, dimensions: usize) -> Block {
        Block::with_tiles(rows, dimensions, TILE_VALUES)
    }

    /// The same with so many values in the rows that go through a tree's boxes together.
    pub(super) fn with_tiles(rows: usize, dimensions: usize, tile_values: usize) -> Block {
        let rows = rows.min(MOST_ROWS);
        let groups = (tile_values / LANES / dimensions)
            .clamp(2, 64)
            .min(rows.div_ceil(LANES));
        // An odd number of cache lines between columns keeps them off each
        // other's cache sets; `descent` reads whole groups of rows.
        let stride = rows.next_multiple_of(descent::ROWS) + 2 * LANES;
        Block {
            dimensions,
            n: 0,
            stride,
            width: dimensions.next_multiple_of(TURNED),
            rows: Vec::new(),
            keys: vec![0; dimensions * stride],
            planes: Vec::new(),
            places: vec![0; stride],
            order: vec![0; stride],
            right: vec![0; stride],
            tiles: Tiles::new(groups, dimensions),
            values: vec![[0.0; LANES]; groups],
            unions: vec![[0.0; LANES]; groups],
            held: Vec::new(),
            path: Path::default(),
            near: NearBuffers::new(lanes::stride(dimensions)),
            row: vec![0.0; lanes::stride(dimensions)],
            above: Vec::new(),
            node_rows: NodeRows::default(),
        }
    }

    /// Takes rows in, and checks them.
    ///
    /// # Errors
    /// As [`Points::load_checked`].
    pub(super) fn load(
        &mut self,
        points: &impl Points,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Result<()> {
        self.n = range.len();
        self.rows.resize(self.n * self.width, 0.0);
        points.load_checked(rows, range, &mut self.rows, self.width)
    }
}

/// Ranks a block's values among the cuts of some trees.
#[inline(always)]
pub(crate) fn rank_body<S: Simd>(s: S, block: &mut Block, cuts: &Cuts) {
    let planes = match cuts.any_tables() {
        true => 2 * descent::padded(block.dimensions) * block.stride,
        false => 0,
    };
    block.planes.resize(planes, 0);
    let stride = block.stride;
    let mut x = [0.0; LANES];
    for at in (0..block.n).step_by(LANES) {
        let mut rows = [0; LANES];
        for l in 0..LANES {
            rows[l] = (at + l) as u16;
        }
        block.tiles.load(s, &block.rows, block.width, &[rows]);
        for (j, cuts) in cuts.columns().iter().enumerate() {
            s.store(block.tiles.column(s, 0, j), &mut x);
            let ranks = cuts.ranks(&x);
            block.keys[j * stride + at..][..LANES].copy_from_slice(&ranks);
            if planes > 0 {
                let (high, low) = block.planes[2 * j * stride..].split_at_mut(stride);
                for l in 0..LANES {
                    [high[at + l], low[at + l]] = ranks[l].to_be_bytes();
                }
            }
        }
    }
}
