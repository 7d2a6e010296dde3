//! Which rows are alerts where their number is asked for instead of a threshold.
//!
//! The threshold of a stream (`detector/budget.rs`) takes the scores in the order of the
//! rows, of all series of a set together: a series that has nothing to tell takes no alert
//! from one that has. Nothing is known of scores beforehand, so they are thought to be
//! exponential, with one row in a thousand above the threshold of the parameters, and that
//! counts as few rows.
//!
//! Alerts a day are a share of the rows that come in a day, which is followed: by the rows
//! and the time of the last week or so.

use super::config::{AlertBudget, DAY, SeriesConfig};
use crate::detector::{Budget, Detection, Tail};

/// Scores of series are small, and bins of the histogram are not: 2^-6 is the least.
const SCALE: f64 = 64.0;
/// The share of rows that is thought to be above the parameters' threshold.
const THOUGHT: f64 = 1e-3;
/// What is thought counts as one expected alert, and as so many rows at most.
const MOST_THOUGHT: f64 = 1000.0;
/// How long rows count by which those of a day are told, in seconds.
const MEMORY: f64 = 7.0 * DAY;
/// A clock that leaps by more than a day, and ahead by more than so many times what usually
/// passes between rows, was put right or there was a gap: neither is time in which rows come.
const LEAP: f64 = 100.0;
/// By how much the share may be off.
const NEAR: f64 = 1.1;
const LEAST_RATE: f64 = 1e-12;
pub(crate) const MOST_RATE: f64 = 0.5;

/// A row that has a score.
pub(super) struct Scored {
    /// Its place among the call's rows.
    pub(super) row: usize,
    pub(super) score: f64,
    /// The part of the forest's memory that was filled before it, at most 1.
    pub(super) filled: f64,
}

/// Whether a row is an alert.
pub(super) type Judge<'a> = dyn FnMut(&Scored) -> bool + 'a;

impl Scored {
    /// What scores are compared by where a number of alerts is asked for. Their upper
    /// quantiles fall with the rows that a forest holds, as one over their number
    /// (docs/series.md).
    pub(super) fn compared(&self) -> f64 {
        self.score * self.filled
    }
}

impl Detection {
    /// Notes a row's score; whether it is an alert.
    pub(super) fn take(&mut self, one: &Scored, judge: &mut Judge<'_>) -> bool {
        self.scores[one.row] = one.score;
        let is_alert = judge(one);
        if is_alert {
            self.alerts.push(one.row);
        }
        is_alert
    }
}

/// The grade of a score, and whether it is an alert: 0 where there is nothing new, 0.5 at the
/// threshold, up to 1.
pub(super) fn above(threshold: f64, score: f64) -> (f64, bool) {
    (score / (score + threshold), score >= threshold)
}

/// What decides which rows are alerts. With a threshold nothing does, and it stays as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerts {
    /// Rows that had a score.
    pub(crate) n_scored: u64,
    pub(crate) traffic: Traffic,
    /// None before the first row, or before there is a share.
    pub(crate) budget: Option<Budget>,
}

/// How many rows come in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Traffic {
    /// The latest time; none before the first.
    pub(crate) latest: Option<f64>,
    /// Rows since the first one, and the seconds in which they came; both fade.
    pub(crate) rows: f64,
    pub(crate) seconds: f64,
}

impl Traffic {
    fn take(&mut self, time: f64) {
        let Some(latest) = self.latest else {
            self.latest = Some(time);
            return;
        };
        let passed = time - latest;
        let usual = self.seconds / self.rows.max(1.0);
        let begins = self.seconds == 0.0;
        if passed < -DAY || !begins && passed > (LEAP * usual).max(DAY) {
            self.latest = Some(time);
            return;
        }
        self.latest = Some(latest.max(time));
        // A row and its time count what they do on average while the time passes.
        let passed = passed.max(0.0);
        let ages = passed / MEMORY;
        let counts = match ages > 0.0 {
            true => -libm::expm1(-ages) / ages,
            false => 1.0,
        };
        let left = libm::exp(-ages);
        self.rows = self.rows * left + counts;
        self.seconds = self.seconds * left + passed * counts;
    }

