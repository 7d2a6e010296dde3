//! Field numbers of Amazon's `Record` message, and their tags on the wire.
//!
//! ```text
//! Record  features map<string, Value> = 1, label map<string, Value> = 2,
//!         uid string = 3, metadata string = 4, configuration string = 5
//! entry   key string = 1, value Value = 2
//! Value   one of float32_tensor = 2, float64_tensor = 3, int32_tensor = 7, bytes = 9
//! Tensor  values packed = 1, keys packed uint64 = 2, shape packed uint64 = 3
//! ```
//!
//! Source: <https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html>

/// Of a record.
pub(crate) const FEATURES: u32 = 1;
pub(crate) const LABEL: u32 = 2;

/// Of an entry of a map.
pub(crate) const ENTRY_KEY: u32 = 1;
pub(crate) const ENTRY_VALUE: u32 = 2;

/// Of a value.
pub(crate) const FLOAT32: u32 = 2;
pub(crate) const FLOAT64: u32 = 3;
pub(crate) const INT32: u32 = 7;
pub(crate) const BYTES: u32 = 9;

/// Of a tensor.
pub(crate) const VALUES: u32 = 1;
pub(crate) const KEYS: u32 = 2;
pub(crate) const SHAPE: u32 = 3;

/// The name of the only feature and the only label.
pub(crate) const NAME: &[u8] = b"values";
/// The name of the label that holds an answer of the service.
pub(crate) const SCORE: &[u8] = b"score";
