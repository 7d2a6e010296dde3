//! The walk over points and trees, which writes or reads.
//!
//! What a coder that reads is handed does not matter; `None` says that what it
//! read makes no forest, which cannot happen to one that writes.

use super::coder::{Coder, Numbers, Seen, Steps, Symbols};
use super::cuts;
use super::order::{place, value};
use crate::state::{FlatNode, TreeState, TreeStream};

/// Bits of a float32: those behind sign and exponent, and of the exponent.
const MANTISSA: u32 = 23;
const EXPONENT: u32 = 8;
/// The same of a float64.
const LONG_MANTISSA: u32 = 52;
const LONG_EXPONENT: u32 = 11;
/// What is learnt of a column counts for those that are so many further on, too.
const APART: usize = 64;
/// How likely a tree holds a point is learnt for each part of the trees, and
/// for points that none, one, two and more of the trees before hold.
const PARTS: usize = 8;
const HOLDERS: usize = 4;
/// In a tree of so many leaves or fewer, a key names its leaf among those
/// whose copies have not all been named.
const FEW: usize = 256;

/// What is known and learnt of floating point numbers: how often each sign and
/// exponent occurs, and which bits at the end are always zero.
struct Floats {
    /// Bits behind the exponent, and of it.
    mantissa: u32,
    exponent: u32,
    highest: u32,
    zeros: u32,
    signs: Seen,
    steps: Steps,
}

impl Floats {
    /// Codes what numbers of such bits have in common; `None` if no such numbers
    /// have it.
    fn new(
        coder: &mut impl Coder,
        (mantissa, exponent): (u32, u32),
        bits: impl Iterator<Item = u64>,
    ) -> Option<Floats> {
        let (mut highest, mut all) = (0, 0);
        for bits in bits {
            highest = highest.max((bits >> mantissa) as u32 & ((1 << exponent) - 1));
            all |= bits;
        }
        let zeros = coder.flat(all.trailing_zeros().min(mantissa), 6);
        let highest = coder.flat(highest, exponent);
        (zeros <= mantissa).then(|| Floats {
            mantissa,
            exponent,
            highest,
            zeros,
            signs: Seen::default(),
            steps: Steps::new(exponent),
        })
    }

    /// Codes the bits of a number.
    fn code(&mut self, coder: &mut impl Coder, bits: u64) -> Option<u64> {
        let (behind, width) = (self.mantissa, self.exponent);
        let negative = coder.bit(bits >> (behind + width) & 1 == 1, &mut self.signs);
        let exponent = (bits >> behind) as u32 & ((1 << width) - 1);
        let below = self.highest.wrapping_sub(exponent) & ((1 << width) - 1);
        let exponent = self.highest.checked_sub(self.steps.code(coder, below))?;
        let mantissa = (bits & ((1 << behind) - 1)) >> self.zeros;
        let mantissa = coder.raw(mantissa, behind - self.zeros) << self.zeros;
        let high = u64::from(negative) << width | u64::from(exponent);
        Some(high << behind | mantissa)
    }
}

/// What is learnt on the way, and the points.
pub(super) struct Walk {
    n_trees: usize,
    /// Rows of a tree at most: what says more takes no memory.
    sample_size: usize,
    d: usize,
    /// Places of the points, which are sorted.
    places: Vec<i32>,
    /// Trees so far that hold each point.
    holders: Vec<u32>,
    holds: Vec<Seen>,
    columns: Symbols,
    copies: Numbers,
    counts: Numbers,
    keys: Option<Floats>,
}

impl Walk {
    pub(super) fn new(n_trees: usize, sample_size: usize, d: usize) -> Walk {
        Walk {
            n_trees,
            sample_size,
            d,
            places: Vec::new(),
            holders: Vec::new(),
            holds: vec![Seen::default(); PARTS * HOLDERS],
            columns: Symbols::new(usize::BITS - (d - 1).leading_zeros()),
            copies: Numbers::new(),
            counts: Numbers::new(),
            keys: None,
        }
    }

    /// The points' values.
    pub(super) fn values(&self) -> Vec<f32> {
        self.places.iter().map(|&at| value(at)).collect()
    }

