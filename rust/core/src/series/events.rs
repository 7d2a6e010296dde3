//! Finds as events: episodes and habituation.
//!
//! A row whose novelty is high often has neighbours that are as novel for the same
//! reason. So a find opens an episode; within it only a row that is clearly more novel
//! counts, and raises the event's value without prolonging the episode. And what has
//! come often lately is no longer news: with `c` similar past events, the sum over those
//! at least 0.6 times as large of `exp(-age / time)`, a novelty `q` counts
//! `q / (1 + c / kappa)^exponent`.

use super::config::{FORGOTTEN, SeriesConfig};
use std::collections::VecDeque;

/// By how much a row must surpass the event whose episode it is in.
const RAISED: f64 = 1.15;
/// Past events of at least this part of a novelty are similar to it.
const SIMILAR: f64 = 0.6;

/// A find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// The row at which it began, counted over rows learnt.
    pub row: u64,
    /// Its greatest novelty.
    pub value: f64,
}

/// The events that still count, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events {
    pub(crate) past: VecDeque<Event>,
}

impl Events {
    /// Takes the novelty of a row; gives its score.
    pub(crate) fn take(&mut self, config: &SeriesConfig, row: u64, novelty: f64) -> f64 {
        let Some(length) = config.episode else {
            return novelty;
        };
        if novelty <= 0.0 {
            return 0.0;
        }
        let open = self.past.back().copied();
        let open = open.filter(|event| row - event.row <= length);
        if open.is_some_and(|event| novelty <= RAISED * event.value) {
            return 0.0;
        }
        if open.is_some() {
            self.past.pop_back();
        }
        let score = match config.habituation {
            None => novelty,
            Some(time) => {
                let forgotten = |event: &Event| (row - event.row) as f64 > FORGOTTEN * time;
                while self.past.front().is_some_and(forgotten) {
                    self.past.pop_front();
                }
                let similar = self.similar(row, time, novelty);
                novelty / libm::pow(1.0 + similar / config.kappa, config.exponent)
            }
        };
        if config.habituation.is_none() {
            self.past.clear();
        }
        self.past.push_back(Event {
            row: open.map_or(row, |event| event.row),
            value: novelty,
        });
        score
    }

    fn similar(&self, row: u64, time: f64, novelty: f64) -> f64 {
        let past = self.past.iter();
        past.filter(|event| event.value >= SIMILAR * novelty)
            .map(|event| libm::exp(-((row - event.row) as f64) / time))
            .sum()
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.past.capacity() * size_of::<Event>()
    }
}
