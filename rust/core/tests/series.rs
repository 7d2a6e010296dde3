//! Series: a call happens as a whole or not at all, whatever stops it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{
    AlertBudget, Detection, Error, Reason, Rows, SeriesConfig, SeriesDetector, SeriesSet,
};
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

/// A threshold, and numbers of alerts.
const ASKED: [Option<AlertBudget>; 3] = [
    None,
    Some(AlertBudget::Share(0.01)),
    Some(AlertBudget::PerDay(20.0)),
];

/// A row every minute.
fn times(n: usize) -> Vec<f64> {
    (0..n).map(|i| i as f64 * 60.0).collect()
}

/// Reasons of alerts in words.
fn texts(found: &Detection) -> Vec<Vec<String>> {
    assert_eq!(found.alerts.len(), found.reasons.len());
    let texts = |reasons: &Vec<Reason>| reasons.iter().map(|r| r.text.clone()).collect();
    found.reasons.iter().map(texts).collect()
}

fn column() -> Vec<String> {
    vec!["a".to_owned()]
}

#[test]
fn an_interrupted_call_has_changed_nothing() {
    let values = stream(5000, 1, 5);
    let (rows, times) = (rows_of(&values, 1), times(5000));
    for budget in ASKED {
        let of = |n_threads| SeriesConfig {
            budget,
            ..config(n_threads)
        };
        let mut detector = SeriesDetector::new(of(1), column()).unwrap();
        let begun = detector.process(&rows.slice(0..1500), Some(&times[..1500]));
        begun.unwrap();
        let before = detector.to_bytes();
        let rest = rows.slice(1500..5000);
        let mut stopped = 0;
        loop {
            let mut asked = 0;
            let result = detector.process_with(&rest, Some(&times[1500..]), &mut || {
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
        let mut whole = SeriesDetector::new(of(2), column()).unwrap();
        whole.process(&rows, Some(&times)).unwrap();
        assert!(whole.to_bytes() == detector.to_bytes());
    }
}

#[test]
fn an_interrupted_call_has_changed_no_series_of_a_set() {
    let values = stream(900, 1, 6);
    let (rows, times) = (rows_of(&values, 1), times(900));
    // Series come, make room for others and come back, within a call too.
    let key = |i: usize| format!("k{}", (i / 40 + i % 2) % 5);
    let keys: Vec<String> = (0..900).map(key).collect();
    for budget in ASKED {
        let config = SeriesConfig {
            budget,
            ..config(1)
        };
        let mut set = SeriesSet::new(config.clone(), column(), 3).unwrap();
        set.process(&keys[..300], &rows.slice(0..300), Some(&times[..300]))
            .unwrap();
        let before = set.to_bytes();
        let mut stopped = 0;
        let found = loop {
            let mut asked = 0;
            let (rest, times) = (rows.slice(300..900), Some(&times[300..]));
            let result = set.process_with(&keys[300..], &rest, times, &mut || {
                asked += 1;
                asked > stopped
            });
            match result {
                Ok(found) => break found,
                Err(_) => assert!(set.to_bytes() == before),
            }
            stopped += 1;
        };
        assert!(stopped >= 10, "{stopped}");
        let mut single = SeriesSet::new(config, column(), 3).unwrap();
        let mut reasons = Vec::new();
        for (i, key) in keys.iter().enumerate() {
            let (keys, row) = (std::slice::from_ref(key), rows.slice(i..i + 1));
            let found = single.process(keys, &row, Some(&times[i..=i])).unwrap();
            reasons.extend(texts(&found).into_iter().filter(|_| i >= 300));
        }
        assert!(single.to_bytes() == set.to_bytes());
        assert!(set.n_dropped() > 10);
        assert!(texts(&found) == reasons, "{budget:?}");
        assert!(!reasons.is_empty(), "{budget:?}");
    }
}

#[test]
fn alerts_that_are_asked_for_cannot_be_had_by_halves() {
    let refused = |budget, episode, words: &str| {
        let config = SeriesConfig {
            budget: Some(budget),
            episode,
            habituation: None,
            ..config(1)
        };
        let error = SeriesDetector::new(config, column()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(AlertBudget::Share(0.0), None, "alert_rate");
    refused(AlertBudget::Share(0.6), None, "alert_rate");
    refused(AlertBudget::Share(f64::NAN), None, "alert_rate");
    refused(AlertBudget::PerDay(-1.0), None, "alerts_per_day");
    refused(AlertBudget::Share(0.02), Some(100), "episode");
    let config = SeriesConfig {
        budget: Some(AlertBudget::PerDay(1.0)),
        ..config(1)
    };
    let values = [1.0, 2.0];
    let rows = rows_of(&values, 1);
    let mut one = SeriesDetector::new(config.clone(), column()).unwrap();
    let mut set = SeriesSet::new(config, column(), 3).unwrap();
    let keys = ["a".to_owned(), "b".to_owned()];
    for error in [
        one.process(&rows, None).unwrap_err(),
        set.process(&keys, &rows, None).unwrap_err(),
        one.set_threshold(0.5).unwrap_err(),
        set.set_threshold(0.5).unwrap_err(),
    ] {
        assert!(error.to_string().contains("asked for"), "{error}");
    }
    assert_eq!((one.counts().seen, set.n_series()), (0, 0));
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
