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

use fastrcf::{Detector, Forest, FrozenForest, Model, Rows};
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
