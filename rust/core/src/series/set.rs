//! Many series by key, each with a detector of its own, in bounded memory.

use super::alerts::Alerts;
use super::call::{Call, Found, check_rows};
use super::config::{AlertBudget, SeriesConfig};
use super::detector::{Clock, FEW, SeriesDetector};
use crate::detector::Detection;
use crate::error::{Error, Result};
use crate::notes::{self, Notes};
use crate::questions::never;
use crate::rows::Rows;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most series of a set.
pub const MAX_SERIES: usize = 1 << 20;

/// A series of the set.
#[derive(Clone, Debug)]
struct Kept {
    detector: SeriesDetector,
    /// Number of its last row among all rows of the set.
    last: u64,
}

/// Finds anomalies in many series, told apart by a key.
///
/// Each series is as if it were alone. At most `max_series` are held: one more takes the
/// place of the one whose last row is the longest ago, which is counted, and begins anew
/// if it comes back. A number of alerts that is asked for is that of all series together:
/// their scores are compared.
#[derive(Clone, Debug)]
pub struct SeriesSet {
    config: SeriesConfig,
    columns: Vec<String>,
    max_series: usize,
    n_seen: u64,
    n_dropped: u64,
    notes: Notes,
    series: HashMap<String, Kept>,
    alerts: Alerts,
}

/// What happens to one series within a call.
struct Part {
    key: String,
    /// Its rows.
    rows: Vec<usize>,
    /// Whether it begins with this call.
    is_new: bool,
    /// The number of its last row before, if it does not.
    before: u64,
    /// Whether another takes its place before the call ends.
    is_dropped: bool,
}

impl Part {
    /// Whether its rows are taken one by one, so that each can be explained as it is.
    fn is_short(&self) -> bool {
        self.rows.len() <= FEW
    }
}

impl SeriesSet {
    /// A set that has seen nothing.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the parameter that is out of its range.
    pub fn new(config: SeriesConfig, columns: Vec<String>, max_series: usize) -> Result<SeriesSet> {
        config.validate(columns.len())?;
        if !(1..=MAX_SERIES).contains(&max_series) {
            let message = format!("{max_series} is not between 1 and {MAX_SERIES}");
            return Err(Error::config("max_series", message));
        }
        Ok(SeriesSet {
            config,
            columns,
            max_series,
            n_seen: 0,
            n_dropped: 0,
            notes: Notes::new(),
            series: HashMap::new(),
            alerts: Alerts::default(),
        })
    }

    /// The parameters of every series.
    pub fn config(&self) -> &SeriesConfig {
        &self.config
    }

    /// The columns' names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Most series held.
    pub fn max_series(&self) -> usize {
        self.max_series
    }

    /// Series held.
    pub fn n_series(&self) -> usize {
        self.series.len()
    }

    /// Rows seen.
    pub fn n_seen(&self) -> u64 {
        self.n_seen
    }

    /// Series dropped to hold others.
    pub fn n_dropped(&self) -> u64 {
        self.n_dropped
    }

    /// The series of a key, if it is held.
    pub fn get(&self, key: &str) -> Option<&SeriesDetector> {
        self.series.get(key).map(|kept| &kept.detector)
    }

    /// All series held and their keys, in no order.
    pub fn series(&self) -> impl Iterator<Item = (&str, &SeriesDetector)> {
        let series = self.series.iter();
        series.map(|(key, kept)| (key.as_str(), &kept.detector))
    }

    /// What people wrote down about it.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Writes down other notes.
    ///
    /// # Errors
    /// As [`Forest::set_notes`](crate::Forest::set_notes).
    pub fn set_notes(&mut self, notes: Notes) -> Result<()> {
        notes::check(&notes)?;
        self.notes = notes;
        Ok(())
    }

    /// As [`SeriesDetector::threshold`].
    pub fn threshold(&self) -> f64 {
        self.alerts.threshold(&self.config)
    }

    /// As [`SeriesDetector::alert_rate`].
    pub fn alert_rate(&self) -> Option<f64> {
        self.config
            .budget
            .and_then(|asked| self.alerts.rate(&self.config, asked))
    }

    /// As [`SeriesDetector::confidence`]; without a budget the mean of the series held.
    pub fn confidence(&self) -> f64 {
        match self.config.budget {
            Some(asked) => self.alerts.confidence(&self.config, asked),
            None => {
                let all = self.series.values().map(|kept| kept.detector.confidence());
                all.sum::<f64>() / self.series.len().max(1) as f64
            }
        }
    }

    pub(crate) fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// As [`SeriesDetector::set_threshold`], for every series.
    ///
    /// # Errors
    /// As [`SeriesDetector::set_threshold`].
    pub fn set_threshold(&mut self, threshold: f64) -> Result<()> {
        super::config::check_threshold(&self.config, threshold)?;
        self.config.threshold = threshold;
        for kept in self.series.values_mut() {
            kept.detector.set_threshold(threshold)?;
        }
        Ok(())
    }

