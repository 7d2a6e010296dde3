//! Forests whose trees are each given their rows, against forests of one tree.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Error, Forest, ForestConfig, Model, Rows, Sampling};
use files::{rows_of, stream};

const ALL: [Sampling; 4] = [
    Sampling::Window,
    Sampling::Uniform,
    Sampling::Decay { rate: None },
    // The clock's reference moves while trees are filled.
    Sampling::Decay { rate: Some(0.9) },
];

fn config(n_trees: usize, sample_size: usize, sampling: Sampling) -> ForestConfig {
    ForestConfig {
        n_trees,
        sample_size,
        sampling,
        seed: 3,
        ..Default::default()
    }
}

/// Forests of one tree that have seen the rows of one tree each.
fn apart(config: &ForestConfig, rows: &Rows<'_>, seeds: &[u64]) -> Vec<Forest> {
    let size = rows.n_rows() / seeds.len();
    seeds
        .iter()
        .enumerate()
        .map(|(t, &seed)| {
            let config = ForestConfig {
                n_trees: 1,
                seed,
                ..config.clone()
            };
            let mut forest = Forest::new(config, rows.n_columns()).unwrap();
            forest
                .insert(&rows.slice(t * size..(t + 1) * size))
                .unwrap();
            forest
        })
        .collect()
}

fn mean(forests: &[Forest], asked: &Rows<'_>) -> Vec<u64> {
    let mut sums = vec![0.0; asked.n_rows()];
    for forest in forests {
        let scores = forest.score(asked).unwrap();
        sums.iter_mut().zip(scores).for_each(|(sum, s)| *sum += s);
    }
    let n = forests.len() as f64;
    sums.iter().map(|sum| (sum / n).to_bits()).collect()
}

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|score| score.to_bits()).collect()
}

#[test]
fn scores_are_the_mean_of_forests_of_one_tree_and_streams_go_on() {
    for sampling in ALL {
        for (d, trees, size, capacity) in [(1, 7, 1, 2), (3, 5, 40, 40), (9, 33, 30, 64)] {
            let values = stream(trees * size, d, 11);
            let rows = rows_of(&values, d);
            let seeds: Vec<u64> = (0..trees as u64).map(|t| t * t + 17).collect();
            let mut config = config(trees, capacity, sampling);
            let mut forest = Forest::from_samples(config.clone(), &rows, &seeds).unwrap();
            forest.check().unwrap();
            assert_eq!(forest.n_seen(), size as u64);
            let mut others = apart(&config, &rows, &seeds);
            let asked = stream(200, d, 5);
            let asked = rows_of(&asked, d);
            let found = forest.score(&asked).unwrap();
            assert_eq!(bits(&found), mean(&others, &asked), "{sampling:?} d={d}");
            assert_eq!(forest.freeze().unwrap().score(&asked).unwrap(), found);
            config.n_threads = 3;
            let threads = Forest::from_samples(config, &rows, &seeds).unwrap();
            assert_eq!(threads.score(&asked).unwrap(), found);
            assert_eq!(threads.to_state().trees, forest.to_state().trees);

            // What comes then finds the trees, samplers and clock of the others.
            let more = stream(500, d, 6);
            let more = rows_of(&more, d);
            forest.insert(&more).unwrap();
            others.iter_mut().for_each(|one| one.insert(&more).unwrap());
            forest.check().unwrap();
            let found = forest.score(&asked).unwrap();
            assert_eq!(bits(&found), mean(&others, &asked), "{sampling:?} d={d}");
        }
    }
}

