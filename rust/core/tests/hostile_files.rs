//! Mutated files: none may panic or take memory out of proportion, and what is
//! accepted must be a model that works.
//!
//! `FASTRCF_MUTATIONS` sets how many files are tried.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Detector, Forest, FrozenForest, Model, Rows, SeriesDetector, SeriesSet};
use files::{Numbers, mutate, small_models};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Small files are outgrown by the structures that every forest has.
const SLACK: usize = 64 * 1024;

fn works_living(mut forest: Forest) {
    forest.check().unwrap();
    let values = vec![0.25; forest.n_features() * 4];
    let rows = Rows::from_f64(&values, forest.n_features()).unwrap();
    // Weights may be such that these values are out of range.
    if forest.process(&rows).is_ok() {
        forest.check().unwrap();
    }
}

fn works_frozen(forest: FrozenForest) {
    let values = vec![0.25; forest.n_features() * 4];
    let rows = Rows::from_f64(&values, forest.n_features()).unwrap();
    if let Ok(scores) = forest.score(&rows) {
        assert!(scores.iter().all(|s| s.is_finite()), "{scores:?}");
    }
}

fn works_detector(mut detector: Detector) {
    let values = vec![0.25; detector.features().len() * 4];
    let rows = Rows::from_f64(&values, detector.features().len()).unwrap();
    let _ = detector.reasons(&rows).unwrap();
    let found = detector.process(&rows).unwrap();
    assert!(found.grades.iter().all(|g| (0.0..=1.0).contains(g)));
    for forest in detector.forests() {
        forest.check().unwrap();
    }
}

fn works_series(mut series: SeriesDetector) {
    let d = series.columns().len();
    let values = vec![0.25; d * 4];
    let rows = Rows::from_f64(&values, d).unwrap();
    // Series have times or have none; whichever it is, one of the two is taken.
    let timed = series.process(&rows, Some(&[1.0, 2.0, 3.0, 4.0]));
    if timed.is_err() {
        series.process(&rows, None).unwrap();
    }
    series.forest().check().unwrap();
}

fn works_set(mut set: SeriesSet) {
    let d = set.columns().len();
    let values = vec![0.25; d * 4];
    let rows = Rows::from_f64(&values, d).unwrap();
    let keys = ["k0", "k1", "new", "k1"].map(str::to_owned);
    let timed = set.process(&keys, &rows, Some(&[1.0, 2.0, 3.0, 4.0]));
    if timed.is_err() {
        set.process(&keys, &rows, None).unwrap();
    }
}

#[test]
fn mutated_files_neither_panic_nor_swallow_memory() {
    let tries: usize = std::env::var("FASTRCF_MUTATIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let originals: Vec<Vec<u8>> = small_models().iter().map(Model::to_bytes).collect();
    let mut numbers = Numbers(2024);
    let mut accepted = 0;
    for i in 0..tries {
        let mut file = originals[i % originals.len()].clone();
        mutate(&mut file, &mut numbers);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let model = Model::from_bytes(&file);
        let used = MEMORY.peak_usage().saturating_sub(before);
        assert!(
            used <= 2 * file.len() + SLACK,
            "{used} bytes for {}",
            file.len()
        );
        match model {
            Err(_) => {}
            Ok(model) => {
                accepted += 1;
                match model {
                    Model::Forest(forest) => works_living(forest),
                    Model::Frozen(forest) => works_frozen(forest),
                    Model::Detector(detector) => works_detector(*detector),
                    Model::Series(series) => works_series(*series),
                    Model::SeriesSet(set) => works_set(*set),
                    _ => {}
                }
            }
        }
    }
    // Points and cuts may move a little, seeds may be anything: some mutated
    // files are models, and most are not.
    println!("{accepted} of {tries} mutated files are models");
    assert!(accepted > 0 && accepted < tries);
}
