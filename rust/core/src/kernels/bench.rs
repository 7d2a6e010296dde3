//! Single kernels on data of their own, for `benches/single_kernels.rs`.
//!
//! Data fits the first-level cache unless a kernel's own tables do not, so that what is
//! measured is the kernel and not the way to memory. Built with the feature
//! `kernel-bench` alone.

use super::descent::{self, Tables};
use super::fours::{Boxes, FOUR};
use super::grove::{self, Asked, Grove};
use super::partition::partition;
use super::rank::Ranking;
use super::simd::{LANES, Simd};
use super::top;
use super::wide::{Tiles, by_width};
use super::{boxes, lanes, log2};
use crate::rng::Rng;
use std::hint::black_box;

/// A kernel to be measured.
pub struct Kernel {
    /// What it does, and for which shape.
    pub name: String,
    /// What is counted.
    pub element: &'static str,
    /// Elements of one run.
    pub elements: u32,
    /// Runs it.
    pub run: Box<dyn FnMut()>,
}

impl Kernel {
    fn new(name: String, element: &'static str, n: usize, run: impl FnMut() + 'static) -> Kernel {
        Kernel {
            name,
            element,
            elements: n as u32,
            run: Box::new(run),
        }
    }
}

/// Rows of a kernel that takes many.
const ROWS: usize = 4096;
/// Boxes of one that takes boxes.
const BOXES: usize = 64;
const TREES: usize = 100;
/// Inner nodes of a tree of 256 leaves, eight levels.
const INNER: usize = 255;
/// Groups of sixteen rows that a box takes at a time.
const GROUPS: usize = 4;

/// All that this machine can run.
pub fn all() -> Vec<Kernel> {
    let mut all = vec![ranks(), sides(), logarithms()];
    for d in [8, 30] {
        all.push(tops(d));
        if d <= descent::MOST_COLUMNS && descent::available() {
            all.push(tables(d));
        }
        all.extend([transposition(d), tile(d), one_row(d), fours(d)]);
        all.extend(one_box(d));
    }
    all
}

fn numbers(seed: u64, n: usize) -> Vec<f32> {
    let mut rng = Rng::new(seed, 0);
    (0..n).map(|_| rng.unit() as f32).collect()
}

fn keys(seed: u64, n: usize) -> Vec<u16> {
    let scale = f32::from(u16::MAX);
    numbers(seed, n)
        .iter()
        .map(|x| (x * scale) as u16)
        .collect()
}

/// `n` padded rows of `d` columns.
fn rows(seed: u64, n: usize, d: usize) -> Vec<f32> {
    lanes::padded(&numbers(seed, n * d), d, lanes::stride(d))
}

/// Lows and then highs of `n` boxes of two random rows each, and sums of their ranges.
fn some_boxes(n: usize, d: usize) -> (Vec<f32>, Vec<f32>) {
    let stride = lanes::stride(d);
    let (a, b) = (rows(1, n, d), rows(2, n, d));
    let (mut values, mut ranges) = (Vec::new(), Vec::new());
    for (a, b) in a.chunks_exact(stride).zip(b.chunks_exact(stride)) {
        let (mut lo, mut hi) = (a.to_vec(), a.to_vec());
        lanes::merge(&mut lo, &mut hi, b, b);
        ranges.push(lanes::range_sum(&lo, &hi));
        values.extend(lo.into_iter().chain(hi));
    }
    (values, ranges)
}

fn ranks() -> Kernel {
    const CUTS: usize = 3000;
    let mut cuts = numbers(1, CUTS);
    cuts.sort_unstable_by(f32::total_cmp);
    let (ranking, values) = (Ranking::of(&cuts), numbers(2, ROWS));
    let name = format!("ranks of values among {CUTS} cuts");
    Kernel::new(name, "value", ROWS, move || {
        for x in values.as_chunks().0 {
            black_box(ranking.ranks(x));
        }
    })
}

fn sides() -> Kernel {
    let keys = keys(1, ROWS + 1);
    let (mut order, mut right) = (Vec::new(), vec![0; ROWS]);
    Kernel::new(
        "rows to both sides of a cut".into(),
        "row",
        ROWS,
        move || {
            order.clear();
            order.extend(0..ROWS as u16);
            black_box(partition(&mut order, &mut right, &keys, u16::MAX / 2));
        },
    )
}

