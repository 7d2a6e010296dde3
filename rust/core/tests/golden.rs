//! Files of released versions: they must stay readable, give the same scores to
//! the bit on every machine, and be what today's engine would write.
//!
//! `FASTRCF_WRITE_GOLDEN=1 cargo test --test golden` writes those of a new
//! version; existing ones are never rewritten.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{
    AlertBudget, ColumnKind, Detector, DetectorBuilder, DetectorConfig, Forest, ForestConfig,
    Model, Sampling, Scaling, ScoreKind,
};
use files::{rows_of, small_series, small_series_of, small_set, stream};
use std::path::PathBuf;

const D: usize = 5;

fn series_of(budget: AlertBudget) -> Model {
    Model::Series(Box::new(small_series_of(Some(budget), 40)))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn models() -> Vec<(&'static str, Model)> {
    let forest = |sampling, shingle_size, feature_weights| {
        let config = ForestConfig {
            n_trees: 12,
            sample_size: 32,
            shingle_size,
            sampling,
            feature_weights,
            seed: 20_240_501,
            n_threads: 0,
        };
        let mut forest = Forest::new(config, D).unwrap();
        let values = stream(800, D, 77);
        let rows = rows_of(&values, D);
        forest.insert(&rows.slice(0..500)).unwrap();
        if shingle_size == 1 {
            forest.delete(&rows.slice(470..500)).unwrap();
        }
        forest.process(&rows.slice(500..800)).unwrap();
        forest
    };
    let weights = Some(vec![1.0, 0.25, 2.0, 1.5, 1.0]);
    let mut decay = forest(Sampling::Decay { rate: None }, 1, weights);
    let notes = [("made by", "tests/golden.rs"), ("für", "Prüfungen")];
    let notes = notes.map(|(name, text)| (name.to_owned(), text.to_owned()));
    decay.set_notes(notes.into()).unwrap();
    let window = forest(Sampling::Window, 3, None);
    let uniform = forest(Sampling::Uniform, 1, None);
    vec![
        ("decay", Model::Forest(decay)),
        ("window-shingle", Model::Forest(window)),
        ("frozen", Model::Frozen(uniform.freeze().unwrap())),
        ("detector-pace", Model::Detector(Box::new(detector()))),
        ("series", Model::Series(Box::new(small_series(true)))),
        ("series-set", Model::SeriesSet(Box::new(small_set(None)))),
        ("series-share", series_of(AlertBudget::Share(0.2))),
        ("series-per-day", series_of(AlertBudget::PerDay(300.0))),
        (
            "series-set-share",
            Model::SeriesSet(Box::new(small_set(Some(AlertBudget::Share(0.1))))),
        ),
    ]
}

fn detector() -> Detector {
    let kinds = [
        ColumnKind::Number(Scaling::Auto),
        ColumnKind::Number(Scaling::LogRobust),
        ColumnKind::Number(Scaling::Rank),
        ColumnKind::Number(Scaling::Robust),
        ColumnKind::Category,
    ];
    let columns = kinds.iter().enumerate();
    let columns = columns.map(|(j, &kind)| (format!("c{j}"), kind)).collect();
    let config = DetectorConfig {
        n_trees: 12,
        sample_size: 32,
        alert_rate: 0.01,
        score: ScoreKind::Auto,
        relations: true,
        tracks: true,
        time_decay: 0.0,
        seed: 4,
        n_threads: 0,
    };
    let mut builder = DetectorBuilder::new(config, columns).unwrap();
    let codes = ["tcp", "udp", "ICMP", "other"].map(|name| builder.category(4, name));
    let mut values = stream(900, D, 8);
    for (i, row) in values.chunks_exact_mut(D).enumerate() {
        row[4] = codes[i * i % 7 % 4];
        // A relation that one row in a hundred breaks.
        if i % 100 != 50 {
            row[3] = row[0] - 2.0 * row[1];
        }
    }
    builder.add(&rows_of(&values, D)).unwrap();
    let mut detector = builder.finish(&mut || false).unwrap();
    assert_eq!(
        (detector.forests().len(), detector.relations().len()),
        (2, 1)
    );
    detector.process(&rows_of(&values[..D * 100], D)).unwrap();
    detector
}

fn scores(model: &Model, values: &[f64]) -> Vec<f64> {
    let rows = &rows_of(values, D);
    let times: Vec<f64> = (0..40).map(|i| 3e3 + 50.0 * f64::from(i)).collect();
    match model {
        Model::Forest(forest) => forest.score(rows).unwrap(),
        Model::Frozen(forest) => forest.score(rows).unwrap(),
        Model::Detector(detector) => detector.score(rows).unwrap(),
        Model::Series(series) => {
            let rows = rows_of(&values[..80], 2);
            series.clone().process(&rows, Some(&times)).unwrap().scores
        }
        Model::SeriesSet(set) => {
            let keys: Vec<String> = (0..40u32).map(|i| format!("k{}", i % 4)).collect();
            let rows = rows_of(&values[..40], 1);
            let found = set.clone().process(&keys, &rows, Some(&times));
            found.unwrap().scores
        }
        _ => Vec::new(),
    }
}

fn hex(scores: &[f64]) -> String {
    scores
        .iter()
        .map(|s| format!("{:016x} {s}\n", s.to_bits()))
        .collect()
}

/// Written by what came before: a stream's threshold without the latest alerts.
const BEFORE: [&str; 1] = ["detector"];

#[test]
fn files_of_before_are_read_and_written_as_they_were() {
    let asked = stream(40, D, 78);
    for name in BEFORE {
        let bytes = std::fs::read(folder().join(format!("{name}-v1.rcf"))).unwrap();
        let golden = Model::from_bytes(&bytes).unwrap();
        let table = folder().join(format!("{name}-v1.txt"));
        let expected = std::fs::read_to_string(table).unwrap();
        assert_eq!(hex(&scores(&golden, &asked)), expected, "{name}");
        assert!(golden.to_bytes() == bytes, "{name}: other bytes once read");
        // A stream goes on from there, and has more to tell then.
        let Model::Detector(mut detector) = golden else {
            panic!("{name} is no detector");
        };
        detector.process(&rows_of(&asked, D)).unwrap();
        let more = detector.to_bytes();
        assert!(Model::from_bytes(&more).unwrap().to_bytes() == more);
    }
}

#[test]
fn golden_files_are_read_and_would_be_written_again() {
    let asked = stream(40, D, 78);
    for (name, model) in models() {
        let file = folder().join(format!("{name}-v1.rcf"));
        let table = folder().join(format!("{name}-v1.txt"));
        if std::env::var_os("FASTRCF_WRITE_GOLDEN").is_some() && !file.exists() {
            model.save(&file).unwrap();
            std::fs::write(&table, hex(&scores(&model, &asked))).unwrap();
        }
        let golden = Model::load(&file).unwrap();
        let expected = std::fs::read_to_string(&table).unwrap();
        assert_eq!(hex(&scores(&golden, &asked)), expected, "{name}");
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            model.to_bytes() == bytes,
            "{name}: other bytes than released"
        );
        assert!(golden.to_bytes() == bytes, "{name}: other bytes once read");
    }
}
