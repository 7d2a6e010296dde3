//! Rows that come alone, one after the other, as a service's do.
//!
//! Such a row goes through all trees together ([`crate::lockstep`]), and a tree that
//! takes it in goes on below the nodes that scoring has found to hold it.
//!
//! What did not pay: to keep all boxes of a forest of many columns, which stores few
//! of them ([`crate::tree`]), while rows come alone. Scoring gains less than learning
//! then loses, which has five times as many boxes to keep right: `insert` takes
//! twice as long with 30 columns, `process` about the same, in 2.6 times the memory.

use super::Forest;
use crate::local_range::Blend;
use crate::lockstep::Lockstep;
use crate::questions::{Trees, pieces};

impl Forest {
    /// The score that all trees give one padded row, or its blend; NaN if one of
    /// them holds too little. The trees that are `taking` it in, in ascending order,
    /// keep what is found out about its way.
    pub(super) fn score_alone(
        &mut self,
        blend: Option<Blend>,
        q: &[f32],
        mut taking: &[u32],
    ) -> f64 {
        let trees = self.members.len();
        let needed = self.config.rows_needed();
        let mut lockstep = Lockstep::new(self.intake.stride(), trees);
        let mut total = 0.0;
        for some in pieces(trees) {
            self.add_scores_of_row(some.clone(), needed, blend, q, &mut lockstep, &mut total);
            while let Some((&t, rest)) = taking.split_first()
                && (t as usize) < some.end
            {
                let holding = lockstep.holding(t as usize - some.start);
                self.members[t as usize].keep_top(holding);
                taking = rest;
            }
        }
        total / trees as f64
    }
}
