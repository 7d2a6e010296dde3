//! How the scores of a stream are distributed now: a histogram whose older rows fade.
//!
//! Bins are 1/256 of a factor of two wide.

use super::Tail;

/// Of a factor of two.
const PARTS: usize = 256;
/// Scores below 2^-6 are one bin, those from 2^12 on another.
const LEAST: i64 = -6;
pub(crate) const BINS: usize = 18 * PARTS;
/// Weights are made small again beyond this.
const LARGE: f64 = 1e200;

/// Faded rows by score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Weights are relative to `unit`.
    pub(crate) bins: Vec<f64>,
    /// Bins that may hold anything: walks begin here.
    pub(crate) used: usize,
    pub(crate) total: f64,
    /// What the latest row counted.
    pub(crate) unit: f64,
}

impl Histogram {
    /// So many rows, distributed as the training scores.
    pub(crate) fn new(tail: &Tail, total: f64) -> Histogram {
        let mut bins = vec![0.0; BINS];
        // Scores at equal steps of the logarithm of the share, down to a tenth of a row;
        // what is not told apart below the median counts there.
        let lowest = libm::log(0.1 / total).min(-1.0);
        let (steps, mut above) = (512, 1.0);
        for step in 1..=steps {
            let share = libm::exp(lowest * f64::from(step) / f64::from(steps));
            let score = tail.threshold(share);
            bins[bin(score)] += (above - share) * total;
            above = share;
        }
        bins[bin(tail.threshold(above))] += above * total;
        Histogram {
            used: used(&bins),
            bins,
            total,
            unit: 1.0,
        }
    }

    /// Counts a row; by `growth` it counts more than the row before.
    pub(crate) fn add(&mut self, score: f64, growth: f64) {
        self.unit *= growth;
        let bin = bin(score);
        self.bins[bin] += self.unit;
        self.used = self.used.max(bin + 1);
        self.total += self.unit;
    }

    /// Keeps weights finite; rows of long ago stop counting.
    pub(crate) fn fade(&mut self) {
        if self.unit > LARGE {
            self.bins.iter_mut().for_each(|weight| *weight /= self.unit);
            self.total /= self.unit;
            self.unit = 1.0;
        }
    }

    /// The score that a share of the rows lies above; extrapolated for a share below
    /// `reliable`.
    pub(crate) fn quantile(&self, share: f64, reliable: f64) -> f64 {
        let wanted = share * self.total;
        let reliable = wanted.max(reliable * self.total);
        let mut above = 0.0;
        // Sum of the scores above, weighted.
        let mut sum = 0.0;
        for k in (0..self.used).rev() {
            let weight = self.bins[k];
            if above + weight < reliable {
                above += weight;
                sum += weight * edge(k, 0.5);
                continue;
            }
            let inside = 1.0 - (reliable - above) / weight;
            let score = edge(k, inside);
            if wanted >= reliable {
                return score;
            }
            // An exponential tail beyond the last reliable quantile.
            let excess =
                (sum + (reliable - above) * edge(k, (1.0 + inside) / 2.0)) / reliable - score;
            return score + excess.max(1e-3 * score) * libm::log(reliable / wanted);
        }
        0.0
    }

    /// Whether it can be gone on with.
    pub(crate) fn is_sound(&self) -> bool {
        let weights = self
            .bins
            .iter()
            .all(|w| *w >= 0.0 && *w <= 2.0 * LARGE * LARGE);
        self.bins.len() == BINS
            && weights
            && self.total.is_finite()
            && self.total >= 1.0
            && (1.0..=2.0 * LARGE).contains(&self.unit)
    }
}

/// Bins up to the last that holds anything.
fn used(bins: &[f64]) -> usize {
    bins.iter()
        .rposition(|&weight| weight > 0.0)
        .map_or(0, |k| k + 1)
}

/// The bin of a score: exponent and leading bits of its mantissa.
fn bin(score: f64) -> usize {
    let bits = (score.max(0.0).to_bits() >> (52 - 8)) as i64;
    (bits - ((1023 + LEAST) << 8)).clamp(0, BINS as i64 - 1) as usize
}

/// A score within a bin.
fn edge(k: usize, inside: f64) -> f64 {
    let (octave, part) = ((k / PARTS) as i64 + LEAST, (k % PARTS) as f64 + inside);
    f64::from_bits(((1023 + octave) as u64) << 52) * (1.0 + part / PARTS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_their_scores() {
        for k in [0, 1, 255, 256, 1000, BINS - 1] {
            assert_eq!([bin(edge(k, 0.0)), bin(edge(k, 0.999))], [k, k]);
        }
        assert_eq!([bin(0.0), bin(-1.0), bin(1e9)], [0, 0, BINS - 1]);
    }
}
