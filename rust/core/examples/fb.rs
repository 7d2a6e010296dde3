use fastrcf::{Forest, ForestConfig, Rows};
use std::time::Instant;
fn main() -> fastrcf::Result<()> {
    let ds: Vec<usize> = std::env::args()
        .skip(1)
        .map(|x| x.parse().unwrap())
        .collect();
    for d in ds {
        let n = 65536;
        let mut x = 88172645463325252u64;
        let mut next = || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 11) as f64 / (1u64 << 53) as f64
        };
        let values: Vec<f32> = (0..n * d)
            .map(|_| ((0..6).map(|_| next()).sum::<f64>() - 3.0) as f32)
            .collect();
        let rows = Rows::from_f32(&values, d)?;
        let config = ForestConfig {
            n_threads: 1,
            ..Default::default()
        };
        let mut forest = Forest::new(config, d)?;
        forest.insert(&rows.slice(0..5000))?;
        let frozen = forest.freeze()?;
        let mut v = vec![];
        let mut sum = 0.0;
        for _ in 0..9 {
            let start = Instant::now();
            sum = frozen.score(&rows)?.iter().sum::<f64>();
            v.push(start.elapsed().as_secs_f64() / n as f64 * 1e6);
        }
        v.sort_by(f64::total_cmp);
        println!(
            "d={d:3} score best {:7.3} median {:7.3} us/row  sum {sum}",
            v[0], v[4]
        );
    }
    Ok(())
}
