//! Which rows a tree keeps: weighted reservoir sampling with skips.
//!
//! Row `i` at time `t` gets the key `ln E - rate * t` with `E` standard
//! exponential; the `sample_size` smallest keys stay (Efraimidis and
//! Spirakis 2006, in log space). With the largest key `theta` of a full
//! reservoir, a row of log weight `w = rate * t` is accepted with probability
//! `1 - exp(-exp(theta + w))`. The number of rows until the next acceptance is
//! therefore found with one draw: the first row at which the cumulative
//! hazard `sum exp(w)` reaches `now + E' / exp(theta)`. A rejected row costs
//! nothing, whatever the clock does.
//!
//! Times enter only as differences to a reference that moves with them, forth
//! and back, so keys and hazards keep their precision after any number of rows
//! and with any clock.
//!
//! A deleted row leaves its place open, and `theta` where the remaining keys
//! put it: the next row that would have been taken anyway fills it. (Were the
//! next row of all taken, the rows after a deletion would be in far more trees
//! than their share.) Only a tree that has lost so much that it no longer
//! answers starts over with whatever comes.

use crate::config::Sampling;
use crate::rng::Rng;
use crate::state::ClockState;

/// What one row's time means to every sampler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    /// Log weight of the row, relative to the clock's reference.
    log_weight: f64,
    /// Cumulative hazard per unit threshold up to and with this row.
    cumulative: f64,
}

/// What the times of a block's rows mean to every sampler. Rows of equal weight
/// are counted, without an exponential for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ticks {
    /// Rows, if all weigh the same, and the cumulative hazard before them.
    even: Option<(usize, f64)>,
    /// The ticks, if they do not.
    listed: Vec<Tick>,
}

/// Up to here, rows of equal weight are counted without rounding.
const EXACT: f64 = (1u64 << 53) as f64;

impl Ticks {
    pub(crate) fn clear(&mut self) {
        self.even = None;
        self.listed.clear();
    }

    pub(crate) fn push(&mut self, tick: Tick) {
        self.listed.push(tick);
    }

    fn len(&self) -> usize {
        self.even.map_or(self.listed.len(), |(n, _)| n)
    }

    fn get(&self, row: usize) -> Tick {
        match self.even {
            Some((_, before)) => Tick {
                log_weight: 0.0,
                cumulative: before + (row + 1) as f64,
            },
            None => self.listed[row],
        }
    }

    /// The first row from `row` on at which the cumulative hazard has reached
    /// `target`, or their number.
    fn reach(&self, row: usize, target: f64) -> usize {
        match self.even {
            // Whole numbers all: nothing is rounded but what is beyond the block.
            Some((n, before)) => ((target.ceil() - before - 1.0) as usize).clamp(row, n),
            None => self.search(row, target),
        }
    }

    /// [`Ticks::reach`] where weights differ. Cumulative hazards never fall, and
    /// mostly rise evenly for some rows: the next step tells where to look first.
    fn search(&self, row: usize, target: f64) -> usize {
        const NEAR: usize = 8;
        let ticks = &self.listed[row..];
        let ahead = match ticks {
            [a, b, ..] => (target - a.cumulative) / (b.cumulative - a.cumulative),
            _ => 0.0,
        };
        let mut at = (ahead as usize).min(ticks.len());
        for _ in 0..NEAR {
            if at < ticks.len() && ticks[at].cumulative < target {
                at += 1;
            } else if at > 0 && ticks[at - 1].cumulative >= target {
                at -= 1;
            } else {
                return row + at;
            }
        }
        row + ticks.partition_point(|t| t.cumulative < target)
    }

    pub(crate) fn shrink_to(&mut self, n: usize) {
        self.listed.shrink_to(n);
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.listed.capacity() * size_of::<Tick>()
    }
}

/// The clock shared by all samplers of a forest.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    rate: f64,
    state: ClockState,
}

/// Log weights may move this far from the reference, forth or back, before it
/// is moved: so near that the sum of hazards loses none of them, far above
/// needless work.
const REBASE_AT: f64 = 8.0;

impl Clock {
    pub(crate) fn new(rate: f64) -> Clock {
        let state = ClockState {
            now: 0,
            reference: 0,
            cumulative: 0.0,
        };
        Clock { rate, state }
    }

