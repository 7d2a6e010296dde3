//! Random cut forests for anomaly detection: exact on streams, fast on tables.
//!
//! A random cut forest (Guha, Mishra, Roy and Schrijvers, ICML 2016) keeps a
//! sample of the rows seen so far in each of its trees; a tree cuts the box of
//! its points at random, columns with a larger range more often. A row that
//! random cuts separate early from the others is unusual. The score is the one
//! of AWS's open-source forests: the expected inverse depth of the row.
//!
//! [`Forest`] lives: rows are inserted, deleted and scored one by one or by
//! whole arrays, with the same result bit for bit. [`FrozenForest`] is its
//! immutable twin for tables, with the same scores. No result depends on the
//! batch, the number of threads or the instruction set.
//!
//! Differences from the open-source forests: log keys never lose precision,
//! rejected rows cost nothing, trees are saved and loaded whole, an update
//! either happens or leaves everything as it was, and all input is checked.

mod attribution;
mod backtest;
#[doc(hidden)]
pub mod by_way;
mod codec;
mod config;
mod density;
mod detector;
mod displacement;
mod error;
mod forecast;
mod forest;
mod frozen;
mod impute;
mod intake;
mod kernels;
mod load;
mod local_range;
mod lockstep;
mod neighbors;
mod notes;
mod novelty;
mod parallel;
mod points;
mod questions;
mod rng;
mod rows;
mod sampler;
mod score;
mod series;
mod shape;
pub mod state;
mod tree;
mod walk;

/// Single kernels, to be measured: `benches/single_kernels.rs`. No part of the interface.
#[cfg(feature = "kernel-bench")]
#[doc(hidden)]
pub mod kernel_bench {
    pub use crate::kernels::bench::{Kernel, all};
}

pub use attribution::Attribution;
pub use backtest::Backtest;
pub use codec::{Model, write_atomically};
pub use config::{
    ForestConfig, MAX_DIMENSIONS, MAX_SAMPLE_SIZE, MAX_TREES, MAX_VALUE, Sampling, ScoreKind,
};
pub use density::Density;
pub use detector::{
    Budget, ColumnKind, Detection, Detector, DetectorBuilder, DetectorConfig, DetectorState,
    Feature, QUANTILES, Reason, Relation, Scaling, Tail, Transform,
};
pub use error::{Error, Result};
pub use forecast::{Forecast, MAX_HORIZON};
pub use forest::Forest;
pub use frozen::FrozenForest;
pub use impute::Imputation;
pub use kernels::{Level, forced_level, level};
pub use neighbors::{MAX_NEIGHBORS, Neighbors};
pub use notes::{MAX_NOTES, Notes};
pub use rows::{Column, Integers, Rows};
pub use series::{
    AlertBudget, Alerts, ContextState, Counts, DAY, Event, MAX_EVENTS, MAX_SERIES,
    MAX_SERIES_VALUE, MAX_SLOTS, Running, SeriesConfig, SeriesDetector, SeriesSet, SeriesState,
};
