//! Rows that come a few at a time, in call after call.
//!
//! At rest a tree of many columns stores few of its boxes ([`crate::tree`]), and a block
//! of rows has all of them for as long as it takes. A call of a few rows is not worth
//! that, so it puts together every box on its way, which is most of its time. Where such
//! calls follow each other, the trees keep all boxes; a call of many rows leaves them at
//! rest again, as it does with everything that it made room for. No result depends on it.

use super::Forest;
use crate::kernels::simd::Portable;
use crate::tree::Scratch;

/// Rows in short calls after which boxes are kept. To make those of a forest costs as
/// much as they save on some fifty rows (100 trees of 256 rows, 30 columns).
const ENOUGH: usize = 64;
/// A call is short where it has no more than one row for so many of a tree.
const SHORT: usize = 16;
/// Bytes that the boxes of a forest may take then: 6.5 MB of the above.
const MOST_BYTES: usize = 16 << 20;

/// What came in short calls lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trickle {
    rows: usize,
    keeps: bool,
}

impl Forest {
    /// Before a call of `n` rows.
    pub(super) fn expect(&mut self, n: usize) {
        let sample = self.config.sample_size;
        if n > sample {
            self.rest();
        } else if n * SHORT <= sample && !self.trickle.keeps {
            self.trickle.rows += n;
            if self.trickle.rows >= ENOUGH && self.bytes_of_boxes() <= MOST_BYTES {
                self.trickle.keeps = true;
                let mut scratch = Scratch::new(self.intake.stride());
                for member in &mut self.members {
                    member.tree.keep_boxes(Portable, &self.points, &mut scratch);
                }
            }
        }
    }

    /// Gives back what is stored beyond what trees need.
    fn rest(&mut self) {
        if self.trickle.keeps {
            let mut scratch = Scratch::new(self.intake.stride());
            for member in &mut self.members {
                member.tree.rest(Portable, &self.points, &mut scratch);
            }
        }
        self.trickle = Trickle::default();
    }

    /// Bytes that all boxes of full trees take.
    fn bytes_of_boxes(&self) -> usize {
        let box_bytes = 2 * size_of::<f32>() * self.intake.stride();
        self.config.n_trees * self.config.sample_size * box_bytes
    }
}
