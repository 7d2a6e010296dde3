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

    /// Rows that count.
    pub(crate) fn rows(&self) -> f64 {
        self.total / self.unit
    }

    /// The score that a share of the rows lies above; extrapolated for a share below
    /// `reliable`.
    pub(crate) fn quantile(&self, share: f64, reliable: f64) -> f64 {
        let wanted = share * self.total;
        let reliable = wanted.max(reliable * self.total);
        let Some((score, excess)) = self.top(reliable) else {
            return 0.0;
        };
        match wanted >= reliable {
            true => score,
            false => score + excess * libm::log(reliable / wanted),
        }
    }

    /// The share of rows above a score, the other way round: above 0, at most 1.
    pub(crate) fn share(&self, score: f64, reliable: f64) -> f64 {
        let reliable = reliable * self.total;
        let Some((last, excess)) = self.top(reliable).filter(|(last, _)| score > *last) else {
            let k = bin(score);
            let (low, high) = (edge(k, 0.0), edge(k, 1.0));
            let inside = ((score - low) / (high - low)).clamp(0.0, 1.0);
            let higher = self.bins.get(k + 1..self.used).unwrap_or_default();
            let above = higher.iter().sum::<f64>() + self.bins[k] * (1.0 - inside);
            return (above / self.total).clamp(f64::MIN_POSITIVE, 1.0);
        };
        let share = reliable / self.total * libm::exp((last - score) / excess);
        share.max(f64::MIN_POSITIVE)
    }

    /// The score that so much lies above, and by how much on average: beyond it the tail
    /// is taken for an exponential one.
    fn top(&self, reliable: f64) -> Option<(f64, f64)> {
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
            let excess =
                (sum + (reliable - above) * edge(k, (1.0 + inside) / 2.0)) / reliable - score;
            return Some((score, excess.max(1e-3 * score)));
        }
        None
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

    #[test]
    fn a_share_is_that_of_its_quantile() {
        let mut scores: Vec<f64> = (0..500).map(|i| 1.0 + f64::from(i * i) / 1e4).collect();
        let histogram = Histogram::new(&Tail::fit(&mut scores), 1e4);
        for reliable in [1e-3, 0.02] {
            // The lowest is that of nearly half of the rows: below them nothing is told apart.
            for share in [1e-7, 1e-4, 0.9e-3, 0.01, 0.1, 0.4] {
                let found = histogram.share(histogram.quantile(share, reliable), reliable);
                assert!((found / share - 1.0).abs() < 1e-6, "{share}: {found}");
            }
        }
        assert!(
            [0.0, -1.0]
                .iter()
                .all(|&x| histogram.share(x, 1e-3) > 0.999)
        );
    }
}
