//! The threshold of a stream: follows the scores, and keeps alerts at their rate.
//!
//! Scores are counted in a histogram whose older rows fade, so that a quantile of it is
//! a threshold for the scores of today. By itself that keeps the rate only on average: ten
//! alerts expected are four or sixteen by chance. So the share that is asked of the
//! histogram is `rate * exp(2.5 credit)`, where the credit grows by `rate` with each row,
//! falls by 1 with each alert and stays within two alerts: integral control. Over any ten
//! expected alerts eight to twelve come, under drift as well (`tests/test_budget.py`).
//!
//! A row costs a few nanoseconds; each alert, and every so many rows, a walk down from the
//! highest score to the threshold. Bins are 1/256 of a factor of two wide.

use super::Tail;

/// Of a factor of two.
const PARTS: usize = 256;
/// Scores below 2^-6 are one bin, those from 2^12 on another.
const LEAST: i64 = -6;
pub(crate) const BINS: usize = 18 * PARTS;
/// Rows that count, in expected alerts: how long the histogram remembers.
const MEMORY: f64 = 10.0;
const GAIN: f64 = 2.5;
/// Alerts that the stream may be ahead or behind.
const MOST_CREDIT: f64 = 2.0;
/// Part of an expected alert between two walks.
const OFTEN: f64 = 0.1;
/// Below so many expected alerts a quantile is extrapolated.
const RELIABLE: f64 = 5.0;
/// Weights are made small again beyond this.
const LARGE: f64 = 1e200;

/// What a stream's threshold rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Expected share of alerts.
    pub(crate) rate: f64,
    /// Faded rows by score; weights are relative to `unit`.
    pub(crate) bins: Vec<f64>,
    /// Bins that may hold anything: walks begin here.
    pub(crate) used: usize,
    pub(crate) total: f64,
    /// What the latest row counted.
    pub(crate) unit: f64,
    /// Alerts that are due.
    pub(crate) credit: f64,
    /// Rows since the last walk.
    pub(crate) rows: u64,
    pub(crate) threshold: f64,
}

impl Budget {
    /// Begins with the distribution of the training scores; `rate` is the expected share
    /// of alerts, above 0 and at most 0.5.
    pub fn new(tail: &Tail, rate: f64) -> Budget {
        let mut budget = Budget {
            rate,
            bins: vec![0.0; BINS],
            used: BINS,
            total: MEMORY / rate,
            unit: 1.0,
            credit: 0.0,
            rows: 0,
            threshold: tail.threshold(rate),
        };
        // Scores at equal steps of the logarithm of the share, down to a tenth of an alert;
        // what is not told apart below the median counts there.
        let lowest = libm::log(0.1 / budget.total).min(-1.0);
        let (steps, mut above) = (512, 1.0);
        for step in 1..=steps {
            let share = libm::exp(lowest * f64::from(step) / f64::from(steps));
            let score = tail.threshold(share);
            budget.bins[bin(score)] += (above - share) * budget.total;
            above = share;
        }
        budget.bins[bin(tail.threshold(above))] += above * budget.total;
        budget.used = used(&budget.bins);
        budget
    }

    /// The score above which a row is an alert now.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Whether a row is an alert; what is learnt from it is for the next one.
    pub fn take(&mut self, score: f64) -> bool {
        let alert = score > self.threshold;
        let credit = self.credit + self.rate - f64::from(u8::from(alert));
        self.credit = credit.clamp(-MOST_CREDIT, MOST_CREDIT);
        self.unit *= 1.0 + self.rate / MEMORY;
        let bin = bin(score);
        self.bins[bin] += self.unit;
        self.used = self.used.max(bin + 1);
        self.total += self.unit;
        self.rows += 1;
        if alert || self.rows as f64 * self.rate >= OFTEN {
            self.rows = 0;
            self.fade();
            self.threshold = self.quantile();
        }
        alert
    }

    /// Whether it can be gone on with.
    pub(super) fn is_sound(&self, rate: f64) -> bool {
        let weights = self
            .bins
            .iter()
            .all(|w| *w >= 0.0 && *w <= 2.0 * LARGE * LARGE);
        let numbers = [self.total, self.unit, self.threshold, self.credit];
        self.rate == rate
            && self.bins.len() == BINS
            && weights
            && numbers.iter().all(|x| x.is_finite())
            && self.total > 0.0
            && (1.0..=2.0 * LARGE).contains(&self.unit)
            && self.credit.abs() <= MOST_CREDIT
            && self.rows as f64 * rate <= 2.0 * OFTEN
    }

    /// Rows of long ago stop counting, and weights stay finite.
    fn fade(&mut self) {
        if self.unit > LARGE {
            self.bins.iter_mut().for_each(|weight| *weight /= self.unit);
            self.total /= self.unit;
            self.unit = 1.0;
        }
    }

    /// The score that the share which is due lies above.
    fn quantile(&self) -> f64 {
        let share = (self.rate * libm::exp(GAIN * self.credit)).min(0.5);
        let wanted = share * self.total;
        let reliable = wanted.max(RELIABLE * self.rate / MEMORY * self.total);
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
    use crate::rng::Rng;

    #[test]
    fn bins_hold_their_scores() {
        for k in [0, 1, 255, 256, 1000, BINS - 1] {
            assert_eq!([bin(edge(k, 0.0)), bin(edge(k, 0.999))], [k, k]);
        }
        assert_eq!([bin(0.0), bin(-1.0), bin(1e9)], [0, 0, BINS - 1]);
    }

    /// Exponential scores around a level that moves as `level` says.
    fn counts(rate: f64, n: usize, level: impl Fn(f64) -> [f64; 2]) -> Vec<usize> {
        let mut rng = Rng::new(11, 0);
        let mut score = |i: usize| {
            let [base, scale] = level(i as f64 / n as f64);
            base - scale * libm::log(rng.unit().max(1e-12))
        };
        let mut training: Vec<f64> = (0..4000).map(|_| score(0)).collect();
        let mut budget = Budget::new(&Tail::fit(&mut training), rate);
        let mut taken = vec![0];
        for i in 0..n {
            let alert = usize::from(budget.take(score(i)));
            taken.push(taken[i] + alert);
        }
        let window = (10.0 / rate) as usize;
        (0..=n - window)
            .map(|i| taken[i + window] - taken[i])
            .collect()
    }

    #[test]
    fn ten_alerts_asked_are_eight_to_twelve_under_drift() {
        let still = |_: f64| [1.0, 0.1];
        let trend = |t: f64| [1.0 + t, 0.1 + 0.2 * t];
        let season = |t: f64| [16.0, 0.3 + 0.2 * libm::sin(t * 60.0)];
        let falls = |t: f64| [20.0 - 10.0 * t, 0.5];
        let levels: [&dyn Fn(f64) -> [f64; 2]; 4] = [&still, &trend, &season, &falls];
        for rate in [0.01, 0.002] {
            for (which, level) in levels.into_iter().enumerate() {
                let counts = counts(rate, (600.0 / rate) as usize, level);
                let kept = counts.iter().filter(|n| (8..=12).contains(*n)).count();
                let share = kept as f64 / counts.len() as f64;
                assert!(share > 0.99, "{rate}, {which}: {share}");
            }
        }
    }

    #[test]
    fn a_step_costs_a_few_alerts_and_no_more() {
        let step = |t: f64| [if t > 0.5 { 3.0 } else { 1.0 }, 0.1];
        let counts = counts(0.01, 60_000, step);
        let most = counts.iter().max().unwrap();
        assert!(*most <= 20, "{most}");
    }
}
