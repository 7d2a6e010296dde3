//! One row through many trees, all of them together.
//!
//! A row that comes alone waits: for each node, which is found through the one
//! above it; for the sum over a box, which is one number only after four sums
//! that follow each other; and wherever a way up ends, which nothing foretells.
//! So all trees go down together, level by level, and note where each node's
//! box is. On the way up every round takes one box of each tree that is still
//! going, whichever these are: those that end are moved out of the way of the
//! others, without a branch. A box that does not separate the row most likely
//! holds it, and then so do all above it; a way ends there, and whether that
//! was right is asked in the end, when the answer can be foretold. A leaf's
//! point is not looked at unless the box right above holds the row.
//!
//! Which node is a row's neighbourhood ([`crate::local_range`]) is found on the way
//! down: nodes know which of their children hold enough rows for one, and how many do
//! on a way is the level of the deepest.
//!
//! A node is 16 bytes with the sum of its box's ranges. With AVX-512 ([`avx512`])
//! sixteen trees are in the lanes of a vector, with AVX2 ([`avx2`]) eight; else one is
//! taken after the other ([`plain`]). Through 100 trees of 256 rows
//! a row takes 51,000 instructions by AVX2 at 8 columns and 78,000 at 30, where the plain way
//! built for AVX2 took 189,000 and 271,000; times are in `shape.rs`. Asking for boxes before
//! the way up gains nothing where sixteen are under way, and a fifth where eight are.
//!
//! Asadi, Lin and de Vries (2014) take several rows down one tree in turns; here it is
//! one row and several trees, and the way up as well, which their trees do not have.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod eights;
mod plain;
#[cfg(target_arch = "x86_64")]
mod vectors;

use super::simd::LANES;
use crate::local_range::bits;

/// Trees in a grove at most.
pub(crate) const TREES: usize = 128;
const GROUPS: usize = TREES / LANES;
/// Room for what a vector writes beyond the last tree.
const ROOM: usize = TREES + LANES;
/// Leaves of a tree at most.
const MOST_LEAVES: usize = LEAF as usize;
/// Levels of a tree at most; what is noted of each has to stay near.
const MOST_LEVELS: usize = 256;
/// The bit that leaves have set in their number.
const LEAF: u16 = 1 << 15;
/// The bits of a node's column that say whether its children hold enough rows to be
/// neighbourhoods.
const ENOUGH: [u32; 2] = [1 << 30, 1 << 31];

/// An inner node of a tree in preorder: its children are inner nodes or, if not,
/// leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inner {
    pub(crate) cut: f32,
    pub(crate) column: usize,
    /// Sum of the box's ranges.
    pub(crate) range: f32,
    pub(crate) child: [Result<usize, usize>; 2],
    /// Whether the children hold enough rows to be neighbourhoods.
    pub(crate) enough: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
struct Node {
    cut: f32,
    range: f32,
    /// Numbers in the tree.
    child: [u16; 2],
    /// With [`ENOUGH`].
    column: u32,
}

/// Some trees, none of which is a leaf.
#[derive(Clone, Debug)]
pub(crate) struct Grove {
    /// Of one tree after the other. Children are nodes of their tree or leaves.
    nodes: Vec<Node>,
    /// The first node of each tree; of the last one until a vector is full.
    first: Vec<[u32; LANES]>,
    /// Nodes of each tree.
    lens: Vec<usize>,
    /// Columns that are cut.
    columns: usize,
    /// Edges to the deepest leaf.
    deepest: usize,
}

/// What is asked about a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    Depth,
    Local,
    Both,
}

/// What a row finds in a grove. Neither holds where the row is the point of a leaf.
pub(crate) struct Found<'a> {
    /// Of each tree its value, before it is normalised, if that was asked.
    pub(crate) values: &'a mut [f32],
    /// Its local range, if that was asked.
    pub(crate) local: &'a mut [f32],
    /// The trees and their leaves of which it may be the point.
    pub(crate) near: &'a [(usize, usize)],
    /// Trees where its leaf is the neighbourhood, so that `local` does not hold.
    pub(crate) crowded: &'a [usize],
}

