//! What a living forest answers.

use super::Forest;
use crate::attribution::Attribution;
use crate::config::ScoreKind;
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::kernels;
use crate::novelty::{self, Novelty};
use crate::questions::{self, Trees, never};
use crate::rows::Rows;
use crate::shape;
use crate::tree::{Live, resting_limit};

impl Trees for Forest {
    type Tree<'a> = Live<'a>;

    fn n_trees(&self) -> usize {
        self.members.len()
    }

    #[inline(always)]
    fn tree(&self, t: usize) -> Live<'_> {
        Live::of(&self.members[t].tree, &self.points)
    }

    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn n_threads(&self) -> usize {
        self.config.n_threads
    }
}

impl Forest {
    pub(crate) fn check_question(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        self.intake.check_query(rows, interrupt)?;
        self.check_ready()
    }

    /// Rows from which on it pays to freeze the forest first: the frozen form gives
    /// the same bits.
    pub(crate) fn worth_freezing(&self) -> usize {
        shape::worth_freezing(self.n_dimensions(), self.config.sample_size)
    }

    /// Whether it pays where so many rows are attributed.
    pub(crate) fn is_worth_freezing_for_parts(&self, kind: ScoreKind, n_rows: usize) -> bool {
        let (d, sample_size) = (self.n_dimensions(), self.config.sample_size);
        let least = match kind {
            ScoreKind::Displacement => None,
            _ => shape::worth_freezing_for_blocks_of_parts(d, sample_size, kernels::level()),
        };
        let stored = resting_limit(self.intake.stride()) == 1;
        least.is_some_and(|least| n_rows >= least)
            || shape::is_worth_freezing_for_parts(n_rows, stored)
    }

    pub(super) fn check_ready(&self) -> Result<()> {
        if self.is_ready() {
            Ok(())
        } else {
            Err(Error::NotReady {
                seen: self.smallest_tree(),
                needed: self.rows_needed(),
            })
        }
    }

    /// The anomaly score of each row: about 1 for usual rows, up to
    /// `log2(sample_size + 1)`. With shingles, a row of `n_features` columns is
    /// taken to follow the last rows seen, and one of `n_dimensions` to be a
    /// whole shingle.
    ///
    /// # Errors
    /// [`Error::WrongWidth`], [`Error::InvalidValue`] or [`Error::NotReady`].
    pub fn score(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.score_with(rows, &mut never)
    }

    /// [`Forest::score`] with a callback that is asked now and then whether to
    /// stop.
    ///
    /// # Errors
    /// As [`Forest::score`], and [`Error::Interrupted`].
    pub fn score_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.check_question(rows, interrupt)?;
        if rows.n_rows() >= self.worth_freezing() {
            return self.freeze_with(interrupt)?.score_with(rows, interrupt);
        }
        questions::scores(self, rows, None, interrupt)
    }

    /// The score of another kind of each row; [`Forest::score`] gives
    /// [`ScoreKind::ExpectedInverseDepth`]. Whatever the kind, more is less usual.
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn score_by(&self, kind: ScoreKind, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.score_by_with(kind, rows, &mut never)
    }

    /// [`Forest::score_by`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn score_by_with(
        &self,
        kind: ScoreKind,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        let Some(blend) = kind.blend(self.config.sample_size) else {
            return match kind {
                ScoreKind::Displacement => self.displacement_with(rows, interrupt),
                _ => self.score_with(rows, interrupt),
            };
        };
        self.check_question(rows, interrupt)?;
        if rows.n_rows() >= self.worth_freezing() {
            let frozen = self.freeze_with(interrupt)?;
            return frozen.score_by_with(kind, rows, interrupt);
        }
        questions::scores(self, rows, Some(blend), interrupt)
    }

    /// Which columns each score comes from; see [`Attribution`].
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn attribution(&self, rows: &Rows<'_>) -> Result<Attribution> {
        self.attribution_with(rows, &mut never)
    }

    /// [`Forest::attribution`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn attribution_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Attribution> {
        self.attribution_by_with(ScoreKind::ExpectedInverseDepth, rows, interrupt)
    }

    /// Which columns a score of some kind comes from; parts sum to it.
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn attribution_by(&self, kind: ScoreKind, rows: &Rows<'_>) -> Result<Attribution> {
        self.attribution_by_with(kind, rows, &mut never)
    }

    /// [`Forest::attribution_by`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn attribution_by_with(
        &self,
        kind: ScoreKind,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Attribution> {
        self.check_question(rows, interrupt)?;
        if self.is_worth_freezing_for_parts(kind, rows.n_rows()) {
            return self
                .freeze_with(interrupt)?
                .attribution_by_with(kind, rows, interrupt);
        }
        questions::attributions(self, rows, kind, self.config.sample_size, interrupt)
    }

    /// The expected displacement of each row: the mass of the node it is
    /// separated from.
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn displacement(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.displacement_with(rows, &mut never)
    }

    /// [`Forest::displacement`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn displacement_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.check_question(rows, interrupt)?;
        if rows.n_rows() >= self.worth_freezing() {
            let frozen = self.freeze_with(interrupt)?;
            return frozen.displacement_with(rows, interrupt);
        }
        questions::displacements(self, rows, interrupt)
    }

    /// The expected collusive displacement of each row (Guha et al. 2016).
    ///
    /// # Errors
    /// As [`Forest::score`].
    pub fn codisp(&self, rows: &Rows<'_>) -> Result<Vec<f64>> {
        self.codisp_with(rows, &mut never)
    }

    /// [`Forest::codisp`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::score_with`].
    pub fn codisp_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        self.check_question(rows, interrupt)?;
        questions::codisps(self, rows, interrupt)
    }

    /// The novelty of a few checked rows, which [`Forest::process_novelty`] gives too.
    pub(crate) fn novelty(&self, novelty: Novelty, rows: &Rows<'_>) -> Vec<f64> {
        let mut points = Vec::new();
        self.intake.load_query(rows, 0..rows.n_rows(), &mut points);
        novelty::novelties(self, novelty, &points)
    }

    /// Which columns the novelty of checked rows comes from.
    pub(crate) fn novelty_parts(&self, novelty: Novelty, rows: &Rows<'_>) -> Result<Attribution> {
        novelty::parts(self, novelty, self.config.sample_size, rows)
    }
}
