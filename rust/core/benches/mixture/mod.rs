//! Rows that measurements share: three clouds with a few outliers around them.

use std::iter;

/// Numbers that are the same on every machine (xorshift64).
struct Numbers(u64);

impl Numbers {
    /// In [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, with variance 1: no logarithm, so the same bits everywhere.
    fn normal(&mut self) -> f64 {
        iter::repeat_with(|| self.unit()).take(12).sum::<f64>() - 6.0
    }
}

/// `n_rows` rows of `n_columns` values, row-major. One row in a hundred lies
/// fifteen times as wide as a cloud.
pub(crate) fn mixture(n_rows: usize, n_columns: usize, seed: u64) -> Vec<f32> {
    // Of the width alone, so that streams of one width belong together.
    let mut places = Numbers(0x9E37_79B9_7F4A_7C15 ^ n_columns as u64);
    let centers: Vec<f64> = (0..3 * n_columns).map(|_| 3.0 * places.normal()).collect();
    let mut numbers = Numbers(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1);
    let mut values = Vec::with_capacity(n_rows * n_columns);
    for _ in 0..n_rows {
        let cloud = (3.0 * numbers.unit()) as usize;
        let odd = numbers.unit() < 0.01;
        values.extend((0..n_columns).map(|column| {
            let noise = numbers.normal();
            let center = centers[cloud * n_columns + column];
            (if odd { 15.0 * noise } else { center + noise }) as f32
        }));
    }
    values
}
