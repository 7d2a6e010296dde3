//! A forest laid out flat: what the model file stores, and nothing else.
//!
//! The flat form is canonical: two forests that behave alike have equal
//! states, whatever their inner node numbers or free lists look like. Boxes
//! are not part of it; they follow from the points exactly.

use crate::config::{ForestConfig, MAX_VALUE};
use crate::error::{Error, Result};
use crate::intake::Intake;
use crate::points::PointStore;

/// One node of a tree in preorder (node, left subtree, right subtree).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlatNode {
    /// An inner node: rows with `value[dim] <= cut` go left.
    Split {
        /// The dimension that is cut.
        dim: u32,
        /// Where it is cut.
        cut: f32,
    },
    /// A leaf: one distinct point and how often the tree holds it.
    Leaf {
        /// Index of the point in the state's table of points.
        point: u32,
        /// Copies of it in this tree, at least one.
        mass: u32,
    },
}

/// A tree and its sampler.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeState {
    /// Nodes in preorder; empty for an empty tree.
    pub nodes: Vec<FlatNode>,
    /// What continuing the stream needs; `None` in a frozen forest.
    pub stream: Option<TreeStream>,
}

/// The part of a tree's state that only a living forest has.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeStream {
    /// Log keys in heap order (the first is the next to leave).
    pub keys: Vec<f64>,
    /// For each key, the index of its point in the table of points.
    pub points: Vec<u32>,
    /// Cumulative hazard at which the next row is accepted.
    pub target: f64,
    /// Generator of the sampler.
    pub sampler_rng: [u64; 4],
    /// Generator of the cuts.
    pub cut_rng: [u64; 4],
}

/// The clock that all samplers share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockState {
    /// Time of the last row.
    pub now: i64,
    /// Time that the log keys refer to.
    pub reference: i64,
    /// Hazard per unit threshold since the reference.
    pub cumulative: f64,
}

/// A whole forest.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestState {
    /// The parameters.
    pub config: ForestConfig,
    /// Columns of the input (before shingling).
    pub n_features: usize,
    /// Rows seen so far.
    pub n_seen: u64,
    /// The last `shingle_size - 1` rows (fewer when fewer came), oldest
    /// first, scaled and in float32: `len = rows * n_features`.
    pub recent: Vec<f32>,
    /// The distinct points that trees refer to, `n_features * shingle_size`
    /// values each, in order of first use by the trees.
    pub points: Vec<f32>,
    /// The clock; `None` in a frozen forest.
    pub clock: Option<ClockState>,
    /// The trees.
    pub trees: Vec<TreeState>,
}

/// What a checked state says about points and input.
pub(crate) struct Shape {
    pub(crate) intake: Intake,
    pub(crate) points: PointStore,
}

impl ForestState {
    /// Checks all but the trees, and stores the points.
    pub(crate) fn check_shape(&self) -> Result<Shape> {
        self.config
            .validate(self.n_features)
            .map_err(|error| Error::file(error.to_string()))?;
        if self.trees.len() != self.config.n_trees {
            return Err(Error::file(format!(
                "{} trees where {} are announced",
                self.trees.len(),
                self.config.n_trees
            )));
        }
        let shingle = self.config.shingle_size as u64;
        let recent = self.n_seen.min(shingle - 1) as usize * self.n_features;
        if self.recent.len() != recent {
            return Err(Error::file(format!(
                "{} values of recent rows where {recent} belong",
                self.recent.len()
            )));
        }
        let d = self.n_features * self.config.shingle_size;
        if !self.points.len().is_multiple_of(d) {
            return Err(Error::file(format!(
                "{} values do not make points of {d}",
                self.points.len()
            )));
        }
        let good = |v: &f32| v.abs() <= MAX_VALUE as f32 && v.to_bits() != MINUS_ZERO;
        if !self.points.iter().chain(&self.recent).all(good) {
            return Err(Error::file("a point is not finite or out of range"));
        }
        let intake = Intake::new(&self.config, self.n_features, self.recent.clone());
        let points = PointStore::from_rows(&self.points, d, intake.stride());
        Ok(Shape { intake, points })
    }
}

const MINUS_ZERO: u32 = 1 << 31;
