//! Boxes of some nodes, from which every other box is a few steps away.
//!
//! A node's box is the exact minimum and maximum of its points, so it need not
//! be stored where it is cheap to find. A node has as many parts as its two
//! children together; once these are more than a limit, it stores its box and
//! counts as one part, like a leaf. So any box is the union of at most `limit`
//! points and stored boxes, and a tree of `n` leaves stores at most `n / limit`
//! boxes, however it is shaped. What is stored is a function of the tree and
//! the limit alone and never changes a result.
//!
//! A limit of one stores every box. Trees of few columns can afford it always;
//! a tree of many has all of them while a block of rows goes through it, in an
//! arena that every tree of a thread takes in turn ([`super::Tree::exchange_bounds`]).

use crate::kernels::arena::Arena;

/// Most parts of a node that does not store its box, in any arena.
pub(crate) const MOST_PARTS: u8 = 5;

/// Most parts of a node that does not store its box, where rows are `stride`
/// values long: such that 100 trees of 256 rows fit into 4 MB up to 32 columns.
pub(crate) fn resting_limit(stride: usize) -> u8 {
    match stride {
        ..=8 => 1,
        9..=16 => 2,
        _ => MOST_PARTS,
    }
}

const NO_BOX: u32 = u32::MAX;

/// The boxes that a tree stores.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    limit: u8,
    arena: Arena,
    free: Vec<u32>,
}

impl Bounds {
    pub(crate) fn new(stride: usize, limit: u8) -> Bounds {
        Bounds {
            limit,
            arena: Arena::new(stride),
            free: Vec::new(),
        }
    }

    /// Most parts of a node that does not store its box here.
    #[inline(always)]
    pub(crate) fn limit(&self) -> u8 {
        self.limit
    }

    /// Takes every box out; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.free.clear();
    }

    /// Gives back what is free beyond the eighth by which an arena grows.
    pub(crate) fn shrink(&mut self) {
        self.arena.shrink();
        self.free.shrink_to(0);
    }

    /// The number that stands for "none".
    pub(crate) const fn none() -> u32 {
        NO_BOX
    }

    /// The boxes by number, to read.
    #[inline(always)]
    pub(crate) fn arena(&self) -> &Arena {
        &self.arena
    }

    /// The same to write to, under numbers that were given out.
    #[inline(always)]
    pub(crate) fn arena_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }

    /// A number for the box of node `id`: the node's own where every node has a
    /// box.
    #[inline(always)]
    pub(crate) fn number(&mut self, id: u32) -> u32 {
        match self.limit {
            1 => id,
            _ => self.free.pop().unwrap_or(self.arena.len() as u32),
        }
    }

    pub(crate) fn remove(&mut self, at: u32) {
        if at != NO_BOX && self.limit > 1 {
            self.free.push(at);
        }
    }

    pub(crate) fn memory_usage(&self) -> usize {
        self.arena.memory_usage() + self.free.capacity() * 4
    }
}