/// A full binary tree: node `i` has `2 i + 1` and `2 i + 2` below, or leaves.
fn children(node: usize, inner: usize) -> [Result<usize, usize>; 2] {
    [2 * node + 1, 2 * node + 2].map(|child| match child < inner {
        true => Ok(child),
        false => Err(child - inner),
    })
}

fn tops(d: usize) -> Kernel {
    let keys = keys(1, ROWS * d);
    let nodes: Vec<_> = (0..top::MOST_NODES)
        .map(|node| top::Node {
            column: node % d,
            key: u16::MAX / 2,
            child: children(node, top::MOST_NODES)
                .map(|side| side.map(|id| id as u8).map_err(|place| place as u8)),
        })
        .collect();
    let mut places = vec![0; ROWS];
    let name = format!("rows through a tree's top, d={d}");
    Kernel::new(name, "row", ROWS, move || {
        top::places(&nodes, &keys, ROWS, ROWS, black_box(&mut places));
    })
}

fn tables(d: usize) -> Kernel {
    let nodes: Vec<_> = (0..INNER)
        .map(|node| descent::Inner {
            column: node % d,
            key: u16::MAX / 2,
            child: children(node, INNER),
        })
        .collect();
    let tree = Tables::of(&nodes);
    let bytes = keys(1, ROWS * descent::padded(d));
    let planes: Vec<u8> = bytes.iter().flat_map(|key| key.to_be_bytes()).collect();
    let mut leaves = vec![0; ROWS];
    let name = format!("rows down a tree by tables, d={d}");
    Kernel::new(name, "row", ROWS, move || {
        if let Some(tree) = &tree {
            descent::leaves(tree, &planes, ROWS, ROWS, black_box(&mut leaves));
        }
    })
}

fn order(n: usize) -> Vec<[u16; LANES]> {
    let at = |group: usize| std::array::from_fn(|l| ((group * LANES + l) * 37 % n) as u16);
    (0..n / LANES).map(at).collect()
}

fn transposition(d: usize) -> Kernel {
    const N: usize = 256;
    let (rows, order) = (rows(1, N, d), order(N));
    let mut tiles = Tiles::new(N / LANES, d);
    let name = format!("rows to tiles, d={d}");
    Kernel::new(name, "row", N, move || {
        load(&mut tiles, &rows, lanes::stride(d), &order);
        black_box(&tiles);
    })
}

simd_kernel! {
    pub(crate) fn load(
        tiles: &mut Tiles,
        rows: &[f32],
        stride: usize,
        order: &[[u16; LANES]],
    ) = load_body;
}

#[inline(always)]
fn load_body<S: Simd>(
    s: S,
    tiles: &mut Tiles,
    rows: &[f32],
    stride: usize,
    order: &[[u16; LANES]],
) {
    tiles.load(s, rows, stride, order);
}

fn tile(d: usize) -> Kernel {
    const N: usize = GROUPS * LANES;
    let mut tiles = Tiles::new(GROUPS, d);
    load(&mut tiles, &rows(1, N, d), lanes::stride(d), &order(N));
    let (values, _) = some_boxes(BOXES, d);
    let name = format!("boxes against a tile's rows, d={d}");
    Kernel::new(name, "box and row", N * BOXES, move || {
        by_width!(tiles.width(), W => sums_of_tile::<W>(&tiles, &values, lanes::stride(d)));
    })
}

simd_kernel! {
    pub(crate) fn sums_of_tile<const W: usize>(
        tiles: &Tiles,
        values: &[f32],
        stride: usize,
    ) = sums_of_tile_body;
}

#[inline(always)]
fn sums_of_tile_body<S: Simd, const W: usize>(s: S, tiles: &Tiles, values: &[f32], stride: usize) {
    let mut all = [0.0; LANES];
    for values in values.chunks_exact(2 * stride) {
        let (lo, hi) = values.split_at(stride);
        for sums in tiles.union_sums::<S, GROUPS, W>(s, 0, lo, hi) {
            s.store(sums, &mut all);
            black_box(&all);
        }
    }
}

