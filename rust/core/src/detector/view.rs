//! A view: one way to see rows, and the trees that see them so.
//!
//! No scaling is right for all tables, so trees take turns: a mixture of trees in
//! different coordinates ranks better than any of them (docs/detection.md). A view's
//! coordinates are fixed once the detector is fitted, so each of its trees stays an exact
//! random cut tree of what it holds, whatever a stream brings and takes away.

use super::scaler::{Scaled, Scaler};
use super::{Feature, Relation};
use crate::attribution::Attribution;
use crate::config::ScoreKind;
use crate::error::Result;
use crate::forest::Forest;
use crate::frozen::{Asked, FrozenForest};
use crate::neighbors::Around;
use crate::notes::Notes;
use crate::rows::Rows;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Rows that are scaled at a time.
const BLOCK: usize = 16_384;
/// Values that are scaled at a time, at most.
const BLOCK_VALUES: usize = 1 << 20;

/// Columns as some trees see them, and these trees.
#[derive(Clone, Debug)]
pub(super) struct View {
    scaler: Scaler,
    forest: Forest,
    /// The forest as it stands; made when enough rows were asked.
    frozen: OnceLock<FrozenForest>,
    asked: RowsAsked,
}

/// Rows asked since the forest last changed, in any number of calls. A service asks the same
/// forest row by row, which a frozen one answers in a quarter of the time at many columns.
#[derive(Debug, Default)]
struct RowsAsked(AtomicUsize);

impl RowsAsked {
    /// Adds some rows; returns how many that makes.
    fn add(&self, n: usize) -> usize {
        self.0.fetch_add(n, Relaxed).saturating_add(n)
    }
}

impl Clone for RowsAsked {
    fn clone(&self) -> RowsAsked {
        RowsAsked(AtomicUsize::new(self.0.load(Relaxed)))
    }
}

/// The columns that all views see.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) features: &'a [Feature],
    pub(super) relations: &'a [Relation],
}

impl View {
    /// The view of a number.
    pub(super) fn new(number: usize, features: &[Feature], forest: Forest) -> View {
        View {
            scaler: Scaler::new(features, number),
            forest,
            frozen: OnceLock::new(),
            asked: RowsAsked::default(),
        }
    }

    pub(super) fn forest(&self) -> &Forest {
        &self.forest
    }

    pub(super) fn set_forest(&mut self, forest: Forest) {
        self.forest = forest;
        self.thaw();
    }

    /// The forest, to be changed.
    pub(super) fn forest_mut(&mut self) -> &mut Forest {
        self.thaw();
        &mut self.forest
    }

    fn thaw(&mut self) {
        self.frozen.take();
        self.asked = RowsAsked::default();
    }

    /// Notes change nothing that the forest answers.
    pub(super) fn set_notes(&mut self, notes: Notes) -> Result<()> {
        self.forest.set_notes(notes)
    }

    pub(super) fn memory_usage(&self) -> usize {
        self.forest.memory_usage() + self.frozen.get().map_or(0, FrozenForest::memory_usage)
    }

    fn scaled<'a>(&'a self, seen: Seen<'a>) -> Scaled<'a> {
        self.scaler.of(seen.features, seen.relations)
    }

    /// Makes the frozen form, if it is not there and pays for some more rows and those before.
    pub(super) fn freeze_for(
        &self,
        n_rows: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        if self.frozen.get().is_none() && self.asked.add(n_rows) >= self.forest.worth_freezing() {
            let _ = self.frozen.set(self.forest.freeze_with(interrupt)?);
        }
        Ok(())
    }

    /// Coordinates of checked rows, one row after the other.
    pub(super) fn coordinates(
        &self,
        seen: Seen<'_>,
        rows: &Rows<'_>,
        range: Range<usize>,
    ) -> Vec<f32> {
        let scaled = self.scaled(seen);
        let mut values = vec![0.0; scaled.width() * range.len()];
        scaled.load_rows(rows, range, &mut values);
        values
    }

