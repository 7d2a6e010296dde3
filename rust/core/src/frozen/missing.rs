//! What a frozen forest expects where values are missing.

use super::FrozenForest;
use crate::error::Result;
use crate::impute::{self, Imputation};
use crate::questions::never;
use crate::rows::Rows;

impl FrozenForest {
    /// Rows with what is missing in them, NaN, filled: see [`Imputation`]. With
    /// shingles, rows as wide as the input follow the last ones seen.
    ///
    /// # Errors
    /// As [`FrozenForest::score`]; [`Error::InvalidValue`] for a row of which nothing
    /// is known.
    pub fn impute(&self, rows: &Rows<'_>) -> Result<Imputation> {
        self.impute_with(rows, &mut never)
    }

    /// [`FrozenForest::impute`] with an interrupt callback.
    ///
    /// # Errors
    /// As [`FrozenForest::impute`], and [`Error::Interrupted`].
    pub fn impute_with(
        &self,
        rows: &Rows<'_>,
        interrupt: &mut dyn FnMut() -> bool,
    ) -> Result<Imputation> {
        impute::check(self, rows, interrupt)?;
        self.check_ready()?;
        self.build(interrupt)?;
        impute::imputations(self, rows, interrupt)
    }
}
