//! Times and calendars. A time is microseconds since 1970 in UTC; what people do
//! follows local time, with the European Union's summer time where it is kept.

use crate::places::Country;
use crate::rng::{key, unit};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day.
pub const DAY: i64 = 24 * HOUR;

/// A time span of so many seconds, in whole milliseconds.
#[must_use]
pub fn seconds(value: f64) -> i64 {
    (value * 1e3) as i64 * 1000
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's algorithm).
#[must_use]
pub fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

/// Day since 1970-01-01 of a year, month and day.
#[must_use]
pub fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Day of the week: 0 is Monday.
#[must_use]
pub fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// When summer time is kept in a year: from the last Sunday of March to that of October.
fn summer(year: i64) -> (i64, i64) {
    let last_sunday = |month| {
        let last = day_of(year, month, 31);
        (last - (weekday(last) + 1) % 7) * DAY + HOUR
    };
    (last_sunday(3), last_sunday(10))
}

/// Local time, with the summers of the years that are made up.
#[derive(Debug)]
pub struct Clock {
    summers: Vec<(i64, i64)>,
}

impl Clock {
    /// For the times from one to another.
    #[must_use]
    pub fn new(from: i64, to: i64) -> Self {
        let years = civil(from.div_euclid(DAY)).0..=civil(to.div_euclid(DAY)).0;
        let near = |span: &(i64, i64)| span.0 < to + 2 * DAY && span.1 > from - 2 * DAY;
        Clock {
            summers: years.map(summer).filter(near).collect(),
        }
    }

    /// What has to be added to a time for local time.
    #[must_use]
    pub fn offset(&self, country: &Country, time: i64) -> i64 {
        let within = |(from, to): &(i64, i64)| (*from..*to).contains(&time);
        let ahead = country.summer && self.summers.iter().any(within);
        country.hours * HOUR + if ahead { HOUR } else { 0 }
    }
}

/// Easter Sunday's day of a year (Gauss).
fn easter(year: i64) -> i64 {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month = (h + l - 7 * m + 114) / 31;
    day_of(year, month, (h + l - 7 * m + 114) % 31 + 1)
}

/// Whether a day is a public holiday: those that most of Europe keeps, and
/// regional ones, which the seed spreads over the year (one day in twenty).
#[must_use]
pub fn holiday(seed: u64, country: usize, day: i64) -> bool {
    let (year, month, date) = civil(day);
    let fixed = matches!((month, date), (1, 1) | (5, 1) | (12, 25 | 26));
    fixed
        || [-2, 0, 1].contains(&(day - easter(year)))
        || unit(key(seed ^ 0x686f_6c69, country as u64, day as u64)) < 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days() {
        for day in -800_000..800_000 {
            let (y, m, d) = civil(day);
            assert_eq!(day_of(y, m, d), day);
        }
        assert_eq!(weekday(day_of(2026, 3, 2)), 0);
        assert_eq!(civil(easter(2026)), (2026, 4, 5));
        assert_eq!(civil(easter(2000)), (2000, 4, 23));
    }

    #[test]
    fn summer_time_begins_on_the_last_sunday_of_march() {
        let berlin = &crate::places::COUNTRIES[0];
        let clock = Clock::new(day_of(2026, 1, 1) * DAY, day_of(2026, 12, 31) * DAY);
        let change = day_of(2026, 3, 29) * DAY + HOUR;
        assert_eq!(clock.offset(berlin, change - 1), HOUR);
        assert_eq!(clock.offset(berlin, change), 2 * HOUR);
        let back = day_of(2026, 10, 25) * DAY + HOUR;
        assert_eq!(clock.offset(berlin, back - 1), 2 * HOUR);
        assert_eq!(clock.offset(berlin, back), HOUR);
        let dubai = &crate::places::COUNTRIES[20];
        assert_eq!(clock.offset(dubai, change), 4 * HOUR);
    }
}
