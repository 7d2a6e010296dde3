//! Exact streaming random cut forests.
