//! The generator: xoshiro256++ (Blackman and Vigna 2019), seeded by
//! SplitMix64. Named and portable, so that a seed means the same forest on any
//! machine and in any later version of this format.

/// One stream of random numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rng {
    s: [u64; 4],
}

/// SplitMix64: a bijection on 64 bits whose outputs are well mixed.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// Stream number `stream` of a seed. Streams of one seed are independent
    /// for all that is known of the generator (256-bit states, hashed apart).
    pub(crate) fn new(seed: u64, stream: u64) -> Rng {
        let mut a = seed;
        let mut b = stream ^ 0x6a09_e667_f3bc_c909;
        let mut s = [0; 4];
        for word in &mut s {
            let mut mixed = split_mix(&mut a) ^ split_mix(&mut b).rotate_left(32);
            *word = split_mix(&mut mixed);
        }
        Rng::from_state(s)
    }

    /// The generator in a given state; the all-zero state, from which it
    /// would never leave, is replaced.
    pub(crate) fn from_state(s: [u64; 4]) -> Rng {
        if s == [0; 4] {
            return Rng { s: [1, 2, 3, 4] };
        }
        Rng { s }
    }

    pub(crate) fn state(&self) -> [u64; 4] {
        self.s
    }

    #[inline]
    pub(crate) fn next_u64(&mut self) -> u64 {
        let s = &mut self.s;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in (0, 1): never 0, so that its logarithm is finite.
    #[inline]
    pub(crate) fn open(&mut self) -> f64 {
        ((self.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// Standard exponential.
    #[inline]
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(self.open())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_vector_of_xoshiro256_plus_plus() {
        // First outputs of the authors' C code from the state 1, 2, 3, 4.
        let mut rng = Rng::from_state([1, 2, 3, 4]);
        let got: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(
            got,
            [41943041, 58720359, 3588806011781223, 3591011842654386]
        );
    }

    #[test]
    fn streams_and_seeds_differ() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..50 {
            for stream in 0..50 {
                assert!(seen.insert(Rng::new(seed, stream).next_u64()));
            }
        }
    }

    #[test]
    fn unit_and_open_stay_inside() {
        let mut rng = Rng::new(7, 0);
        for _ in 0..100_000 {
            assert!((0.0..1.0).contains(&rng.unit()));
            let u = rng.open();
            assert!(u > 0.0 && u < 1.0);
        }
    }
}