impl Grove {
    /// Trees whose first node is the root. Nothing if there are none or too
    /// many, if one has too many nodes or levels, or is not a tree.
    pub(crate) fn of<T: ExactSizeIterator<Item = Inner>>(
        trees: impl Iterator<Item = T>,
    ) -> Option<Grove> {
        let mut grove = Grove {
            nodes: Vec::new(),
            first: Vec::new(),
            lens: Vec::new(),
            columns: 0,
            deepest: 0,
        };
        for tree in trees {
            grove.add(tree)?;
        }
        let n_trees = grove.lens.len();
        let last = *grove.first.last()?.get((n_trees - 1) % LANES)?;
        for spare in &mut grove.first.last_mut()?[(n_trees - 1) % LANES + 1..] {
            *spare = last;
        }
        (n_trees <= TREES).then_some(grove)
    }

    fn add(&mut self, tree: impl ExactSizeIterator<Item = Inner>) -> Option<()> {
        let n = tree.len();
        if n == 0 || n >= MOST_LEAVES {
            return None;
        }
        let mut depths = vec![0; n];
        let first = self.nodes.len();
        for (at, node) in tree.enumerate() {
            let below = depths.get(at)? + 1;
            let mut child = [0; 2];
            for (to, from) in child.iter_mut().zip(node.child) {
                *to = match from {
                    // Children come later, so that all ways end, and have one
                    // parent, so that there is one depth.
                    Ok(id) if id > at && depths.get(id) == Some(&0) => {
                        depths[id] = below;
                        u16::try_from(id).ok()?
                    }
                    Err(leaf) if leaf <= n => u16::try_from(leaf).ok()? | LEAF,
                    _ => return None,
                };
            }
            let column = u32::try_from(node.column).ok()?;
            if column >= ENOUGH[0] {
                return None;
            }
            let enough = |side: usize| if node.enough[side] { ENOUGH[side] } else { 0 };
            self.nodes.push(Node {
                cut: node.cut,
                range: node.range,
                child,
                column: column | enough(0) | enough(1),
            });
            self.columns = self.columns.max(node.column + 1);
            self.deepest = self.deepest.max(below);
        }
        if self.nodes.len() != first + n || self.deepest >= MOST_LEVELS {
            return None;
        }
        if self.lens.len().is_multiple_of(LANES) {
            self.first.push([0; LANES]);
        }
        let lane = self.lens.len() % LANES;
        self.first.last_mut()?[lane] = u32::try_from(first).ok()?;
        self.lens.push(n);
        Some(())
    }

    /// What the trees give a padded row. `boxes` has for each tree the lows, then
    /// the highs of its nodes' boxes. Nothing if it does not fit.
    pub(crate) fn values<'a, 'b>(
        &self,
        boxes: impl Iterator<Item = &'a [f32]>,
        q: &'a [f32],
        asked: Asked,
        b: &'b mut Buffers,
    ) -> Option<Found<'b>> {
        let n_trees = self.lens.len();
        let mut there = 0;
        for ((base, &len), boxes) in b.bases.iter_mut().zip(&self.lens).zip(boxes) {
            if boxes.len() < len * 2 * q.len() {
                return None;
            }
            *base = boxes.as_ptr();
            there += 1;
        }
        let padded = q.len() == 4 || q.len().is_multiple_of(8);
        if there < n_trees || q.len() < self.columns || !padded {
            return None;
        }
        let last = b.bases[n_trees - 1];
        b.bases[n_trees..].fill(last);
        let room = (self.deepest + 1) * GROUPS;
        b.boxes.reserve(room);
        b.ranges.reserve(room);
        b.near.clear();
        b.crowded.clear();
        self.pass(q, asked, b);
        Some(Found {
            values: &mut b.values[..n_trees],
            local: &mut b.local[..n_trees],
            near: &b.near,
            crowded: &b.crowded,
        })
    }

    /// Takes the row through the trees.
    fn pass(&self, q: &[f32], asked: Asked, b: &mut Buffers) {
        #[cfg(target_arch = "x86_64")]
        {
            use super::Level;
            let level = super::level();
            if level >= Level::Avx512 {
                // SAFETY: `level` returned this set, so the machine has it; and
                // `values`, which calls this, has seen to the rest.
                return unsafe { avx512::pass(self, q, asked, b) };
            }
            if level == Level::Avx2 {
                // SAFETY: the same.
                return unsafe { avx2::pass(self, q, asked, b) };
            }
        }
        plain::pass(self, q, asked, b);
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.first.capacity() * size_of::<[u32; LANES]>()
            + self.lens.capacity() * size_of::<usize>()
    }
}

/// Trees on their way up. A place is a level times [`TREES`] and the number of
/// a tree.
#[derive(Clone, Debug)]
struct Trip {
    /// Where the next box is noted.
    places: [u32; ROOM],
    /// What the row is worth below it.
    values: [f32; ROOM],
}