    /// Gives checked rows, scaled, to `work` block by block.
    pub(super) fn in_blocks(
        &self,
        seen: Seen<'_>,
        rows: &Rows<'_>,
        mut work: impl FnMut(&Rows<'_>) -> Result<()>,
    ) -> Result<()> {
        let scaled = self.scaled(seen);
        let width = scaled.width();
        let block = BLOCK.min(BLOCK_VALUES / width).max(1);
        let mut values = vec![0.0; block.min(rows.n_rows()) * width];
        for first in (0..rows.n_rows()).step_by(block) {
            let range = first..(first + block).min(rows.n_rows());
            let values = &mut values[..range.len() * width];
            scaled.load_rows(rows, range, values);
            work(&Rows::from_f32(values, width)?)?;
        }
        Ok(())
    }

    /// Scores of rows, which are checked, and scaled on their way into the kernel.
    pub(super) fn score(
        &self,
        kind: ScoreKind,
        seen: Seen<'_>,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        let n = rows.n_rows();
        if let Some(frozen) = self.frozen.get()
            && frozen.takes_blocks(n)
        {
            let asked = Asked::of(kind, frozen.config().sample_size);
            return frozen.score_blocks(&self.scaled(seen), rows, asked, interrupt);
        }
        rows.check(None, interrupt)?;
        let mut scores = Vec::with_capacity(n);
        self.in_blocks(seen, rows, |rows| {
            scores.extend(match self.frozen.get() {
                Some(frozen) => frozen.score_by_with(kind, rows, interrupt)?,
                None => self.forest.score_by_with(kind, rows, interrupt)?,
            });
            Ok(())
        })?;
        Ok(scores)
    }

    /// Coordinates of some checked rows.
    pub(super) fn coordinates_of(
        &self,
        seen: Seen<'_>,
        rows: &Rows<'_>,
        which: &[usize],
    ) -> Vec<f32> {
        let scaled = self.scaled(seen);
        let mut values = vec![0.0; scaled.width() * which.len()];
        for (&i, values) in which.iter().zip(values.chunks_exact_mut(scaled.width())) {
            scaled.load_rows(rows, i..i + 1, values);
        }
        values
    }

    /// Scores of rows in this view's coordinates, by another forest or its own.
    pub(super) fn score_coordinates(
        &self,
        other: Option<&Forest>,
        kind: ScoreKind,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        match (other, self.frozen.get()) {
            (None, Some(frozen)) => frozen.score_by_with(kind, rows, interrupt),
            (other, _) => {
                let forest = other.unwrap_or(&self.forest);
                forest.score_by_with(kind, rows, interrupt)
            }
        }
    }

    /// The points nearest to rows in this view's coordinates, by another forest or its own.
    pub(super) fn around(
        &self,
        other: Option<&Forest>,
        rows: &Rows<'_>,
        k: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Around> {
        match (other, self.frozen.get()) {
            (None, Some(frozen)) => frozen.around(rows, k, interrupt),
            (other, _) => other.unwrap_or(&self.forest).around(rows, k, interrupt),
        }
    }

    /// What each coordinate has to do with the scores of some checked rows, by another
    /// forest in this view's coordinates or its own.
    pub(super) fn attribution(
        &self,
        other: Option<&Forest>,
        kind: ScoreKind,
        seen: Seen<'_>,
        rows: &Rows<'_>,
        which: &[usize],
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Attribution> {
        let values = self.coordinates_of(seen, rows, which);
        let asked = Rows::from_f32(&values, self.scaled(seen).width())?;
        match (other, self.frozen.get()) {
            (None, Some(frozen)) => frozen.attribution_by_with(kind, &asked, interrupt),
            (other, _) => other
                .unwrap_or(&self.forest)
                .attribution_by_with(kind, &asked, interrupt),
        }
    }
}
