//! The model file: what is written comes back, and nothing else is believed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Error, Forest, ForestConfig, Model, Rows, Sampling};
use files::{reseal, rows_of, small_models, stream};

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|s| s.to_bits()).collect()
}

#[test]
fn a_saved_stream_goes_on_as_if_never_interrupted() {
    for (sampling, shingle_size, weighted) in [
        (Sampling::Decay { rate: None }, 1, false),
        (Sampling::Decay { rate: Some(0.01) }, 3, true),
        (Sampling::Uniform, 1, true),
        (Sampling::Window, 2, false),
    ] {
        let config = ForestConfig {
            n_trees: 7,
            sample_size: 32,
            shingle_size,
            sampling,
            feature_weights: weighted.then(|| vec![1.0, 0.5, 3.0]),
            seed: 11,
            n_threads: 1,
        };
        let values = stream(600, 3, 5);
        let rows = rows_of(&values, 3);
        let mut one = Forest::new(config, 3).unwrap();
        one.insert(&rows.slice(0..300)).unwrap();
        if shingle_size == 1 {
            let removed = one.delete(&rows.slice(280..290)).unwrap();
            assert!(removed.iter().any(|&n| n > 0));
        }
        let bytes = one.to_bytes();
        let Model::Forest(mut other) = Model::from_bytes(&bytes).unwrap() else {
            panic!("another kind");
        };
        other.check().unwrap();
        assert_eq!(other.to_bytes(), bytes);
        let a = one.process(&rows.slice(300..600)).unwrap();
        let b = other.process(&rows.slice(300..600)).unwrap();
        assert_eq!(bits(&a), bits(&b));
        assert_eq!(one.to_bytes(), other.to_bytes());
    }
}

#[test]
fn frozen_forests_come_back_with_the_same_scores() {
    let values = stream(2000, 6, 1);
    let rows = rows_of(&values, 6);
    let mut forest = Forest::new(ForestConfig::default(), 6).unwrap();
    forest.insert(&rows).unwrap();
    let frozen = forest.freeze().unwrap();
    let bytes = frozen.to_bytes();
    let Model::Frozen(back) = Model::from_bytes(&bytes).unwrap() else {
        panic!("another kind");
    };
    assert_eq!(back.to_bytes(), bytes);
    let asked = rows.slice(0..700);
    assert_eq!(
        bits(&frozen.score(&asked).unwrap()),
        bits(&back.score(&asked).unwrap())
    );
    assert_eq!(
        bits(&forest.score(&asked).unwrap()),
        bits(&back.score(&asked).unwrap())
    );
}

#[test]
fn empty_forests_are_saved_too() {
    let forest = Forest::new(ForestConfig::default(), 2).unwrap();
    let bytes = forest.to_bytes();
    assert_eq!(Model::from_bytes(&bytes).unwrap().to_bytes(), bytes);
    let bytes = forest.freeze().unwrap().to_bytes();
    assert_eq!(Model::from_bytes(&bytes).unwrap().to_bytes(), bytes);
}

#[test]
fn files_cut_off_at_any_byte_are_refused() {
    for model in small_models() {
        let bytes = model.to_bytes();
        for length in 0..bytes.len() {
            let mut cut = bytes[..length].to_vec();
            assert!(Model::from_bytes(&cut).is_err(), "cut at {length}");
            // Nor when the announced length and the checksum agree with it.
            reseal(&mut cut, true);
            assert!(Model::from_bytes(&cut).is_err(), "sealed cut at {length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Model::from_bytes(&longer).is_err());
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for model in small_models() {
        let mut bytes = model.to_bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Model::from_bytes(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn lengths_that_lie_allocate_nothing_and_are_refused() {
    for model in small_models() {
        let bytes = model.to_bytes();
        // The header, the section table and the fixed part of CONF.
        for at in (8..400).step_by(4) {
            for lie in [1u32, 0xffff, 1 << 24, 1 << 31, u32::MAX] {
                let mut file = bytes.clone();
                let old = u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
                file[at..at + 4].copy_from_slice(&lie.to_le_bytes());
                reseal(&mut file, false);
                if let Ok(model) = Model::from_bytes(&file) {
                    // Seeds and rates may be anything: the file still says
                    // what the model is.
                    assert_eq!(model.to_bytes(), file, "{at}: {old} -> {lie}");
                }
            }
        }
    }
}

#[test]
fn wide_points_named_by_many_trees_are_refused_before_they_are_unfolded() {
    // Eight points of 60,000 columns, 3,000 trees of eight leaves: boxes would
    // take a hundred times the file.
    let d = 60_000;
    let n_trees = 3000;
    let mut forest = Forest::new(
        ForestConfig {
            n_trees: 1,
            sample_size: 8,
            n_threads: 1,
            ..Default::default()
        },
        d,
    )
    .unwrap();
    let values: Vec<f64> = (0..8 * d).map(|i| (i / d) as f64).collect();
    forest.insert(&Rows::from_f64(&values, d).unwrap()).unwrap();
    let mut state = forest.to_state();
    state.config.n_trees = n_trees;
    state.trees = vec![state.trees[0].clone(); n_trees];
    let file = state.to_bytes();
    assert!(file.len() < 4_000_000, "{}", file.len());
    match Model::from_bytes(&file) {
        Err(Error::ModelFile { message }) => assert!(message.contains("memory"), "{message}"),
        other => panic!("{:?}", other.map(|_| "loaded")),
    }
}

#[test]
fn notes_out_of_order_or_without_a_name_are_refused() {
    let bytes = small_models()[0].to_bytes();
    let at = bytes.windows(4).rposition(|w| w == b"NOTE").unwrap();
    let offset = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap()) as usize;
    // u32 notes, then u32 length and text, twice each: "a", "b", "ü", "".
    assert_eq!(&bytes[offset..offset + 9], b"\x02\0\0\0\x01\0\0\0a");
    let name = offset + 8;
    for (byte, good) in [(b'b', true), (0x7f, true), (0xff, false)] {
        let mut other = bytes.clone();
        other[name] = byte;
        reseal(&mut other, false);
        assert_eq!(Model::from_bytes(&other).is_ok(), good, "{byte:#x}");
    }
    // "ü" becomes "a" and a byte of the next length: no longer UTF-8, or too long.
    let second = name + 1 + 5 + 4;
    assert_eq!(&bytes[second..second + 2], "ü".as_bytes());
    let mut other = bytes.clone();
    other[second..second + 2].copy_from_slice(b"A!");
    reseal(&mut other, false);
    assert!(Model::from_bytes(&other).is_err(), "A! comes before a");
}
