//! A forest laid out flat: what the model file stores, and nothing else.
//!
//! The flat form is canonical: two forests that behave alike have equal
//! states, whatever their inner node numbers or free lists look like. Boxes
//! are not part of it; they follow from the points exactly.

use crate::config::{ForestConfig, MAX_VALUE};
use crate::error::{Error, Result};
use crate::kernels::entry;
use crate::notes::{self, Notes};

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

impl FlatNode {
    /// Rows that the node itself holds: none if it is a split.
    pub fn mass(&self) -> u32 {
        match *self {
            FlatNode::Leaf { mass, .. } => mass,
            FlatNode::Split { .. } => 0,
        }
    }
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
    /// Cumulative hazard at which the next row is accepted; 0 while every row
    /// is: before the tree is full for the first time, and with a window.
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
    /// What people wrote down about it.
    pub notes: Notes,
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

impl ForestState {
    /// Checks everything but clock and samplers.
    pub(crate) fn check(&self, interrupt: &mut dyn FnMut() -> bool) -> Result<()> {
        self.config
            .validate(self.n_features)
            .and_then(|()| notes::check(&self.notes))
            .map_err(|error| Error::file(error.to_string()))?;
        if self.trees.len() != self.config.n_trees {
            return Err(Error::file(format!(
                "{} trees where {} are announced",
                self.trees.len(),
                self.config.n_trees
            )));
        }
        if self.n_seen > MOST_ROWS {
            return Err(Error::file(format!("{} rows seen", self.n_seen)));
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
        if !entry::all_good(&self.points) || !entry::all_good(&self.recent) {
            return Err(Error::file("a point is not finite or out of range"));
        }
        let mut named = 0;
        for (t, tree) in self.trees.iter().enumerate() {
            if t > 0 && interrupt() {
                return Err(Error::Interrupted);
            }
            entry::check_nodes(&tree.nodes, &self.points, d, &mut named)
                .and_then(|mass| match mass as usize > self.config.sample_size {
                    true => Err(format!("{mass} rows are too many")),
                    false => Ok(()),
                })
                .map_err(|message| Error::file(format!("tree {t}: {message}")))?;
        }
        match named as usize == self.points.len() / d {
            true => Ok(()),
            false => Err(Error::file(format!("no tree holds point {named}"))),
        }
    }
}

/// A split on the way down to the node that is looked at.
struct Above {
    dim: usize,
    cut: f32,
    /// The way goes right; the left side is done.
    right: bool,
    /// What `within` held before the way turned this way.
    before: f32,
}

/// Checks that preorder nodes are one tree, or none, whose cuts separate its
/// points: what is left of a cut is at most the cut, what is right of it above.
/// Points are numbered in the order in which trees name them; `named` have been
/// so far. Returns the tree's mass.
///
/// # Errors
/// Says what is wrong.
#[inline(always)]
pub(crate) fn check_nodes_body(
    nodes: &[FlatNode],
    points: &[f32],
    d: usize,
    named: &mut u32,
) -> std::result::Result<u32, String> {
    const NO_TREE: &str = "splits and leaves do not make a binary tree";
    if nodes.len() / 2 >= i32::MAX as usize {
        return Err("too many nodes".into());
    }
    let mut mass = 0u32;
    let mut way: Vec<Above> = Vec::new();
    // A point below must be in (lo, hi] in every dimension.
    let mut within = Within::new(d);
    let mut complete = nodes.is_empty();
    for node in nodes {
        if complete {
            return Err(NO_TREE.into());
        }
        match *node {
            FlatNode::Split { dim, cut } => {
                let dim = dim as usize;
                let good = cut.is_finite() && cut.to_bits() != MINUS_ZERO;
                if dim >= d || !good {
                    return Err(format!("a split cuts column {dim} at {cut}"));
                }
                let before = within.below(dim, cut);
                way.push(Above {
                    dim,
                    cut,
                    right: false,
                    before,
                });
            }
            FlatNode::Leaf { point, mass: own } => {
                let at = point as usize;
                let Some(values) = points.get(at * d..(at + 1) * d) else {
                    return Err(format!("a leaf names point {point}, which is not there"));
                };
                if point > *named {
                    return Err(format!("point {point} is named before {named}"));
                }
                *named += u32::from(point == *named);
                if own == 0 {
                    return Err("a leaf holds no row".into());
                }
                mass = mass.checked_add(own).ok_or("the masses do not fit")?;
                if !within.holds(values, &way) {
                    return Err(format!("the cuts above point {point} do not lead to it"));
                }
                while let Some(done) = way.pop_if(|above| above.right) {
                    within.lo[done.dim] = done.before;
                }
                match way.last_mut() {
                    Some(above) => {
                        within.hi[above.dim] = above.before;
                        above.before = within.above(above.dim, above.cut);
                        above.right = true;
                    }
                    None => complete = true,
                }
            }
        }
    }
    match complete {
        true => Ok(mass),
        false => Err(NO_TREE.into()),
    }
}

/// Where the cuts above allow a point to be.
struct Within {
    lo: Vec<f32>,
    hi: Vec<f32>,
}

impl Within {
    fn new(d: usize) -> Within {
        Within {
            lo: vec![f32::NEG_INFINITY; d],
            hi: vec![f32::INFINITY; d],
        }
    }

    /// Narrows to `value <= cut`; returns what the bound was.
    #[inline(always)]
    fn below(&mut self, dim: usize, cut: f32) -> f32 {
        let narrower = self.hi[dim].min(cut);
        std::mem::replace(&mut self.hi[dim], narrower)
    }

    /// Narrows to `value > cut`; returns what the bound was.
    #[inline(always)]
    fn above(&mut self, dim: usize, cut: f32) -> f32 {
        let narrower = self.lo[dim].max(cut);
        std::mem::replace(&mut self.lo[dim], narrower)
    }

    /// Looks at the cuts of the way or at all columns, eight at a time, whichever are
    /// fewer: most ways have more than four cuts, whose number cannot be foretold.
    #[inline(always)]
    fn holds(&self, values: &[f32], way: &[Above]) -> bool {
        let n = values.len();
        let Some(last) = n.checked_sub(CHUNK).filter(|_| n <= CHUNK * way.len()) else {
            return way
                .iter()
                .all(|above| (values[above.dim] > above.cut) == above.right);
        };
        let mut out = [0u32; CHUNK];
        let mut at = 0;
        loop {
            let (Some(v), Some(lo), Some(hi)) = (
                values[at..].first_chunk::<CHUNK>(),
                self.lo[at..].first_chunk::<CHUNK>(),
                self.hi[at..].first_chunk::<CHUNK>(),
            ) else {
                return false;
            };
            for l in 0..CHUNK {
                out[l] |= u32::from((v[l] <= lo[l]) | (v[l] > hi[l]));
            }
            if at == last {
                break;
            }
            // The last eight may have been looked at in part.
            at = last.min(at + CHUNK);
        }
        out.iter().fold(0, |any, out| any | out) == 0
    }
}

/// Columns that are compared at a time.
const CHUNK: usize = 8;

/// Row numbers are exact in double precision up to here; at a billion rows a
/// second that is a hundred days.
const MOST_ROWS: u64 = 1 << 53;
const MINUS_ZERO: u32 = 1 << 31;

/// Whether values are what a forest holds; without branches, to be fast.
#[inline(always)]
pub(crate) fn all_good_body(values: &[f32]) -> bool {
    values.iter().fold(true, |all, v| {
        all & (v.abs() <= MAX_VALUE as f32) & (v.to_bits() != MINUS_ZERO)
    })
}
