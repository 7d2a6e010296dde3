//! Microseconds per row on one thread: `cargo run --release --example quick_bench`.

use fastrcf::{Forest, ForestConfig, Rows};
use std::time::Instant;

fn main() -> fastrcf::Result<()> {
    for d in [1, 4, 8, 16, 30, 64] {
        let n = 20_000;
        let mut x = 88172645463325252u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 11) as f64 / (1u64 << 53) as f64
        };
        let values: Vec<f64> = (0..n * d)
            .map(|_| (0..6).map(|_| next()).sum::<f64>() - 3.0)
            .collect();
        let rows = Rows::from_f64(&values, d)?;
        let config = ForestConfig {
            n_threads: 1,
            ..Default::default()
        };
        let mut forest = Forest::new(config, d)?;
        forest.insert(&rows)?;
        let mut best = [f64::MAX; 4];
        let frozen = forest.freeze()?;
        for _ in 0..5 {
            let mut time = |slot: usize, work: &mut dyn FnMut() -> fastrcf::Result<()>| {
                let start = Instant::now();
                work()?;
                best[slot] = best[slot].min(start.elapsed().as_secs_f64() / n as f64 * 1e6);
                fastrcf::Result::Ok(())
            };
            time(0, &mut || frozen.score(&rows).map(drop))?;
            time(1, &mut || forest.process(&rows).map(drop))?;
            time(2, &mut || {
                for i in 0..n / 10 {
                    forest.process(&rows.slice(i..i + 1))?;
                }
                Ok(())
            })?;
            time(3, &mut || {
                frozen.attribution(&rows.slice(0..n / 10)).map(drop)
            })?;
        }
        println!(
            "d={d:3} score {:7.3}  process {:7.3}  process one by one {:7.3}  attribution {:7.3} us/row  {:.2} MB living {:.2} MB frozen",
            best[0],
            best[1],
            best[2] * 10.0,
            best[3] * 10.0,
            forest.memory_usage() as f64 / 1e6,
            frozen.memory_usage() as f64 / 1e6,
        );
    }
    Ok(())
}
