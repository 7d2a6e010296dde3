//! Rows through the top of a tree, all of its nodes at once.
//!
//! The few nodes that most rows pass are not worth sorting at: each compares a
//! whole vector of rows, in columns that lie one after the other, and passes a
//! mask on to each side; a row's place is where its mask comes out. A row costs
//! some four vector operations a node over the rows in a vector, and then one
//! counting sort for all. With 31 nodes that is half or less of the five or
//! six levels of [`super::partition`] that it takes the place of.
//!
//! Comparisons in place of ways, and masks in place of branches, are the idea of
//! QuickScorer (Lucchese et al. 2015) and RapidScorer (Ye et al. 2018), for a tree's top
//! alone: of all its nodes most hold few of the rows.

/// Nodes of a top at most.
pub(crate) const MOST_NODES: usize = 31;
/// One node; parents come before their children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) column: usize,
    pub(crate) key: u16,
    /// A node of the top, or the number of the place where rows come out.
    pub(crate) child: [Result<u8, u8>; 2],
}

/// Writes for each of `n` rows the place where it leaves the nodes. Row `i` has
/// in column `j` the key `keys[j * stride + i]`. `n` is rounded up to a
/// multiple of 64, as far as which there have to be keys and room; there are at most [`MOST_NODES`] nodes.
pub(crate) fn places(nodes: &[Node], keys: &[u16], stride: usize, n: usize, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    match super::level() {
        super::Level::Avx512 | super::Level::Avx512Vbmi => {
            // SAFETY: `level` returned this set, so the machine has it.
            return unsafe { by_mask::places(nodes, keys, stride, n, out) };
        }
        super::Level::Avx2 => {
            // SAFETY: as above.
            return unsafe { avx2(nodes, keys, stride, n, out) };
        }
        _ => {}
    }
    by_array(nodes, keys, stride, n, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(nodes: &[Node], keys: &[u16], stride: usize, n: usize, out: &mut [u8]) {
    by_array(nodes, keys, stride, n, out);
}

/// Rows in a vector where masks are arrays.
const LANES: usize = 32;

#[inline(always)]
fn by_array(nodes: &[Node], keys: &[u16], stride: usize, n: usize, out: &mut [u8]) {
    let mut masks = [[0u16; LANES]; MOST_NODES];
    let chunks = out.as_chunks_mut::<LANES>().0;
    for (i, out) in chunks[..n.div_ceil(LANES)].iter_mut().enumerate() {
        masks[0] = [u16::MAX; LANES];
        let mut place = [0u16; LANES];
        for (at, node) in nodes.iter().enumerate().take(MOST_NODES) {
            let column = &keys[node.column * stride + i * LANES..];
            let Some(column) = column.first_chunk::<LANES>() else {
                return;
            };
            let reached = masks[at];
            let mut sides = [[0u16; LANES]; 2];
            for l in 0..LANES {
                let right = if column[l] > node.key { u16::MAX } else { 0 };
                sides[0][l] = reached[l] & !right;
                sides[1][l] = reached[l] & right;
            }
            for (child, side) in node.child.iter().zip(sides) {
                match *child {
                    Ok(child) => {
                        if let Some(mask) = masks.get_mut(usize::from(child)) {
                            *mask = side;
                        }
                    }
                    Err(number) => {
                        for l in 0..LANES {
                            place[l] |= side[l] & u16::from(number);
                        }
                    }
                }
            }
        }
        for l in 0..LANES {
            out[l] = place[l] as u8;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod by_mask {
    use super::{MOST_NODES, Node};
    use std::arch::x86_64::*;

    const ROWS: usize = 64;

    #[target_feature(enable = "avx512f,avx512bw,avx2")]
    pub(super) fn places(nodes: &[Node], keys: &[u16], stride: usize, n: usize, out: &mut [u8]) {
        let mut masks = [0u64; MOST_NODES];
        let chunks = out.as_chunks_mut::<ROWS>().0;
        for (i, out) in chunks[..n.div_ceil(ROWS)].iter_mut().enumerate() {
            masks[0] = u64::MAX;
            let mut place = _mm512_setzero_si512();
            for (at, node) in nodes.iter().enumerate().take(MOST_NODES) {
                let column = &keys[node.column * stride + i * ROWS..];
                let Some(column) = column.first_chunk::<ROWS>() else {
                    return;
                };
                let key = _mm512_set1_epi16(node.key as i16);
                // SAFETY: two vectors of 32 keys each.
                let [low, high] = unsafe {
                    let column = column.as_ptr();
                    [
                        _mm512_loadu_si512(column.cast()),
                        _mm512_loadu_si512(column.add(32).cast()),
                    ]
                };
                let low = u64::from(_mm512_cmpgt_epu16_mask(low, key));
                let high = u64::from(_mm512_cmpgt_epu16_mask(high, key));
                let right = low | high << 32;
                let sides = [masks[at] & !right, masks[at] & right];
                for (child, side) in node.child.iter().zip(sides) {
                    match *child {
                        Ok(child) => {
                            if let Some(mask) = masks.get_mut(usize::from(child)) {
                                *mask = side;
                            }
                        }
                        Err(number) => {
                            let number = _mm512_set1_epi8(number as i8);
                            place = _mm512_mask_mov_epi8(place, side, number);
                        }
                    }
                }
            }
            // SAFETY: a vector of 64 bytes.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), place) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn rows_come_out_where_they_go() {
        let mut rng = Rng::new(7, 0);
        for n_nodes in [1, 2, 5, MOST_NODES] {
            let mut draw = |to: usize| (rng.unit() * to as f64) as usize;
            // A chain with places on random sides.
            let nodes: Vec<Node> = (0..n_nodes)
                .map(|at| {
                    let on = match at + 1 < n_nodes {
                        true => Ok(at as u8 + 1),
                        false => Err(n_nodes as u8),
                    };
                    let (off, column) = (Err(at as u8), draw(3));
                    let child = if draw(2) == 0 { [on, off] } else { [off, on] };
                    let key = draw(65_536) as u16;
                    Node { column, key, child }
                })
                .collect();
            let (n, stride) = (300, 320 + 7);
            let keys: Vec<u16> = (0..3 * stride).map(|_| draw(65_536) as u16).collect();
            let (mut fast, mut plain) = (vec![0; 320], vec![0; 320]);
            places(&nodes, &keys, stride, n, &mut fast);
            by_array(&nodes, &keys, stride, n, &mut plain);
            for i in 0..n {
                let mut at = Ok(0);
                while let Ok(node) = at {
                    let node: &Node = &nodes[usize::from(node)];
                    at = node.child[usize::from(keys[node.column * stride + i] > node.key)];
                }
                assert_eq!(Err(fast[i]), at);
                assert_eq!(fast[i], plain[i]);
            }
        }
    }
}
