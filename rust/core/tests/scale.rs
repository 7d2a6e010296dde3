//! Long streams, wide rows, and values at the edges of what a forest takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Forest, ForestConfig, MAX_VALUE, Sampling};
use files::{Numbers, rows_of};

fn config(n_trees: usize, sample_size: usize) -> ForestConfig {
    ForestConfig {
        n_trees,
        sample_size,
        seed: 1,
        n_threads: 1,
        ..Default::default()
    }
}

fn uniform(n: usize, numbers: &mut Numbers) -> Vec<f64> {
    (0..n).map(|_| numbers.unit()).collect()
}

/// Takes `millions` of rows in; memory after the first must stay what it is.
fn long_stream(n_trees: usize, sampling: Sampling, millions: usize) {
    const BLOCK: usize = 50_000;
    let config = ForestConfig {
        sampling,
        ..config(n_trees, 256)
    };
    let mut forest = Forest::new(config, 2).unwrap();
    let mut numbers = Numbers(2);
    let mut after_the_first = 0;
    for block in 0..millions * 1_000_000 / BLOCK {
        let values = uniform(2 * BLOCK, &mut numbers);
        forest.insert(&rows_of(&values, 2)).unwrap();
        if (block + 1) * BLOCK == 1_000_000 {
            forest.check().unwrap();
            after_the_first = forest.memory_usage();
        }
    }
    forest.check().unwrap();
    assert_eq!(forest.n_seen(), millions as u64 * 1_000_000);
    let ratio = forest.memory_usage() as f64 / after_the_first as f64;
    println!("{sampling:?}: {after_the_first} bytes, then {ratio} times as many");
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    let scores = forest.process(&rows_of(&[0.5, 0.5, 9.0, 0.5], 2)).unwrap();
    assert!(scores[0] < 1.0 && scores[1] > 4.0, "{scores:?}");
}

#[test]
fn ten_million_rows_leave_a_forest_as_it_was_after_one() {
    long_stream(5, Sampling::Decay { rate: None }, 10);
}

#[test]
fn two_million_rows_with_the_other_samplings() {
    long_stream(20, Sampling::Uniform, 2);
    long_stream(2, Sampling::Window, 2);
}

#[test]
#[ignore = "two minutes: the whole default forest"]
fn ten_million_rows_through_a_hundred_trees() {
    long_stream(100, Sampling::Decay { rate: None }, 10);
}

#[test]
fn a_default_forest_of_30_columns_takes_at_most_4_mebibytes() {
    let mut numbers = Numbers(3);
    let mut forest = Forest::new(config(100, 256), 30).unwrap();
    forest
        .insert(&rows_of(&uniform(30 * 20_000, &mut numbers), 30))
        .unwrap();
    let bytes = forest.memory_usage();
    println!("{bytes} bytes");
    assert!(bytes <= 4 << 20, "{bytes}");
    // Calls of single rows leave no more behind.
    for _ in 0..2000 {
        let row = uniform(30, &mut numbers);
        forest.process(&rows_of(&row, 30)).unwrap();
    }
    let bytes = forest.memory_usage();
    assert!(bytes <= 4 << 20, "{bytes}");
}

#[test]
fn any_width_from_one_column_to_ten_thousand() {
    for (d, n, n_trees) in [
        (1, 2000, 20),
        (2, 2000, 20),
        (100, 500, 10),
        (10_000, 60, 4),
    ] {
        let mut numbers = Numbers(4);
        let mut forest = Forest::new(config(n_trees, 32), d).unwrap();
        let values = uniform(d * n, &mut numbers);
        let rows = rows_of(&values, d);
        forest.process(&rows).unwrap();
        forest.check().unwrap();
        let mut asked = values[..d].to_vec();
        asked.extend(vec![0.5; d]);
        asked.extend(vec![4.0; d]);
        let asked = rows_of(&asked, d);
        let scores = forest.score(&asked).unwrap();
        assert!(
            scores[2] > 3.5 && scores[1] < scores[2],
            "d = {d}: {scores:?}"
        );
        assert_eq!(forest.freeze().unwrap().score(&asked).unwrap(), scores);
        let parts = forest.attribution(&asked).unwrap();
        let total = |i: usize| -> f64 {
            let row = i * d..(i + 1) * d;
            let (low, high) = (&parts.low[row.clone()], &parts.high[row]);
            low.iter().chain(high).sum()
        };
        for (i, score) in scores.iter().enumerate() {
            assert!((total(i) - score).abs() < 1e-9 * score, "d = {d}");
        }
        let last = rows.slice(n - 1..n);
        let copies = forest.delete(&last).unwrap()[0];
        assert!(copies <= n_trees as u64);
        forest.check().unwrap();
    }
}

