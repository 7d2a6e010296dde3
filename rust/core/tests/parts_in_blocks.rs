//! Attributions of whole blocks of rows through frozen forests have the bits of those of
//! single rows, whatever the shape and however odd the rows.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod files;

use fastrcf::by_way::{self, Way};
use fastrcf::{Attribution, Error, Forest, ForestConfig, FrozenForest, Rows, Sampling, ScoreKind};
use files::{Numbers, rows_of, stream};

fn bits(parts: &Attribution) -> Vec<u64> {
    let both = parts.low.iter().chain(&parts.high);
    both.map(|part| part.to_bits()).collect()
}

fn forest(n_trees: usize, sample_size: usize, d: usize, rows: &Rows<'_>) -> Forest {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling: Sampling::Uniform,
        seed: (n_trees * sample_size + d) as u64,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(rows).unwrap();
    forest
}

/// The bits of rows taken one by one, for which a living forest has those of a frozen one.
fn one_by_one(
    forest: &Forest,
    frozen: &FrozenForest,
    kind: ScoreKind,
    rows: &Rows<'_>,
) -> Vec<u64> {
    let living = by_way::attribution(forest, Way::Groups, kind, rows)
        .unwrap()
        .unwrap();
    let still = by_way::attribution_frozen(frozen, Way::Groups, kind, rows)
        .unwrap()
        .unwrap();
    assert_eq!(bits(&living), bits(&still));
    let scores = forest.score_by(kind, rows).unwrap();
    let d = living.n_columns;
    for ((low, high), score) in living.low.chunks(d).zip(living.high.chunks(d)).zip(scores) {
        let sum: f64 = low.iter().chain(high).sum();
        assert!(
            (sum - score).abs() <= 1e-5 * score.abs(),
            "{sum} is not {score}"
        );
    }
    bits(&still)
}

/// Blocks, and the way that is chosen, on any number of threads.
fn check(forest: &Forest, rows: &Rows<'_>, what: &str) {
    let mut frozen = forest.freeze().unwrap();
    for (name, kind) in ScoreKind::NAMES {
        let want = one_by_one(forest, &frozen, kind, rows);
        for threads in [1, 2, 5] {
            frozen.set_threads(threads);
            let blocks = by_way::attribution_frozen(&frozen, Way::Blocks, kind, rows).unwrap();
            assert_eq!(blocks.is_none(), kind == ScoreKind::Displacement);
            if let Some(parts) = blocks {
                assert!(bits(&parts) == want, "{name}, {threads} threads, {what}");
            }
            let chosen = frozen.attribution_by(kind, rows).unwrap();
            assert!(bits(&chosen) == want, "{name}, {threads} threads, {what}");
        }
        frozen.set_threads(1);
    }
}

/// Rows of which some are held, some lie far away, and some differ little from others.
fn odd_rows(n: usize, d: usize) -> Vec<f64> {
    let mut values = stream(n, d, 7 + d as u64);
    let mut numbers = Numbers(d as u64);
    for (i, row) in values.chunks_exact_mut(d).enumerate() {
        match i % 7 {
            // Whole numbers, among which equal ones are frequent.
            1 => row.iter_mut().for_each(|x| *x = x.round()),
            2 => row[numbers.below(d)] *= 1e9,
            3 => row[numbers.below(d)] = -0.0,
            4 => row[numbers.below(d)] += 1e-6,
            _ => {}
        }
    }
    values
}

#[test]
fn every_width_gives_the_bits_of_single_rows() {
    for d in [1, 2, 3, 7, 8, 12, 15, 16, 17, 24, 30, 32, 33, 48, 64, 100] {
        let values = odd_rows(640, d);
        let rows = rows_of(&values, d);
        let forest = forest(3, 64, d, &rows.slice(0..200));
        check(&forest, &rows, &format!("d {d}"));
    }
}

