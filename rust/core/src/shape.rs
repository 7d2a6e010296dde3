//! Which way rows take through a forest, by the shape of the question: rows (n),
//! columns (d), rows of a tree (S) and trees (T). All ways give the same bits, so
//! this is a matter of time alone. How many threads work on what is in
//! [`crate::parallel`].
//!
//! | forest | rows | way |
//! |---|---|---|
//! | both | below [`WORTH_A_GROUP`] | each row through many trees at once ([`Way::Alone`]) |
//! | frozen | below [`takes_blocks`] | the same if they are [`better_alone`]; else [`Way::Groups`] |
//! | frozen | more | rows sorted down each tree ([`Way::Blocks`]) |
//! | living | below [`worth_freezing`] | some rows through one tree at once ([`Way::Groups`]) |
//! | living | more | [`Way::Frozen`] first |
//!
//! Frozen trees that are too large for [`crate::kernels::grove`] go the way of living ones
//! ([`crate::lockstep`]).
//!
//! The limits in rows, for S = 256. They grow with S, without AVX-512 as its root above 256.
//! T does not move them: each way costs so much a tree.
//!
//! | columns | 8 | 16 | 30 | 64 |
//! |---|---|---|---|---|
//! | both: groups, if not better alone | 8 | 8 | 8 | 8 |
//! | frozen: blocks, with AVX-512 | 320 | 320 | 320 | 160 |
//! | frozen: the same with AVX2 | 312 | 280 | 224 | 256 |
//! | frozen: the same without | 400 | 400 | 400 | 400 |
//! | living: frozen first | 1024 | 512 | 320 | 512 |
//! | frozen: blocks for attribution, with AVX-512 | 256 | 256 | 256 | 256 |
//! | frozen: the same with AVX2 | 512 | 512 | 273 | 128 |
//! | frozen: the same without | 1024 | 1024 | 1024 | 1024 |
//! | living: frozen first for attribution, with AVX2 or more | 1024 | 512 | 320 | 512 |
//! | living: the same without, or of displacements | never | 1024 | 1024 | 1024 |
//!
//! They are those of Zen 5 and, of groups, of 64 columns and of frozen forests' blocks with
//! AVX-512, of Emerald Rapids, where the others are as good as any within a fifth, but for
//! 8 columns: there living forests are better frozen first from some 1,500 rows on. Those of
//! frozen forests without AVX-512 are of Zen 1, whose vectors of AVX2 are worked on by
//! halves: newer processors gain more by blocks.
//!
//! Microseconds a row of a frozen forest (T = 100, S = 256):
//!
//! | | rows | 1 | 8 | 32 | 128 | 256 | 512 (blocks) | 1024 (blocks) |
//! |---|---|---|---|---|---|---|---|---|
//! | AVX-512, Emerald Rapids | 8 columns | 6.0 | 5.1 | 5.0 | 5.1 | 5.0 | 3.8 | 2.8 |
//! | | 30 columns | 13.2 | 12.5 | 12.4 | 12.5 | 12.1 | 8.6 | 6.5 |
//! | AVX2, Zen 1 | 8 columns | 16.0 | 13.3 | 13.0 | 12.8 | 12.8 | 10.2 | 7.7 |
//! | | 30 columns | 30.7 | 28.2 | 28.0 | 28.8 | 23.2 (blocks) | 16.4 | 13.3 |
//!
//! All are measured by
//! `cargo run --release --package fastrcf --example crossover`, which takes every way
//! at each n and tells which is best beside the one that is chosen here; attributions,
//! which are walked row by row or taken in blocks, with `-- parts` behind it.

use crate::kernels::{self, Level};

/// A way that rows take through a forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Each row through many trees at once (`lockstep.rs`, and `kernels/grove` where
    /// they are frozen).
    Alone,
    /// Up to 32 rows through each tree at once (`walk.rs`).
    Groups,
    /// Whole blocks of rows, sorted down each tree, sixteen of them in the lanes of a
    /// vector: frozen forests alone.
    Blocks,
    /// A living forest is frozen first; then as a frozen one.
    Frozen,
}

/// Below this many rows each goes through many trees at once; from it on, several
/// rows go through each tree at once, unless vectors of trees take them.
const WORTH_A_GROUP: usize = 8;
/// Above this many columns, rows are not taken in blocks.
const BLOCK_DIMENSIONS: usize = 512;
/// Rows up to which they are better taken one by one than in a block, with as many
/// columns as [`grove`] has whole vectors for, and with more.
const ALONE: usize = 320;
const WIDE_ALONE: usize = 160;
/// Columns up to which rows are better taken alone than in groups where a vector has
/// eight trees.
const BY_EIGHTS: usize = 48;
/// Columns that are not wide.
const NARROW: usize = 32;
/// Rows from which on it pays to freeze a forest first to attribute scores, if few of
/// its boxes are stored.
const WORTH_FREEZING_FOR_PARTS: usize = 1024;
/// Sample size at which the crossovers were measured.
const MEASURED_SAMPLE: usize = 256;

