//! Which way rows take through a frozen forest, by the shape of the question.
//! All ways give the same bits. Trees that are too large for [`grove`] go the way
//! of living ones ([`crate::lockstep`]).
//!
//! | rows | way |
//! |---|---|
//! | below [`questions::WORTH_A_GROUP`](crate::questions) | each row through all trees at once ([`grove`]) |
//! | below [`worth_a_block`] | the same with AVX-512; else eight rows through one tree at once ([`crate::walk`]) |
//! | more | blocks: rows sorted down each tree, sixteen of them in vector lanes |
//!
//! Microseconds a row (T = 100, S = 256, Zen 5, AVX-512;
//! `cargo run --release --package fastrcf --example crossover`):
//!
//! | rows | 1 | 8 | 16 | 128 | 256 | 512 (blocks) | 1024 (blocks) |
//! |---|---|---|---|---|---|---|---|
//! | 8 columns | 3.3 | 2.9 | 2.8 | 2.8 | 2.9 | 2.5 | 1.6 |
//! | 30 columns | 5.8 | 5.3 | 5.2 | 5.4 | 5.4 | 4.7 | 3.6 |

use crate::kernels::grove;

/// Above this many columns, rows are not taken in blocks.
const BLOCK_DIMENSIONS: usize = 512;
/// Rows up to which they are better taken one by one than in a block.
const ALONE: usize = 416;
/// Sample size at which the crossover was measured.
const MEASURED_SAMPLE: usize = 256;

/// Rows from which on whole blocks pay. A block costs so much for each node,
/// however few rows come there, and then a tenth of what a row of a group costs.
/// At S = 256 that is 9 us (8 columns) or 26 us (30 columns) a tree, which some 130
/// or 260 rows make good; but some 400, where a row alone costs as little as
/// with vectors of trees.
fn worth_a_block(dimensions: usize, sample_size: usize, one_by_one: bool) -> usize {
    let measured = 128 + 4 * dimensions;
    let measured = match one_by_one {
        true => measured.max(ALONE),
        false => measured,
    };
    (measured * sample_size / MEASURED_SAMPLE).max(32)
}

/// Whether so many rows of so many columns are taken in blocks, rather than in
/// groups or [one by one](grove::in_vectors).
pub(super) fn takes_blocks(rows: usize, dimensions: usize, sample_size: usize) -> bool {
    let one_by_one = grove::in_vectors() && sample_size < grove::MOST_LEAVES;
    dimensions <= BLOCK_DIMENSIONS && rows >= worth_a_block(dimensions, sample_size, one_by_one)
}

/// Nanoseconds that a row of a block takes a tree, roughly and at best.
pub(super) fn block_cost(dimensions: usize) -> f64 {
    5.0 + 0.6 * dimensions as f64
}
