//! Bad values: who is named, whatever the layout, the block and the threads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{
    Column, ColumnKind, Detector, DetectorBuilder, DetectorConfig, Error, Forest, ForestConfig,
    Result, Rows, Scaling,
};
use files::Numbers;

const D: usize = 5;
const N: usize = 70_000;

fn forest() -> Forest {
    let config = ForestConfig {
        n_trees: 3,
        sample_size: 16,
        n_threads: 3,
        feature_weights: Some(vec![1.0, 2.0, 0.5, 1e-20, 1e20]),
        ..Default::default()
    };
    let mut forest = Forest::new(config, D).unwrap();
    let x = values(200);
    forest.insert(&Rows::from_f64(&x, D).unwrap()).unwrap();
    forest
}

fn detector() -> Detector {
    let config = DetectorConfig {
        n_trees: 3,
        sample_size: 16,
        n_threads: 3,
        ..Default::default()
    };
    let column = |j: usize| {
        let scaling = Scaling::NAMES[j % Scaling::NAMES.len()].1;
        (format!("x{j}"), ColumnKind::Number(scaling))
    };
    let mut builder = DetectorBuilder::new(config, (0..D).map(column).collect()).unwrap();
    let x = values(200);
    builder.add(&Rows::from_f64(&x, D).unwrap()).unwrap();
    builder.finish(&mut || false).unwrap()
}

fn values(n: usize) -> Vec<f64> {
    let mut numbers = Numbers(5);
    (0..n * D).map(|_| numbers.unit()).collect()
}

fn place<T: std::fmt::Debug>(result: Result<T>) -> (usize, usize) {
    match result {
        Err(Error::InvalidValue { row, column, .. }) => (row, column),
        other => panic!("{other:?}"),
    }
}

/// The same rows in three pieces.
fn parts<'a>(rows: &Rows<'a>) -> Rows<'a> {
    let n = rows.n_rows();
    let cuts = [0..n / 3, n / 3..n / 2, n / 2..n];
    Rows::from_parts(cuts.map(|cut| rows.slice(cut)).to_vec()).unwrap()
}

/// Every call that takes rows, with these values as a matrix, as columns and in pieces.
fn named(forest: &Forest, detector: &Detector, x: &[f64]) -> Vec<(usize, usize)> {
    let n = x.len() / D;
    let frozen = forest.freeze().unwrap();
    let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let turned: Vec<f64> = (0..x.len()).map(|i| x[i % n * D + i / n]).collect();
    let columns = turned.chunks_exact(n);
    let columns = columns.map(|values| Column::F64 { values, stride: 1 });
    let mut named = Vec::new();
    for rows in [
        Rows::from_f64(x, D).unwrap(),
        Rows::from_f32(&single, D).unwrap(),
        Rows::from_columns(columns.collect(), n).unwrap(),
        parts(&Rows::from_f64(x, D).unwrap()),
    ] {
        named.push(place(frozen.score(&rows)));
        named.push(place(forest.score(&rows)));
        named.push(place(forest.codisp(&rows)));
        named.push(place(detector.score(&rows)));
        named.push(place(detector.detect(&rows)));
        named.push(place(detector.reasons(&rows)));
        let before = forest.to_bytes();
        let mut changed = forest.clone();
        named.push(place(changed.insert(&rows)));
        named.push(place(changed.process(&rows)));
        named.push(place(changed.delete(&rows)));
        assert!(changed.to_bytes() == before);
        let before = detector.to_bytes();
        let mut changed = detector.clone();
        named.push(place(changed.process(&rows)));
        assert!(changed.to_bytes() == before);
    }
    named
}

#[test]
fn the_first_bad_value_in_row_order_is_named_whatever_the_threads() {
    let (forest, detector) = (forest(), detector());
    // Below and above the numbers of rows from which on blocks pay.
    for n in [1, 20, 3000, N] {
        let good = values(n);
        for bad in [f64::NAN, f64::INFINITY, -f64::INFINITY] {
            for (row, column) in [(0, 4), (n / 2, 0), (n - 1, 2)] {
                let mut x = good.clone();
                // A later block fails, too, and a later column of the same row.
                x[row * D + column..]
                    .iter_mut()
                    .step_by(7)
                    .for_each(|x| *x = bad);
                let named = named(&forest, &detector, &x);
                assert!(named.iter().all(|&at| at == (row, column)), "{named:?}");
            }
        }
    }
}

#[test]
fn values_are_held_against_their_own_column_s_limit() {
    let forest = forest();
    let frozen = forest.freeze().unwrap();
    // Beyond the least of all limits, and within that of its column.
    let mut x = values(3000);
    x[3] = 1e45;
    let rows = Rows::from_f64(&x, D).unwrap();
    assert_eq!(frozen.score(&rows).unwrap(), forest.score(&rows).unwrap());
    let one = Rows::from_f64(&x[..D], D).unwrap();
    assert_eq!(
        frozen.score(&one).unwrap()[0],
        frozen.score(&rows).unwrap()[0]
    );
    x[2999 * D + 4] = 1e11;
    let rows = Rows::from_f64(&x, D).unwrap();
    assert_eq!(place(frozen.score(&rows)), (2999, 4));
    x[3] = 1e51;
    let rows = Rows::from_f64(&x, D).unwrap();
    assert_eq!(place(frozen.score(&rows)), (0, 3));
}

#[test]
fn a_detector_s_scores_do_not_depend_on_layout_batch_or_path() {
    let mut detector = detector();
    let n = 5000;
    let single: Vec<f32> = values(n).iter().map(|&x| x as f32).collect();
    let x: Vec<f64> = single.iter().map(|&x| f64::from(x)).collect();
    let turned: Vec<f64> = (0..x.len()).map(|i| x[i % n * D + i / n]).collect();
    let columns = turned.chunks_exact(n);
    let columns = columns.map(|values| Column::F64 { values, stride: 1 });
    let rows = Rows::from_f64(&x, D).unwrap();
    // Row by row while nothing is frozen.
    let expected: Vec<f64> = (0..n)
        .map(|i| detector.score(&rows.slice(i..i + 1)).unwrap()[0])
        .collect();
    assert_eq!(detector.score(&rows).unwrap(), expected);
    assert_eq!(
        detector
            .score(&Rows::from_f32(&single, D).unwrap())
            .unwrap(),
        expected
    );
    let columns = Rows::from_columns(columns.collect(), n).unwrap();
    assert_eq!(detector.score(&columns).unwrap(), expected);
    let parts = parts(&columns);
    assert_eq!(detector.score(&parts).unwrap(), expected);
    assert_eq!(
        detector.score(&parts.slice(1500..1900)).unwrap(),
        expected[1500..1900]
    );
    for size in [3, 600, 1100] {
        let scores: Vec<f64> = (0..n)
            .step_by(size)
            .flat_map(|i| detector.score(&columns.slice(i..i + size)).unwrap())
            .collect();
        assert_eq!(scores, expected);
    }
    let mut other = detector.clone();
    let streamed = detector.process(&rows).unwrap();
    let one_by_one: Vec<f64> = (0..n)
        .flat_map(|i| other.process(&columns.slice(i..i + 1)).unwrap().scores)
        .collect();
    assert_eq!(streamed.scores, one_by_one);
    assert!(detector.to_bytes() == other.to_bytes());
}
