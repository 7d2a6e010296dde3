//! Random numbers: xoshiro256++ seeded by `SplitMix64`, the same on every machine.
//!
//! Every SIM draws from a generator of its own, so that neither blocks nor
//! threads change what it does. Functions beyond the four operations and the
//! square root come from `libm`.

/// The finaliser of `SplitMix64`: a bijection of 64-bit numbers.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A key from a seed, what it is for, and a number; a bijection of the number.
#[must_use]
pub fn key(seed: u64, purpose: u64, number: u64) -> u64 {
    mix(mix(mix(seed) ^ purpose.wrapping_mul(0x2545_f491_4f6c_dd1d)) ^ number)
}

/// A number in [0, 1) from 64 random bits.
#[must_use]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream of a key.
    #[must_use]
    pub fn new(key: u64) -> Self {
        let mut at = key;
        let state = std::array::from_fn(|_| {
            at = at.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(at)
        });
        Rng { state }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        unit(self.bits())
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Uniform in low..=high.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.uniform())
    }

    /// Standard normal, by Acklam's approximation of the inverse (error below 1.2e-9).
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform().max(1e-16))
    }

    /// Log-normal with this median and standard deviation of the logarithm.
    pub fn lognormal(&mut self, median: f64, sd: f64) -> f64 {
        median * libm::exp(sd * self.normal())
    }

    /// Log-uniform in [low, high).
    pub fn magnitude(&mut self, low: f64, high: f64) -> f64 {
        low * libm::exp(libm::log(high / low) * self.uniform())
    }

    /// A place in weights, each as likely as its weight; the last takes the rest.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut at = self.uniform() * weights.iter().sum::<f64>();
        for (place, weight) in weights.iter().enumerate() {
            at -= weight;
            if at < 0.0 {
                return place;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[allow(clippy::excessive_precision)]
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.383577518672690e+02,
        -3.066479806614716e+01,
        2.506628277459239e+00,
    ];
    const B: [f64; 5] = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e+00,
        -2.549732539343734e+00,
        4.374664141464968e+00,
        2.938163982698783e+00,
    ];
    const D: [f64; 4] = [
        7.784695709041462e-03,
        3.224671290700398e-01,
        2.445134137142996e+00,
        3.754408661907416e+00,
    ];
    let tail = |p: f64| {
        let q = (-2.0 * libm::log(p)).sqrt();
        let above = ((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5];
        above / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        let above = (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q;
        above / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_laws() {
        let mut rng = Rng::new(1);
        let n = 200_000;
        let (mut sum, mut squares, mut waits) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let z = rng.normal();
            sum += z;
            squares += z * z;
            waits += rng.exponential();
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.01);
        assert!((squares / n - 1.0).abs() < 0.02);
        assert!((waits / n - 1.0).abs() < 0.01);
    }

    #[test]
    fn the_stream_never_changes() {
        let mut rng = Rng::new(key(1, 2, 3));
        let draws: Vec<u64> = (0..3).map(|_| rng.bits()).collect();
        let mut again = Rng::new(key(1, 2, 3));
        assert_eq!(draws, (0..3).map(|_| again.bits()).collect::<Vec<_>>());
        assert_ne!(key(1, 2, 3), key(1, 3, 2));
    }
}
