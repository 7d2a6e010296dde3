//! What lies around a row in a living forest: its density and its neighbours.

use super::Forest;
use crate::density::{Density, check_dimension, densities};
use crate::error::{Error, Result};
use crate::neighbors::{Around, Named, Neighbors, around, check_count, neighbors};
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

    /// The `k` nearest of the points that each row reaches, as the trees hold them; `k` is
    /// above 0.
    pub(crate) fn around(
        &self,
        rows: &Rows<'_>,
        k: usize,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Around> {
        self.check_question(rows, interrupt)?;
        around(self, rows, k, interrupt)
    }
}
