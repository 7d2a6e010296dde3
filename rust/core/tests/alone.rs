//! Rows that a forest takes one by one, frozen or living, asked or learnt as well, get
//! the bits that many rows at once get from the living one, whatever the shape.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod files;

use fastrcf::{Forest, ForestConfig, Rows, Sampling, ScoreKind};
use files::{Numbers, rows_of, stream};

const KINDS: [ScoreKind; 3] = [
    ScoreKind::ExpectedInverseDepth,
    ScoreKind::LocalRange,
    ScoreKind::Auto,
];

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|s| s.to_bits()).collect()
}

/// Compares both forms' answers to calls of `n` rows with the living forest's to one
/// call.
fn check(forest: &Forest, asked: &Rows<'_>, n: usize) {
    let mut frozen = forest.freeze().unwrap();
    let calls: Vec<_> = (0..asked.n_rows())
        .step_by(n)
        .map(|first| asked.slice(first..(first + n).min(asked.n_rows())))
        .collect();
    for kind in KINDS {
        let all = bits(&forest.score_by(kind, asked).unwrap());
        let told = || format!("{kind:?} of {:?}, calls of {n}", forest.config());
        let few = calls.iter().map(|rows| forest.score_by(kind, rows));
        let few: Vec<u64> = few.flat_map(|scores| bits(&scores.unwrap())).collect();
        assert_eq!(few, all, "living: {}", told());
        for threads in [1, 3] {
            frozen.set_threads(threads);
            let few = calls.iter().map(|rows| frozen.score_by(kind, rows));
            let few: Vec<u64> = few.flat_map(|scores| bits(&scores.unwrap())).collect();
            assert_eq!(few, all, "frozen: {}", told());
        }
    }
}

/// A forest, and rows that are new, that trees hold, that lie a hair beside
/// those, and that lie far away.
fn forest_and_rows(n_trees: usize, sample_size: usize, d: usize) -> (Forest, Vec<f64>) {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling: Sampling::Uniform,
        seed: (n_trees + sample_size * d) as u64,
        ..Default::default()
    };
    // Columns of very different ranges, so that a hair is lost in their sum.
    let mut values = stream(sample_size + 40, d, 17);
    for row in values.chunks_exact_mut(d) {
        row.iter_mut().step_by(3).for_each(|x| *x *= 1e-3);
    }
    let mut forest = Forest::new(config, d).unwrap();
    let held = &values[..sample_size * d];
    forest.insert(&rows_of(held, d)).unwrap();
    let mut asked = values[values.len() - 80.min(sample_size + 40) * d..].to_vec();
    let mut numbers = Numbers(d as u64);
    for _ in 0..40 {
        let at = numbers.below(sample_size) * d;
        let mut row = held[at..at + d].to_vec();
        let column = numbers.below(d);
        let value = row[column] as f32;
        row[column] = f64::from(match numbers.below(2) {
            0 => value.next_up(),
            _ => value.next_down(),
        });
        asked.extend(row);
    }
    for far in [1e3, -1e9, 1e30] {
        let at = asked.len();
        asked.extend_from_within(at - d..);
        asked[at + numbers.below(d)] = far;
    }
    (forest, asked)
}

/// Every number of columns for which there are vectors of their own, and more.
#[test]
fn every_width_gives_the_bits_of_many_rows() {
    for d in (1..=34).chain([40, 41, 63, 64, 130]) {
        let (forest, asked) = forest_and_rows(35, 64, d);
        for n in [1, 7] {
            check(&forest, &rows_of(&asked, d), n);
        }
    }
}

/// Groups and pieces of trees that are full, and those that are not; trees of
/// one split, and some too large for two-byte numbers.
#[test]
fn every_number_and_size_of_trees_gives_the_bits_of_many_rows() {
    for n_trees in [1, 2, 15, 16, 17, 33, 48, 64, 65, 100, 127, 128, 129, 300] {
        for (sample_size, d) in [(64, 3), (257, 9)] {
            let (forest, asked) = forest_and_rows(n_trees, sample_size, d);
            check(&forest, &rows_of(&asked, d), 1);
            check(&forest, &rows_of(&asked, d), 30);
        }
    }
    for sample_size in [2, 3, 4, 33, 5000, 33_000] {
        let (forest, asked) = forest_and_rows(3, sample_size, 5);
        check(&forest, &rows_of(&asked, 5), 1);
    }
}

