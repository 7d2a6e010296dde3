//! The same rows give the same bits: in one call or many, on any number of
//! threads, with any instruction set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Forest, ForestConfig, Level, Model, Sampling, level};
use files::{Numbers, rows_of, stream};
use std::process::Command;
use std::sync::OnceLock;
use xxhash_rust::xxh3::Xxh3;

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

/// A number that stands for every bit of states and answers at widths that take
/// all ways through the kernels.
fn digest() -> u64 {
    let mut hash = Xxh3::new();
    for (i, d) in [1, 2, 3, 4, 5, 8, 13, 16, 17, 30, 33, 40, 100]
        .into_iter()
        .enumerate()
    {
        let shingle = 1 + i % 2;
        let values = stream(700, d, 24 + d as u64);
        let rows = rows_of(&values, d);
        let mut forest = Forest::new(config(SAMPLINGS[i % 3], shingle), d).unwrap();
        forest.insert(&rows.slice(0..300)).unwrap();
        let mut answers = forest.process(&rows.slice(300..600)).unwrap();
        let shingles = vec![0.5; d * shingle];
        forest.delete(&rows_of(&shingles, d * shingle)).unwrap();
        answers.extend(forest.score(&rows.slice(600..700)).unwrap());
        // Enough rows for whole blocks.
        let frozen = forest.freeze().unwrap();
        answers.extend(frozen.score(&rows).unwrap());
        answers.extend(frozen.displacement(&rows).unwrap());
        answers.extend(forest.displacement(&rows.slice(600..700)).unwrap());
        answers.extend(forest.codisp(&rows.slice(600..700)).unwrap());
        let parts = forest.attribution(&rows.slice(600..700)).unwrap();
        answers.extend(parts.low.iter().chain(&parts.high));
        answers
            .iter()
            .for_each(|v| hash.update(&v.to_bits().to_le_bytes()));
        hash.update(&bytes(&forest));
    }
    hash.digest()
}

#[test]
#[ignore = "the tests of instruction sets run it in processes of their own"]
fn digest_of_this_process() {
    println!("\ndigest {:016x} by {}", digest(), level().name());
}

/// Runs the digest in a process that may use `wanted` at most (the level is
/// read once per process) and compares it with this process's.
fn same_bits_with(wanted: Level) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "digest_of_this_process",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env("FASTRCF_SIMD", wanted.name())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout).into_owned();
    let line = output.lines().find(|line| line.starts_with("digest "));
    let (theirs, by) = line
        .and_then(|line| line["digest ".len()..].split_once(" by "))
        .unwrap_or_else(|| panic!("the child says {output}"));
    if by != wanted.name() {
        println!("skipped: this machine has no {}, only {by}", wanted.name());
        return;
    }
    static OURS: OnceLock<u64> = OnceLock::new();
    let ours = format!("{:016x}", OURS.get_or_init(digest));
    assert_eq!(theirs, ours, "{by} and {} differ", level().name());
    println!("{by} gives the bits of {}", level().name());
}

#[test]
fn portable_code_gives_the_same_bits() {
    same_bits_with(Level::Portable);
}

#[test]
fn avx2_gives_the_same_bits() {
    same_bits_with(Level::Avx2);
}

#[test]
fn avx512_gives_the_same_bits() {
    same_bits_with(Level::Avx512);
}

#[test]
fn avx512_with_vbmi_gives_the_same_bits() {
    same_bits_with(Level::Avx512Vbmi);
}

#[test]
fn neon_gives_the_same_bits() {
    same_bits_with(Level::Neon);
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
