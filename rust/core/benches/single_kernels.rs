//! Nanoseconds for each element of single kernels, in the first-level cache:
//! `cargo bench --package fastrcf --features kernel-bench --bench single_kernels` (a name
//! behind `--` picks some of them).
//!
//! What is reported as time is that of one element; each name says of what. For
//! another instruction set, set `FASTRCF_SIMD`. What a whole forest makes of them is in
//! `kernels.rs`.

use criterion::Criterion;
use fastrcf::kernel_bench::all;
use std::time::{Duration, Instant};

fn main() {
    println!("{}", fastrcf::level().name());
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for mut kernel in all() {
        let name = format!("{}, a {}", kernel.name, kernel.element);
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|times| {
                let begun = Instant::now();
                for _ in 0..times {
                    (kernel.run)();
                }
                begun.elapsed() / kernel.elements
            });
        });
    }
    criterion.final_summary();
}
