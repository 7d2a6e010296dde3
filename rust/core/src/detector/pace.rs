//! When the next alert of a stream may come, and when it has to.
//!
//! Any ten rows in the place of one expected alert, a window, shall hold eight to twelve
//! alerts. So the next one may not come before the twelfth last has left the window, and
//! has to come while there are seven others in it. The two never contradict each other,
//! since the eighth last alert is later than the twelfth last by four rows at least.
//!
//! Nothing is an alert because its time has come: it has to score higher than some of the
//! latest rows. Where all scores are the same the time passes without an alert; it counts
//! as one here, so that what was missed is not caught up with in a rush.

/// Expected alerts of a window, and the bounds that are kept.
const EXPECTED: f64 = 10.0;
const LEAST: usize = 8;
const MOST: usize = 12;
/// How much sooner than at the last moment an alert is to come that has to.
const URGE: f64 = 3.0;
/// From where on it is, in expected alerts.
const SOON: f64 = 1.5;
/// The latest rows, of which the next alert has to be higher than some.
pub(crate) const LATEST: usize = 32;
/// Above this share of rows it is a matter of the latest ones.
const URGENT: f64 = 1.0 / 16.0;
/// Windows are no longer, so that sums of gaps are numbers.
const LONGEST: f64 = (1u64 << 53) as f64;

/// The latest alerts and the latest scores.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Rows of a window.
    window: u64,
    /// Rows since the last alert.
    pub(crate) waited: u64,
    /// Rows from each alert to the one before it, the latest first.
    pub(crate) gaps: [u64; MOST - 1],
    /// The row, counted from the last alert, that may be the next alert, and the last that
    /// has to.
    earliest: u64,
    deadline: u64,
    pub(crate) latest: [f64; LATEST],
    /// The oldest of them.
    pub(crate) oldest: usize,
}

impl Pace {
    /// As if alerts had come regularly; of scores nothing is known yet.
    pub(crate) fn new(rate: f64) -> Pace {
        let gap = window(rate) / EXPECTED as u64;
        Pace::of(rate, 0, [gap; MOST - 1], [f64::INFINITY; LATEST], 0)
    }

    pub(crate) fn of(
        rate: f64,
        waited: u64,
        gaps: [u64; MOST - 1],
        latest: [f64; LATEST],
        oldest: usize,
    ) -> Pace {
        let mut pace = Pace {
            window: window(rate),
            waited,
            gaps,
            earliest: 0,
            deadline: 0,
            latest,
            oldest,
        };
        pace.bound();
        pace
    }

    /// The same alerts in windows of another rate: times are as long in expected alerts.
    pub(crate) fn at(&self, rate: f64) -> Pace {
        // Gaps are a row at least, for which there has to be room.
        let room = window(rate).saturating_sub(LEAST as u64);
        let scale = |rows: u64| (rows as f64 * (room as f64 / self.window as f64)) as u64;
        let gaps = self.gaps.map(|gap| scale(gap).max(1));
        let mut pace = Pace::of(rate, scale(self.waited), gaps, self.latest, self.oldest);
        pace.waited = pace.waited.min(pace.deadline.saturating_sub(1));
        pace
    }

    fn bound(&mut self) {
        let since = |n: usize| {
            self.gaps[..n]
                .iter()
                .fold(0, |sum: u64, &gap| sum.saturating_add(gap))
        };
        self.earliest = self.window.saturating_sub(since(MOST - 1));
        self.deadline = self.window.saturating_sub(since(LEAST - 1));
    }

    /// Takes a row; whether an alert may come again with the next one.
    pub(crate) fn take(&mut self, score: f64, alert: bool) -> bool {
        self.latest[self.oldest] = score;
        self.oldest = (self.oldest + 1) % LATEST;
        self.waited += 1;
        if alert || self.waited >= self.deadline {
            self.gaps.copy_within(..MOST - 2, 1);
            self.gaps[0] = self.waited;
            self.waited = 0;
            self.bound();
            return true;
        }
        self.waited + 1 == self.earliest
    }

    /// Whether the next row may be no alert.
    pub(crate) fn holds(&self) -> bool {
        self.waited + 1 < self.earliest
    }

