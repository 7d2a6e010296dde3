//! The points that leave a tree next, with the ways to them.
//!
//! A way down is a chain of loads that wait for each other, so those of the next
//! points to leave are found together, and those through a place at which the tree
//! has changed meanwhile again.

use crate::points::PointStore;
use crate::tree::{Live, NONE};
use crate::walk::Paths;

/// Points whose ways are found together: more would change meanwhile too often.
pub(super) const TOGETHER: usize = 8;

/// Ways to the points that up to [`TOGETHER`] rows replace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaving {
    pub(crate) paths: Paths,
    rows: Vec<f32>,
}

impl Leaving {
    pub(super) fn memory_usage(&self) -> usize {
        self.rows.capacity() * 4 + self.paths.memory_usage()
    }

    /// Finds the ways to the points in the slots of some planned (row, slot)
    /// pairs. `places` has the point in each slot.
    #[inline(always)]
    pub(crate) fn find(
        &mut self,
        tree: Live<'_>,
        planned: &[(u32, u32)],
        places: &[u32],
        points: &PointStore,
    ) {
        let stride = points.row_len();
        self.rows.resize(TOGETHER * stride, 0.0);
        // What takes the slot first is not there yet.
        let mut later = [false; TOGETHER];
        let rows = self.rows.chunks_exact_mut(stride);
        for (i, (&(_, slot), to)) in planned.iter().zip(rows).enumerate() {
            let point = places.get(slot as usize).copied().unwrap_or(NONE);
            later[i] = point == NONE || planned[..i].iter().any(|&(_, before)| before == slot);
            if !later[i] {
                to.copy_from_slice(points.row(point));
            }
        }
        self.paths
            .descend(&tree, &self.rows[..planned.len() * stride], stride);
        for i in (0..TOGETHER).filter(|&i| later[i]) {
            self.paths.forget(i);
        }
    }
}
