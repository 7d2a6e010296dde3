//! Series: a call happens as a whole or not at all, whatever stops it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Error, Rows, SeriesConfig, SeriesDetector, SeriesSet};
use files::{rows_of, stream};

fn config(n_threads: usize) -> SeriesConfig {
    SeriesConfig {
        n_trees: 4,
        sample_size: 32,
        warm_up: 8,
        threshold: 0.1,
        seed: 3,
        n_threads,
        ..Default::default()
    }
}

fn column() -> Vec<String> {
    vec!["a".to_owned()]
}

#[test]
fn an_interrupted_call_has_changed_nothing() {
    let values = stream(5000, 1, 5);
    let rows = rows_of(&values, 1);
    let mut detector = SeriesDetector::new(config(1), column()).unwrap();
    detector.process(&rows.slice(0..1500), None).unwrap();
    let before = detector.to_bytes();
    let rest = rows.slice(1500..5000);
    let mut stopped = 0;
    loop {
        let mut asked = 0;
        let result = detector.process_with(&rest, None, &mut || {
            asked += 1;
            asked > stopped
        });
        if result.is_ok() {
            break;
        }
        assert!(matches!(result, Err(Error::Interrupted)));
        assert!(detector.to_bytes() == before);
        stopped += 1;
    }
    assert!(stopped >= 4, "{stopped}");
    let mut whole = SeriesDetector::new(config(2), column()).unwrap();
    whole.process(&rows, None).unwrap();
    assert!(whole.to_bytes() == detector.to_bytes());
}

#[test]
fn an_interrupted_call_has_changed_no_series_of_a_set() {
    let values = stream(900, 1, 6);
    let rows = rows_of(&values, 1);
    // Series come, make room for others and come back, within a call too.
    let key = |i: usize| format!("k{}", (i / 40 + i % 2) % 5);
    let keys: Vec<String> = (0..900).map(key).collect();
    let mut set = SeriesSet::new(config(1), column(), 3).unwrap();
    set.process(&keys[..300], &rows.slice(0..300), None)
        .unwrap();
    let before = set.to_bytes();
    let mut stopped = 0;
    loop {
        let mut asked = 0;
        let rest = rows.slice(300..900);
        let result = set.process_with(&keys[300..], &rest, None, &mut || {
            asked += 1;
            asked > stopped
        });
        if result.is_ok() {
            break;
        }
        assert!(set.to_bytes() == before);
        stopped += 1;
    }
    assert!(stopped >= 10, "{stopped}");
    let mut single = SeriesSet::new(config(1), column(), 3).unwrap();
    for (i, key) in keys.iter().enumerate() {
        single
            .process(std::slice::from_ref(key), &rows.slice(i..i + 1), None)
            .unwrap();
    }
    assert!(single.to_bytes() == set.to_bytes());
    assert!(set.n_dropped() > 10);
}

#[test]
fn what_cannot_be_used_is_refused_with_its_row() {
    let mut detector = SeriesDetector::new(config(1), column()).unwrap();
    let rows = [1.0, 2.0, f64::INFINITY];
    let rows = Rows::from_f64(&rows, 1).unwrap();
    let found = detector.process(&rows, None);
    assert!(matches!(found, Err(Error::InvalidValue { row: 2, .. })));
    let times = [0.0, f64::NAN];
    let found = detector.process(&rows.slice(0..2), Some(&times));
    assert!(
        found
            .unwrap_err()
            .to_string()
            .starts_with("row 1: the time")
    );
    detector.process(&rows.slice(0..2), None).unwrap();
    let found = detector.process(&rows.slice(0..2), Some(&[1.0, 2.0]));
    assert!(found.unwrap_err().to_string().contains("always or never"));
    assert_eq!(detector.counts().seen, 2);
}