fn one_row(d: usize) -> Kernel {
    let (boxes, ranges) = some_boxes(INNER, d);
    let tree = || {
        let ranges = ranges.clone();
        (0..INNER).map(move |node| grove::Inner {
            cut: 0.5,
            column: node % d,
            range: ranges[node],
            child: children(node, INNER),
            enough: [false; 2],
        })
    };
    let trees: Vec<Vec<_>> = (0..TREES).map(|_| tree().collect()).collect();
    let grove = Grove::of(trees.into_iter().map(Vec::into_iter));
    // Outside of all boxes, so that every way goes up to its root.
    let mut q = vec![0.0; lanes::stride(d)];
    q[..d].copy_from_slice(&numbers(3, d));
    q[d - 1] = 2.0;
    let mut buffers = grove::Buffers::default();
    let name = format!(
        "one row through {TREES} trees of {} leaves, d={d}",
        INNER + 1
    );
    Kernel::new(name, "tree", TREES, move || {
        let boxes = std::iter::repeat_n(&boxes[..], TREES);
        if let Some(grove) = &grove {
            black_box(
                grove
                    .values(boxes, &q, Asked::Depth, &mut buffers)
                    .is_some(),
            );
        }
    })
}

fn fours(d: usize) -> Kernel {
    let (values, ranges) = some_boxes(BOXES, d);
    let q = rows(3, 1, d);
    Kernel::new(
        format!("four boxes at once, d={d}"),
        "box",
        BOXES,
        move || {
            separations(&Boxes::of(&values, &ranges, lanes::stride(d)), &q);
        },
    )
}

simd_kernel! {
    pub(crate) fn separations(boxes: &Boxes<'_>, q: &[f32]) = separations_body;
}

#[inline(always)]
fn separations_body<S: Simd>(s: S, boxes: &Boxes<'_>, q: &[f32]) {
    for first in (0..BOXES as u32).step_by(FOUR) {
        black_box(boxes.separations(s, [first, first + 1, first + 2, first + 3], q));
    }
}

/// What is done to one box.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Gap,
    Holds,
    HoldsUp,
    Grow,
    Join,
}

fn one_box(d: usize) -> [Kernel; 5] {
    let deeds = [
        (Deed::Gap, "a row's gap to a box"),
        (Deed::Holds, "whether a box holds a row"),
        (Deed::HoldsUp, "whether a box shrinks without a row"),
        (Deed::Grow, "a box grows to hold a row"),
        (Deed::Join, "a box of two"),
    ];
    deeds.map(|(deed, what)| {
        let (mut values, _) = some_boxes(BOXES, d);
        let q = rows(3, 1, d);
        Kernel::new(format!("{what}, d={d}"), "box", BOXES, move || {
            change(deed, &mut values, &q);
        })
    })
}

simd_kernel! {
    pub(crate) fn change(deed: Deed, values: &mut [f32], q: &[f32]) = change_body;
}

#[inline(always)]
fn change_body<S: Simd>(s: S, deed: Deed, values: &mut [f32], q: &[f32]) {
    let e = s.eights();
    let size = 2 * q.len();
    if let Deed::Join = deed {
        for two in values.chunks_exact_mut(2 * size) {
            let (to, from) = two.split_at_mut(size);
            let from = from.split_at(q.len());
            black_box(boxes::join(e, to, from, (q, q)));
            black_box(boxes::join(e, to, (q, q), from));
        }
        return;
    }
    for values in values.chunks_exact_mut(size) {
        let (lo, hi) = values.split_at_mut(q.len());
        match deed {
            Deed::Gap => drop(black_box(boxes::gap_sum(e, lo, hi, q))),
            Deed::Holds => drop(black_box(boxes::contains(e, lo, hi, q))),
            Deed::HoldsUp => drop(black_box(boxes::holds_up(e, lo, hi, q))),
            _ => drop(black_box(boxes::grow(e, lo, hi, q))),
        }
    }
}

fn logarithms() -> Kernel {
    let values: Vec<f32> = numbers(1, ROWS).iter().map(|x| x + 0.5).collect();
    let mut out = vec![0.0; ROWS];
    Kernel::new("binary logarithms".into(), "number", ROWS, move || {
        log2_of(&values, &mut out);
        black_box(&out);
    })
}

kernel! {
    pub(crate) fn log2_of(values: &[f32], out: &mut [f32]) = log2_body;
}

#[inline(always)]
fn log2_body(values: &[f32], out: &mut [f32]) {
    for (to, &x) in out.iter_mut().zip(values) {
        *to = log2::log2(x);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_kernel_runs_and_counts_what_it_takes() {
        for mut kernel in super::all() {
            assert!(kernel.elements > 0, "{}", kernel.name);
            (kernel.run)();
        }
    }
}