/// What one row needs on its way.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    /// The first box of each tree; of the last one until all are full.
    bases: [*const f32; TREES],
    /// The box of each place, and the sum of its ranges. Below a tree's leaf
    /// they are those of some node of that tree. Vectors of no length, but with
    /// room for all levels: only what was written is read.
    boxes: Vec<[*const f32; LANES]>,
    ranges: Vec<[f32; LANES]>,
    going: Trip,
    ended: Trip,
    /// The leaf of each tree, with [`LEAF`], and its depth.
    leaves: [u32; TREES],
    depths: [u32; TREES],
    /// The level of each tree's neighbourhood, then its place.
    homes: [u32; TREES],
    values: [f32; TREES],
    local: [f32; TREES],
    near: Vec<(usize, usize)>,
    crowded: Vec<usize>,
}

impl Default for Buffers {
    fn default() -> Buffers {
        let trip = Trip {
            places: [0; ROOM],
            values: [0.0; ROOM],
        };
        Buffers {
            bases: [std::ptr::null(); TREES],
            boxes: Vec::new(),
            ranges: Vec::new(),
            going: trip.clone(),
            ended: trip,
            leaves: [0; TREES],
            depths: [0; TREES],
            homes: [0; TREES],
            values: [0.0; TREES],
            local: [0.0; TREES],
            near: Vec::new(),
            crowded: Vec::new(),
        }
    }
}

impl Buffers {
    /// Makes the levels of the first `n` trees' neighbourhoods places, and those of the
    /// lanes behind them in vectors of so many; notes where there is no box for them.
    #[inline(always)]
    fn settle_homes<const VECTOR: usize>(&mut self, n: usize) {
        for t in 0..n.next_multiple_of(VECTOR) {
            let (level, deepest) = (self.homes[t], self.depths[t] - 1);
            self.homes[t] = level.min(deepest) * TREES as u32 + t as u32;
            if level > deepest && t < n {
                self.crowded.push(t);
            }
        }
    }

    /// Makes the sums of ranges of the first `n` trees' neighbourhoods with the row, in
    /// `local`, local ranges.
    ///
    /// # Safety
    /// The roots' ranges have been noted.
    #[inline(always)]
    unsafe fn take_bits(&mut self, n: usize) {
        let roots = self.ranges.as_ptr().cast::<f32>();
        for (t, local) in self.local[..n].iter_mut().enumerate() {
            // SAFETY: as the caller says; the first level comes first.
            *local = bits(*local, unsafe { *roots.add(t) });
        }
    }

    /// Ends all ways of the first `n` trees where they begin.
    #[inline(always)]
    fn end_all(&mut self, n: usize) {
        self.ended.places[..n].copy_from_slice(&self.going.places[..n]);
    }

    /// Takes the first `n` trees whose ways have ended out, if they were right
    /// to end; returns how many have to go on.
    ///
    /// # Safety
    /// Their places have been noted, and `row` fits to the boxes.
    #[inline(always)]
    unsafe fn settle<R: Row>(&mut self, row: R, n: usize) -> usize {
        let boxes = self.boxes.as_ptr().cast::<*const f32>();
        let mut going = 0;
        for i in 0..n {
            let (place, value) = (self.ended.places[i] as usize, self.ended.values[i]);
            let (level, t) = (place / TREES, place % TREES);
            // SAFETY: as the caller says.
            if unsafe { row.within(*boxes.add(place)) } {
                if level + 1 == self.depths[t] as usize {
                    let leaf = self.leaves[t] & !u32::from(LEAF);
                    self.near.push((t, leaf as usize));
                }
            } else if level > 0 {
                self.going.places[going] = (place - TREES) as u32;
                self.going.values[going] = value;
                going += 1;
                continue;
            }
            self.values[t] = value;
        }
        going
    }
}

/// A pointer that vectors have made of the address of a tree's first box, and that
/// therefore has lost what it may point to: the same with what the
/// ways with vectors have exposed.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn exposed(at: *const f32) -> *const f32 {
    std::ptr::with_exposed_provenance(at.addr())
}

/// A row as an instruction set holds it.
trait Row: Copy {
    /// Whether a box holds it.
    ///
    /// # Safety
    /// A box of padded lows, then highs, of the row's length is there.
    unsafe fn within(self, at: *const f32) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner(column: usize, child: [Result<usize, usize>; 2]) -> Inner {
        Inner {
            cut: 0.5,
            column,
            range: 1.0,
            child,
            enough: [false; 2],
        }
    }

