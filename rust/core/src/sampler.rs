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
//! Times enter only as differences to a moving reference, so keys keep their
//! precision after any number of rows and with any clock.

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

/// The clock shared by all samplers of a forest.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    rate: f64,
    state: ClockState,
}

/// Log weights may move this far from the reference before it is moved:
/// far below overflow, far above needless work.
const REBASE_AT: f64 = 32.0;

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

    /// Moves the reference to `time` if it has got too far behind. Returns the
    /// shift that all keys take (add to keys, and to a hazard its negative
    /// exponent), or `None`.
    pub(crate) fn rebase(&mut self, time: i64) -> Option<f64> {
        let shift = self.log_weight(time);
        if shift <= REBASE_AT {
            return None;
        }
        self.state.reference = time;
        self.state.cumulative *= libm::exp(-shift);
        Some(shift)
    }

    /// Whether a row at `time` needs [`Clock::rebase`] first.
    pub(crate) fn is_stale(&self, time: i64) -> bool {
        self.log_weight(time) > REBASE_AT
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

    /// The time of the next row when the caller gives none.
    pub(crate) fn next_time(&self) -> i64 {
        self.state.now.saturating_add(1)
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

    /// Follows a move of the clock's reference.
    pub(crate) fn rebase(&mut self, shift: f64) {
        if self.window {
            return;
        }
        for key in &mut self.keys {
            *key += shift;
        }
        self.target *= libm::exp(-shift);
    }

    /// Takes the rows of a block. Pushes (row, slot) for each that is
    /// accepted, in order; whatever the slot held before has left. `first_row`
    /// is the number of the block's first row in the stream.
    pub(crate) fn plan(&mut self, first_row: u64, ticks: &[Tick], accepted: &mut Vec<(u32, u32)>) {
        let mut row = 0;
        while row < ticks.len() {
            if self.is_full() && !self.window {
                // Cumulative hazards never fall, so the next one is found by bisection.
                row += ticks[row..].partition_point(|t| t.cumulative < self.target);
                if row == ticks.len() {
                    return;
                }
            }
            let tick = ticks[row];
            let slot = if self.window {
                // The oldest row has the largest key. Exact up to 2^53 rows.
                self.place(-((first_row + row as u64) as f64))
            } else if self.is_full() {
                // The exponential of an accepted row is one below its hazard.
                let hazard = libm::exp(self.keys[0] + tick.log_weight);
                let e = -libm::log1p(self.rng.open() * libm::expm1(-hazard));
                // Rounding may not lift the key above the threshold it was drawn under.
                let key = (libm::log(e) - tick.log_weight).min(self.keys[0]);
                self.place(key)
            } else {
                let key = libm::log(self.rng.exponential()) - tick.log_weight;
                self.place(key)
            };
            if self.is_full() && !self.window {
                self.target = tick.cumulative + self.rng.exponential() * libm::exp(-self.keys[0]);
            }
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

    /// Takes out the entry at `index` of the heap and returns its slot. The
    /// place stays open until the next row fills it.
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
            let child = if right < self.keys.len() && self.keys[right] > self.keys[left] {
                right
            } else {
                left
            };
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
