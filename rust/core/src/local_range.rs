//! The local range: how much room there is around a row, in bits.
//!
//! For a row `q` and a tree that does not count it, let `v` be the deepest node on
//! `q`'s way that holds at least `least` rows (a sixteenth of the sample), `R` the sum
//! of ranges of `v`'s box extended by `q`, and `R0` that of the root's box. The tree's
//! value is `log2(R / R0) + 20`, at least 0; the forest's is the mean. A usual row lies
//! among near neighbours and has a small `R`; each bit more means twice the room. 20 is
//! as wide as the whole sample, and a row far outside of it has more.
//!
//! One box a tree and no more: groups of unusual rows of up to `least` rows do not hide
//! each other, and on tables it ranks better than the expected inverse depth
//! (docs/detection.md). A tree that holds `q` is looked at as if one copy were not there.

use crate::kernels::lanes;
use crate::kernels::log2::log2;
use crate::kernels::simd::{Eights, Portable, Simd};
use crate::score::ScoreBuffers;
use crate::walk::{BoxBuffer, Climb, Nodes, Path, Way, descend};
use std::ops::Range;

/// The smallest ratio of ranges that is told from nothing, and its negative logarithm.
const NARROWEST: f32 = 1.0 / (1 << 20) as f32;
const OFFSET: f32 = 20.0;
/// The ratio where all rows of a tree are equal and `q` is not.
const WIDEST: f32 = (1 << 20) as f32;
/// Part of a sample that is a neighbourhood.
const NEIGHBOURHOOD: usize = 16;

/// What a score is made of: the local range, and `depth` times the expected inverse
/// depth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blend {
    /// Rows of a neighbourhood at least.
    pub(crate) least: u32,
    pub(crate) depth: f64,
}

impl Blend {
    /// With the usual neighbourhoods of samples of this size.
    pub(crate) fn new(sample_size: usize, depth: f64) -> Blend {
        Blend {
            least: (sample_size / NEIGHBOURHOOD).max(1) as u32,
            depth,
        }
    }

    /// A tree's value, of its local range and its score.
    #[inline(always)]
    pub(crate) fn of(&self, local: f32, score: f64) -> f64 {
        f64::from(local) + self.depth * score
    }
}

/// The value of sums of ranges: of the neighbourhood with the row, and of the root.
#[inline(always)]
pub(crate) fn bits(union: f32, root: f32) -> f32 {
    let ratio = if root > 0.0 {
        union / root
    } else if union > 0.0 {
        WIDEST
    } else {
        0.0
    };
    let ratio = if ratio > NARROWEST { ratio } else { NARROWEST };
    log2(ratio) + OFFSET
}

/// Buffers of [`near`].
#[derive(Clone, Debug)]
pub(crate) struct NearBuffers {
    climb: BoxBuffer,
    near: BoxBuffer,
}

impl NearBuffers {
    pub(crate) fn new(stride: usize) -> NearBuffers {
        NearBuffers {
            climb: BoxBuffer::new(stride),
            near: BoxBuffer::new(stride),
        }
    }

    /// The local range of a padded row in a tree that is not empty.
    pub(crate) fn bits_of(&mut self, nodes: &impl Nodes, q: &[f32], least: u32) -> f32 {
        let mut path = Path::default();
        descend(nodes, q, &mut path);
        near(Portable, nodes, q, path.way(), least, self).bits(q)
    }
}

/// The box of a row's neighbourhood, and the sum of ranges of the root's box.
pub(crate) struct Near<'a> {
    pub(crate) lo: &'a [f32],
    pub(crate) hi: &'a [f32],
    root: f32,
}

impl Near<'_> {
    #[inline(always)]
    pub(crate) fn bits(&self, q: &[f32]) -> f32 {
        bits(lanes::union_sum(self.lo, self.hi, q), self.root)
    }
}

/// The neighbourhood of `q`, whose way through a tree with another row is known.
#[inline(always)]
pub(crate) fn near<'a, E: Eights, N: Nodes>(
    e: E,
    nodes: &'a N,
    q: &[f32],
    way: Way<'_>,
    least: u32,
    buffers: &'a mut NearBuffers,
) -> Near<'a> {
    let (end, copies) = (nodes.point(way.leaf), nodes.mass_of(way.leaf));
    let held = lanes::equal(end, q);
    let counted = copies - u32::from(held);
    if held && counted == 0 {
        return near_in_shadow(e, nodes, q, way, least, buffers);
    }
    let root = root_range(e, nodes, way, &mut buffers.near);
    if counted >= least || way.depth == 0 {
        return Near {
            lo: end,
            hi: end,
            root,
        };
    }
    // Masses tell which node it is before any box is needed.
    let mut depth = way.depth - 1;
    while depth > 0 && nodes.mass_of(way.at(depth)) - u32::from(held) < least {
        depth -= 1;
    }
    if let Some((lo, hi, _)) = nodes.bounds(way.at(depth)) {
        return Near { lo, hi, root };
    }
    let mut climb = Climb::new(e, nodes, q, way, &mut buffers.climb);
    while let Some(step) = climb.up() {
        if step.depth == depth {
            break;
        }
    }
    Near {
        lo: &buffers.climb.lo,
        hi: &buffers.climb.hi,
        root,
    }
}