    fn grove(trees: &[Vec<Inner>]) -> Option<Grove> {
        Grove::of(trees.iter().map(|tree| tree.iter().copied()))
    }

    #[test]
    fn what_is_no_tree_makes_no_grove() {
        let stump = vec![inner(0, [Err(0), Err(1)])];
        assert!(grove(std::slice::from_ref(&stump)).is_some());
        assert!(grove(&vec![stump.clone(); TREES]).is_some());
        assert!(grove(&vec![stump.clone(); TREES + 1]).is_none());
        assert!(grove(&[]).is_none() && grove(&[stump, vec![]]).is_none());
        // Children that are not there, that go round, and leaves too many.
        for child in [Ok(1), Ok(0), Err(2)] {
            assert!(grove(&[vec![inner(0, [Err(0), child])]]).is_none());
        }
        // A node with two parents has two depths, and the last is not the largest.
        let knot = |second| -> Vec<Inner> {
            let children = [
                [Ok(1), Ok(3)],
                [Ok(2), Err(0)],
                [Ok(4), Err(1)],
                [second, Err(2)],
                [Err(3), Err(4)],
            ];
            children.map(|child| inner(0, child)).to_vec()
        };
        assert!(grove(&[knot(Err(5))]).is_some());
        assert!(grove(&[knot(Ok(4))]).is_none());
        let chain = |n: usize| -> Vec<Inner> {
            (1..n)
                .map(|at| inner(0, [Err(at - 1), Ok(at)]))
                .chain([inner(0, [Err(n - 1), Err(n)])])
                .collect()
        };
        assert!(grove(&[chain(MOST_LEVELS - 1)]).is_some());
        assert!(grove(&[chain(MOST_LEVELS)]).is_none());
        assert!(grove(&[chain(MOST_LEAVES)]).is_none());
    }

    #[test]
    fn a_row_or_boxes_that_do_not_fit_are_refused() {
        let stump = vec![inner(5, [Err(0), Err(1)])];
        let grove = grove(&[stump.clone(), stump]).unwrap();
        let mut buffers = Buffers::default();
        let mut fits = |boxes: &[&[f32]], row: &[f32]| {
            let boxes = boxes.iter().copied();
            grove
                .values(boxes, row, Asked::Both, &mut buffers)
                .is_some()
        };
        let (row, bounds) = ([0.0; 8], [0.0; 16]);
        assert!(fits(&[&bounds, &bounds], &row));
        assert!(!fits(&[&bounds], &row));
        assert!(!fits(&[&bounds, &bounds[1..]], &row));
        assert!(!fits(&[&bounds, &bounds], &row[..4]));
        assert!(!fits(&[&bounds, &bounds], &row[..7]));
    }

    #[test]
    fn a_box_that_only_seems_to_hold_a_row_ends_no_way() {
        for len in [4, 8, 16, 24, 32, 40, 48] {
            let mut q = vec![0.25; len];
            q[len - 1] = 2.0;
            let bounds = [vec![0.0; len], vec![1.0; len]].concat().repeat(2);
            let union = len as f32 + 1.0;
            // The lower node's range is such that its box seems to be the union.
            let root = Inner {
                range: len as f32,
                ..inner(0, [Ok(1), Err(2)])
            };
            let below = Inner {
                range: union,
                ..inner(0, [Err(0), Err(1)])
            };
            let grove = grove(&vec![vec![root, below]; 3]).unwrap();
            let mut buffers = Buffers::default();
            let boxes = std::iter::repeat_n(&bounds[..], 3);
            let Found { values, near, .. } =
                grove.values(boxes, &q, Asked::Depth, &mut buffers).unwrap();
            let third = 1.0f32 / 3.0;
            let value = third + (union - len as f32) / union * (1.0 - third);
            assert_eq!(values, [value; 3]);
            assert!(near.is_empty());
            // And one that holds it ends it, and may be the leaf's point.
            q[len - 1] = 1.0;
            let boxes = std::iter::repeat_n(&bounds[..], 3);
            let grove = Grove {
                nodes: grove
                    .nodes
                    .iter()
                    .map(|&node| Node {
                        range: len as f32,
                        ..node
                    })
                    .collect(),
                ..grove
            };
            let Found { values, near, .. } =
                grove.values(boxes, &q, Asked::Depth, &mut buffers).unwrap();
            assert_eq!(values, [third; 3]);
            assert_eq!(near, [(0, 0), (1, 0), (2, 0)]);
        }
    }
}
