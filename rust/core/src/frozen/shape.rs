//! Which way rows take through a frozen forest, by the shape of the question.
//! All ways give the same bits.
//!
//! | rows | way |
//! |---|---|
//! | below [`questions::WORTH_A_GROUP`](crate::questions) | each row through sixteen trees at once ([`crate::lockstep`]) |
//! | below [`worth_a_block`] | eight rows through one tree at once ([`crate::walk`]) |
//! | more | blocks: rows sorted down each tree, sixteen of them in vector lanes |
//!
//! Microseconds a row (T = 100, S = 256, Zen 5, AVX-512;
//! `cargo run --release --package fastrcf --example crossover`):
//!
//! | rows | 1 | 8 | 16 | 128 | 256 (blocks) | 512 (blocks) | 1024 (blocks) |
//! |---|---|---|---|---|---|---|---|
//! | 8 columns | 10 | 9.9 | 8.6 | 7.6 | 4.2 | 2.5 | 1.7 |
//! | 30 columns | 15 | 16 | 14 | 13 | 7.3 | 4.9 | 3.6 |

/// Above this many columns, rows are taken one by one.
const BLOCK_DIMENSIONS: usize = 512;
/// Sample size at which the crossover was measured.
const MEASURED_SAMPLE: usize = 256;

/// Rows from which on whole blocks pay. A block costs so much for each node,
/// however few rows come there, and then a tenth of what a row alone costs. At
/// S = 256 that is 9 us (8 columns) or 26 us (30 columns) a tree, which some 130
/// or 260 rows make good.
fn worth_a_block(dimensions: usize, sample_size: usize) -> usize {
    let measured = 128 + 4 * dimensions;
    (measured * sample_size / MEASURED_SAMPLE).max(32)
}

/// Whether so many rows of so many columns are taken in blocks.
pub(super) fn takes_blocks(rows: usize, dimensions: usize, sample_size: usize) -> bool {
    dimensions <= BLOCK_DIMENSIONS && rows >= worth_a_block(dimensions, sample_size)
}

/// Nanoseconds that a row of a block takes a tree, roughly and at best.
pub(super) fn block_cost(dimensions: usize) -> f64 {
    5.0 + 0.6 * dimensions as f64
}
