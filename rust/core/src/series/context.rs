//! What the rows before it say of a value.
//!
//! Four features a column, in the column's unit: the value; the value less the mean of
//! its slot of the period (of all rows before the slot's first); mean and standard
//! deviation of the trailing window. Means forget: a slot's after some sixty of its rows,
//! that of all after two thousand.

use super::config::FEATURES;
use std::collections::VecDeque;

/// Rows that a slot's mean and that of all rows rest on at most.
pub(crate) const SLOT_ROWS: u32 = 60;
pub(crate) const ALL_ROWS: u32 = 2000;
/// Standard deviations from the mean that are usual.
const USUAL: f64 = 2.0;

/// A mean and a variance that rest on at most so many rows, the last counting most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    /// Rows, up to the most.
    pub count: u32,
    /// Their mean; 0 if there are none.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
    /// Least value of all rows, forgotten ones included.
    pub least: f64,
    /// Greatest value of all rows.
    pub greatest: f64,
}

impl Running {
    fn add(&mut self, x: f64, most: u32) {
        if self.count == 0 {
            (self.least, self.greatest) = (x, x);
        }
        self.least = self.least.min(x);
        self.greatest = self.greatest.max(x);
        self.count = (self.count + 1).min(most);
        let before = x - self.mean;
        self.mean += before / f64::from(self.count);
        let after = x - self.mean;
        self.variance += (before * after - self.variance) / f64::from(self.count);
        // Rounding may lead below.
        self.variance = self.variance.max(0.0);
    }

    /// Where most rows lie, if there are some.
    fn usual(&self) -> Option<(f64, f64)> {
        let spread = USUAL * self.variance.sqrt();
        let low = (self.mean - spread).max(self.least);
        let high = (self.mean + spread).min(self.greatest);
        (self.count > 1).then_some((low, high))
    }
}

/// What is kept of a column's past.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextState {
    /// The last values, the oldest first.
    pub recent: VecDeque<f64>,
    /// All values.
    pub all: Running,
    /// Means of trailing windows.
    pub means: Running,
    /// Their standard deviations.
    pub spreads: Running,
    /// Values by slot of the period; empty without one.
    pub slots: Vec<Running>,
}

/// What a column says at a row: features, and what was usual of each.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) features: [f64; FEATURES],
    /// The slot whose mean it is compared with; none for that of all rows.
    pub(crate) slot: Option<usize>,
    /// Of the value in all rows, of the value in this slot, of the window's mean and of
    /// its deviation.
    pub(crate) usual: [Option<(f64, f64)>; FEATURES],
    /// Least and greatest of the trailing window before this row.
    pub(crate) recent: Option<(f64, f64)>,
}

impl ContextState {
    pub(crate) fn new(n_slots: usize) -> ContextState {
        ContextState {
            recent: VecDeque::new(),
            all: Running::default(),
            means: Running::default(),
            spreads: Running::default(),
            slots: vec![Running::default(); n_slots],
        }
    }

    /// Describes a value at a slot, then learns it.
    pub(crate) fn take(&mut self, x: f64, slot: Option<usize>, trailing: usize) -> Moment {
        let slot = slot.filter(|&slot| slot < self.slots.len());
        let known = slot.filter(|&slot| self.slots[slot].count > 0);
        let base = known.map_or(self.all, |slot| self.slots[slot]);
        let less = if base.count > 0 { x - base.mean } else { 0.0 };
        let recent = extremes(&self.recent);
        if self.recent.len() == trailing {
            self.recent.pop_front();
        }
        self.recent.push_back(x);
        let (mean, spread) = mean_and_spread(&self.recent);
        let moment = Moment {
            features: [x, less, mean, spread],
            slot: known,
            usual: [
                self.all.usual(),
                base.usual(),
                self.means.usual(),
                self.spreads.usual(),
            ],
            recent,
        };
        if let Some(slot) = slot {
            self.slots[slot].add(x, SLOT_ROWS);
        }
        self.all.add(x, ALL_ROWS);
        self.means.add(mean, ALL_ROWS);
        self.spreads.add(spread, ALL_ROWS);
        moment
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.recent.capacity() * size_of::<f64>() + self.slots.capacity() * size_of::<Running>()
    }
}

fn extremes(values: &VecDeque<f64>) -> Option<(f64, f64)> {
    let least = values.iter().copied().reduce(f64::min)?;
    let greatest = values.iter().copied().reduce(f64::max)?;
    Some((least, greatest))
}

/// Mean and sample standard deviation, from scratch: there are few values, and nothing
/// adds up over a long series. About the first, so that equal values have no spread.
fn mean_and_spread(values: &VecDeque<f64>) -> (f64, f64) {
    let n = values.len() as f64;
    let Some(&first) = values.front() else {
        return (0.0, 0.0);
    };
    let mean = first + values.iter().map(|x| x - first).sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}