    /// Rows in a day; none before time has passed.
    fn per_day(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.rows / self.seconds * DAY)
    }

    fn is_sound(&self) -> bool {
        let counts = [(self.rows, 1e18), (self.seconds, 1.01 * MEMORY)];
        self.latest.is_some_and(f64::is_finite)
            && counts
                .iter()
                .all(|(x, most)| (0.0..=*most).contains(x) && x.is_sign_positive())
    }
}

impl Alerts {
    /// Takes a row that has a score; gives its grade, and whether it is an alert.
    pub(crate) fn take(
        &mut self,
        config: &SeriesConfig,
        asked: AlertBudget,
        score: f64,
        time: Option<f64>,
    ) -> (f64, bool) {
        self.n_scored += 1;
        if let (AlertBudget::PerDay(_), Some(time)) = (asked, time) {
            self.traffic.take(time);
        }
        let Some(rate) = self.rate(config, asked) else {
            return (0.0, false);
        };
        let budget = self.budget.get_or_insert_with(|| begin(config, rate));
        if !is_near(rate, budget.rate) {
            budget.change_rate(rate);
        }
        let score = SCALE * score;
        (budget.grade(score), budget.take(score))
    }

    /// The share of rows that should be alerts; none where no time has passed by which
    /// rows of a day could be counted.
    pub(crate) fn rate(&self, config: &SeriesConfig, asked: AlertBudget) -> Option<f64> {
        let share = match asked {
            AlertBudget::Share(share) => share,
            AlertBudget::PerDay(alerts) => alerts / self.traffic.per_day()?,
        };
        Some(share.clamp(LEAST_RATE, config.most_alerts()))
    }

    /// A tenth for each alert that was to be expected among the rows scored.
    pub(crate) fn confidence(&self, config: &SeriesConfig, asked: AlertBudget) -> f64 {
        let rate = self.rate(config, asked).unwrap_or_default();
        (self.n_scored as f64 * rate / 10.0).min(1.0)
    }

    /// The score above which a row is an alert now.
    pub(crate) fn threshold(&self, config: &SeriesConfig) -> f64 {
        let budget = self.budget.as_ref();
        budget.map_or(config.threshold, |budget| budget.threshold() / SCALE)
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.budget.as_ref().map_or(0, Budget::memory_usage)
    }

    /// Whether it can be gone on with.
    pub(crate) fn is_sound(&self, config: &SeriesConfig) -> bool {
        let Some(asked) = config.budget.filter(|_| self.n_scored > 0) else {
            return *self == Alerts::default();
        };
        let sound =
            |budget: &Budget, rate| is_near(rate, budget.rate) && budget.is_sound(budget.rate);
        let per_day = matches!(asked, AlertBudget::PerDay(_));
        let traffic = match per_day {
            true => self.traffic.is_sound(),
            false => self.traffic == Traffic::default(),
        };
        let budget = match (&self.budget, self.rate(config, asked)) {
            (Some(budget), Some(rate)) => sound(budget, rate),
            (budget, rate) => budget.is_none() && rate.is_none(),
        };
        traffic && budget
    }
}

fn is_near(rate: f64, other: f64) -> bool {
    (1.0 / NEAR..=NEAR).contains(&(rate / other))
}

