//! What lies around a row in a frozen forest: its density and its neighbours.

use super::FrozenForest;
use crate::density::{Density, check_dimension, densities};
use crate::error::Result;
use crate::neighbors::{Around, Named, Neighbors, around, check_count, neighbors};
use crate::questions::never;
use crate::rows::Rows;

/// Points of a frozen forest have their numbers already.
impl Named for FrozenForest {
    fn places(&self) -> usize {
        self.points.len() / self.n_dimensions()
    }

    fn name(&self, point: u32) -> u32 {
        point
    }

    fn values(&self, point: u32) -> &[f32] {
        let d = self.n_dimensions();
        &self.points[point as usize * d..][..d]
    }
}

impl FrozenForest {
    /// How many rows of the sample lie near each row, and in which direction:
    /// see [`Density`]. `dimension` is that of what the rows lie on, by default
    /// the number of columns.
    ///
    /// # Errors
    /// As [`FrozenForest::score`]; [`Error::InvalidConfig`] unless `dimension` is a
    /// positive number.
    pub fn density(&self, rows: &Rows<'_>, dimension: Option<f64>) -> Result<Density> {
        self.density_with(rows, dimension, &mut never)
    }

    /// [`FrozenForest::density`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`FrozenForest::density`], and [`Error::Interrupted`].
    pub fn density_with(
        &self,
        rows: &Rows<'_>,
        dimension: Option<f64>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Density> {
        check_dimension(dimension)?;
        self.check_question(rows, interrupt)?;
        self.build(interrupt)?;
        densities(self, rows, dimension, interrupt)
    }

    /// The `k` nearest of the points that each row reaches: see [`Neighbors`].
    ///
    /// # Errors
    /// As [`FrozenForest::score`]; [`Error::InvalidConfig`] unless `k` is between 1
    /// and [`crate::MAX_NEIGHBORS`].
    pub fn neighbors(&self, rows: &Rows<'_>, k: usize) -> Result<Neighbors> {
        self.neighbors_with(rows, k, &mut never)
    }

    /// [`FrozenForest::neighbors`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`FrozenForest::neighbors`], and [`Error::Interrupted`].
    pub fn neighbors_with(
        &self,
        rows: &Rows<'_>,
        k: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Neighbors> {
        check_count(k)?;
        self.check_question(rows, interrupt)?;
        self.build(interrupt)?;
        neighbors(self, self, rows, k, interrupt)
    }

    /// The `k` nearest of the points that each row reaches, as the trees hold them; `k` is
    /// above 0.
    pub(crate) fn around(
        &self,
        rows: &Rows<'_>,
        k: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Around> {
        self.check_question(rows, interrupt)?;
        self.build(interrupt)?;
        around(self, rows, k, interrupt)
    }
}
