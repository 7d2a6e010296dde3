//! The same rows give the same bits: in one call or many, on any number of
//! threads. `levels.rs` asks the same of instruction sets.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod files;

use fastrcf::{Forest, ForestConfig, Model, Sampling};
use files::{Numbers, rows_of, stream};

const SAMPLINGS: [Sampling; 3] = [
    Sampling::Decay { rate: Some(0.01) },
    Sampling::Uniform,
    Sampling::Window,
];

fn config(sampling: Sampling, shingle_size: usize) -> ForestConfig {
    ForestConfig {
        n_trees: 40,
        sample_size: 64,
        shingle_size,
        sampling,
        seed: 3,
        n_threads: 1,
        ..Default::default()
    }
}

fn bytes(forest: &Forest) -> Vec<u8> {
    Model::Forest(forest.clone()).to_bytes()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn any_split_of_a_stream_gives_the_same_forest_and_scores() {
    let mut numbers = Numbers(21);
    for sampling in SAMPLINGS {
        for (d, shingle) in [(1, 1), (3, 1), (2, 5), (24, 1)] {
            let n = 1000;
            let values = stream(n, d, 22);
            let rows = rows_of(&values, d);
            let mut whole = Forest::new(config(sampling, shingle), d).unwrap();
            let scores = whole.process(&rows).unwrap();
            let mut inserted = Forest::new(config(sampling, shingle), d).unwrap();
            inserted.insert(&rows).unwrap();
            assert!(bytes(&inserted) == bytes(&whole));
            for largest in [3, 50, 700] {
                let mut parts = Forest::new(config(sampling, shingle), d).unwrap();
                let mut start = 0;
                while start < n {
                    let end = (start + 1 + numbers.below(largest)).min(n);
                    let part = rows.slice(start..end);
                    if numbers.below(2) == 0 {
                        parts.insert(&part).unwrap();
                    } else {
                        let some = parts.process(&part).unwrap();
                        assert_eq!(bits(&some), bits(&scores[start..end]), "{start}..{end}");
                    }
                    start = end;
                }
                assert!(bytes(&parts) == bytes(&whole), "{sampling:?}, d = {d}");
                // Questions are split as freely.
                let all = parts.score(&rows).unwrap();
                let frozen = parts.freeze().unwrap();
                let split = numbers.below(n);
                for range in [0..split, split..n] {
                    let part = rows.slice(range.clone());
                    let expected = bits(&all[range]);
                    assert_eq!(bits(&parts.score(&part).unwrap()), expected);
                    assert_eq!(bits(&frozen.score(&part).unwrap()), expected);
                }
            }
        }
    }
}

#[test]
fn no_number_of_threads_changes_a_bit() {
    for sampling in SAMPLINGS {
        for (d, shingle) in [(5, 1), (2, 4)] {
            let values = stream(3000, d, 23);
            let rows = rows_of(&values, d);
            let run = |n_threads: usize| {
                let config = ForestConfig {
                    n_threads,
                    ..config(sampling, shingle)
                };
                let mut forest = Forest::new(config, d).unwrap();
                forest.insert(&rows.slice(0..1000)).unwrap();
                let mut answers = forest.process(&rows.slice(1000..3000)).unwrap();
                answers.extend(forest.score(&rows).unwrap());
                answers.extend(forest.freeze().unwrap().score(&rows).unwrap());
                answers.extend(forest.displacement(&rows).unwrap());
                answers.extend(forest.codisp(&rows).unwrap());
                for rows in [rows.slice(0..1000), rows.clone()] {
                    let parts = forest.attribution(&rows).unwrap();
                    answers.extend(parts.low.iter().chain(&parts.high));
                }
                // Not even the number of threads tells the states apart.
                forest.set_threads(1);
                (bits(&answers), forest.to_state())
            };
            let one = run(1);
            for n_threads in 2..=4 {
                assert!(run(n_threads) == one, "{sampling:?}, {n_threads} threads");
            }
        }
    }
}

#[test]
fn attributions_do_not_depend_on_the_batch() {
    for d in [1, 4, 8, 13, 16, 24, 30, 40] {
        let values = stream(1100, d, 25);
        let rows = rows_of(&values, d);
        let mut forest = Forest::new(config(Sampling::Uniform, 1), d).unwrap();
        // Rows that trees hold are asked about too.
        forest.insert(&rows.slice(0..500)).unwrap();
        let frozen = forest.freeze().unwrap();
        // Enough rows for a living forest to be frozen first.
        let whole = forest.attribution(&rows).unwrap();
        assert!(frozen.attribution(&rows).unwrap() == whole, "d = {d}");
        let mut start = 0;
        for n in [1, 7, 8, 9, 100, 33, 16] {
            let part = rows.slice(start..start + n);
            let columns = start * d..(start + n) * d;
            for parts in [forest.attribution(&part), frozen.attribution(&part)] {
                let parts = parts.unwrap();
                assert_eq!(bits(&parts.low), bits(&whole.low[columns.clone()]));
                assert_eq!(bits(&parts.high), bits(&whole.high[columns.clone()]));
            }
            start += 70 + n;
        }
    }
}

#[test]
fn displacements_do_not_depend_on_the_batch() {
    for d in [1, 2, 3, 4, 6, 8, 12, 13, 16, 17, 24, 30, 40] {
        let values = stream(1100, d, 27);
        let rows = rows_of(&values, d);
        let mut forest = Forest::new(config(Sampling::Uniform, 1), d).unwrap();
        // Rows that trees hold are asked about too.
        forest.insert(&rows.slice(0..500)).unwrap();
        let frozen = forest.freeze().unwrap();
        // Enough rows for blocks, whose last group is not full.
        let whole = bits(&frozen.displacement(&rows).unwrap());
        assert_eq!(bits(&forest.displacement(&rows).unwrap()), whole, "d = {d}");
        for start in (0..1100).step_by(100) {
            let part = rows.slice(start..start + 100);
            let expected = &whole[start..start + 100];
            assert_eq!(bits(&forest.displacement(&part).unwrap()), expected);
            assert_eq!(bits(&frozen.displacement(&part).unwrap()), expected);
            let one = frozen.displacement(&rows.slice(start..start + 1)).unwrap();
            assert_eq!(bits(&one), expected[..1]);
        }
    }
}

/// From the first row on: trees that hold nothing, then one point, then more;
/// fewer trees than go together, and more than go at a time.
#[test]
fn rows_that_come_alone_get_the_bits_of_a_batch() {
    for (n_trees, d) in [(1, 1), (7, 3), (40, 8), (131, 30)] {
        let config = ForestConfig {
            n_trees,
            ..config(Sampling::Decay { rate: Some(0.01) }, 1)
        };
        let values = stream(200, d, 23);
        let rows = rows_of(&values, d);
        let mut whole = Forest::new(config.clone(), d).unwrap();
        let scores = whole.process(&rows).unwrap();
        let mut alone = Forest::new(config, d).unwrap();
        let one_by_one: Vec<f64> = (0..200)
            .flat_map(|i| alone.process(&rows.slice(i..i + 1)).unwrap())
            .collect();
        assert_eq!(bits(&one_by_one), bits(&scores), "{n_trees} trees");
        assert!(bytes(&alone) == bytes(&whole));
        let (all, frozen) = (whole.score(&rows).unwrap(), whole.freeze().unwrap());
        for i in 0..200 {
            let row = rows.slice(i..i + 1);
            assert_eq!(bits(&whole.score(&row).unwrap()), bits(&all[i..=i]));
            assert_eq!(bits(&frozen.score(&row).unwrap()), bits(&all[i..=i]));
        }
    }
}
