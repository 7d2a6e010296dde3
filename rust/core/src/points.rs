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
