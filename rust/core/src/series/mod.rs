//! Anomalies in time series: one pass, no look-ahead, bounded memory.
//!
//! Each row becomes a few context features of the rows before it (`context.rs`), whose
//! [novelty](crate::novelty) a living forest of a long memory gives before it learns
//! them. Rows that follow a find are part of its episode, and finds of a kind that has
//! come often count less (`events.rs`). What stays is the score, and a threshold, or the number
//! of alerts that is asked for (`alerts.rs`), says which rows are alerts. Measured on the Numenta
//! Anomaly Benchmark (docs/series.md).

mod alerts;
mod call;
mod config;
mod context;
mod detector;
mod events;
mod set;
mod state;
mod words;

pub use alerts::Alerts;
pub(crate) use alerts::Traffic;
pub(crate) use config::FEATURES;
pub use config::{AlertBudget, DAY, MAX_EVENTS, MAX_SERIES_VALUE, MAX_SLOTS, SeriesConfig};
pub use context::{ContextState, Running};
pub use detector::{Counts, SeriesDetector};
pub use events::Event;
pub use set::{MAX_SERIES, SeriesSet};
pub use state::SeriesState;
