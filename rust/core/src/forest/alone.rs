//! Rows that come alone, one after the other, as a service's do.
//!
//! Such a row goes through all trees together ([`crate::lockstep`]), and a tree that
//! takes it in goes on below the nodes that scoring has found to hold it.
//!
//! What did not pay: to keep all boxes of a forest of many columns, which stores few
//! of them ([`crate::tree`]), while rows come alone. Scoring gains less than learning
//! then loses, which has five times as many boxes to keep right: `insert` takes
//! twice as long with 30 columns, `process` about the same, in 2.6 times the memory.
//! Nor to have all trees go up together, as frozen ones do ([`crate::kernels::grove`]),
//! with the boxes that are not stored made first, of points and boxes that were asked of
//! memory before (Emerald Rapids): `process` takes 6 % less with 8 columns, where all
//! boxes are stored, but a quarter more with 30, since most of what is made then lies
//! above a box that holds the row.

use super::Forest;
use crate::local_range::Blend;
use crate::lockstep::Lockstep;
use crate::questions::{Trees, pieces};

impl Forest {
    /// The score that all trees give one padded row, or its blend; NaN if one of
    /// them holds too little. Trees that take it in keep what is found out about its
    /// way.
    pub(super) fn score_alone(&mut self, blend: Option<Blend>, q: &[f32]) -> f64 {
        let trees = self.members.len();
        let needed = self.config.rows_needed();
        let mut lockstep = Lockstep::new(self.intake.stride(), trees);
        let mut total = 0.0;
        for some in pieces(trees) {
            self.add_scores_of_row(some.clone(), needed, blend, q, &mut lockstep, &mut total);
            for (t, member) in self.members[some].iter_mut().enumerate() {
                member.keep_top(lockstep.holding(t));
            }
        }
        total / trees as f64
    }
}
