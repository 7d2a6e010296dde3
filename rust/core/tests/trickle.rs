//! Rows that come a few at a time change where boxes are, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Forest, ForestConfig, Model, Sampling, ScoreKind};
use files::{Numbers, rows_of, stream};
use std::ops::Range;

const WIDTHS: [usize; 4] = [4, 12, 30, 70];

fn forest(d: usize) -> Forest {
    let config = ForestConfig {
        n_trees: 20,
        sample_size: 64,
        sampling: Sampling::Decay { rate: Some(0.02) },
        seed: 5,
        n_threads: 1,
        ..Default::default()
    };
    Forest::new(config, d).unwrap()
}

fn bytes(forest: &Forest) -> Vec<u8> {
    Model::Forest(forest.clone()).to_bytes()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Calls of one to four rows for 400 rows, then of up to 200, and so on.
fn calls(n: usize, numbers: &mut Numbers) -> Vec<Range<usize>> {
    let mut calls = Vec::new();
    let mut start = 0;
    while start < n {
        let most = if (start / 400) % 2 == 0 { 4 } else { 200 };
        let end = (start + 1 + numbers.below(most)).min(n);
        calls.push(start..end);
        start = end;
    }
    calls
}

#[test]
fn rows_in_calls_of_any_length_give_the_same_forest_and_scores() {
    let mut numbers = Numbers(31);
    let kinds = [
        ScoreKind::ExpectedInverseDepth,
        ScoreKind::LocalRange,
        ScoreKind::Displacement,
    ];
    for d in WIDTHS {
        let n = 1700;
        let values = stream(n, d, 32);
        let rows = rows_of(&values, d);
        for kind in kinds {
            let mut whole = forest(d);
            let want = whole
                .process_by_with(kind, &rows, None, &mut || false)
                .unwrap();
            let mut parts = forest(d);
            for call in calls(n, &mut numbers) {
                let got = parts
                    .process_by_with(kind, &rows.slice(call.clone()), None, &mut || false)
                    .unwrap();
                assert_eq!(bits(&got), bits(&want[call]), "{d} columns");
                parts.check().unwrap();
            }
            assert!(bytes(&parts) == bytes(&whole), "{d} columns");
        }
    }
}

#[test]
fn rows_are_deleted_as_from_a_forest_at_rest() {
    for d in WIDTHS {
        let values = stream(600, d, 33);
        let rows = rows_of(&values, d);
        let (first, last) = (rows.slice(0..300), rows.slice(300..600));
        let mut whole = forest(d);
        let mut single = forest(d);
        whole.insert(&first).unwrap();
        (0..300).for_each(|i| single.insert(&rows.slice(i..i + 1)).unwrap());
        let gone = rows.slice(250..290);
        assert_eq!(whole.delete(&gone).unwrap(), single.delete(&gone).unwrap());
        single.check().unwrap();
        assert!(bytes(&single) == bytes(&whole));
        let want = whole.process(&last).unwrap();
        for i in 0..300 {
            let got = single.process(&last.slice(i..i + 1)).unwrap();
            assert_eq!(bits(&got), bits(&want[i..=i]));
        }
        single.check().unwrap();
    }
}

#[test]
fn boxes_are_kept_while_rows_come_one_by_one_and_not_for_long() {
    let d = 30;
    let values = stream(1000, d, 34);
    let rows = rows_of(&values, d);
    let mut forest = forest(d);
    forest.insert(&rows.slice(0..500)).unwrap();
    let resting = forest.memory_usage();
    for i in 500..700 {
        forest.insert(&rows.slice(i..i + 1)).unwrap();
    }
    // A box of 30 columns for each of a tree's 63 splits.
    let boxes = 20 * 63 * 2 * 4 * 32;
    assert!(forest.memory_usage() > resting + boxes / 2);
    assert!(forest.memory_usage() < resting + 2 * boxes);
    forest.insert(&rows.slice(700..1000)).unwrap();
    assert!(forest.memory_usage() < resting + resting / 8);
}