    /// As [`SeriesDetector::set_threads`].
    pub fn set_threads(&mut self, n_threads: usize) {
        self.config.n_threads = n_threads;
        let series = self.series.values_mut();
        series.for_each(|kept| kept.detector.set_threads(n_threads));
    }

    /// Bytes that the set takes.
    pub fn memory_usage(&self) -> usize {
        let kept = |(key, kept): (&String, &Kept)| key.capacity() + kept.detector.memory_usage();
        size_of::<SeriesSet>()
            + self.series.capacity() * size_of::<(String, Kept)>()
            + self.series.iter().map(kept).sum::<usize>()
            + self.alerts.memory_usage()
    }

    /// Scores and learns rows, each by the series of its key; see
    /// [`SeriesDetector::process`].
    ///
    /// # Errors
    /// As [`SeriesDetector::process`]; nothing has changed then, in any series.
    pub fn process(
        &mut self,
        keys: &[String],
        rows: &Rows<'_>,
        times: Option<&[f64]>,
    ) -> Result<Detection> {
        self.process_with(keys, rows, times, &mut never)
    }

    /// [`SeriesSet::process`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`SeriesSet::process`], and [`Error::Interrupted`].
    pub fn process_with(
        &mut self,
        keys: &[String],
        rows: &Rows<'_>,
        times: Option<&[f64]>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Detection> {
        let n = rows.n_rows();
        check_rows(rows, times, self.columns.len())?;
        if keys.len() != n {
            return Err(Error::input(format!("{} keys for {n} rows", keys.len())));
        }
        if let Some(kept) = self.series.values().next() {
            kept.detector.check_clock(times)?;
        }
        let parts = self.plan(keys);
        let call = Call { rows, times };
        let mut found = Found::new(n);
        // What the call has changed: a series as it was, or none.
        let mut undo: Vec<(String, Option<Kept>)> = Vec::new();
        let n_dropped = self.n_dropped;
        let mut done = Ok(());
        for (i, part) in parts.iter().enumerate() {
            let is_last = i + 1 == parts.len();
            done = self.run(part, &call, is_last, &mut undo, &mut found, interrupt);
            if done.is_err() {
                break;
            }
            self.n_dropped += u64::from(part.is_dropped);
        }
        if let (Ok(()), Some(asked)) = (&done, self.config.budget) {
            done = self.judge(asked, &call, &parts, &undo, &mut found, interrupt);
        }
        if let Err(error) = done {
            self.undo(undo, n_dropped);
            return Err(error);
        }
        self.n_seen += n as u64;
        Ok(found.in_order())
    }

    /// Which rows are whose, and which series make room for others: as if the rows came
    /// one by one.
    fn plan(&self, keys: &[String]) -> Vec<Part> {
        // Of keys of the call: their last row, none while the series is dropped; their part.
        let mut last: HashMap<&str, Option<u64>> = HashMap::new();
        let mut order = self.oldest(keys);
        let mut n_held = self.series.len();
        let mut current: HashMap<&str, usize> = HashMap::new();
        let mut parts: Vec<Part> = Vec::new();
        for (row, key) in keys.iter().enumerate() {
            let number = self.n_seen + row as u64 + 1;
            let before = match last.insert(key, Some(number)) {
                Some(before) => before,
                None => self.series.get(key).map(|kept| kept.last),
            };
            if let Some(before) = before {
                order.remove(&before);
            } else if n_held < self.max_series {
                n_held += 1;
            } else if let Some((_, oldest)) = order.pop_first() {
                last.insert(oldest, None);
                let place = current.remove(oldest).unwrap_or(parts.len());
                if place == parts.len() {
                    parts.push(Part {
                        key: oldest.to_owned(),
                        rows: Vec::new(),
                        is_new: false,
                        before: 0,
                        is_dropped: false,
                    });
                }
                parts[place].is_dropped = true;
            }
            order.insert(number, key);
            let place = *current.entry(key).or_insert(parts.len());
            if place == parts.len() {
                parts.push(Part {
                    key: key.clone(),
                    rows: Vec::new(),
                    is_new: before.is_none(),
                    before: before.unwrap_or_default(),
                    is_dropped: false,
                });
            }
            parts[place].rows.push(row);
        }
        parts
    }

    /// The series that rows of these keys may drop, by their last rows: as many of the
    /// oldest as there are rows, since each renews or drops one at most.
    fn oldest(&self, keys: &[String]) -> BTreeMap<u64, &str> {
        let new: HashSet<&String> = keys.iter().collect();
        let n_new = new.iter().filter(|key| !self.series.contains_key(**key));
        if self.series.len() + n_new.count() <= self.max_series {
            return BTreeMap::new();
        }
        let held = self.series.iter();
        let mut held: Vec<_> = held.map(|(key, kept)| (kept.last, key.as_str())).collect();
        if keys.len() < held.len() {
            held.select_nth_unstable(keys.len());
            held.truncate(keys.len());
        }
        held.into_iter().collect()
    }

    /// Takes the rows of one series. What it was goes to `undo`; the last series of a
    /// call needs no copy, since its detector changes as a whole or not at all, but where
    /// rows are explained afterwards.
    fn run(
        &mut self,
        part: &Part,
        call: &Call<'_>,
        is_last: bool,
        undo: &mut Vec<(String, Option<Kept>)>,
        found: &mut Found,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let key = &part.key;
        let kept = self.series.remove(key);
        let Some(&last) = part.rows.last() else {
            undo.push((key.clone(), kept));
            return Ok(());
        };
        let together = self.config.budget.is_some();
        let is_copied = !is_last || together && !part.is_short();
        let copy = kept.as_ref().filter(|_| is_copied).cloned();
        let mut detector = match kept {
            Some(kept) => kept.detector,
            None => SeriesDetector::new(self.config.clone(), self.columns.clone())?,
        };
        let result = call.chosen(&part.rows).and_then(|chosen| {
            let (rows, times) = (chosen.rows(self.columns.len())?, chosen.times.as_deref());
            match together {
                false => detector.process_with(&rows, times, interrupt),
                true => detector.judge_with(&rows, times, interrupt, &mut |one| {
                    found.compared[part.rows[one.row]] = one.compared();
                    part.is_short() && one.score > 0.0
                }),
            }
        });
        let last = self.n_seen + last as u64 + 1;
        if is_last && result.is_err() {
            // As it was, and where it was.
            if !part.is_new {
                let last = part.before;
                self.series.insert(key.clone(), Kept { detector, last });
            }
        } else {
            undo.push((key.clone(), copy));
            if !part.is_dropped {
                self.series.insert(key.clone(), Kept { detector, last });
            }
        }
        found.add(&part.rows, result?);
        Ok(())
    }

    /// Says which rows of all series are alerts, in the order in which they came. Short parts
    /// have brought reasons of all rows that may be one; of others the series as it was is
    /// asked, once it is known which rows are.
    fn judge(
        &mut self,
        asked: AlertBudget,
        call: &Call<'_>,
        parts: &[Part],
        before: &[(String, Option<Kept>)],
        found: &mut Found,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let mut alerts = self.alerts.clone();
        let is_alert = found.judge(|row, score| {
            let time = call.times.map(|times| times[row]);
            alerts.take(&self.config, asked, score, time)
        });
        for (part, (_, before)) in parts.iter().zip(before) {
            let places = 0..part.rows.len();
            let which: Vec<usize> = places.filter(|&i| is_alert[part.rows[i]]).collect();
            if part.is_short() || which.is_empty() {
                continue;
            }
            let mut series = match before {
                Some(kept) => kept.detector.clone(),
                None => SeriesDetector::new(self.config.clone(), self.columns.clone())?,
            };
            let chosen = call.chosen(&part.rows)?;
            let (rows, times) = (chosen.rows(self.columns.len())?, chosen.times.as_deref());
            let reasons = series.reasons_of(&rows, times, &which, interrupt)?;
            let which = which.into_iter().map(|i| part.rows[i]);
            found.reasons.extend(which.zip(reasons));
        }
        self.alerts = alerts;
        Ok(())
    }

    /// Puts every series back as it was before a call, the last change first.
    fn undo(&mut self, undo: Vec<(String, Option<Kept>)>, n_dropped: u64) {
        for (key, kept) in undo.into_iter().rev() {
            match kept {
                Some(kept) => self.series.insert(key, kept),
                None => self.series.remove(&key),
            };
        }
        self.n_dropped = n_dropped;
    }

    /// Every series with its key and the number of its last row, in that order.
    pub(crate) fn in_order(&self) -> Vec<(&str, u64, &SeriesDetector)> {
        let series = self.series.iter();
        let mut kept: Vec<_> = series
            .map(|(key, kept)| (key.as_str(), kept.last, &kept.detector))
            .collect();
        kept.sort_by_key(|&(_, last, _)| last);
        kept
    }

    /// Fills an empty set with what a file holds.
    pub(crate) fn fill(
        &mut self,
        n_seen: u64,
        n_dropped: u64,
        series: Vec<(String, u64, SeriesDetector)>,
        alerts: Alerts,
    ) -> Result<()> {
        let wrong = |message: &str| Err(Error::file(message));
        if alerts.n_scored > n_seen || !alerts.is_sound(&self.config) {
            return wrong("what the threshold of a set rests on does not hold together");
        }
        if series.len() > self.max_series {
            return wrong("a set holds more series than it may");
        }
        let (mut before, mut all_timed) = (0, None);
        for (key, last, detector) in series {
            if last <= before || last > n_seen {
                return wrong("the series of a set are not in the order of their last rows");
            }
            before = last;
            let judged = detector.alerts != Alerts::default();
            if judged || detector.config != self.config || detector.columns != self.columns {
                return wrong("a series is not of its set's parameters");
            }
            let timed = matches!(detector.clock, Clock::At(_));
            if detector.counts.seen == 0 || *all_timed.get_or_insert(timed) != timed {
                return wrong("some series of a set have times and others have not");
            }
            if self.series.insert(key, Kept { detector, last }).is_some() {
                return wrong("two series of a set have one key");
            }
        }
        self.n_seen = n_seen;
        self.n_dropped = n_dropped;
        self.alerts = alerts;
        Ok(())
    }
}