/// Trees of one leaf, with or without rows beside it, to trees of many.
#[test]
fn every_size_of_trees_gives_the_bits_of_single_rows() {
    for (sample_size, d) in [(2, 3), (3, 1), (33, 8), (257, 9), (700, 20)] {
        let values = odd_rows(3 * sample_size + 300, d);
        let rows = rows_of(&values, d);
        let forest = forest(4, sample_size, d, &rows.slice(0..2 * sample_size));
        check(&forest, &rows, &format!("S {sample_size}, d {d}"));
    }
    for d in [1, 4, 30] {
        let same = vec![1.5; 20 * d];
        let forest = forest(2, 16, d, &rows_of(&same, d));
        let mut values = odd_rows(150, d);
        values[60 * d..80 * d].fill(1.5);
        check(&forest, &rows_of(&values, d), &format!("one leaf, d {d}"));
    }
}

/// Blocks that end within a group of sixteen rows, or within the rows that go through a
/// tree together, and more of them than one.
#[test]
fn every_number_of_rows_gives_the_bits_of_single_rows() {
    for (d, most) in [(2, 9000), (30, 5000), (70, 3000)] {
        let values = odd_rows(most, d);
        let rows = rows_of(&values, d);
        let forest = forest(2, 32, d, &rows.slice(0..100));
        let mut frozen = forest.freeze().unwrap();
        let kind = ScoreKind::Auto;
        let want = by_way::attribution_frozen(&frozen, Way::Groups, kind, &rows)
            .unwrap()
            .unwrap();
        for n in [
            0, 1, 15, 16, 17, 31, 128, 129, 255, 512, 513, 1025, 2049, 4097, most,
        ] {
            let n = n.min(most);
            for threads in [1, 5] {
                frozen.set_threads(threads);
                let asked = rows.slice(0..n);
                let found = by_way::attribution_frozen(&frozen, Way::Blocks, kind, &asked);
                let found = found.unwrap().unwrap();
                assert_eq!((found.low.len(), found.high.len()), (n * d, n * d));
                assert!(found.low == want.low[..n * d] && found.high == want.high[..n * d]);
            }
        }
    }
}

/// Columns without a range, and ranges in which weights could overflow.
#[test]
fn constant_columns_and_tiny_ranges_give_the_bits_of_single_rows() {
    for d in [1, 5, 16, 40] {
        for scale in [1e-38, 1e-31, 1e-20] {
            let mut values = odd_rows(700, d);
            for (i, row) in values.chunks_exact_mut(d).enumerate() {
                // Far rows stay far from all that is tiny.
                if i % 14 != 2 {
                    row.iter_mut().for_each(|x| *x *= scale);
                }
                row.iter_mut().skip(1).step_by(3).for_each(|x| *x = 4.25);
                if i % 50 == 49 {
                    row[d - 1] = 4.5;
                }
            }
            let rows = rows_of(&values, d);
            let forest = forest(3, 64, d, &rows.slice(0..300));
            check(&forest, &rows, &format!("d {d}, scale {scale}"));
        }
    }
}

/// What is wrong is told as for single rows, before anything is answered.
#[test]
fn the_first_bad_value_is_named() {
    let d = 5;
    let mut values = stream(6000, d, 3);
    let mut frozen = forest(3, 32, d, &rows_of(&values, d)).freeze().unwrap();
    values[4500 * d] = f64::NAN;
    values[4400 * d + 2] = f64::INFINITY;
    for threads in [1, 2, 5] {
        frozen.set_threads(threads);
        let told = frozen.attribution(&rows_of(&values, d));
        let is_first = matches!(
            told,
            Err(Error::InvalidValue {
                row: 4400,
                column: 2,
                ..
            })
        );
        assert!(is_first, "{told:?}");
        let narrow = frozen.attribution(&rows_of(&values, 4));
        assert!(matches!(narrow, Err(Error::WrongWidth { .. })));
    }
}
