//! What comes next in a stream with shingles.
//!
//! The rows seen last make a shingle whose last row is missing. It is imputed,
//! put behind them, and so on: a step takes what the steps before found for
//! true. The range is that of imputation, the trees' 0.1 and 0.9 quantiles at
//! each step. It says how far trees differ, and does not take in how errors add
//! up from step to step: [`Forecast::calibrated`] makes it one that does.

use crate::error::{Error, Result};
use crate::impute::Imputer;
use crate::questions::Trees;

/// The longest forecast.
pub const MAX_HORIZON: usize = 1 << 16;

/// The rows that are expected next, the first one first:
/// `horizon * n_columns`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Columns of the input.
    pub n_columns: usize,
    /// Medians over trees.
    pub values: Vec<f64>,
    /// Their 0.1 quantiles over trees.
    pub lower: Vec<f64>,
    /// Their 0.9 quantiles over trees.
    pub upper: Vec<f64>,
}

/// Checks that there are shingles, and the horizon.
pub(crate) fn check(trees: &impl Trees, horizon: usize) -> Result<()> {
    if !trees.intake().has_shingles() {
        return Err(Error::config(
            "shingle_size",
            "is 1, and a forecast goes on from the rows of a shingle",
        ));
    }
    if !(1..=MAX_HORIZON).contains(&horizon) {
        return Err(Error::config(
            "horizon",
            format!("{horizon} is not between 1 and {MAX_HORIZON}"),
        ));
    }
    trees.intake().check_past()
}

/// Forecasts `horizon` rows of a forest that is ready.
pub(crate) fn forecast(
    trees: &impl Trees,
    horizon: usize,
    interrupt: &mut dyn FnMut() -> bool,
) -> Result<Forecast> {
    let intake = trees.intake();
    let (stride, width) = (intake.stride(), intake.n_features());
    let past = intake.recent().len();
    let mut shingle = vec![0.0; stride];
    shingle[..past].copy_from_slice(intake.recent());
    let mut imputer = Imputer::new(stride);
    let mut out = [(); 3].map(|()| vec![0.0; horizon * width]);
    for step in 0..horizon {
        shingle[past..past + width].fill(f32::NAN);
        let mut next = vec![0.0; width];
        let went = imputer.impute(trees, &shingle, interrupt, |j, values| {
            next[j - past] = values[0] as f32;
            let weight = intake.weight(j).unwrap_or(1.0);
            for (out, value) in out.iter_mut().zip(values) {
                out[step * width + j - past] = value / weight;
            }
        });
        if !went {
            return Err(Error::Interrupted);
        }
        shingle.copy_within(width..past + width, 0);
        shingle[past - width..past].copy_from_slice(&next);
    }
    let [values, lower, upper] = out;
    Ok(Forecast {
        n_columns: width,
        values,
        lower,
        upper,
    })
}
