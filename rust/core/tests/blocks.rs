//! Whole blocks of rows through frozen forests give the bits of single rows
//! through living ones, whatever the shape.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::by_way::{self, WAYS, Way};
use fastrcf::{Error, Forest, ForestConfig, Rows, Sampling, ScoreKind};
use files::{rows_of, stream};

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|s| s.to_bits()).collect()
}

/// Scores of `n` rows in one call and one by one.
fn check(n_trees: usize, sample_size: usize, d: usize, n: usize) {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling: Sampling::Uniform,
        seed: (n_trees * sample_size + d) as u64,
        ..Default::default()
    };
    let mut values = stream(sample_size + n, d, 31);
    // Some small whole numbers: rows that trees hold already, and cuts that
    // values lie on.
    values[d * sample_size / 2..]
        .iter_mut()
        .step_by(3)
        .for_each(|x| *x = x.round());
    let rows = rows_of(&values, d);
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(&rows.slice(0..sample_size)).unwrap();
    let asked = rows.slice(sample_size / 2..sample_size / 2 + n);
    let frozen = forest.freeze().unwrap();
    let together = bits(&frozen.score(&asked).unwrap());
    let single: Vec<u64> = (0..n)
        .flat_map(|i| bits(&forest.score(&asked.slice(i..i + 1)).unwrap()))
        .collect();
    assert_eq!(together, single, "T {n_trees}, S {sample_size}, d {d}");
    // In smaller blocks too, with threads and without.
    for parts in [2, 3] {
        let mut again = frozen.clone();
        again.set_threads(parts);
        let apart: Vec<u64> = (0..parts)
            .map(|i| asked.slice(i * n / parts..(i + 1) * n / parts))
            .flat_map(|rows| bits(&again.score(&rows).unwrap()))
            .collect();
        assert_eq!(together, apart);
    }
}

/// Every number of columns up to 34, for which there are kernels of their own,
/// and some more; trees that go by tables, and those that do not.
#[test]
fn every_width_gives_the_bits_of_single_rows() {
    for d in (1..=34).chain([47, 64, 130]) {
        check(3, 64, d, 2100);
    }
}

/// Up to 256 leaves go by tables, with more the top is left for single nodes.
#[test]
fn every_size_of_trees_gives_the_bits_of_single_rows() {
    for sample_size in [2, 3, 33, 65, 128, 129, 256, 257, 258, 700, 3000] {
        for d in [2, 9, 20] {
            // So many rows that whole blocks are taken.
            check(4, sample_size, d, 2100.max(2 * sample_size));
        }
    }
}

/// More than 65,535 cuts of one column: they are ranked in parts.
#[test]
fn as_many_cuts_as_there_may_be_give_the_bits_of_single_rows() {
    check(300, 256, 1, 1500);
    check(3, 40_000, 2, 1500);
}

/// A block is too long for two-byte row numbers to be a risk, and ends within
/// a vector.
#[test]
fn long_calls_give_the_bits_of_short_ones() {
    let d = 3;
    let config = ForestConfig {
        n_trees: 5,
        sample_size: 100,
        ..Default::default()
    };
    let values = stream(70_001, d, 5);
    let rows: Rows<'_> = rows_of(&values, d);
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(&rows.slice(0..1000)).unwrap();
    let frozen = forest.freeze().unwrap();
    let long = bits(&frozen.score(&rows).unwrap());
    let short: Vec<u64> = (0..rows.n_rows())
        .step_by(997)
        .map(|first| rows.slice(first..first + 997))
        .flat_map(|rows| bits(&frozen.score(&rows).unwrap()))
        .collect();
    assert_eq!(long, short);
}

/// With few rows for each thread, threads share out the trees; also where cuts
/// are ranked in parts, and with more threads than trees.
#[test]
fn threads_that_share_trees_give_the_bits_of_one() {
    for (n_trees, sample_size, d) in [(300, 256, 1), (100, 256, 8), (5, 700, 20), (1, 64, 3)] {
        let config = ForestConfig {
            n_trees,
            sample_size,
            n_threads: 1,
            ..Default::default()
        };
        let values = stream(9000, d, 77);
        let rows = rows_of(&values, d);
        let mut forest = Forest::new(config, d).unwrap();
        forest.insert(&rows.slice(0..sample_size)).unwrap();
        let mut frozen = forest.freeze().unwrap();
        for n in [600, 3000, 9000] {
            frozen.set_threads(1);
            let one = bits(&frozen.score(&rows.slice(0..n)).unwrap());
            for threads in 2..=4 {
                frozen.set_threads(threads);
                assert_eq!(bits(&frozen.score(&rows.slice(0..n)).unwrap()), one);
            }
        }
        // The first bad value is told by whoever comes upon it.
        let mut bad = values[..3000 * d].to_vec();
        bad[2000 * d] = f64::NAN;
        bad[1500 * d + d - 1] = f64::INFINITY;
        match frozen.score(&rows_of(&bad, d)) {
            Err(Error::InvalidValue { row, column, .. }) => {
                assert_eq!((row, column), (1500, d - 1));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whichever way is chosen, the bits are the same; so it is chosen by time alone.
#[test]
fn every_way_gives_the_same_bits() {
    for (n_trees, sample_size, d) in [(5, 64, 2), (130, 20, 9), (4, 300, 30), (3, 16, 600)] {
        let config = ForestConfig {
            n_trees,
            sample_size,
            n_threads: 1,
            ..Default::default()
        };
        let mut values = stream(sample_size + 600, d, 13);
        values.iter_mut().step_by(3).for_each(|x| *x = x.round());
        let rows = rows_of(&values, d);
        let mut forest = Forest::new(config, d).unwrap();
        forest.insert(&rows.slice(0..sample_size)).unwrap();
        let frozen = forest.freeze().unwrap();
        for kind in [ScoreKind::ExpectedInverseDepth, ScoreKind::Auto] {
            for n in [1, 7, 16, 150, 600] {
                let asked = rows.slice(sample_size / 2..sample_size / 2 + n);
                let want = bits(&forest.score_by(kind, &asked).unwrap());
                let mut taken = Vec::new();
                for way in WAYS {
                    let living = by_way::score(&forest, way, kind, &asked).unwrap();
                    let still = by_way::score_frozen(&frozen, way, kind, &asked).unwrap();
                    taken.push([&living, &still].map(|scores| scores.is_some()));
                    for scores in [living, still].into_iter().flatten() {
                        assert_eq!(bits(&scores), want, "{way:?}, {n} rows, d {d}");
                    }
                }
                // Alone, groups, blocks and freezing, living and frozen.
                let blocks = [false, d <= 512];
                assert_eq!(taken, [[true; 2], [true; 2], blocks, [true, false]]);
                // What is chosen is one of them.
                let of = |way| WAYS.iter().position(|&other| other == way).unwrap();
                assert!(taken[of(by_way::chosen(&forest, n))][0]);
                let chosen = by_way::chosen_when_frozen(&frozen, n).unwrap();
                assert!(taken[of(chosen)][1]);
                assert!(n > 1 || chosen == Way::Alone);
            }
        }
    }
}