/// A number of rows that was measured, for another sample size.
fn by_sample(measured: usize, sample_size: usize, least: usize) -> usize {
    (measured * sample_size / MEASURED_SAMPLE).max(least)
}

/// The same where it was found to grow less for more than was measured.
fn by_root(measured: usize, sample_size: usize, least: usize) -> usize {
    match sample_size > MEASURED_SAMPLE {
        false => by_sample(measured, sample_size, least),
        true => (measured * measured * sample_size / MEASURED_SAMPLE).isqrt(),
    }
}

/// Whether rows of a frozen forest go better alone than in groups, however many they are:
/// through [vectors of trees](kernels::grove), if they are not too wide for those of AVX2.
pub(crate) fn better_alone(dimensions: usize, level: Level) -> bool {
    match level {
        Level::Avx512 | Level::Avx512Vbmi => true,
        Level::Avx2 => dimensions <= BY_EIGHTS,
        Level::Portable | Level::Neon => false,
    }
}

/// How rows that are neither a block nor worth freezing go, with so many threads.
/// With threads a few rows are shared out by groups, unless they go [better
/// alone](better_alone).
pub(crate) fn few(rows: usize, threads: usize, better_alone: bool) -> Way {
    match better_alone || rows < WORTH_A_GROUP && threads == 1 {
        true => Way::Alone,
        false => Way::Groups,
    }
}

/// Rows from which on whole blocks pay. A block costs so much for each node,
/// however few rows come there, and then a tenth of what a row of a group costs.
/// At S = 256 that is 9 us (8 columns) or 26 us (30 columns) a tree, which some 130
/// or 260 rows make good; but some 300, where a row alone costs as little as
/// with vectors of trees.
fn worth_a_block(dimensions: usize, sample_size: usize, level: Level) -> usize {
    let measured = match level {
        // What a block costs whatever the nodes are counts where rows alone cost little.
        Level::Avx512 | Level::Avx512Vbmi if dimensions <= NARROW => {
            return 32 + by_sample(ALONE - 32, sample_size, 0);
        }
        Level::Avx512 | Level::Avx512Vbmi => return by_sample(WIDE_ALONE, sample_size, 32),
        Level::Avx2 if dimensions <= BY_EIGHTS => (ALONE + 24)
            .saturating_sub(4 * dimensions)
            .clamp(192, ALONE),
        Level::Portable => 400,
        Level::Avx2 | Level::Neon => (128 + 4 * dimensions).min(256),
    };
    by_root(measured, sample_size, 32)
}

/// Whether so many rows of so many columns are taken in blocks, rather than in
/// groups or alone.
pub(crate) fn takes_blocks(rows: usize, dimensions: usize, sample_size: usize) -> bool {
    can_take_blocks(dimensions) && rows >= worth_a_block(dimensions, sample_size, kernels::level())
}

/// Whether blocks of so many columns are taken at all.
pub(crate) fn can_take_blocks(dimensions: usize) -> bool {
    dimensions <= BLOCK_DIMENSIONS
}

/// Rows from which on it pays to freeze a living forest first. Freezing takes 6 to
/// 7 ms for 100 trees of 256 rows, and spares 5.5 us a row at 8 columns and 24 us at
/// 30, where a living tree stores few boxes (between them it is a guess).
pub(crate) fn worth_freezing(dimensions: usize, sample_size: usize) -> usize {
    let measured = match dimensions {
        ..=8 => 1024,
        9..=16 => 512,
        17..=NARROW => 320,
        _ => 512,
    };
    by_sample(measured, sample_size, 128)
}

/// The same for attributions that are walked row by row, which take the living forest's
/// boxes as they are unless most are not stored.
pub(crate) fn is_worth_freezing_for_parts(rows: usize, all_stored: bool) -> bool {
    !all_stored && rows >= WORTH_FREEZING_FOR_PARTS
}

/// Rows from which on they are attributed in blocks. With AVX-512 256 rows are as quick
/// that way at 8 columns, and a quarter quicker at 30; with AVX2 wide rows gain early.
fn worth_a_block_of_parts(dimensions: usize, sample_size: usize, level: Level) -> usize {
    match level {
        Level::Avx512 | Level::Avx512Vbmi => by_sample(256, sample_size, 32),
        Level::Avx2 => by_root((8192 / dimensions).clamp(128, 512), sample_size, 32),
        Level::Portable | Level::Neon => by_sample(1024, sample_size, 32),
    }
}

