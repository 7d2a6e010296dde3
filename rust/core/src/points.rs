//! The points that trees hold, stored once and counted.

/// Row-major store of points, padded to the kernels' stride, with a count of
/// references from all trees. A point's number stays valid while its count is
/// above zero.
#[derive(Clone, Debug)]
pub(crate) struct PointStore {
    stride: usize,
    values: Vec<f32>,
    counts: Vec<u32>,
    free: Vec<u32>,
}

impl PointStore {
    pub(crate) fn new(stride: usize) -> PointStore {
        PointStore {
            stride,
            values: Vec::new(),
            counts: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Takes padded rows over; point `i` is row `i`, with no references yet.
    pub(crate) fn from_padded(values: Vec<f32>, stride: usize) -> PointStore {
        PointStore {
            stride,
            counts: vec![0; values.len() / stride],
            free: Vec::new(),
            values,
        }
    }

    pub(crate) fn set_count(&mut self, id: u32, count: u32) {
        self.counts[id as usize] = count;
    }

    /// Stores a padded point with no references yet.
    pub(crate) fn add(&mut self, row: &[f32]) -> u32 {
        match self.free.pop() {
            Some(id) => {
                let at = id as usize * self.stride;
                self.values[at..at + self.stride].copy_from_slice(row);
                id
            }
            None => {
                grow_by_an_eighth(&mut self.values, self.stride);
                grow_by_an_eighth(&mut self.counts, 1);
                self.values.extend_from_slice(row);
                self.counts.push(0);
                (self.counts.len() - 1) as u32
            }
        }
    }

    #[inline(always)]
    pub(crate) fn row(&self, id: u32) -> &[f32] {
        let at = id as usize * self.stride;
        &self.values[at..at + self.stride]
    }

    /// Length of a padded point.
    pub(crate) fn row_len(&self) -> usize {
        self.stride
    }

    pub(crate) fn acquire(&mut self, id: u32) {
        self.counts[id as usize] += 1;
    }

    /// Gives a reference back; the place is reused once none is left.
    pub(crate) fn release(&mut self, id: u32) {
        self.counts[id as usize] -= 1;
        self.drop_if_unused(id);
    }

    /// Frees a point that no tree took.
    pub(crate) fn drop_if_unused(&mut self, id: u32) {
        if self.counts[id as usize] == 0 {
            self.free.push(id);
        }
    }

    /// Closes the gaps that points left behind where they are more than an eighth;
    /// returns the new number of each point.
    pub(crate) fn compact(&mut self) -> Option<Vec<u32>> {
        let n = self.len();
        if self.free.len() <= n / 8 {
            return None;
        }
        let mut names: Vec<u32> = (0..self.counts.len() as u32).collect();
        let mut gaps = (0..n)
            .filter(|&id| self.counts[id] == 0)
            .collect::<Vec<_>>();
        for id in n..self.counts.len() {
            if self.counts[id] == 0 {
                continue;
            }
            // As many points lie beyond the first `n` places as gaps among them.
            let Some(to) = gaps.pop() else { break };
            names[id] = to as u32;
            self.counts[to] = self.counts[id];
            let at = id * self.stride;
            self.values
                .copy_within(at..at + self.stride, to * self.stride);
        }
        self.counts.truncate(n);
        self.values.truncate(n * self.stride);
        self.counts.shrink_to(n + n / 8);
        self.values.shrink_to((n + n / 8) * self.stride);
        self.free = Vec::new();
        Some(names)
    }

    /// Points stored now.
    pub(crate) fn len(&self) -> usize {
        self.counts.len() - self.free.len()
    }

    pub(crate) fn count(&self, id: u32) -> u32 {
        self.counts[id as usize]
    }

    /// Places ever made: every number below this is a valid index.
    pub(crate) fn places(&self) -> usize {
        self.counts.len()
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.values.capacity() * 4 + self.counts.capacity() * 4 + self.free.capacity() * 4
    }
}

/// Makes room for `more` values, growing by an eighth rather than doubling:
/// a forest's memory is mostly its points and boxes, and slack is memory too.
pub(crate) fn grow_by_an_eighth<T>(values: &mut Vec<T>, more: usize) {
    if values.capacity() - values.len() < more {
        values.reserve_exact(more.max(values.len() / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use std::collections::BTreeMap;

    #[test]
    fn points_follow_their_new_numbers() {
        let mut rng = Rng::new(5, 0);
        for n in [0, 1, 9, 300] {
            for kept in [0.0, 0.1, 0.5, 0.95, 1.0] {
                let mut store = PointStore::new(4);
                // References to each point by its value.
                let mut held = BTreeMap::new();
                for value in 0..n {
                    let id = store.add(&[value as f32; 4]);
                    store.acquire(id);
                    if rng.unit() < 0.3 {
                        store.acquire(id);
                    }
                    held.insert(value, id);
                }
                held.retain(|_, &mut id| {
                    let stays = rng.unit() < kept;
                    while !stays && store.count(id) > 0 {
                        store.release(id);
                    }
                    stays
                });
                let counts: Vec<u32> = held.values().map(|&id| store.count(id)).collect();
                let gaps = store.places() - held.len();
                let names = store.compact();
                assert_eq!(names.is_some(), gaps > held.len() / 8);
                let name = |id: u32| names.as_ref().map_or(id, |names| names[id as usize]);
                for ((value, id), count) in held.iter_mut().zip(counts) {
                    *id = name(*id);
                    assert_eq!(store.row(*id), [*value as f32; 4]);
                    assert_eq!(store.count(*id), count);
                }
                assert_eq!(store.len(), held.len());
                assert!(store.places() - store.len() <= store.len() / 8);
                // Places that are free now are given out again, and no other.
                let id = store.add(&[-1.0; 4]);
                assert!(held.values().all(|&other| other != id));
                assert_eq!(store.row(id), [-1.0; 4]);
            }
        }
    }
}
