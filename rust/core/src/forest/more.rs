//! What a living forest answers about density, neighbours and gaps, and what
//! it expects next.

use super::Forest;
use crate::density::{Density, check_dimension, densities};
use crate::error::{Error, Result};
use crate::forecast::{self, Forecast};
use crate::impute::{self, Imputation};
use crate::neighbors::{Named, Neighbors, check_count, neighbors};
use crate::points::PointStore;
use crate::questions::never;
use crate::rows::Rows;
use crate::tree::NONE;

/// A living forest's points, with the numbers that its frozen form has for them.
struct Numbered<'a> {
    store: &'a PointStore,
    names: Vec<u32>,
}

impl Named for Numbered<'_> {
    fn places(&self) -> usize {
        self.names.len()
    }

    fn name(&self, point: u32) -> u32 {
        self.names[point as usize]
    }

    fn values(&self, point: u32) -> &[f32] {
        self.store.row(point)
    }
}

impl Forest {
    /// Numbers points in the order in which trees come to them.
    fn numbered(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<Numbered<'_>> {
        let mut names = vec![NONE; self.points.places()];
        let mut next = 0;
        for tree in self.trees() {
            if interrupt() {
                return Err(Error::Interrupted);
            }
            tree.to_flat(|point| {
                let name = &mut names[point as usize];
                if *name == NONE {
                    *name = next;
                    next += 1;
                }
                *name
            });
        }
        let store = &self.points;
        Ok(Numbered { store, names })
    }

    fn check_ready(&self) -> Result<()> {
        match self.is_ready() {
            true => Ok(()),
            false => Err(Error::NotReady {
                seen: self.smallest_tree(),
                needed: self.rows_needed(),
            }),
        }
    }

    /// How many rows of the sample lie near each row, and in which direction:
    /// see [`Density`]. `dimension` is that of what the rows lie on, by default
    /// the number of columns.
    ///
    /// # Errors
    /// As [`Forest::score`]; [`Error::InvalidConfig`] unless `dimension` is a
    /// positive number.
    pub fn density(&self, rows: &Rows<'_>, dimension: Option<f64>) -> Result<Density> {
        self.density_with(rows, dimension, &mut never)
    }

    /// [`Forest::density`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::density`], and [`Error::Interrupted`].
    pub fn density_with(
        &self,
        rows: &Rows<'_>,
        dimension: Option<f64>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Density> {
        check_dimension(dimension)?;
        self.check_question(rows, interrupt)?;
        densities(self, rows, dimension, interrupt)
    }

    /// The `k` nearest of the points that each row reaches: see [`Neighbors`].
    ///
    /// # Errors
    /// As [`Forest::score`]; [`Error::InvalidConfig`] unless `k` is between 1
    /// and [`crate::MAX_NEIGHBORS`].
    pub fn neighbors(&self, rows: &Rows<'_>, k: usize) -> Result<Neighbors> {
        self.neighbors_with(rows, k, &mut never)
    }

    /// [`Forest::neighbors`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::neighbors`], and [`Error::Interrupted`].
    pub fn neighbors_with(
        &self,
        rows: &Rows<'_>,
        k: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Neighbors> {
        check_count(k)?;
        self.check_question(rows, interrupt)?;
        let named = self.numbered(interrupt)?;
        neighbors(self, &named, rows, k, interrupt)
    }

    /// Rows with what is missing in them, NaN, filled: see [`Imputation`]. With
    /// shingles, rows as wide as the input follow the last ones seen.
    ///
    /// # Errors
    /// As [`Forest::score`]; [`Error::InvalidValue`] for a row of which nothing
    /// is known.
    pub fn impute(&self, rows: &Rows<'_>) -> Result<Imputation> {
        self.impute_with(rows, &mut never)
    }

    /// [`Forest::impute`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::impute`], and [`Error::Interrupted`].
    pub fn impute_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Imputation> {
        impute::check(self, rows, interrupt)?;
        self.check_ready()?;
        impute::imputations(self, rows, interrupt)
    }

    /// The next `horizon` rows of a stream with shingles: see [`Forecast`].
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] without shingles, or unless the horizon is
    /// between 1 and [`crate::MAX_HORIZON`]; [`Error::NotReady`].
    pub fn forecast(&self, horizon: usize) -> Result<Forecast> {
        self.forecast_with(horizon, &mut never)
    }

    /// [`Forest::forecast`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`Forest::forecast`], and [`Error::Interrupted`].
    pub fn forecast_with(
        &self,
        horizon: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Forecast> {
        forecast::check(self, horizon)?;
        self.check_ready()?;
        forecast::forecast(self, horizon, interrupt)
    }
}
