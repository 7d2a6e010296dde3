//! The threshold of a stream: follows the scores, and keeps alerts at their rate.
//!
//! A histogram of scores whose older rows fade gives a threshold for the scores of today.
//! By itself that keeps the rate only on average: ten alerts expected are four or sixteen
//! by chance. So the share that is asked of the histogram is `rate * exp(2.5 credit)`, where
//! the credit grows by `rate` with each row, falls by 1 with each alert and stays within two
//! alerts: integral control. What is still left to chance, or to a sudden change, the pace
//! cuts off (`pace.rs`): over any ten expected alerts eight to twelve come.
//!
//! A row costs a few nanoseconds; each alert, and every so many rows, a walk down from the
//! highest score to the threshold.

use super::Tail;
use super::histogram::Histogram;
use super::pace::Pace;

/// Rows that count, in expected alerts: how long the histogram remembers.
const MEMORY: f64 = 10.0;
const GAIN: f64 = 2.5;
/// Alerts that the stream may be ahead or behind.
const MOST_CREDIT: f64 = 2.0;
/// Part of an expected alert between two walks, and of the rows that are left for one.
const OFTEN: f64 = 0.1;
const CLOSE: u64 = 8;
/// A walk takes as long as some hundred rows: fewer rows are not between two but for alerts.
const FEWEST: u64 = 8;
/// Below so many expected alerts a quantile is extrapolated.
const RELIABLE: f64 = 5.0;

/// What a stream's threshold rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Expected share of alerts.
    pub(crate) rate: f64,
    pub(crate) scores: Histogram,
    /// Alerts that are due.
    pub(crate) credit: f64,
    /// Rows since the last walk.
    pub(crate) rows: u64,
    /// The threshold by the last walk.
    pub(crate) level: f64,
    pub(crate) pace: Pace,
}

impl Budget {
    /// Begins with the distribution of the training scores; `rate` is the expected share
    /// of alerts, above 0 and at most 0.5.
    pub fn new(tail: &Tail, rate: f64) -> Budget {
        Budget::thought(tail, rate, MEMORY / rate)
    }

    /// Begins with a distribution that counts as so many rows, at most as many as are
    /// remembered.
    pub(crate) fn thought(tail: &Tail, rate: f64, rows: f64) -> Budget {
        Budget {
            rate,
            scores: Histogram::new(tail, rows.min(MEMORY / rate)),
            credit: 0.0,
            rows: 0,
            level: tail.threshold(rate),
            pace: Pace::new(rate),
        }
    }

    /// The score above which a row is an alert now, unless the stream is held.
    pub fn threshold(&self) -> f64 {
        self.pace
            .urgent()
            .map_or(self.level, |urgent| urgent.min(self.level))
    }

    /// Whether the next row is no alert whatever its score, since there were twelve in the
    /// window that it ends.
    pub fn is_held(&self) -> bool {
        self.pace.holds()
    }

    /// A score as a number between 0 (usual) and 1, 0.5 at the threshold:
    /// `1 - share^(ln 2 / -ln rate)` with the share of the rows of today that score higher,
    /// as a multiple of what the threshold's is of the rate.
    pub(crate) fn grade(&self, score: f64) -> f64 {
        if score <= 0.0 {
            return 0.0;
        }
        let reliable = self.reliable();
        let share = |score| self.scores.share(score, reliable);
        let share = share(score) / share(self.threshold()) * self.rate;
        let power = std::f64::consts::LN_2 / -libm::log(self.rate);
        (1.0 - libm::exp(power * libm::log(share))).clamp(0.0, 1.0)
    }

    /// Goes on at another rate.
    pub(crate) fn change_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.pace = self.pace.at(rate);
        self.rows = 0;
        self.level = self.quantile();
    }

    /// Whether a row is an alert; what is learnt from it is for the next one.
    pub fn take(&mut self, score: f64) -> bool {
        let alert = !self.is_held() && score > self.threshold();
        let credit = self.credit + self.rate - f64::from(u8::from(alert));
        self.credit = credit.clamp(-MOST_CREDIT, MOST_CREDIT);
        self.scores.add(score, 1.0 + self.rate / MEMORY);
        self.rows += 1;
        let again = self.pace.take(score, alert);
        if again || self.is_time() {
            self.rows = 0;
            self.scores.fade();
            self.level = self.quantile();
        }
        alert
    }

    /// Whether to walk: not while it makes no difference.
    fn is_time(&self) -> bool {
        let many = self.rows as f64 * self.rate >= OFTEN;
        self.rows >= FEWEST && (many || self.rows * CLOSE >= self.pace.left())
    }

    /// The score that the share which is due lies above.
    fn quantile(&self) -> f64 {
        let share = self.rate * libm::exp(GAIN * self.credit);
        let share = share.max(self.pace.share()).min(0.5);
        self.scores.quantile(share, self.reliable())
    }

    /// The share of rows below which a quantile is extrapolated.
    fn reliable(&self) -> f64 {
        let rows = self.scores.rows();
        // So many rows are what is left of them where all that is remembered has come.
        match rows < 0.9 * MEMORY / self.rate {
            true => (RELIABLE / rows).min(0.5),
            false => RELIABLE * self.rate / MEMORY,
        }
    }

    /// Bytes beside those of the struct.
    pub(crate) fn memory_usage(&self) -> usize {
        self.scores.bins.capacity() * size_of::<f64>()
    }

    /// Whether it can be gone on with.
    pub(crate) fn is_sound(&self, rate: f64) -> bool {
        self.rate == rate
            && self.scores.is_sound()
            && self.level.is_finite()
            && self.credit.abs() <= MOST_CREDIT
            && (self.rows <= FEWEST || self.rows as f64 * rate <= 2.0 * OFTEN)
            && self.pace.is_sound(rate)
    }
}

#[cfg(test)]
mod tests;