    /// Codes `n` sorted points: the first column by what is between them.
    pub(super) fn points(
        &mut self,
        coder: &mut impl Coder,
        mut places: Vec<i32>,
        n: usize,
    ) -> Option<()> {
        let d = self.d;
        places.resize(n * d, 0);
        let firsts = places.iter().step_by(d);
        let all = firsts.fold(0, |all, at| all | at.unsigned_abs());
        let zeros = coder.flat(all.trailing_zeros().min(MANTISSA), 6);
        let mut columns = Vec::with_capacity(d.min(APART));
        for j in 1..d.min(APART + 1) {
            let alike = places.chunks_exact(d);
            let alike = alike.flat_map(|point| point[j..].iter().step_by(APART));
            let bits = alike.map(|&at| value(at).to_bits().into());
            columns.push(Floats::new(coder, (MANTISSA, EXPONENT), bits)?);
        }
        let mut gaps = Numbers::new();
        let mut before = i64::from(i32::MIN);
        for point in places.chunks_exact_mut(d) {
            let gap = (i64::from(point[0]) - before) as u64 >> zeros;
            let gap = gaps.code(coder, gap) << zeros;
            before = before.checked_add(i64::try_from(gap).ok()?)?;
            point[0] = i32::try_from(before).ok()?;
            for (j, at) in point[1..].iter_mut().enumerate() {
                let bits = u64::from(value(*at).to_bits());
                let bits = columns[j % APART].code(coder, bits)?;
                *at = place(f32::from_bits(bits as u32));
            }
        }
        self.holders = vec![0; n];
        self.places = places;
        Some(())
    }

    /// Codes what all keys have in common: those of a window are whole numbers.
    pub(super) fn keys(&mut self, coder: &mut impl Coder, trees: &[TreeState]) -> Option<()> {
        let keys = trees.iter().filter_map(|tree| tree.stream.as_ref());
        let bits = keys
            .flat_map(|stream| &stream.keys)
            .map(|key| key.to_bits());
        self.keys = Some(Floats::new(coder, (LONG_MANTISSA, LONG_EXPONENT), bits)?);
        Some(())
    }

    /// Codes a tree whose points are called by their ranks.
    pub(super) fn tree(
        &mut self,
        coder: &mut impl Coder,
        t: usize,
        given: Option<&TreeState>,
    ) -> Option<TreeState> {
        let mut set = self.set(coder, t, given);
        let nodes = given.map_or(&[][..], |tree| &tree.nodes);
        let nodes = self.nodes(coder, &mut set, nodes)?;
        let stream = given.and_then(|tree| tree.stream.as_ref());
        let stream = self.stream(coder, &nodes, stream)?;
        Some(TreeState {
            nodes,
            stream: Some(stream),
        })
    }

    /// Codes which points a tree holds.
    fn set(&mut self, coder: &mut impl Coder, t: usize, given: Option<&TreeState>) -> Vec<u32> {
        let mut holds = vec![false; self.holders.len()];
        for node in given.map_or(&[][..], |tree| &tree.nodes) {
            if let FlatNode::Leaf { point, .. } = *node {
                holds[point as usize] = true;
            }
        }
        let part = t * PARTS / self.n_trees * HOLDERS;
        let mut set = Vec::new();
        for (point, (holders, holds)) in self.holders.iter_mut().zip(holds).enumerate() {
            let seen = &mut self.holds[part + (*holders as usize).min(HOLDERS - 1)];
            if coder.bit(holds, seen) {
                *holders += 1;
                set.push(point as u32);
            }
        }
        set
    }

    /// Codes the nodes of a set in preorder. A set of one is a leaf.
    fn nodes(
        &mut self,
        coder: &mut impl Coder,
        set: &mut [u32],
        given: &[FlatNode],
    ) -> Option<Vec<FlatNode>> {
        let mut nodes = Vec::with_capacity(2 * set.len());
        let mut right = Vec::with_capacity(set.len());
        let mut todo = vec![(0, set.len())];
        while let Some((first, behind)) = todo.pop() {
            let given = given.get(nodes.len()).copied();
            match set.get_mut(first..behind)? {
                [] => {}
                &mut [point] => {
                    let more = given.map_or(0, |node| node.mass().saturating_sub(1));
                    let more = u32::try_from(self.copies.code(coder, more.into())).ok()?;
                    let mass = more.checked_add(1)?;
                    nodes.push(FlatNode::Leaf { point, mass });
                }
                set => {
                    let (dim, cut) = match given {
                        Some(FlatNode::Split { dim, cut }) => (dim, cut),
                        _ => (0, 0.0),
                    };
                    let (dim, cut) = self.split(coder, set, dim, cut)?;
                    let left = self.parted(set, dim, place(cut), &mut right);
                    todo.push((first + left, behind));
                    todo.push((first, first + left));
                    nodes.push(FlatNode::Split { dim, cut });
                }
            }
        }
        Some(nodes)
    }