    pub(crate) fn from_state(rate: f64, state: ClockState) -> Clock {
        Clock { rate, state }
    }

    pub(crate) fn state(&self) -> ClockState {
        self.state
    }

    fn log_weight(&self, time: i64) -> f64 {
        // The difference is exact in 128 bits; it may not fit in 64.
        (i128::from(time) - i128::from(self.state.reference)) as f64 * self.rate
    }

    /// The same clock with another decay from here on; its reference has to be now.
    pub(crate) fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Moves the reference to `time`, from where hazards are counted anew.
    /// Returns the shift that all keys take.
    pub(crate) fn rebase(&mut self, time: i64) -> f64 {
        let shift = self.log_weight(time);
        self.state.reference = time;
        self.state.cumulative = 0.0;
        shift
    }

    /// Whether a row at `time` needs [`Clock::rebase`] first.
    pub(crate) fn is_stale(&self, time: i64) -> bool {
        self.log_weight(time).abs() > REBASE_AT
    }

    /// Cumulative hazard per unit threshold since the reference.
    pub(crate) fn cumulative(&self) -> f64 {
        self.state.cumulative
    }

    pub(crate) fn tick(&mut self, time: i64) -> Tick {
        let log_weight = self.log_weight(time);
        self.state.cumulative += libm::exp(log_weight);
        self.state.now = time;
        Tick {
            log_weight,
            cumulative: self.state.cumulative,
        }
    }

    /// The ticks of `n` rows up to `time` in one step, where all weigh the same.
    pub(crate) fn tick_evenly(&mut self, n: usize, time: i64) -> Option<Ticks> {
        let before = self.state.cumulative;
        let after = before + n as f64;
        if self.rate != 0.0 || before.fract() != 0.0 || after > EXACT {
            return None;
        }
        self.state.cumulative = after;
        self.state.now = time;
        Some(Ticks {
            even: Some((n, before)),
            listed: Vec::new(),
        })
    }

    /// Turns the clock back by `n` rows that came without times.
    pub(crate) fn turn_back(&mut self, n: i64) {
        self.state.now = self.state.now.saturating_sub(n);
    }

    /// The time of the last of the next `n` rows when the caller gives none.
    pub(crate) fn time_after(&self, n: usize) -> i64 {
        self.state.now.saturating_add_unsigned(n as u64)
    }
}