/// Trees of which each level splits little off.
#[test]
fn deep_trees_give_the_bits_of_many_rows() {
    let values: Vec<f64> = (0..240).map(|i| f64::from(i - 140).exp2()).collect();
    let config = ForestConfig {
        n_trees: 20,
        sample_size: 240,
        ..Default::default()
    };
    let mut forest = Forest::new(config, 1).unwrap();
    forest.insert(&rows_of(&values, 1)).unwrap();
    let between: Vec<f64> = values.iter().flat_map(|&x| [x, x * 1.3, -x]).collect();
    check(&forest, &rows_of(&between, 1), 1);
}

/// Trees that hold one point only have no box.
#[test]
fn trees_of_one_point_give_the_bits_of_many_rows() {
    let config = ForestConfig {
        n_trees: 4,
        sample_size: 16,
        ..Default::default()
    };
    let mut forest = Forest::new(config, 2).unwrap();
    forest.insert(&rows_of(&[1.5; 80], 2)).unwrap();
    let asked: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.25).collect();
    check(&forest, &rows_of(&[&asked[..], &[1.5, 1.5]].concat(), 2), 1);
}

/// Points that are there so often that their leaf is the neighbourhood, with their
/// equals, rows beside them, and rows in their leaf from afar.
#[test]
fn crowded_leaves_give_the_bits_of_many_rows() {
    for (n_trees, d) in [(1, 1), (17, 3), (40, 8), (129, 30)] {
        let (n, own) = (400, stream(400, d, 5));
        let mut values = own.clone();
        for i in 0..n {
            if i % 4 != 0 {
                let from = i % 5 * d;
                values.copy_within(from..from + d, i * d);
            }
        }
        let config = ForestConfig {
            n_trees,
            sample_size: 64,
            sampling: Sampling::Uniform,
            ..Default::default()
        };
        let mut forest = Forest::new(config, d).unwrap();
        forest.insert(&rows_of(&values, d)).unwrap();
        let mut asked = values[..60 * d].to_vec();
        asked.extend(own[..60 * d].iter().map(|x| x * 1.01 + 0.01));
        asked.extend(own[..20 * d].iter().map(|x| x * 100.0));
        check(&forest, &rows_of(&asked, d), 1);
        check(&forest, &rows_of(&asked, d), 9);
    }
}

/// What is found out about a way when a row is scored is where it is taken in: the
/// forest that comes of it is the same, also with rows that trees hold already, rows
/// that leave, and a call of many rows in between.
#[test]
fn rows_learnt_one_by_one_give_the_bits_and_the_forest_of_one_call() {
    for d in [1, 4, 5, 8, 9, 16, 17, 24, 30, 33, 70] {
        for (n_trees, sample_size) in [(3, 200), (37, 32), (129, 9)] {
            let config = ForestConfig {
                n_trees,
                sample_size,
                sampling: Sampling::Window,
                seed: d as u64,
                n_threads: 1,
                ..Default::default()
            };
            let mut values = stream(3 * sample_size + 60, d, 3);
            // Some rows come again, and some columns have few values.
            for at in (0..values.len() / d).skip(5).step_by(4) {
                values.copy_within((at - 5) * d..(at - 4) * d, at * d);
            }
            values.iter_mut().step_by(7).for_each(|x| *x = x.round());
            let rows = rows_of(&values, d);
            for kind in KINDS {
                let mut never = || false;
                let mut one = Forest::new(config.clone(), d).unwrap();
                let mut call = one.clone();
                let all = call.process_by_with(kind, &rows, None, &mut never).unwrap();
                let mut single = Vec::new();
                let mut first = 0;
                while first < rows.n_rows() {
                    let n = if first == sample_size { 20 } else { 1 };
                    let some = rows.slice(first..(first + n).min(rows.n_rows()));
                    single.extend(one.process_by_with(kind, &some, None, &mut never).unwrap());
                    first += n;
                }
                let same =
                    |a: &f64, b: &f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                let told = format!("{kind:?}, {n_trees} trees of {sample_size}, d = {d}");
                assert!(all.iter().zip(&single).all(|(a, b)| same(a, b)), "{told}");
                assert_eq!(one.to_state(), call.to_state(), "{told}");
                one.check().unwrap();
            }
        }
    }
}