#[test]
fn each_tree_holds_its_rows_in_their_order() {
    let (trees, size, d) = (6, 25, 2);
    let values = stream(trees * size, d, 4);
    let rows = rows_of(&values, d);
    let config = ForestConfig {
        feature_weights: Some(vec![2.0, 0.5]),
        ..config(trees, 30, Sampling::Window)
    };
    let seeds = [1; 6];
    let forest = Forest::from_samples(config, &rows, &seeds).unwrap();
    let weighted: Vec<f32> = values
        .chunks(2)
        .flat_map(|row| [(row[0] * 2.0) as f32, (row[1] * 0.5) as f32])
        .collect();
    for (t, held) in weighted.chunks(size * d).enumerate() {
        assert_eq!(forest.sample(t).unwrap(), held);
        assert_eq!(forest.tree_mass(t), Some(size as u64));
    }
    assert_eq!(forest.sample(trees), None);

    // With room left in the window, and then as the oldest leave.
    let mut forest = forest;
    for i in 0..9 {
        let row = [f64::from(i), -f64::from(i)];
        forest.insert(&rows_of(&row, 2)).unwrap();
    }
    let held = forest.sample(2).unwrap();
    assert_eq!(held.len(), 30 * d);
    let kept = &weighted[(2 * size + 4) * d..3 * size * d];
    assert_eq!(held[..kept.len()], *kept);
    assert_eq!(held[held.len() - 2..], [16.0, -4.0]);
}

#[test]
fn the_model_file_brings_it_back() {
    for sampling in ALL {
        // Equal rows within trees and in several of them.
        let mut values = stream(8 * 20, 2, 9);
        values.copy_within(0..60, 100);
        let rows = rows_of(&values, 2);
        let seeds: Vec<u64> = (100..108).collect();
        let forest = Forest::from_samples(config(8, 20, sampling), &rows, &seeds).unwrap();
        let bytes = forest.to_bytes();
        let Model::Forest(mut again) = Model::from_bytes(&bytes).unwrap() else {
            unreachable!("a living forest")
        };
        again.check().unwrap();
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(again.to_state(), forest.to_state());
        let mut forest = forest;
        assert!((0..8).all(|t| again.sample(t).unwrap().len() == 40));
        assert_eq!(
            again.process(&rows).unwrap(),
            forest.process(&rows).unwrap()
        );
        assert_eq!(again.to_state(), forest.to_state());
    }
}

#[test]
fn what_cannot_be_shared_out_is_refused() {
    let values = [0.5; 24];
    let rows = rows_of(&values, 2);
    let given = |change: fn(&mut ForestConfig), n: usize, seeds: usize| {
        let mut config = config(4, 8, Sampling::Window);
        change(&mut config);
        Forest::from_samples(config, &rows.slice(0..n), &vec![1; seeds])
    };
    assert!(given(|_| (), 12, 4).is_ok());
    let parameter = |result| match result {
        Err(Error::InvalidConfig { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    };
    assert_eq!(parameter(given(|_| (), 12, 3)), "seeds");
    assert_eq!(parameter(given(|_| (), 12, 0)), "seeds");
    assert_eq!(parameter(given(|c| c.n_trees = 0, 12, 0)), "n_trees");
    assert_eq!(
        parameter(given(|c| c.shingle_size = 2, 12, 4)),
        "shingle_size"
    );
    let weights = |c: &mut ForestConfig| c.feature_weights = Some(vec![1.0]);
    assert_eq!(parameter(given(weights, 12, 4)), "feature_weights");
    for (n, what) in [(11, "11 rows"), (3, "3 rows"), (0, "0 rows")] {
        let error = given(|_| (), n, 4).unwrap_err();
        assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
        assert!(error.to_string().starts_with(what), "{error}");
    }
    let few = given(|c| c.sample_size = 2, 12, 4).unwrap_err();
    assert!(few.to_string().contains("1 to 2"), "{few}");
    let mut bad = values;
    bad[13] = f64::NAN;
    let bad = rows_of(&bad, 2);
    let config = config(4, 8, Sampling::Window);
    let error = Forest::from_samples(config.clone(), &bad, &[1; 4]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::InvalidValue {
                row: 6,
                column: 1,
                ..
            }
        ),
        "{error}"
    );
    let stopped = Forest::from_samples_with(config, &rows, &[1; 4], &mut || true);
    assert!(matches!(stopped, Err(Error::Interrupted)));
}
