//! Every question and every change on small forests, so that miri, which runs
//! some thousand times slower, gets through all kernels too.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod files;

use fastrcf::{Attribution, Forest, ForestConfig, Model, Rows, Sampling, ScoreKind};
use files::{rows_of, small_detector, small_models, stream};

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn parts(attribution: &Attribution) -> Vec<u64> {
    bits(&[&attribution.low[..], &attribution.high[..]].concat())
}

/// A forest that holds as much as it can of a stream, whose first rows are deleted.
fn grown(n_trees: usize, sample_size: usize, d: usize, sampling: Sampling) -> (Forest, Vec<f64>) {
    let config = ForestConfig {
        n_trees,
        sample_size,
        sampling,
        seed: 5,
        n_threads: 1,
        ..Default::default()
    };
    let values = stream(sample_size + 32, d, 23);
    let rows = rows_of(&values, d);
    let mut forest = Forest::new(config, d).unwrap();
    let (first, rest) = (rows.slice(0..8), rows.slice(8..rows.n_rows()));
    assert!(forest.process(&first).unwrap().len() == 8);
    // Alone, and many at once.
    for i in 0..4 {
        forest.insert(&rest.slice(i..i + 1)).unwrap();
    }
    forest.insert(&rest.slice(4..rest.n_rows())).unwrap();
    forest.check().unwrap();
    forest.delete(&first.slice(1..4)).unwrap();
    forest.check().unwrap();
    (forest, values)
}

/// All that a living forest says of rows, the frozen one says too: of whole blocks,
/// of rows alone, and with threads.
fn check(forest: &Forest, asked: &Rows<'_>) {
    let n = asked.n_rows();
    let mut frozen = forest.freeze().unwrap();
    let scores = bits(&forest.score(asked).unwrap());
    for threads in [1, 2] {
        frozen.set_threads(threads);
        assert_eq!(bits(&frozen.score(asked).unwrap()), scores);
    }
    for i in (0..n).step_by(11) {
        let row = asked.slice(i..i + 1);
        assert_eq!(bits(&frozen.score(&row).unwrap()), scores[i..=i]);
        assert_eq!(bits(&forest.score(&row).unwrap()), scores[i..=i]);
    }
    for kind in [ScoreKind::LocalRange, ScoreKind::Auto] {
        let scores = bits(&forest.score_by(kind, asked).unwrap());
        for i in (0..n).step_by(17) {
            let row = asked.slice(i..i + 1);
            assert_eq!(bits(&frozen.score_by(kind, &row).unwrap()), scores[i..=i]);
            assert_eq!(bits(&forest.score_by(kind, &row).unwrap()), scores[i..=i]);
        }
    }
    let few = asked.slice(0..9);
    assert_eq!(
        parts(&frozen.attribution(&few).unwrap()),
        parts(&forest.attribution(&few).unwrap())
    );
    assert_eq!(
        bits(&frozen.displacement(&few).unwrap()),
        bits(&forest.displacement(&few).unwrap())
    );
    assert_eq!(
        bits(&frozen.codisp(&few).unwrap()),
        bits(&forest.codisp(&few).unwrap())
    );
}

#[test]
fn frozen_forests_say_what_living_ones_say() {
    let shapes = [(2, 8, 3), (17, 4, 9), (2, 8, 1), (3, 8, 8), (2, 8, 35)];
    let n_shapes = if cfg!(miri) { 2 } else { shapes.len() };
    for (n_trees, sample_size, d) in shapes.into_iter().take(n_shapes) {
        let (forest, values) = grown(n_trees, sample_size, d, Sampling::Uniform);
        check(&forest, &rows_of(&values[8 * d..], d));
    }
}

/// Streams, in which points leave all the time.
#[test]
fn streams_go_the_same_way_in_pieces_and_at_once() {
    for d in if cfg!(miri) { 9..10 } else { 1..10 } {
        let sampling = Sampling::Decay { rate: Some(0.1) };
        let (mut forest, values) = grown(2, 8, d, sampling);
        let mut other = forest.clone();
        let rows = rows_of(&values, d);
        let at_once = bits(&forest.process(&rows).unwrap());
        let pieces: Vec<u64> = (0..rows.n_rows())
            .step_by(6)
            .map(|first| rows.slice(first..(first + 6).min(rows.n_rows())))
            .flat_map(|rows| bits(&other.process(&rows).unwrap()))
            .collect();
        assert_eq!(at_once, pieces);
        forest.check().unwrap();
        check(&forest, &rows);
    }
}

#[test]
fn models_are_what_they_were_once_read_again() {
    for model in small_models() {
        let file = model.to_bytes();
        assert_eq!(Model::from_bytes(&file).unwrap().to_bytes(), file);
    }
    let detector = small_detector();
    let values = stream(12, 4, 8);
    let rows = rows_of(&values, 4);
    let scores = detector.score(&rows).unwrap();
    assert!(scores.iter().all(|score| score.is_finite()));
    assert_eq!(detector.reasons(&rows).unwrap().len(), 12);
}