/// Whether so many rows of so many columns are attributed in blocks.
pub(crate) fn takes_blocks_for_parts(rows: usize, dimensions: usize, sample_size: usize) -> bool {
    let level = kernels::level();
    can_take_blocks(dimensions) && rows >= worth_a_block_of_parts(dimensions, sample_size, level)
}

/// Rows from which on it pays to freeze a living forest first, which attributes in blocks
/// then: the same as for scores, since both the time that freezing takes and what a row
/// spares are. None where a block gains little over walks, which is without AVX2.
pub(crate) fn worth_freezing_for_blocks_of_parts(
    dimensions: usize,
    sample_size: usize,
    level: Level,
) -> Option<usize> {
    let least = worth_a_block_of_parts(dimensions, sample_size, level);
    (level >= Level::Avx2 && can_take_blocks(dimensions))
        .then(|| worth_freezing(dimensions, sample_size).max(least))
}

/// Nanoseconds that attributing a row of a block takes a tree, roughly and at best.
pub(crate) fn block_cost_of_parts(dimensions: usize) -> f64 {
    10.0 + 2.0 * dimensions as f64
}

/// Nanoseconds that a row of a block takes a tree, roughly and at best.
pub(crate) fn block_cost(dimensions: usize) -> f64 {
    5.0 + 0.6 * dimensions as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits that the table at the top of this file has.
    #[test]
    fn the_table_says_what_is_chosen() {
        let blocks = [
            (8, [320, 312, 400]),
            (16, [320, 280, 400]),
            (30, [320, 224, 400]),
            (64, [160, 256, 400]),
        ];
        for (d, limits) in blocks {
            let levels = [Level::Avx512, Level::Avx2, Level::Portable];
            assert_eq!(levels.map(|level| worth_a_block(d, 256, level)), limits);
            let limit = worth_a_block(d, 256, kernels::level());
            assert!(takes_blocks(limit, d, 256) && !takes_blocks(limit - 1, d, 256));
        }
        for (d, with_avx2) in [(48, true), (49, false)] {
            let levels = [Level::Avx512, Level::Avx2, Level::Portable];
            let alone = levels.map(|level| better_alone(d, level));
            assert_eq!(alone, [true, with_avx2, false]);
        }
        assert_eq!(
            [8, 16, 30, 64].map(|d| worth_freezing(d, 256)),
            [1024, 512, 320, 512]
        );
        assert_eq!(
            [few(7, 1, false), few(8, 1, false)],
            [Way::Alone, Way::Groups]
        );
        assert_eq!(
            [few(7, 2, false), few(99, 2, true)],
            [Way::Groups, Way::Alone]
        );
        for (d, avx2, frozen) in [
            (8, 512, 1024),
            (16, 512, 512),
            (30, 273, 320),
            (64, 128, 512),
        ] {
            let limits = [Level::Avx512, Level::Avx2, Level::Portable];
            let limits = limits.map(|level| worth_a_block_of_parts(d, 256, level));
            assert_eq!(limits, [256, avx2, 1024]);
            let limit = worth_a_block_of_parts(d, 256, kernels::level());
            assert!(takes_blocks_for_parts(limit, d, 256));
            assert!(!takes_blocks_for_parts(limit - 1, d, 256));
            let first = [Level::Avx512Vbmi, Level::Avx2, Level::Neon];
            let first = first.map(|level| worth_freezing_for_blocks_of_parts(d, 256, level));
            assert_eq!(first, [Some(frozen), Some(frozen), None]);
        }
        assert_eq!(
            worth_freezing_for_blocks_of_parts(513, 256, Level::Avx512),
            None
        );
        assert!(is_worth_freezing_for_parts(1024, false));
        assert!(!is_worth_freezing_for_parts(1023, false));
        assert!(!is_worth_freezing_for_parts(100_000, true));
        // Limits grow with the sample.
        assert_eq!(worth_freezing(8, 512), 2048);
        assert_eq!(worth_a_block(30, 64, Level::Avx512), 104);
        let with_avx2 = [64, 256, 1024].map(|s| worth_a_block(30, s, Level::Avx2));
        assert_eq!(with_avx2, [56, 224, 448]);
        let parts = [64, 256, 1024].map(|s| worth_a_block_of_parts(16, s, Level::Avx2));
        assert_eq!(parts, [128, 512, 1024]);
    }
}
