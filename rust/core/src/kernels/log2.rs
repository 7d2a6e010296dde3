//! Binary logarithms in single precision, the same bits on every machine.
//!
//! A score that takes a logarithm for each row and tree cannot afford `libm`'s. With
//! `x = 2^e m` and `m` between `1/sqrt 2` and `sqrt 2`, `ln m = 2 artanh s` where
//! `s = (m - 1) / (m + 1)`, at most 0.172: five terms of the series leave an error of
//! 3e-10, below half a unit in the last place of what is added. Additions, products and a
//! division, none of them fused, so that a loop over rows becomes vectors without another
//! result.

/// Bits of the square root of a half: where exponents begin.
const SQRT_HALF: u32 = 0x3f35_04f3;
const MANTISSA_BITS: u32 = 23;
/// `2 / ln 2`.
const TWO_OVER_LN_2: f32 = 2.885_39;

/// `log2(x)` of a normal positive number; exact at powers of two.
#[inline(always)]
pub(crate) fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(SQRT_HALF) as i32) >> MANTISSA_BITS;
    let m = f32::from_bits(bits.wrapping_sub((exponent as u32) << MANTISSA_BITS));
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    exponent as f32 + TWO_OVER_LN_2 * (s + s * series)
}

#[cfg(test)]
mod tests {
    use super::log2;
    use crate::kernels::extent;
    use crate::rng::Rng;

    #[test]
    fn it_is_a_logarithm() {
        let mut rng = Rng::new(3, 0);
        for _ in 0..extent::times(200_000) {
            let x = libm::exp2(rng.unit() * 250.0 - 125.0) as f32;
            let exact = libm::log2(f64::from(x));
            let error = (f64::from(log2(x)) - exact).abs();
            assert!(error <= 1.2e-7 * exact.abs().max(1.0), "{x}: {error}");
        }
    }

    #[test]
    fn powers_of_two_are_exact_and_order_is_kept_around_them() {
        for e in -125..=127 {
            let x = libm::exp2(f64::from(e)) as f32;
            assert_eq!(log2(x), e as f32);
            let below = f32::from_bits(x.to_bits() - 1);
            assert!(log2(below) <= e as f32);
        }
    }
}