/// The same in a tree that holds `q` once, as if it did not.
#[inline(always)]
fn near_in_shadow<'a, E: Eights, N: Nodes>(
    e: E,
    nodes: &'a N,
    q: &[f32],
    way: Way<'_>,
    least: u32,
    buffers: &'a mut NearBuffers,
) -> Near<'a> {
    let NearBuffers { climb, near } = buffers;
    // Nothing is left of a tree of one row: `q` itself is as good as anything.
    near.start(q, q);
    let mut root = 0.0;
    let mut found = false;
    let mut climb = Climb::new(e, nodes, q, way, climb);
    while let Some(step) = climb.up_in_shadow() {
        if !found {
            near.start(step.lo, step.hi);
            found = step.mass >= least;
        }
        root = step.range;
    }
    Near {
        lo: &near.lo,
        hi: &near.hi,
        root,
    }
}

/// The sum of ranges of the root's box.
#[inline(always)]
fn root_range<E: Eights, N: Nodes>(e: E, nodes: &N, way: Way<'_>, buffer: &mut BoxBuffer) -> f32 {
    if way.depth == 0 {
        return 0.0;
    }
    if let Some((_, _, range)) = nodes.bounds(nodes.root()) {
        return range;
    }
    let point = nodes.point(way.leaf);
    buffer.start(point, point);
    nodes.merge_box(e, nodes.root(), &mut buffer.lo, &mut buffer.hi);
    lanes::range_sum(&buffer.lo, &buffer.hi)
}

/// Turns scores of rows `which` of a group, whose ways `buffers` has, into blends. What
/// is NaN, because the tree is too small, stays so.
#[inline(always)]
pub(crate) fn blend_group_body<S: Simd, N: Nodes>(
    s: S,
    nodes: &N,
    rows: &[f32],
    blend: Blend,
    which: Range<usize>,
    buffers: &mut ScoreBuffers,
    out: &mut [f64],
) {
    let ScoreBuffers {
        paths, near: room, ..
    } = buffers;
    let stride = room.climb.lo.len();
    for i in which {
        if out[i].is_nan() {
            continue;
        }
        let q = &rows[i * stride..(i + 1) * stride];
        let way = paths.way_of(nodes, q, i);
        let local = near(s.eights(), nodes, q, way, blend.least, room).bits(q);
        out[i] = blend.of(local, out[i]);
    }
}

/// Adds the parts of the local range of padded rows, taken one by one, times `scale`, to
/// totals of lows and highs. Each column's part is its share of `R`; a box's own range
/// counts half for either side.
#[expect(clippy::too_many_arguments, reason = "buffers that one thread lends")]
pub(crate) fn add_local_parts<N: Nodes>(
    nodes: &N,
    rows: &[f32],
    stride: usize,
    least: u32,
    scale: f64,
    path: &mut Path,
    buffers: &mut NearBuffers,
    totals: &mut [f64],
) {
    let rows = rows.chunks_exact(stride);
    for (q, totals) in rows.zip(totals.chunks_exact_mut(2 * stride)) {
        descend(nodes, q, path);
        let near = near(Portable, nodes, q, path.way(), least, buffers);
        let union = lanes::union_sum(near.lo, near.hi, q);
        add_room(totals, (near.lo, near.hi), q, union, near.root, scale);
    }
}

/// Adds the parts of a padded row's local range, times `scale`, to its totals of lows and
/// highs: `bounds` is its neighbourhood, `union` the sum of ranges of both, and `root`
/// that of the root's box.
#[inline(always)]
pub(crate) fn add_room(
    totals: &mut [f64],
    (lo, hi): (&[f32], &[f32]),
    q: &[f32],
    union: f32,
    root: f32,
    scale: f64,
) {
    if union <= 0.0 {
        return;
    }
    let factor = scale * f64::from(bits(union, root)) / f64::from(union);
    let stride = totals.len() / 2;
    let (lows, highs) = totals.split_at_mut(stride);
    let (lo, hi, q) = (&lo[..stride], &hi[..stride], &q[..stride]);
    let highs = &mut highs[..stride];
    for j in 0..stride {
        let (lo, hi, x) = (lo[j], hi[j], q[j]);
        let half = (hi - lo) / 2.0;
        lows[j] += factor * f64::from((lo - x).max(0.0) + half);
        highs[j] += factor * f64::from((x - hi).max(0.0) + half);
    }
}
