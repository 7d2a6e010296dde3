//! The dense form: exact, small, and believed no more than a file is.
//!
//! `FASTRCF_MUTATIONS` sets how many damaged ones are tried.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Error, Forest, ForestConfig, Rows, Sampling};
use files::{Numbers, rows_of, stream};
use xxhash_rust::xxh3::xxh3_64;

fn dense(forest: &Forest) -> Vec<u8> {
    forest.to_dense_with(&mut || false).unwrap()
}

fn read(bytes: &[u8]) -> fastrcf::Result<Forest> {
    Forest::from_dense_with(bytes, &mut || false)
}

fn config(n_trees: usize, sample_size: usize, sampling: Sampling) -> ForestConfig {
    ForestConfig {
        n_trees,
        sample_size,
        sampling,
        seed: 11,
        n_threads: 1,
        ..Default::default()
    }
}

const DECAY: Sampling = Sampling::Decay { rate: None };

fn learnt(config: ForestConfig, values: &[f64], d: usize) -> Forest {
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(&rows_of(values, d)).unwrap();
    forest
}

/// Sums of uniform numbers: bell-shaped, of all signs and exponents.
fn bell(n: usize, d: usize) -> Vec<f64> {
    let mut numbers = Numbers(5);
    let values = (0..n * d).map(|_| (0..6).map(|_| numbers.unit() - 0.5).sum());
    values.collect()
}

fn comes_back(forest: &Forest) {
    let bytes = dense(forest);
    let other = read(&bytes).unwrap();
    other.check().unwrap();
    assert_eq!(other.to_bytes(), forest.to_bytes());
    assert_eq!(dense(&other), bytes);
}

#[test]
fn what_is_written_comes_back_to_the_bit() {
    let rate = Sampling::Decay { rate: Some(0.01) };
    for (sampling, shingle_size, weighted) in [
        (DECAY, 1, false),
        (rate, 3, true),
        (Sampling::Uniform, 1, true),
        (Sampling::Window, 2, false),
    ] {
        let config = ForestConfig {
            shingle_size,
            feature_weights: weighted.then(|| vec![1.0, 0.5, 3.0]),
            ..config(7, 32, sampling)
        };
        // A fifth of the rows occurs several times.
        let values = stream(600, 3, 5);
        let rows = rows_of(&values, 3);
        let mut forest = Forest::new(config, 3).unwrap();
        let mut begun = 0;
        for end in [1, 2, 3, 10, 31, 32, 33, 100, 600] {
            forest.insert(&rows.slice(begun..end)).unwrap();
            comes_back(&forest);
            begun = end;
        }
        if shingle_size == 1 {
            let removed = forest.delete(&rows.slice(570..590)).unwrap();
            assert!(removed.iter().any(|&n| n > 0));
        }
        let notes = [("a".to_owned(), "ü".to_owned())];
        forest.set_notes(notes.into()).unwrap();
        comes_back(&forest);
    }
}

#[test]
fn values_of_any_size_come_back() {
    let bell = bell(300, 4);
    let of = |change: fn(usize, f64) -> f64| {
        let values = bell.iter().enumerate().map(|(i, &v)| change(i, v));
        values.collect::<Vec<f64>>()
    };
    let sorts = [
        of(|_, v| (v * 8.0).round()),
        of(|_, v| v.signum() * (v * 20.0).exp()),
        of(|_, v| v * 1e-44),
        of(|i, v| if i % 4 == 0 { 7.0 } else { v }),
        of(|i, v| if i % 4 == 3 { -1e30 } else { v - 100.0 }),
        of(|_, _| -3.0),
    ];
    for values in &sorts {
        comes_back(&learnt(config(9, 40, DECAY), values, 4));
        comes_back(&learnt(config(9, 40, DECAY), values, 1));
    }
    // More columns than have models of their own, and more leaves than are
    // told among those that are left.
    comes_back(&learnt(config(3, 16, DECAY), &bell, 300));
    comes_back(&learnt(config(2, 700, Sampling::Uniform), &bell, 1));
}

#[test]
fn a_forest_takes_two_thirds_of_its_file() {
    for (sampling, most) in [(DECAY, 37_500), (Sampling::Uniform, 43_500)] {
        let forest = learnt(config(30, 64, sampling), &bell(4000, 4), 4);
        let (file, dense) = (forest.to_bytes().len(), dense(&forest).len());
        assert!(
            dense <= most && 100 * dense <= 68 * file,
            "{dense} of {file}"
        );
    }
    // Whole numbers, as points or as keys, take less.
    let forest = learnt(config(30, 64, Sampling::Window), &bell(4000, 4), 4);
    assert!(dense(&forest).len() <= 20_000, "{}", dense(&forest).len());
    let whole: Vec<f64> = bell(4000, 4).iter().map(|v| (v * 10.0).round()).collect();
    let forest = learnt(config(30, 64, DECAY), &whole, 4);
    assert!(dense(&forest).len() <= 28_000, "{}", dense(&forest).len());
}

#[test]
fn what_is_damaged_is_refused() {
    let forest = learnt(config(5, 16, DECAY), &bell(100, 2), 2);
    let good = dense(&forest);
    for end in 0..good.len() {
        assert!(matches!(read(&good[..end]), Err(Error::ModelFile { .. })));
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert!(matches!(read(&bad), Err(Error::ModelFile { .. })), "{at}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(read(&sealed(longer)).is_err());
    assert!(read(&forest.to_bytes()).is_err());
    assert!(matches!(
        Forest::from_dense_with(&good, &mut || true),
        Err(Error::Interrupted)
    ));
}

/// With the checksum that belongs to it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() >= 12 {
        let checksum = xxh3_64(&bytes[12..]);
        bytes[4..12].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

#[test]
fn what_is_accepted_is_a_forest_that_works() {
    let tries = std::env::var("FASTRCF_MUTATIONS").map_or(20_000, |n| n.parse().unwrap());
    let forests = [
        learnt(config(3, 8, DECAY), &bell(60, 2), 2),
        learnt(config(3, 8, Sampling::Window), &stream(60, 3, 1), 3),
    ];
    let mut numbers = Numbers(17);
    let mut accepted = 0;
    for i in 0..tries {
        let mut bytes = dense(&forests[i % 2]);
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(bytes.len());
            match numbers.below(4) {
                0 => bytes[at] = numbers.next() as u8,
                1 if numbers.below(8) == 0 => bytes.truncate(at),
                2 => bytes[at] = [0, 0xff][numbers.below(2)],
                _ => bytes[at] ^= 1 << numbers.below(8),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(mut forest) = read(&sealed(bytes)) {
            accepted += 1;
            forest.check().unwrap();
            let values = vec![0.25; forest.n_features() * 4];
            let rows = Rows::from_f64(&values, forest.n_features()).unwrap();
            if forest.process(&rows).is_ok() {
                forest.check().unwrap();
            }
        }
    }
    assert!(accepted > 0);
}
