//! The promises of a forest, on small streams.

use fastrcf::{Forest, ForestConfig, FrozenForest, Rows, Sampling};

/// Numbers that look random and repeat: SplitMix64 in the open interval.
fn numbers(n: usize, seed: u64) -> Vec<f64> {
    (0..n as u64)
        .map(|i| {
            let mut z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        })
        .collect()
}

fn config(sampling: Sampling) -> ForestConfig {
    ForestConfig {
        n_trees: 20,
        sample_size: 64,
        sampling,
        seed: 5,
        ..Default::default()
    }
}

const ALL: [Sampling; 3] = [
    Sampling::Decay { rate: None },
    Sampling::Uniform,
    Sampling::Window,
];

#[test]
fn blocks_equal_single_rows_and_frozen_equals_living() {
    for sampling in ALL {
        for d in [1, 3, 8, 17, 40] {
            let values = numbers(d * 1500, d as u64);
            let rows = Rows::from_f64(&values, d).unwrap();
            let mut whole = Forest::new(config(sampling), d).unwrap();
            let mut single = Forest::new(config(sampling), d).unwrap();
            let scores = whole.process(&rows).unwrap();
            for (i, score) in scores.iter().enumerate() {
                let one = single.process(&rows.slice(i..i + 1)).unwrap()[0];
                assert_eq!(score.to_bits(), one.to_bits(), "{sampling:?} d={d} row {i}");
                assert_eq!(score.is_nan(), i < 16);
            }
            whole.check().unwrap();
            assert_eq!(whole.to_state(), single.to_state());
            let mut inserted = Forest::new(config(sampling), d).unwrap();
            inserted.insert(&rows).unwrap();
            assert_eq!(whole.to_state(), inserted.to_state());

            let frozen = whole.freeze().unwrap();
            let block = frozen.score(&rows).unwrap();
            let few = whole.score(&rows.slice(0..600)).unwrap();
            for i in 0..600 {
                assert_eq!(block[i].to_bits(), few[i].to_bits(), "d={d} row {i}");
            }
            let again = FrozenForest::from_state(frozen.to_state()).unwrap();
            assert_eq!(again.score(&rows).unwrap(), block);
            let mut revived = Forest::from_state(whole.to_state()).unwrap();
            assert_eq!(
                revived.process(&rows).unwrap(),
                whole.process(&rows).unwrap()
            );
            assert_eq!(revived.to_state(), whole.to_state());
        }
    }
}

#[test]
fn attribution_sums_to_the_score() {
    for d in [1, 5, 12] {
        let values = numbers(d * 800, 3);
        let rows = Rows::from_f64(&values, d).unwrap();
        let mut forest = Forest::new(config(Sampling::Uniform), d).unwrap();
        forest.insert(&rows).unwrap();
        let scores = forest.score(&rows).unwrap();
        let parts = forest.attribution(&rows).unwrap();
        for (i, score) in scores.iter().enumerate() {
            let range = i * d..(i + 1) * d;
            let total: f64 = parts.low[range.clone()].iter().sum::<f64>()
                + parts.high[range].iter().sum::<f64>();
            assert!((total - score).abs() < 1e-9, "{total} {score}");
        }
    }
}

#[test]
fn deleted_rows_are_gone() {
    let values = numbers(3 * 60, 9);
    let rows = Rows::from_f64(&values, 3).unwrap();
    let mut forest = Forest::new(config(Sampling::Window), 3).unwrap();
    forest.insert(&rows).unwrap();
    assert_eq!(forest.delete(&rows.slice(0..10)).unwrap(), vec![20; 10]);
    assert_eq!(forest.delete(&rows.slice(0..10)).unwrap(), vec![0; 10]);
    forest.check().unwrap();
    assert_eq!(forest.tree_mass(0), Some(50));
    assert_eq!(forest.n_points(), 50);
    forest.delete(&rows).unwrap();
    forest.check().unwrap();
    assert_eq!(forest.n_points(), 0);
    forest.insert(&rows).unwrap();
    forest.check().unwrap();
}

#[test]
fn a_hundred_trees_fit_into_four_megabytes() {
    for d in [8, 16, 30] {
        let config = ForestConfig {
            seed: 3,
            ..Default::default()
        };
        let values = numbers(d * 6000, 4);
        let rows = Rows::from_f64(&values, d).unwrap();
        let mut forest = Forest::new(config, d).unwrap();
        forest.process(&rows).unwrap();
        let bytes = forest.memory_usage();
        assert!(bytes < 4_000_000, "{bytes} bytes for {d} columns");
    }
}
