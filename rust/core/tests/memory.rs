//! What a forest says that it takes, against what the allocator has given it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod files;

use fastrcf::{Forest, ForestConfig, FrozenForest};
use files::{Numbers, rows_of};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What `make` makes, and the bytes that are given out once it has returned.
fn counted<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let before = ALLOCATOR.current_usage();
    let made = make();
    (made, ALLOCATOR.current_usage() as f64 - before as f64)
}

fn forest(d: usize, n_trees: usize, sample_size: usize, rows: &[f64]) -> Forest {
    let config = ForestConfig {
        n_trees,
        sample_size,
        seed: 1,
        n_threads: 1,
        ..Default::default()
    };
    let mut forest = Forest::new(config, d).unwrap();
    forest.insert(&rows_of(rows, d)).unwrap();
    forest
}

/// One test, as what runs beside it would be counted too.
#[test]
fn a_forest_takes_what_it_says() {
    let mut numbers = Numbers(3);
    let mut rows =
        |n: usize, d: usize| -> Vec<f64> { (0..n * d).map(|_| numbers.unit()).collect() };
    for (d, n_trees, sample_size, most) in [
        (30, 100, 256, 4 << 20),
        (8, 100, 256, 4 << 20),
        // Awake; what it takes at rest is the length of its dense form.
        (4, 30, 64, 280_000),
        (300, 5, 64, 4 << 20),
    ] {
        let values = rows(20_000, d);
        let (mut living, bytes) = counted(|| forest(d, n_trees, sample_size, &values));
        let agree = |said: usize, bytes: f64| {
            let ratio = said as f64 / bytes;
            assert!((0.95..1.05).contains(&ratio), "d = {d}: {said} of {bytes}");
        };
        println!("d = {d}: {bytes} bytes, {} said", living.memory_usage());
        agree(living.memory_usage(), bytes);
        assert!(bytes <= f64::from(most), "d = {d}: {bytes}");
        let (frozen, bytes): (FrozenForest, f64) = counted(|| living.freeze().unwrap());
        agree(frozen.memory_usage(), bytes);
        // Row by row, it takes no more.
        let values = rows(1000, d);
        let (_, more) = counted(|| {
            for row in values.chunks_exact(d) {
                living.process(&rows_of(row, d)).unwrap();
            }
        });
        let said = living.memory_usage();
        let (_, all) = counted(|| drop(living));
        agree(said, -all);
        assert!(
            -all <= f64::from(most),
            "d = {d}: {} after {more} more",
            -all
        );
    }
}