    /// Rows among which there has to be an alert.
    pub(crate) fn left(&self) -> u64 {
        self.deadline.saturating_sub(self.waited).max(1)
    }

    /// The share of rows that has to be let through.
    pub(crate) fn share(&self) -> f64 {
        let soon = EXPECTED / (SOON * self.window as f64);
        URGE * (1.0 / self.left() as f64 - soon).max(0.0)
    }

    /// What the next row has to exceed where the alert is urgent: of the latest rows, one
    /// that so many are above.
    pub(crate) fn urgent(&self) -> Option<f64> {
        let share = self.share();
        if share < URGENT {
            return None;
        }
        let above = (share * LATEST as f64) as usize;
        let mut latest = self.latest;
        latest.sort_unstable_by(|a, b| b.total_cmp(a));
        Some(latest[above.min(LATEST - 1)])
    }

    /// Whether it can be gone on with.
    pub(crate) fn is_sound(&self, rate: f64) -> bool {
        let gaps = self.gaps.iter().all(|gap| (1..=self.window).contains(gap));
        let kept = |gaps: &[u64]| gaps.iter().sum::<u64>() <= self.window;
        self.window == window(rate)
            && gaps
            && self.gaps.windows(LEAST).all(kept)
            && self.waited < self.deadline
            && self.oldest < LATEST
            && self.latest.iter().all(|score| !score.is_nan())
    }
}

fn window(rate: f64) -> u64 {
    (EXPECTED / rate).min(LONGEST) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Alerts as early or as late as they may come.
    fn counts(rate: f64, mut wants: impl FnMut(usize) -> bool) -> Vec<usize> {
        let mut pace = Pace::new(rate);
        let window = window(rate) as usize;
        let mut taken = vec![0];
        for i in 0..8 * window {
            let alert = !pace.holds() && (wants(i) || pace.left() == 1);
            pace.take(1.0, alert);
            assert!(pace.is_sound(rate));
            taken.push(taken[i] + usize::from(alert));
        }
        (window..=8 * window)
            .map(|i| taken[i] - taken[i - window])
            .collect()
    }

    #[test]
    fn whoever_keeps_to_it_has_eight_to_twelve() {
        for rate in [0.5, 0.3, 0.05, 0.0123] {
            let ask: [&mut dyn FnMut(usize) -> bool; 3] =
                [&mut |_| true, &mut |_| false, &mut |i| {
                    (i / (window(rate) as usize * 3 / 2)).is_multiple_of(2)
                }];
            for wants in ask {
                let counts = counts(rate, wants);
                assert!(counts.iter().all(|n| (8..=12).contains(n)), "{rate}");
            }
            assert!(counts(rate, |_| true).contains(&12));
            assert!(counts(rate, |_| false).contains(&8));
        }
    }

    #[test]
    fn another_rate_goes_on_with_the_same_alerts() {
        let rates = [0.5, 0.2, 1e-2, 1e-3, 1e-6];
        for (i, &rate) in rates.iter().enumerate() {
            for &other in &rates {
                let mut pace = Pace::new(rate);
                for row in 0..3 * window(rate).min(20_000) {
                    let alert = !pace.holds() && (row % 7 == 0 || pace.left() == 1);
                    pace.take(1.0, alert);
                    let moved = pace.at(other);
                    assert!(moved.is_sound(other), "{rate} to {other} after {row}");
                }
            }
            let other = rates[(i + 1) % rates.len()];
            let pace = Pace::new(rate).at(other);
            assert!(pace.gaps.iter().all(|&gap| gap <= window(other) / 10));
        }
    }

    #[test]
    fn the_last_rows_before_the_deadline_need_not_be_high() {
        let mut pace = Pace::new(0.01);
        let mut before = f64::INFINITY;
        for i in 0..300 {
            assert!(pace.left() + i == 300 && !(i < 100 && pace.urgent().is_some()));
            if let Some(level) = pace.urgent() {
                assert!(level <= before);
                before = level;
            }
            if i < 299 {
                pace.take(f64::from((i * 7 % 32) as u32), false);
            }
        }
        assert_eq!(before, 0.0);
        // Passed: as if there had been an alert.
        assert!(pace.take(0.0, false));
        assert_eq!((pace.waited, pace.gaps[0]), (0, 300));
    }
}