#[test]
fn streams_without_any_spread() {
    for d in [1, 3, 40] {
        let mut forest = Forest::new(config(10, 32), d).unwrap();
        let same = vec![3.25; d * 5000];
        let scores = forest.process(&rows_of(&same, d)).unwrap();
        assert!(scores[8..].iter().all(|score| score.is_finite()));
        assert_eq!(forest.n_points(), 1);
        forest.check().unwrap();
        // The first other row, and columns that stay constant.
        let mut other = same[..d].to_vec();
        other[0] = 3.5;
        let found = forest.process(&rows_of(&other, d)).unwrap()[0];
        assert!(found > 4.0, "{found}");
        let parts = forest.attribution(&rows_of(&other, d)).unwrap();
        assert!(parts.low.iter().chain(&parts.high[1..]).all(|&v| v == 0.0));
        let deleted = forest.delete(&rows_of(&same[..d], d)).unwrap();
        assert_eq!(deleted, [10]);
        forest.check().unwrap();
    }
}

#[test]
fn two_rows_one_step_of_single_precision_apart_ten_thousand_times() {
    for at in [1.0f32, -1.0, 0.0, 1e-45, 16_777_216.0, 9e29] {
        let pair = [f64::from(at), f64::from(at.next_down())];
        let mut forest = Forest::new(config(2, 8), 1).unwrap();
        let mut expected = [0u64; 2];
        let mut numbers = Numbers(5);
        for _ in 0..10_000 {
            let which = numbers.below(2);
            let row = rows_of(&pair[which..=which], 1);
            if expected[which] > 0 && numbers.below(2) == 0 {
                assert_eq!(forest.delete(&row).unwrap(), [2]);
                expected[which] -= 1;
            } else if expected[0] + expected[1] < 4 {
                forest.insert(&row).unwrap();
                expected[which] += 1;
            }
            // A tree that never was full takes all that comes.
            assert_eq!(forest.tree_mass(1), Some(expected[0] + expected[1]));
            forest.check().unwrap();
        }
    }
}

#[test]
fn the_largest_and_the_smallest_values() {
    let largest = MAX_VALUE as f32;
    let largest = if f64::from(largest) > MAX_VALUE {
        f64::from(largest.next_down())
    } else {
        f64::from(largest)
    };
    assert!(largest > 0.999_999 * MAX_VALUE);
    let values = [
        largest,
        -largest,
        1.0,
        0.0,
        -0.0,
        1e-45,
        -1e-45,
        f64::from(f32::MIN_POSITIVE),
        // Below what single precision holds: zero.
        1e-320,
    ];
    for d in [1, 2, 7, 64] {
        for sampling in [Sampling::Window, Sampling::Uniform] {
            let config = ForestConfig {
                sampling,
                ..config(20, 16)
            };
            let mut forest = Forest::new(config, d).unwrap();
            let mut numbers = Numbers(6);
            for _ in 0..2000 {
                let row: Vec<f64> = (0..d).map(|_| values[numbers.below(9)]).collect();
                let rows = rows_of(&row, d);
                let ready = forest.is_ready();
                let score = forest.process(&rows).unwrap()[0];
                assert_eq!(score.is_finite(), ready, "{row:?}: {score}");
                if numbers.below(20) == 0 {
                    forest.delete(&rows).unwrap();
                }
            }
            forest.check().unwrap();
            let row: Vec<f64> = (0..d).map(|j| values[j % 9]).collect();
            let rows = rows_of(&row, d);
            forest.insert(&rows_of(&row.repeat(40), d)).unwrap();
            let parts = forest.attribution(&rows).unwrap();
            let answers = [
                forest.score(&rows).unwrap()[0],
                forest.displacement(&rows).unwrap()[0],
                forest.codisp(&rows).unwrap()[0],
                parts.low.iter().chain(&parts.high).sum(),
            ];
            assert!(answers.iter().all(|v| v.is_finite()), "{answers:?}");
        }
    }
    // Beyond the largest, in either sign, is refused.
    let mut forest = Forest::new(config(2, 4), 1).unwrap();
    for beyond in [2e30, -2e30] {
        assert!(forest.insert(&rows_of(&[beyond], 1)).is_err());
    }
}
