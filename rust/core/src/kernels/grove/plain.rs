//! One tree after the other at each step; what the compiler makes of a box's
//! columns is all that there is of vectors.
//!
//! Loads of different trees overlap all the same, which is what a row alone waits
//! for.

use super::{Asked, Buffers, ENOUGH, GROUPS, Grove, LANES, LEAF, Row, TREES};
use crate::kernels::{lanes, prefetch};
use crate::score::unseen;
use std::hint::select_unpredictable;

/// Boxes that are asked for before it is their turn.
const AHEAD: usize = 6;

/// A row in memory.
#[derive(Clone, Copy)]
struct Plain<'a>(&'a [f32]);

impl<'a> Plain<'a> {
    /// The lows and highs of a box.
    ///
    /// # Safety
    /// As [`Row::within`].
    #[inline(always)]
    unsafe fn sides(self, at: *const f32) -> (&'a [f32], &'a [f32]) {
        let len = self.0.len();
        // SAFETY: as the caller says; boxes are borrowed for as long as the row.
        unsafe { std::slice::from_raw_parts(at, 2 * len) }.split_at(len)
    }
}

impl Row for Plain<'_> {
    // SAFETY: asked of the caller by `Row::within`.
    #[inline(always)]
    unsafe fn within(self, at: *const f32) -> bool {
        // SAFETY: as the caller says.
        let (lo, hi) = unsafe { self.sides(at) };
        lanes::contains(lo, hi, self.0)
    }
}

/// The grove's way. [`Grove::values`] has checked the row and the boxes, and made room.
pub(super) fn pass(grove: &Grove, q: &[f32], asked: Asked, b: &mut Buffers) {
    for group in 0..grove.first.len() {
        descend(grove, group, q, b);
    }
    let mut n = grove.lens.len();
    if asked != Asked::Depth {
        b.settle_homes::<LANES>(n);
        let boxes = b.boxes.as_ptr().cast::<*const f32>();
        for (&place, local) in b.homes[..n].iter().zip(&mut b.local) {
            // SAFETY: all places down to the one above a tree's leaf have been
            // noted, with boxes that `values` has checked.
            let (lo, hi) = unsafe { Plain(q).sides(*boxes.add(place as usize)) };
            *local = lanes::union_sum(lo, hi, q);
        }
        // SAFETY: `descend` notes ranges from the roots on.
        unsafe { b.take_bits(n) };
    }
    if asked == Asked::Local {
        b.end_all(n);
        // SAFETY: ways begin at places that were noted.
        unsafe { b.settle(Plain(q), n) };
        return;
    }
    while n > 0 {
        let ended = climb(Plain(q), n, b);
        // SAFETY: `climb` ends ways at places that it was given.
        n = unsafe { b.settle(Plain(q), ended) };
    }
}

/// Goes down sixteen trees.
#[inline(always)]
fn descend(grove: &Grove, group: usize, q: &[f32], b: &mut Buffers) {
    let first = &grove.first[group];
    let bases = &b.bases.as_chunks::<LANES>().0[group];
    let (mut at, mut depths, mut homes) = ([0u16; LANES], [0u32; LANES], [0u32; LANES]);
    let mut place = group;
    loop {
        let mut all = LEAF;
        for l in 0..LANES {
            let ended = at[l] & LEAF != 0;
            let id = usize::from(select_unpredictable(ended, 0, at[l]));
            // SAFETY: `of` has checked that inner nodes are nodes of their tree,
            // cut columns of the row, and are so many levels; `values` that
            // there are boxes for all of them and room for all levels.
            let node = unsafe {
                let node = grove.nodes.get_unchecked(first[l] as usize + id);
                let base = bases[l].add(id * 2 * q.len());
                let to = b.boxes.as_mut_ptr().add(place).cast::<*const f32>();
                to.add(l).write(base);
                let to = b.ranges.as_mut_ptr().add(place).cast::<f32>();
                to.add(l).write(node.range);
                node
            };
            let column = (node.column & (ENOUGH[0] - 1)) as usize;
            // SAFETY: as above.
            let right = usize::from(unsafe { *q.get_unchecked(column) } > node.cut);
            let next = node.child[right];
            all &= at[l];
            depths[l] += u32::from(!ended);
            homes[l] += u32::from(!ended & (node.column & ENOUGH[right] != 0));
            at[l] = select_unpredictable(ended, at[l], next);
        }
        if all != 0 {
            break;
        }
        place += GROUPS;
    }
    for l in 0..LANES {
        let t = group * LANES + l;
        b.leaves[t] = u32::from(at[l]);
        b.depths[t] = depths[l];
        b.homes[t] = homes[l];
        b.going.places[t] = (depths[l] - 1) * TREES as u32 + t as u32;
        b.going.values[t] = unseen(depths[l] as usize);
    }
}

/// Takes the first `n` trees that are going up to where they end; returns how
/// many these are.
#[inline(always)]
fn climb(row: Plain<'_>, mut n: usize, b: &mut Buffers) -> usize {
    let boxes = b.boxes.as_ptr().cast::<*const f32>();
    let ranges = b.ranges.as_ptr().cast::<f32>();
    let (going, out) = (&mut b.going, &mut b.ended);
    let mut ended = 0;
    while n > 0 {
        let mut kept = 0;
        for i in 0..n {
            let (place, value) = (going.places[i], going.values[i]);
            if i + AHEAD < n {
                // SAFETY: as below.
                let (lo, hi) = unsafe { row.sides(*boxes.add(going.places[i + AHEAD] as usize)) };
                prefetch::values(lo);
                prefetch::values(hi);
            }
            // SAFETY: all places from the one above a tree's leaf up to its
            // root have been noted, with boxes that `values` has checked.
            let (union, range) = unsafe {
                let (lo, hi) = row.sides(*boxes.add(place as usize));
                (lanes::union_sum(lo, hi, row.0), *ranges.add(place as usize))
            };
            let level = place as usize / TREES;
            let p = (union - range) / union;
            let value = value + p * (unseen(level) - value);
            let ends = (p == 0.0) | (level == 0);
            (out.places[ended], out.values[ended]) = (place, value);
            ended += usize::from(ends);
            // What is written for a root is not kept.
            going.places[kept] = place.wrapping_sub(TREES as u32);
            going.values[kept] = value;
            kept += usize::from(!ends);
        }
        n = kept;
    }
    ended
}
