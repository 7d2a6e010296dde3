//! Nodes, and the leaves that keys stand for: most of a file, so in few bytes.
//!
//! All nodes of a forest take as many bytes, so that a tree is read without a
//! branch for each; the few leaves of several rows have their counts apart.

use super::wire::{Reader, Width, Writer};
use crate::error::Result;
use crate::state::{FlatNode, ForestState, TreeState};

/// A leaf that holds its point once.
const ONCE: u32 = 0;
/// A leaf that holds its point several times.
const OFTEN: u32 = 1;
/// A split in the first dimension; those in others follow.
const SPLIT: u32 = 2;

/// Bytes of the cut or point behind a node's kind.
const VALUE: usize = 4;

/// The width of a forest's kinds of nodes.
pub(super) fn kinds(state: &ForestState) -> Width {
    Width::below(state.n_features * state.config.shingle_size + SPLIT as usize)
}

/// Writes the nodes of one tree.
pub(super) fn write_nodes(tree: &TreeState, kinds: Width, nodes: &mut Writer, copies: &mut Writer) {
    nodes
        .bytes
        .reserve(tree.nodes.len() * (kinds.bytes() + VALUE));
    for node in &tree.nodes {
        let (kind, value) = match *node {
            FlatNode::Split { dim, cut } => (dim.saturating_add(SPLIT), cut.to_bits()),
            FlatNode::Leaf { point, mass: 1 } => (ONCE, point),
            FlatNode::Leaf { point, mass } => {
                copies.u32(mass);
                (OFTEN, point)
            }
        };
        nodes.numbers(kinds, [kind].into_iter());
        nodes.u32(value);
    }
}

/// Reads the `n` nodes of one tree.
pub(super) fn read_nodes(
    n: usize,
    kinds: Width,
    nodes: &mut Reader<'_>,
    copies: &mut Reader<'_>,
) -> Result<Vec<FlatNode>> {
    let bytes = nodes.bytes(n.saturating_mul(kinds.bytes() + VALUE))?;
    match kinds {
        Width::One => all(bytes, copies, |&[a, rest @ ..]: &[u8; 5]| {
            (u32::from(a), rest)
        }),
        Width::Two => all(bytes, copies, |&[a, b, rest @ ..]: &[u8; 6]| {
            (u32::from(u16::from_le_bytes([a, b])), rest)
        }),
        Width::Four => all(bytes, copies, |&[a, b, c, d, rest @ ..]: &[u8; 8]| {
            (u32::from_le_bytes([a, b, c, d]), rest)
        }),
    }
}

/// Nodes of `N` bytes each.
#[inline(always)]
fn all<const N: usize>(
    bytes: &[u8],
    copies: &mut Reader<'_>,
    parts: impl Fn(&[u8; N]) -> (u32, [u8; VALUE]) + Copy,
) -> Result<Vec<FlatNode>> {
    let each = bytes.as_chunks().0.iter().map(parts);
    let nodes = each.clone().map(|(kind, value)| match kind >= SPLIT {
        true => FlatNode::Split {
            dim: kind - SPLIT,
            cut: f32::from_le_bytes(value),
        },
        false => FlatNode::Leaf {
            point: u32::from_le_bytes(value),
            mass: 1,
        },
    });
    let mut nodes: Vec<FlatNode> = nodes.collect();
    // Whether a leaf holds several can be foretold; whether a node is a leaf
    // cannot.
    for (node, (kind, _)) in nodes.iter_mut().zip(each) {
        if kind == OFTEN
            && let FlatNode::Leaf { mass, .. } = node
        {
            *mass = copies.u32()?;
            if *mass < 2 {
                return Err(copies.error(format!("{mass} rows are not several")));
            }
        }
    }
    Ok(nodes)
}

/// The leaves of one tree after the other, in preorder.
#[derive(Default)]
pub(super) struct Leaves {
    /// The point of each leaf.
    points: Vec<u32>,
    /// For each point of the forest that is in the tree, its leaf. What earlier
    /// trees left behind is told by `points`.
    of_point: Vec<u32>,
}

impl Leaves {
    /// Goes on to a tree.
    fn enter(&mut self, tree: &TreeState) {
        // No branch: whether a node is a leaf cannot be foretold.
        self.points.resize(tree.nodes.len(), 0);
        let mut n = 0;
        for node in &tree.nodes {
            let (leaf, point) = match *node {
                FlatNode::Leaf { point, .. } => (1, point),
                FlatNode::Split { dim, .. } => (0, dim),
            };
            self.points[n] = point;
            n += leaf;
        }
        self.points.truncate(n);
    }

    fn width(&self) -> Width {
        Width::below(self.points.len())
    }

    /// Writes the leaf of each point; what no leaf holds becomes a number that
    /// is none.
    pub(super) fn write(&mut self, tree: &TreeState, points: &[u32], out: &mut Writer) {
        self.enter(tree);
        for (leaf, &point) in self.points.iter().enumerate() {
            let point = point as usize;
            if point >= self.of_point.len() {
                self.of_point.resize(point + 1, 0);
            }
            self.of_point[point] = leaf as u32;
        }
        let leaves = points.iter().map(|point| {
            let leaf = self.of_point.get(*point as usize).copied();
            let leaf = leaf.filter(|&leaf| self.points.get(leaf as usize) == Some(point));
            leaf.unwrap_or(u32::MAX)
        });
        out.numbers(self.width(), leaves);
    }

    /// Reads the leaves of `n` keys; returns their points.
    pub(super) fn read(
        &mut self,
        tree: &TreeState,
        n: usize,
        section: &mut Reader<'_>,
    ) -> Result<Vec<u32>> {
        self.enter(tree);
        let mut numbers = section.numbers(self.width(), n)?;
        let mut there = true;
        for number in &mut numbers {
            let point = self.points.get(*number as usize);
            there &= point.is_some();
            *number = point.copied().unwrap_or_default();
        }
        match there {
            true => Ok(numbers),
            false => Err(section.error("a key stands for a leaf that is not there")),
        }
    }
}
