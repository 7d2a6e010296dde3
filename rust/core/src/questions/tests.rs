//! Questions and changes stop when they are told to, and have changed nothing then.

use crate::{
    ColumnKind, DetectorBuilder, DetectorConfig, Error, Forest, ForestConfig, Model, Result, Rows,
    Sampling, Scaling,
};

const TREES: usize = 30;

type Change<'a> = &'a mut dyn FnMut(&mut Forest, &mut dyn FnMut() -> bool) -> Result<()>;

/// Says to stop at ever later questions until the call ends by itself, and
/// tells at which it was not reached. The call must say that it stopped.
fn questions<T>(mut call: impl FnMut(&mut dyn FnMut() -> bool) -> Result<T>) -> usize {
    let mut stop_at = 0;
    loop {
        let mut asked = 0;
        let result = call(&mut || {
            asked += 1;
            asked > stop_at
        });
        match result {
            Ok(_) => return stop_at,
            Err(Error::Interrupted) => assert!(asked > stop_at),
            Err(other) => panic!("{other}"),
        }
        stop_at += 1 + stop_at / 4;
    }
}

fn values(n: usize) -> Vec<f64> {
    (0..n).map(|i| (i as f64 * 0.7).sin()).collect()
}

fn forest() -> Forest {
    let config = ForestConfig {
        n_trees: TREES,
        sample_size: 64,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, 2).unwrap();
    forest
        .insert(&Rows::from_f64(&values(400), 2).unwrap())
        .unwrap();
    forest
}

#[test]
fn every_question_is_interrupted_between_trees() {
    let forest = forest();
    // So many rows that they go through one tree after the other.
    let x = values(40);
    let rows = Rows::from_f64(&x, 2).unwrap();
    let y = values(400);
    let many = Rows::from_f64(&y, 2).unwrap();
    let bytes = forest.to_bytes();
    let frozen = forest.freeze().unwrap().to_bytes();
    let asked = [
        questions(|stop| forest.score_with(&rows, stop)),
        questions(|stop| forest.attribution_with(&rows, stop)),
        questions(|stop| forest.displacement_with(&rows, stop)),
        questions(|stop| forest.codisp_with(&rows, stop)),
        questions(|stop| forest.freeze_with(stop)),
        questions(|stop| forest.to_bytes_with(stop)),
        questions(|stop| forest.freeze()?.to_bytes_with(stop)),
        questions(|stop| Model::from_bytes_with(&bytes, stop)),
        1 + questions(|stop| Model::from_bytes_with(&frozen, stop)),
        // Boxes are built tree by tree.
        questions(|stop| forest.freeze()?.score_with(&rows, stop)),
        questions(|stop| forest.freeze()?.codisp_with(&rows, stop)),
        // In blocks.
        questions(|stop| forest.freeze()?.attribution_with(&many, stop)),
    ];
    assert!(asked.iter().all(|&n| n >= TREES), "{asked:?}");
}

#[test]
fn what_an_interrupted_call_has_built_stays_and_gives_the_same_scores() {
    let (forest, x) = (forest(), values(20));
    let rows = Rows::from_f64(&x, 2).unwrap();
    let frozen = forest.freeze().unwrap();
    let mut asked = 0;
    let stopped = frozen.score_with(&rows, &mut || {
        asked += 1;
        asked > TREES / 2
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(frozen.memory_usage() > forest.freeze().unwrap().memory_usage());
    assert_eq!(frozen.score(&rows).unwrap(), forest.score(&rows).unwrap());
}

#[test]
fn one_thread_takes_a_row_through_many_trees_at_once() {
    // So many trees that a few rows are worth threads, and each holds its one row.
    let trees = if cfg!(miri) { 300 } else { 20_000 };
    let config = ForestConfig {
        n_trees: trees,
        sample_size: 2,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, 1).unwrap();
    let x = [0.0, 3.0, 1.0];
    let rows = Rows::from_f64(&x, 1).unwrap();
    forest.insert(&rows).unwrap();
    let mut asked = 0;
    let mut count = || {
        asked += 1;
        false
    };
    let scores = forest.score_with(&rows, &mut count).unwrap();
    // Once for many trees, not for each.
    assert!(asked < trees / 10, "{asked}");
    forest.set_threads(2);
    assert_eq!(forest.score(&rows).unwrap(), scores);
}

#[test]
fn an_interrupted_change_is_none() {
    let x = values(2000);
    let rows = Rows::from_f64(&x, 2).unwrap();
    // With a clock that jumps, blocks end early: short calls too have some.
    let clock: Vec<i64> = (0..1000).map(|i| i * 400_000).collect();
    for n in [1, 3, 40, 200, 1000] {
        let rows = rows.slice(0..n);
        for sampling in [Sampling::Decay { rate: None }, Sampling::Window] {
            let config = ForestConfig {
                n_trees: TREES,
                sample_size: 64,
                sampling,
                ..Default::default()
            };
            let mut forest = Forest::new(config, 2).unwrap();
            forest
                .insert(&Rows::from_f64(&values(400), 2).unwrap())
                .unwrap();
            let before = forest.to_bytes();
            let check = |call: Change<'_>| {
                questions(|stop| {
                    let mut changed = forest.clone();
                    let result = call(&mut changed, stop);
                    if result.is_err() {
                        assert!(changed.to_bytes() == before);
                    }
                    result
                })
            };
            let inserted = check(&mut |f, stop| f.insert_with(&rows, Some(&clock[..n]), stop));
            let processed = check(&mut |f, stop| f.process_with(&rows, None, stop).map(drop));
            // One that is asked half-way is in `forest/delete.rs`.
            check(&mut |f, stop| f.delete_with(&rows, stop).map(drop));
            assert!(inserted > 0 && processed > 0);
        }
    }
}

#[test]
fn a_detector_is_interrupted_while_it_is_fitted_and_asked() {
    let config = DetectorConfig {
        n_trees: TREES,
        alert_rate: 0.2,
        n_threads: 1,
        ..Default::default()
    };
    let columns = ["a", "b"].map(|name| (name.into(), ColumnKind::Number(Scaling::Auto)));
    let mut builder = DetectorBuilder::new(config, columns.into()).unwrap();
    let x = values(80_000);
    let rows = Rows::from_f64(&x, 2).unwrap();
    // An interrupted batch is as if it had never come.
    let mut again = builder.clone();
    again.add(&rows).unwrap();
    assert!(questions(|stop| builder.add_with(&rows, stop)) > 2);
    let few = rows.slice(0..300);
    assert!(questions(|stop| builder.add_with(&few, stop)) > 0);
    again.add(&few).unwrap();
    let finish = |builder: &DetectorBuilder| builder.clone().finish(&mut || false);
    let detector = finish(&again).unwrap();
    assert!(finish(&builder).unwrap().to_bytes() == detector.to_bytes());
    let before = detector.to_bytes();
    assert!(questions(|stop| detector.to_bytes_with(stop)) >= TREES);
    assert!(questions(|stop| detector.reasons_with(&few, stop)) >= TREES);
    assert!(questions(|stop| detector.detect_with(&few, stop)) >= TREES);
    for n in [1, 300] {
        let rows = rows.slice(0..n);
        let asked = questions(|stop| {
            let mut changed = detector.clone();
            let result = changed.process_with(&rows, stop);
            if result.is_err() {
                assert!(changed.to_bytes() == before);
            }
            result
        });
        // One row goes through many trees between two questions.
        let least = if n == 1 { 1 } else { TREES };
        assert!(asked >= least, "{n} rows: {asked}");
    }
}