/// The reservoir of one tree: a max-heap of keys over stable slot numbers.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    window: bool,
    capacity: usize,
    keys: Vec<f64>,
    slots: Vec<u32>,
    free: Vec<u32>,
    /// Cumulative hazard at which the next row is accepted; 0 while every row is.
    target: f64,
    rng: Rng,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling, capacity: usize, rng: Rng) -> Sampler {
        Sampler {
            window: sampling == Sampling::Window,
            capacity,
            keys: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            target: 0.0,
            rng,
        }
    }

    /// Rebuilds a sampler; slot `i` is the place of `keys[i]`.
    pub(crate) fn from_parts(
        sampling: Sampling,
        capacity: usize,
        keys: Vec<f64>,
        target: f64,
        rng: Rng,
    ) -> Sampler {
        let slots = (0..keys.len() as u32).collect();
        Sampler {
            window: sampling == Sampling::Window,
            capacity,
            keys,
            slots,
            free: Vec::new(),
            target,
            rng,
        }
    }

    pub(crate) fn keys(&self) -> &[f64] {
        &self.keys
    }

    /// Slot numbers in heap order.
    pub(crate) fn slots(&self) -> &[u32] {
        &self.slots
    }

    pub(crate) fn target(&self) -> f64 {
        self.target
    }

    pub(crate) fn rng_state(&self) -> [u64; 4] {
        self.rng.state()
    }

    fn is_full(&self) -> bool {
        self.keys.len() == self.capacity
    }

    /// Below which a row's key must lie for the row to be taken, unless every
    /// row is.
    fn threshold(&self) -> Option<f64> {
        let closed = !self.window && (self.is_full() || self.target > 0.0);
        self.keys.first().copied().filter(|_| closed)
    }

    /// Draws the next acceptance from where the hazard stands. What was drawn
    /// before needs no regard: an exponential has no memory.
    fn draw_target(&mut self, cumulative: f64) {
        if let Some(threshold) = self.threshold() {
            let ahead = self.rng.exponential() * libm::exp(-threshold);
            self.target = (cumulative + ahead).clamp(f64::MIN_POSITIVE, f64::MAX);
        }
    }

    /// Follows a move of the clock's reference.
    pub(crate) fn rebase(&mut self, shift: f64) {
        if self.window {
            return;
        }
        for key in &mut self.keys {
            *key += shift;
        }
        self.draw_target(0.0);
    }

    /// Goes on after a deletion, with the hazard where it stands.
    pub(crate) fn settle(&mut self, cumulative: f64) {
        if self.keys.len() < (self.capacity / 4).max(1) {
            self.target = 0.0;
        } else {
            self.draw_target(cumulative);
        }
    }

    /// Takes the rows of a block. Pushes (row, slot) for each that is
    /// accepted, in order; whatever the slot held before has left. `first_row`
    /// is the number of the block's first row in the stream.
    pub(crate) fn plan(&mut self, first_row: u64, ticks: &Ticks, accepted: &mut Vec<(u32, u32)>) {
        let mut row = 0;
        while row < ticks.len() {
            let threshold = self.threshold();
            if threshold.is_some() {
                row = ticks.reach(row, self.target);
                if row == ticks.len() {
                    return;
                }
            }
            let tick = ticks.get(row);
            let key = if self.window {
                // The oldest row has the largest key. Exact up to 2^53 rows.
                -((first_row + row as u64) as f64)
            } else if let Some(threshold) = threshold {
                // The exponential of an accepted row is one below its hazard.
                let hazard = libm::exp(threshold + tick.log_weight);
                let e = -libm::log1p(self.rng.open() * libm::expm1(-hazard));
                // Rounding may not lift the key above the threshold it was drawn under.
                (libm::log(e) - tick.log_weight).min(threshold)
            } else {
                libm::log(self.rng.exponential()) - tick.log_weight
            };
            let slot = self.place(key);
            self.draw_target(tick.cumulative);
            accepted.push((row as u32, slot));
            row += 1;
        }
    }

    /// Puts a key in: in the place of the largest when full.
    fn place(&mut self, key: f64) -> u32 {
        if self.is_full() {
            let slot = self.slots[0];
            self.keys[0] = key;
            self.sift_down(0);
            return slot;
        }
        if self.keys.capacity() == 0 {
            self.keys.reserve_exact(self.capacity.min(1 << 16));
            self.slots.reserve_exact(self.capacity.min(1 << 16));
        }
        let slot = self.free.pop().unwrap_or(self.keys.len() as u32);
        self.keys.push(key);
        self.slots.push(slot);
        self.sift_up(self.keys.len() - 1);
        slot
    }

    /// Takes out the entry at `index` of the heap and returns its slot;
    /// [`Sampler::settle`] has to follow.
    pub(crate) fn remove(&mut self, index: usize) -> u32 {
        let slot = self.slots.swap_remove(index);
        self.keys.swap_remove(index);
        if index < self.keys.len() {
            self.sift_down(index);
            self.sift_up(index);
        }
        self.free.push(slot);
        slot
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.keys.swap(a, b);
        self.slots.swap(a, b);
    }

    fn sift_up(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.keys[at] <= self.keys[parent] {
                return;
            }
            self.swap(at, parent);
            at = parent;
        }
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let left = 2 * at + 1;
            if left >= self.keys.len() {
                return;
            }
            let right = left + 1;
            // No branch: which one is larger cannot be foretold.
            let other = self.keys.get(right).copied().unwrap_or(f64::NEG_INFINITY);
            let child = left + usize::from(other > self.keys[left]);
            if self.keys[child] <= self.keys[at] {
                return;
            }
            self.swap(at, child);
            at = child;
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.keys.capacity() * 8 + self.slots.capacity() * 4 + self.free.capacity() * 4
    }

    /// Whether the keys form a heap (for checks).
    pub(crate) fn is_heap(&self) -> bool {
        (1..self.keys.len()).all(|i| self.keys[i] <= self.keys[(i - 1) / 2])
    }
}

#[cfg(test)]
mod tests;