fn begin(config: &SeriesConfig, rate: f64) -> Budget {
    let thought = Tail {
        scores: vec![0.0],
        log_shares: vec![0.0],
        excess: SCALE * config.threshold / -libm::log(THOUGHT),
    };
    Budget::thought(&thought, rate, (1.0 / rate).min(MOST_THOUGHT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn config(budget: AlertBudget) -> SeriesConfig {
        SeriesConfig {
            budget: Some(budget),
            ..SeriesConfig::default()
        }
    }

    /// Times of alerts among rows that come at times, with scores as an episode leaves them:
    /// most are 0.
    fn alerts(budget: AlertBudget, times: impl Iterator<Item = f64>) -> (Vec<f64>, Alerts) {
        let config = config(budget);
        let (mut rng, mut alerts) = (Rng::new(5, 1), Alerts::default());
        let mut found = Vec::new();
        for time in times {
            let score = f64::from(u8::from(rng.unit() < 0.1)) * rng.exponential() * 0.01;
            let (grade, is_alert) = alerts.take(&config, budget, score, Some(time));
            assert!((0.0..=1.0).contains(&grade) && (score > 0.0 || grade == 0.0));
            if is_alert {
                assert!(grade > 0.5 && score > 0.0);
                found.push(time);
            }
            assert!(alerts.is_sound(&config));
        }
        (found, alerts)
    }

    fn between(found: &[f64], from: f64, to: f64) -> usize {
        found.iter().filter(|t| (from..to).contains(*t)).count()
    }

    /// A row a minute for thirty days, then two a second for as many rows, as where a network
    /// has grown: a day of either has the alerts asked for once a few days have shown it.
    #[test]
    fn alerts_a_day_follow_the_rows_of_a_day() {
        let slow = (0..43_200).map(|i| f64::from(i) * 60.0);
        let then = 43_200.0 * 60.0;
        let fast = (0..2_000_000).map(|i| then + f64::from(i) * 0.5);
        let (found, alerts) = alerts(AlertBudget::PerDay(10.0), slow.chain(fast));
        for day in 5..30 {
            let n = between(&found, f64::from(day) * DAY, f64::from(day + 1) * DAY);
            assert!((8..=12).contains(&n), "day {day}: {n}");
        }
        let last = then + 1e6;
        let n = between(&found, last - 3.0 * DAY, last);
        assert!((24..=45).contains(&n), "{n} in three days");
        let day = alerts.traffic.per_day().unwrap();
        assert!((0.8..1.0).contains(&(day / 172_800.0)), "{day}");
    }

    /// A row a minute for forty days, and a clock that is wrong for a row, or put right, or
    /// stands for a week: the days after it have the alerts of the days before.
    #[test]
    fn a_clock_that_leaps_and_a_gap_change_nothing() {
        let wrong = |by: f64| move |i: u32| if i == 20_000 { by } else { 0.0 };
        let since = |by: f64| move |i: u32| if i >= 20_000 { by } else { 0.0 };
        let off: [Box<dyn Fn(u32) -> f64>; 7] = [
            Box::new(|_| 0.0),
            Box::new(wrong(3e9)),
            Box::new(wrong(-3e9)),
            Box::new(wrong(3000.0)),
            Box::new(since(3e9)),
            Box::new(since(-3e9)),
            Box::new(since(7.0 * DAY)),
        ];
        for (which, off) in off.iter().enumerate() {
            let times = (0..57_600).map(|i| f64::from(i) * 60.0 + off(i));
            let (found, alerts) = alerts(AlertBudget::PerDay(5.0), times);
            let day = alerts.traffic.per_day().unwrap();
            assert!(
                (day / 1440.0 - 1.0).abs() < 0.05,
                "{which}: {day} rows a day"
            );
            let true_time = |t: &f64| (0..57_600).find(|&i| f64::from(i) * 60.0 + off(i) == *t);
            let rows: Vec<u32> = found.iter().filter_map(true_time).collect();
            for first in (10 * 1440u32..38 * 1440).step_by(480) {
                let in_two_days = first..first + 2 * 1440;
                let n = rows.iter().filter(|row| in_two_days.contains(*row)).count();
                assert!((7..=13).contains(&n), "{which}: {n} from row {first}");
            }
        }
    }

    /// A row a week: time passes between rows, however long.
    #[test]
    fn rows_may_be_days_apart() {
        let (found, alerts) = alerts(
            AlertBudget::PerDay(0.001),
            (0..3000).map(|i| f64::from(i) * 7.0 * DAY),
        );
        let day = alerts.traffic.per_day().unwrap();
        assert!((day * 7.0 - 1.0).abs() < 1e-6, "{day}");
        assert!((16..=26).contains(&found.len()), "{}", found.len());
    }

    #[test]
    fn nothing_is_an_alert_before_time_has_passed() {
        let asked = AlertBudget::PerDay(1e9);
        let (found, alerts) = alerts(asked, (0..500).map(|_| 7.0));
        assert!(found.is_empty() && alerts.budget.is_none() && alerts.n_scored == 500);
        assert_eq!(alerts.confidence(&config(asked), asked), 0.0);
    }

    #[test]
    fn a_share_is_kept_from_the_beginning() {
        let (found, alerts) = alerts(AlertBudget::Share(0.001), (0..100_000).map(f64::from));
        for first in (0..=90_000).step_by(500) {
            let n = between(&found, f64::from(first), f64::from(first + 10_000));
            assert!((8..=12).contains(&n), "from {first}: {n}");
        }
        let asked = AlertBudget::Share(0.001);
        assert_eq!(alerts.confidence(&config(asked), asked), 1.0);
    }
}
