//! Clocks of any kind: a forest learns after any number of rows, at any time of
//! day, and when a clock jumps, repeats or goes back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::state::ForestState;
use fastrcf::{Forest, ForestConfig, Model, Sampling};
use files::{Numbers, rows_of};

fn forest(n_trees: usize, sample_size: usize, sampling: Sampling) -> Forest {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling,
        seed: 1,
        n_threads: 1,
        ..Default::default()
    };
    Forest::new(config, 1).unwrap()
}

fn values(n: usize, seed: u64) -> Vec<f64> {
    let mut numbers = Numbers(seed);
    (0..n).map(|_| numbers.unit()).collect()
}

fn insert(forest: &mut Forest, values: &[f64], times: &[i64]) {
    forest
        .insert_with(&rows_of(values, 1), Some(times), &mut || false)
        .unwrap();
}

/// The state with its clock set back.
fn earlier(mut state: ForestState, by: i64) -> ForestState {
    let clock = state.clock.as_mut().unwrap();
    clock.now -= by;
    clock.reference -= by;
    state
}

#[test]
fn milliseconds_since_1970_are_as_good_as_row_numbers() {
    // A float key of ln E - 1.7e12 / 2560 would have a step of 64: no row would
    // get in after the first ones.
    let rate = Some(1.0 / 2560.0);
    let values = values(60_000, 2);
    let times = |start: i64| -> Vec<i64> { (0..60_000).map(|i| start + i).collect() };
    let mut from_zero = forest(10, 32, Sampling::Decay { rate });
    insert(&mut from_zero, &values, &times(0));
    let expected = from_zero.to_state();
    assert!(expected.trees.iter().all(|tree| tree.nodes.len() == 63));
    for start in [1_700_000_000_000, 1_000_000_000_000, -(1 << 53)] {
        let mut later = forest(10, 32, Sampling::Decay { rate });
        insert(&mut later, &values, &times(start));
        // The same rows, keys and cuts to the bit: the distribution of ages too.
        assert_eq!(earlier(later.to_state(), start), expected, "{start}");
    }
}

#[test]
fn after_a_trillion_rows_a_forest_learns_as_on_its_first_day() {
    const ROWS: i64 = 1_000_000_000_000;
    for sampling in [Sampling::Decay { rate: None }, Sampling::Window] {
        let mut young = forest(8, 32, sampling);
        let first = values(5000, 3);
        young.insert(&rows_of(&first, 1)).unwrap();
        let mut state = earlier(young.to_state(), -ROWS);
        state.n_seen += ROWS as u64;
        if sampling == Sampling::Window {
            // A window's keys are row numbers.
            for tree in &mut state.trees {
                let keys = &mut tree.stream.as_mut().unwrap().keys;
                keys.iter_mut().for_each(|key| *key -= ROWS as f64);
            }
        }
        let mut old = Forest::from_state(state).unwrap();
        let more = values(40_000, 4);
        assert_eq!(
            old.process(&rows_of(&more, 1)).unwrap(),
            young.process(&rows_of(&more, 1)).unwrap()
        );
        let (old, young) = (old.to_state(), young.to_state());
        assert_eq!(old.points, young.points);
        for (old, young) in old.trees.iter().zip(&young.trees) {
            assert_eq!(old.nodes, young.nodes);
        }
    }
}

/// Rows that trees take of a steady stream, per row and tree.
fn acceptance(forest: &mut Forest, start: i64) -> f64 {
    let n = 1500;
    let values = values(n, 5);
    let generators = |forest: &Forest| -> Vec<[u64; 4]> {
        let trees = forest.to_state().trees;
        let streams = trees.iter().map(|tree| tree.stream.as_ref().unwrap());
        streams.map(|stream| stream.sampler_rng).collect()
    };
    let (mut taken, mut before) = (0, generators(forest));
    for (i, value) in values.iter().enumerate() {
        insert(forest, &[*value], &[start + i as i64]);
        // A sampler draws when it takes a row, and only then.
        let after = generators(forest);
        taken += after.iter().zip(&before).filter(|(a, b)| a != b).count();
        before = after;
    }
    taken as f64 / (n * before.len()) as f64
}

#[test]
fn one_row_from_the_end_of_time_changes_nothing_for_the_others() {
    // 31 December 9999 in milliseconds, as data bases write "never".
    const NEVER: i64 = 253_402_214_400_000;
    let mut forest = forest(40, 64, Sampling::Decay { rate: None });
    let start = 1_700_000_000_000;
    let times: Vec<i64> = (start..start + 10_000).collect();
    insert(&mut forest, &values(10_000, 6), &times);
    let usual = acceptance(&mut forest, start + 10_000);
    insert(&mut forest, &[0.5], &[NEVER]);
    // The first rows after a jump find the clock moved, which draws as well.
    insert(&mut forest, &values(500, 7), &times[..500]);
    let later = acceptance(&mut forest, start + 11_500);
    // 60,000 trials of probability 0.0975: 5.5 deviations are 0.0067.
    assert!((usual - 0.0975).abs() < 0.0067, "{usual}");
    assert!((later - 0.0975).abs() < 0.0067, "{later}");
}

#[test]
fn no_clock_breaks_a_forest() {
    const EDGES: [i64; 8] = [
        i64::MIN,
        i64::MIN + 1,
        -1,
        0,
        1,
        1 << 53,
        i64::MAX - 1,
        i64::MAX,
    ];
    let rates = [0.0, 1e-9, 0.01, 1.0, 1e6];
    let all = rates.map(|rate| Sampling::Decay { rate: Some(rate) });
    for sampling in all.into_iter().chain([Sampling::Uniform, Sampling::Window]) {
        let mut forest = forest(3, 8, sampling);
        let mut numbers = Numbers(8);
        let values = values(600, 9);
        for (i, chunk) in values.chunks(3).enumerate() {
            let time = |numbers: &mut Numbers| match numbers.below(3) {
                0 => EDGES[numbers.below(8)],
                1 => numbers.next() as i64,
                _ => 1000,
            };
            let times = [(); 3].map(|()| time(&mut numbers));
            let rows = rows_of(chunk, 1);
            let scores = forest
                .process_with(&rows, Some(&times), &mut || false)
                .unwrap();
            assert!(i < 3 || scores.iter().all(|s| s.is_finite()), "{scores:?}");
            if i % 4 == 0 {
                forest.delete(&rows.slice(1..2)).unwrap();
            }
            forest.check().unwrap();
            // No key or hazard may grow beyond what a file takes.
            let bytes = Model::Forest(forest.clone()).to_bytes();
            assert!(Model::from_bytes(&bytes).unwrap().to_bytes() == bytes);
        }
        // It still learns: a value that comes again and again is no surprise.
        // (After a jump over all of 64 bits a key knows its time to 2048 units,
        // which with a fast decay is longer than these rows take.)
        if matches!(sampling, Sampling::Decay { rate: Some(rate) } if rate > 1e-6) {
            continue;
        }
        let same = [5.0; 4000];
        let before = forest.score(&rows_of(&same[..1], 1)).unwrap()[0];
        insert(&mut forest, &same, &[i64::MAX; 4000]);
        let after = forest.score(&rows_of(&same[..1], 1)).unwrap()[0];
        assert!(after < before, "{sampling:?}: {after}, before {before}");
        forest.check().unwrap();
    }
}