    /// Codes how a set is cut.
    fn split(
        &mut self,
        coder: &mut impl Coder,
        set: &[u32],
        dim: u32,
        cut: f32,
    ) -> Option<(u32, f32)> {
        let dim = self.columns.code(coder, dim);
        if dim as usize >= self.d {
            return None;
        }
        let (mut least, mut greatest) = (i32::MAX, i32::MIN);
        for &point in set {
            let at = self.at(point, dim);
            least = least.min(at);
            greatest = greatest.max(at);
        }
        Some((dim, value(cuts::code(coder, place(cut), least, greatest)?)))
    }

    #[inline]
    fn at(&self, point: u32, dim: u32) -> i32 {
        self.places[point as usize * self.d + dim as usize]
    }

    /// Puts what is at most at the cut before the rest, both in their order;
    /// says how many it is.
    fn parted(&self, set: &mut [u32], dim: u32, cut: i32, right: &mut Vec<u32>) -> usize {
        right.clear();
        let mut left = 0;
        for i in 0..set.len() {
            let point = set[i];
            match self.at(point, dim) <= cut {
                true => {
                    set[left] = point;
                    left += 1;
                }
                false => right.push(point),
            }
        }
        set[left..].copy_from_slice(right);
        left
    }

    /// Codes what continues the stream of a tree.
    fn stream(
        &mut self,
        coder: &mut impl Coder,
        nodes: &[FlatNode],
        given: Option<&TreeStream>,
    ) -> Option<TreeStream> {
        let empty = TreeStream {
            keys: Vec::new(),
            points: Vec::new(),
            target: 0.0,
            sampler_rng: [0; 4],
            cut_rng: [0; 4],
        };
        let given = given.unwrap_or(&empty);
        // Every row of a tree has a key.
        let rows = nodes.iter().map(|node| u64::from(node.mass())).sum();
        let n = self.counts.code(coder, given.keys.len() as u64);
        let n = usize::try_from(n).ok().filter(|_| n == rows)?;
        if n > self.sample_size {
            return None;
        }
        let mut long = |bits| coder.raw(bits, u64::BITS);
        let target = f64::from_bits(long(given.target.to_bits()));
        let sampler_rng = given.sampler_rng.map(&mut long);
        let cut_rng = given.cut_rng.map(&mut long);
        let mut keys = Vec::new();
        for i in 0..n {
            let bits = given.keys.get(i).copied().unwrap_or_default().to_bits();
            keys.push(f64::from_bits(self.keys.as_mut()?.code(coder, bits)?));
        }
        Some(TreeStream {
            keys,
            points: leaves(coder, nodes, n, &given.points)?,
            target,
            sampler_rng,
            cut_rng,
        })
    }
}

/// Codes the points that keys stand for, by the leaves that hold them.
fn leaves(coder: &mut impl Coder, nodes: &[FlatNode], n: usize, given: &[u32]) -> Option<Vec<u32>> {
    // Points with the copies that no key has named.
    let mut left: Vec<(u32, u32)> = nodes
        .iter()
        .filter_map(|node| match *node {
            FlatNode::Leaf { point, mass } => Some((point, mass)),
            FlatNode::Split { .. } => None,
        })
        .collect();
    let few = left.len() <= FEW;
    let mut leaf_of: Vec<(u32, usize)> = left
        .iter()
        .enumerate()
        .map(|(leaf, &(point, _))| (point, leaf))
        .collect();
    leaf_of.sort_unstable();
    let mut points = Vec::with_capacity(n);
    for i in 0..n {
        let leaf = given.get(i).map_or(Some(0), |&point| match few {
            true => left.iter().position(|&(other, _)| other == point),
            false => {
                let at = leaf_of.binary_search_by_key(&point, |&(other, _)| other);
                at.ok().map(|at| leaf_of[at].1)
            }
        })?;
        let among = u64::try_from(left.len()).ok().filter(|&n| n > 0)?;
        let leaf = usize::try_from(coder.below(leaf as u64, among)).ok()?;
        let (point, copies) = left.get_mut(leaf)?;
        points.push(*point);
        *copies = copies.wrapping_sub(1);
        if few && *copies == 0 {
            left.remove(leaf);
        }
    }
    Some(points)
}
