//! Ways up that someone else has gone down: those through living trees, whose nodes
//! change from row to row, so that there is no grove of them.
//!
//! Their boxes are noted, and then they go up in rounds as those of a grove do. A box
//! is borrowed until the way up is done, and what was noted before is not read again.

use super::{Asked, Buffers, Found, LANES, LEAF, MOST_LEVELS, TREES};
use crate::score::unseen;

/// The ways of one row through some trees, the first of which are noted.
pub(crate) struct Ways<'a> {
    q: &'a [f32],
    b: &'a mut Buffers,
    /// Trees noted.
    n: usize,
    /// Levels that there is room for.
    deepest: usize,
}

/// Where a tree's way ends below, and which of its nodes is the neighbourhood.
#[derive(Clone, Copy)]
pub(crate) struct Below {
    /// Depth of the leaf, at least one.
    pub(crate) depth: usize,
    /// Nodes below the root, the leaf with them, that hold enough rows to be the
    /// neighbourhood.
    pub(crate) enough: u32,
}

impl<'a> Ways<'a> {
    /// No way yet of a padded row, with room for ways of so many levels; nothing if
    /// these are too many.
    #[inline(always)]
    pub(crate) fn new(q: &'a [f32], deepest: usize, b: &'a mut Buffers) -> Option<Ways<'a>> {
        let padded = q.len() == 4 || !q.is_empty() && q.len().is_multiple_of(8);
        if !padded || deepest >= MOST_LEVELS {
            return None;
        }
        b.make_room(deepest);
        Some(Ways {
            q,
            b,
            n: 0,
            deepest,
        })
    }

    /// Notes the way through the next tree. `boxes` has for each node from the one
    /// above the leaf up to the root the lows and then the highs of its box, and the
    /// sum of their ranges. Nothing if the tree is one too many, or its way is not as
    /// it is said to be.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        below: Below,
        boxes: impl Iterator<Item = (&'a [f32], f32)>,
    ) -> Option<()> {
        let (t, depth) = (self.n, below.depth);
        if t >= TREES || depth == 0 || depth > self.deepest {
            return None;
        }
        let to = self.b.boxes.as_mut_ptr().cast::<*const f32>();
        let sums = self.b.ranges.as_mut_ptr().cast::<f32>();
        let mut level = depth;
        for (values, range) in boxes {
            if level == 0 || values.len() != 2 * self.q.len() {
                return None;
            }
            level -= 1;
            let at = values.as_ptr();
            // Vectors of addresses have lost where these come from.
            at.expose_provenance();
            let place = level * TREES + t;
            // SAFETY: there is room for so many levels of so many trees.
            unsafe {
                to.add(place).write(at);
                sums.add(place).write(range);
            }
        }
        if level > 0 {
            return None;
        }
        let b = &mut *self.b;
        b.depths[t] = depth as u32;
        b.homes[t] = below.enough;
        // Which leaf it is, the caller knows.
        b.leaves[t] = u32::from(LEAF);
        b.going.places[t] = ((depth - 1) * TREES + t) as u32;
        b.going.values[t] = unseen(depth);
        self.n += 1;
        Some(())
    }

    /// Takes the row up all ways. What is found has 0 for each leaf.
    pub(crate) fn up(self, asked: Asked) -> Option<Found<'a>> {
        let Ways { q, b, n, .. } = self;
        // The lanes behind the last tree are that tree again.
        let (place, full) = (b.going.places[n.checked_sub(1)?], n.next_multiple_of(LANES));
        b.going.places[n..full].fill(place);
        go_up(n, q, asked, b);
        Some(b.found(n))
    }
}

fn go_up(n: usize, q: &[f32], asked: Asked, b: &mut Buffers) {
    #[cfg(target_arch = "x86_64")]
    if super::in_vectors() {
        // SAFETY: `level` returned this set, so the machine has it; `add` has noted
        // boxes that fit to the row and are borrowed for as long as it.
        return unsafe { super::avx512::up(n, q, asked, b) };
    }
    super::plain::up(n, q, asked, b);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: [f32; 16] = [
        0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    const INNER: [f32; 16] = [
        1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    const BELOW: Below = Below {
        depth: 2,
        enough: 1,
    };

    #[test]
    fn ways_that_do_not_fit_are_refused() {
        let q = [3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut buffers = Buffers::default();
        assert!(Ways::new(&q, MOST_LEVELS, &mut buffers).is_none());
        assert!(Ways::new(&q[..7], 2, &mut buffers).is_none());
        assert!(Ways::new(&q[..0], 2, &mut buffers).is_none());
        let mut fits = |depth, boxes: &[&'static [f32]]| {
            let mut ways = Ways::new(&q, 2, &mut buffers).unwrap();
            let boxes = boxes.iter().map(|&values| (values, 2.0));
            ways.add(Below { depth, enough: 0 }, boxes).is_some()
        };
        assert!(fits(2, &[&INNER, &ROOT]) && fits(1, &[&ROOT]));
        assert!(!fits(0, &[]) && !fits(3, &[&INNER, &INNER, &ROOT]));
        // Boxes too few, too many, and of another width.
        assert!(!fits(2, &[&ROOT]) && !fits(1, &[&INNER, &ROOT]));
        assert!(!fits(1, &[&ROOT[..8]]));
        let mut ways = Ways::new(&q, 2, &mut buffers).unwrap();
        for _ in 0..TREES {
            let boxes = [(&INNER[..], 2.0), (&ROOT[..], 8.0)];
            ways.add(BELOW, boxes.into_iter()).unwrap();
        }
        assert!(ways.add(BELOW, [(&INNER[..], 2.0)].into_iter()).is_none());
        assert!(
            Ways::new(&q, 2, &mut buffers)
                .unwrap()
                .up(Asked::Depth)
                .is_none()
        );
    }

    #[test]
    fn a_way_ends_at_the_box_that_holds_the_row() {
        let mut buffers = Buffers::default();
        // Outside of the inner box by one, of the root's, inside of both.
        for (x, holding, near) in [(3.0, 1, 0), (9.0, 0, 0), (1.5, 2, 1)] {
            let q = [x, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
            for n in [1, 3, 16, 17, 128] {
                let mut ways = Ways::new(&q, 2, &mut buffers).unwrap();
                for _ in 0..n {
                    let boxes = [(&INNER[..], 2.0), (&ROOT[..], 8.0)];
                    ways.add(BELOW, boxes.into_iter()).unwrap();
                }
                let found = ways.up(Asked::Both).unwrap();
                let (mut value, mut local) = (unseen(2), 0.0);
                for (level, (values, range)) in [(1, (INNER, 2.0)), (0, (ROOT, 8.0))] {
                    let (lo, hi) = values.split_at(8);
                    let union = crate::kernels::lanes::union_sum(lo, hi, &q);
                    if level == 1 {
                        local = crate::local_range::bits(union, 8.0);
                    }
                    value += (union - range) / union * (unseen(level) - value);
                }
                assert_eq!(found.values, vec![value; n], "{x}");
                assert_eq!(found.local, vec![local; n]);
                assert_eq!(found.holding, vec![holding; n]);
                assert_eq!(found.near.len(), near * n);
            }
        }
    }
}
