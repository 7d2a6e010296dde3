//! The model file: what is written comes back, and nothing else is believed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Error, Forest, ForestConfig, Model, Rows, Sampling};
use files::{Numbers, reseal, rows_of, small_models, stream};

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
        for at in (8..416).step_by(4) {
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

/// The bytes of a section.
fn section<'a>(file: &'a mut [u8], name: &[u8; 4]) -> &'a mut [u8] {
    let at = file.windows(4).position(|w| w == name).unwrap();
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let (from, length) = (word(at + 8), word(at + 16));
    &mut file[from..from + length]
}

#[test]
fn a_small_forest_takes_less_than_60_kilobytes() {
    let config = ForestConfig {
        n_trees: 30,
        sample_size: 64,
        seed: 3,
        ..Default::default()
    };
    let values: Vec<f64> = {
        let mut numbers = Numbers(4);
        (0..4 * 20_000).map(|_| numbers.unit()).collect()
    };
    let mut forest = Forest::new(config, 4).unwrap();
    forest.insert(&rows_of(&values, 4)).unwrap();
    // Trees are full of single rows, and share points as decay has them share.
    let state = forest.to_state();
    let points = state.points.len() / 4;
    assert!(points > 900 && state.trees.iter().all(|tree| tree.nodes.len() == 127));
    let bytes = forest.to_bytes();
    assert!(bytes.len() <= 60_000, "{} bytes", bytes.len());
    let Model::Forest(again) = Model::from_bytes(&bytes).unwrap() else {
        panic!("another kind");
    };
    assert!(again.to_state() == state && again.to_bytes() == bytes);
}

#[test]
fn numbers_of_every_width_come_back() {
    // Kinds take 1 byte up to 253 columns and 2 from there, numbers of leaves up
    // to 255 leaves; rows repeat so that some leaves hold several.
    for (d, n_rows) in [
        (253, 20),
        (254, 20),
        (1, 255),
        (1, 256),
        (1, 400),
        (65_536, 3),
    ] {
        let config = ForestConfig {
            n_trees: 2,
            sample_size: 512,
            ..Default::default()
        };
        let mut forest = Forest::new(config, d).unwrap();
        let mut values: Vec<f64> = (0..n_rows * d).map(|i| (i * i % 10_007) as f64).collect();
        values.extend_from_within(..2 * d);
        forest.insert(&rows_of(&values, d)).unwrap();
        let state = forest.to_state();
        let mut bytes = forest.to_bytes();
        let nodes: usize = state.trees.iter().map(|tree| tree.nodes.len()).sum();
        let kind = if d <= 253 {
            1
        } else if d <= 65_533 {
            2
        } else {
            4
        };
        assert_eq!(section(&mut bytes, b"NODE").len(), nodes * (kind + 4));
        assert!(!section(&mut bytes, b"COPY").is_empty());
        let leaf = if n_rows <= 255 { 1 } else { 2 };
        assert_eq!(section(&mut bytes, b"PLCS").len(), 2 * (n_rows + 2) * leaf);
        let Model::Forest(again) = Model::from_bytes(&bytes).unwrap() else {
            panic!("another kind");
        };
        assert!(
            again.to_state() == state && again.to_bytes() == bytes,
            "{d}"
        );
    }
}

#[test]
fn what_a_writer_would_not_write_is_refused() {
    // One tree of three points, the first of them held twice.
    let config = ForestConfig {
        n_trees: 1,
        sample_size: 4,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, 1).unwrap();
    forest.insert(&rows_of(&[1.0, 1.0, 2.0, 3.0], 1)).unwrap();
    let good = forest.to_bytes();
    let refused = |name: &[u8; 4], at: usize, bytes: &[u8], why: &str| {
        let mut file = good.clone();
        let section = section(&mut file, name);
        assert_ne!(&section[at..at + bytes.len()], bytes, "{why}: no change");
        section[at..at + bytes.len()].copy_from_slice(bytes);
        reseal(&mut file, false);
        match Model::from_bytes(&file) {
            Err(Error::ModelFile { message }) => assert!(message.contains(why), "{message}"),
            other => panic!("{why}: {:?}", other.map(|_| "loaded")),
        }
    };
    // Five nodes of 5 bytes; the two splits come first or around the leaf of 1.
    let mut file = good.clone();
    let nodes = section(&mut file, b"NODE").to_vec();
    assert_eq!(nodes.len(), 5 * 5);
    let kinds: Vec<u8> = nodes.iter().copied().step_by(5).collect();
    let several = kinds.iter().position(|&kind| kind == 1).unwrap();
    let last = 4;
    assert_eq!((kinds[0], kinds[last]), (2, 0));
    refused(b"NODE", 0, &[255], "cuts column 253");
    refused(b"NODE", 5 * several, &[0], "bytes too many");
    refused(b"NODE", 5 * last, &[1], "COPY ends too early");
    refused(b"NODE", 5 * several + 1, &[1], "point 1 is named before 0");
    refused(b"NODE", 5 * last + 1, &[3], "point 3, which is not there");
    refused(b"COPY", 0, &[1], "1 rows are not several");
    refused(b"COPY", 0, &[0], "0 rows are not several");
    refused(b"COPY", 0, &[3], "rows");
    refused(b"PLCS", 0, &[3], "a leaf that is not there");
    refused(b"PLCS", 0, &[255], "a leaf that is not there");
    let held = section(&mut file, b"PLCS").to_vec();
    let once = held.iter().position(|&leaf| leaf != 0).unwrap();
    refused(b"PLCS", once, &[0], "point");
    // A point that no tree names.
    let mut state = forest.to_state();
    state.points.push(4.0);
    match Model::from_bytes(&state.to_bytes()) {
        Err(Error::ModelFile { message }) => assert!(message.contains("no tree"), "{message}"),
        other => panic!("{:?}", other.map(|_| "loaded")),
    }
}

#[test]
fn a_state_that_does_not_hold_together_makes_a_file_that_is_refused() {
    let Model::Forest(forest) = small_models().swap_remove(0) else {
        panic!("another kind");
    };
    let state = forest.to_state();
    for point in [state.points.len() as u32 / 4, u32::MAX] {
        let mut other = state.clone();
        other.trees[1].stream.as_mut().unwrap().points[0] = point;
        assert!(Model::from_bytes(&other.to_bytes()).is_err(), "{point}");
    }
}

#[test]
fn damage_can_reach_every_section() {
    // A section that is empty in all small models would be tested by none.
    let mut seen = std::collections::BTreeMap::new();
    for model in small_models() {
        let file = model.to_bytes();
        let n = u32::from_le_bytes(file[24..28].try_into().unwrap()) as usize;
        for entry in file[32..32 + 24 * n].chunks_exact(24) {
            let length = u64::from_le_bytes(entry[16..].try_into().unwrap());
            *seen.entry(entry[..4].to_vec()).or_insert(0) += length;
        }
    }
    assert_eq!(seen.len(), 22);
    for (name, length) in seen {
        assert!(length > 0, "{}", String::from_utf8_lossy(&name));
    }
}
