//! Rows down a whole tree by table lookups, 64 rows at a time.
//!
//! A node's number, column, cut and children are bytes in tables of 256, which
//! `vpermi2b` looks up for 64 rows at once; a row's key in the node's column is
//! picked by blends over all columns. Nodes are numbered level by level, so
//! that the first levels need the first part of each table only. A child that
//! is a leaf is named by its parent's own number: rows that have arrived take
//! the same step again until all have. Per level and 64 rows some fifteen
//! lookups and four blends for every two columns; four groups of rows
//! at once hide that each step waits for the last. At 8 columns it takes a
//! third of the time of sorting row numbers from node to node; beyond 16 it
//! takes more. Needs VBMI.

/// Most columns for which this pays.
pub(crate) const MOST_COLUMNS: usize = 16;
/// Most leaves of a tree.
pub(crate) const MOST_LEAVES: usize = 256;
/// Rows taken at a time: keys have to be readable, and leaves writable, up to
/// the next multiple.
pub(crate) const ROWS: usize = 256;

type Table = [u8; 256];

/// A tree for [`leaves`].
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    column: Table,
    high: Table,
    low: Table,
    child: [Table; 2],
    leaf: [Table; 2],
    /// Levels whose nodes have numbers below 64 and, after them, below 128.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "for vectors"))]
    levels: [usize; 2],
    /// Parts of 64 places that nodes take.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "for vectors"))]
    parts: usize,
}

/// An inner node: its column, its cut's key and its children, which are inner
/// nodes or, if not, leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inner {
    pub(crate) column: usize,
    pub(crate) key: u16,
    pub(crate) child: [Result<usize, usize>; 2],
}

impl Tables {
    /// A tree whose root is node 0; nothing if it is too large, or a leaf.
    pub(crate) fn of(nodes: &[Inner]) -> Option<Box<Tables>> {
        if nodes.is_empty() || nodes.len() >= MOST_LEAVES {
            return None;
        }
        let mut order = vec![(0, 0)];
        let mut number = vec![0u8; nodes.len()];
        let mut at = 0;
        while let Some(&(id, level)) = order.get(at) {
            *number.get_mut(id)? = at as u8;
            let inner = nodes[id].child.into_iter().filter_map(Result::ok);
            order.extend(inner.map(|child| (child, level + 1)));
            at += 1;
            if at > nodes.len() {
                return None;
            }
        }
        let level_of = |at: usize| order.get(at).map_or(0, |&(_, level)| level);
        let mut tables = Box::new(Tables {
            column: [0; 256],
            high: [0; 256],
            low: [0; 256],
            child: [[0; 256]; 2],
            leaf: [[0; 256]; 2],
            parts: nodes.len().div_ceil(64),
            levels: [level_of(64), level_of(128).saturating_sub(level_of(64))],
        });
        for (id, node) in nodes.iter().enumerate() {
            let at = usize::from(number[id]);
            tables.column[at] = u8::try_from(node.column).ok()?;
            [tables.high[at], tables.low[at]] = node.key.to_be_bytes();
            for side in 0..2 {
                match node.child[side] {
                    Ok(child) => tables.child[side][at] = number[child],
                    Err(leaf) => {
                        tables.child[side][at] = number[id];
                        tables.leaf[side][at] = u8::try_from(leaf).ok()?;
                    }
                }
            }
        }
        Some(tables)
    }
}

/// Columns that there have to be planes for.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(8)
}

/// Whether the machine can do this.
pub(crate) fn available() -> bool {
    cfg!(target_arch = "x86_64") && super::level() >= super::Level::Avx512Vbmi
}

/// Writes the leaf of each of `n` rows to `out`. Row `i` has in column `j` the
/// key of high byte `planes[2 * j * stride + i]` and low byte
/// `planes[(2 * j + 1) * stride + i]`, for a [`padded`] number of columns. `n` is
/// rounded up to a multiple of [`ROWS`].
pub(crate) fn leaves(tables: &Tables, planes: &[u8], stride: usize, n: usize, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if available() && n.next_multiple_of(ROWS) <= out.len().min(stride) {
        // SAFETY: `level` returned this set, so the machine has it.
        return unsafe { vbmi::leaves(tables, planes, stride, n.next_multiple_of(ROWS), out) };
    }
    one_by_one(tables, planes, stride, n, out);
}

/// Row by row: what the vectors do, in plain words.
fn one_by_one(tables: &Tables, planes: &[u8], stride: usize, n: usize, out: &mut [u8]) {
    for (i, out) in out.iter_mut().enumerate().take(n) {
        let mut node = 0;
        loop {
            let at = usize::from(node);
            let plane = 2 * usize::from(tables.column[at]) * stride + i;
            let key = [planes[plane], planes[plane + stride]];
            let side = usize::from(key > [tables.high[at], tables.low[at]]);
            node = tables.child[side][at];
            if usize::from(node) == at {
                *out = tables.leaf[side][at];
                break;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod vbmi {
    use super::{ROWS, Table, Tables};
    use std::arch::x86_64::*;

    /// As [`super::leaves`], with `n` rounded up and at most the length of
    /// `out` and `stride`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx2")]
    pub(super) fn leaves(tables: &Tables, planes: &[u8], stride: usize, n: usize, out: &mut [u8]) {
        if planes.len() >= 32 * stride {
            go_down::<16>(tables, planes, stride, n, out);
        } else if planes.len() >= 16 * stride {
            go_down::<8>(tables, planes, stride, n, out);
        }
    }

    const LANES: usize = 64;
    const GROUPS: usize = ROWS / LANES;

    /// `planes` hold `2 * D` planes of `stride` bytes, and `n` is at most the
    /// length of `out` and `stride`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx2")]
    fn go_down<const D: usize>(
        tables: &Tables,
        planes: &[u8],
        stride: usize,
        n: usize,
        out: &mut [u8],
    ) {
        for at in (0..n).step_by(ROWS) {
            let rows = Rows::<D> {
                // SAFETY: `at` is below `stride`, the length of the first plane.
                keys: unsafe { planes.as_ptr().add(at) },
                stride,
            };
            let mut state = State {
                node: [_mm512_setzero_si512(); GROUPS],
                right: [0; GROUPS],
            };
            for _ in 0..tables.levels[0] {
                state.step::<D, 1>(tables, &rows);
            }
            for _ in 0..tables.levels[1] {
                state.step::<D, 2>(tables, &rows);
            }
            match tables.parts {
                1 => while state.step::<D, 1>(tables, &rows) {},
                2 => while state.step::<D, 2>(tables, &rows) {},
                _ => while state.step::<D, 4>(tables, &rows) {},
            }
            for g in 0..GROUPS {
                let left = look_up::<4>(&tables.leaf[0], state.node[g]);
                let right = look_up::<4>(&tables.leaf[1], state.node[g]);
                let leaf = _mm512_mask_blend_epi8(state.right[g], left, right);
                // SAFETY: `at + ROWS <= n <= out.len()`.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().add(at + g * LANES).cast(), leaf) };
            }
        }
    }

    /// Keys of [`ROWS`] rows: byte `i` of plane `p` is `keys[p * stride + i]`.
    struct Rows<const D: usize> {
        keys: *const u8,
        stride: usize,
    }

    impl<const D: usize> Rows<D> {
        /// For 64 rows from `at` on, the bytes of the columns that `bits` spell,
        /// from the high (0) or the low (1) planes.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw")]
        fn pick(&self, at: usize, low: usize, bits: [u64; 4]) -> __m512i {
            let first = self.pick8(at, low, bits, 0);
            match D {
                8 => first,
                _ => _mm512_mask_blend_epi8(bits[3], first, self.pick8(at, low, bits, 8)),
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f,avx512bw")]
        fn pick8(&self, at: usize, low: usize, bits: [u64; 4], j: usize) -> __m512i {
            let mut planes = [_mm512_setzero_si512(); 8];
            for i in 0..8 {
                let from = (2 * (j + i) + low) * self.stride + at;
                // SAFETY: there are `D` high and `D` low planes with `ROWS`
                // bytes from `keys` on.
                planes[i] = unsafe { _mm512_loadu_si512(self.keys.add(from).cast()) };
            }
            let [a, b, c, d, e, f, g, h] = planes;
            let ab = _mm512_mask_blend_epi8(bits[0], a, b);
            let cd = _mm512_mask_blend_epi8(bits[0], c, d);
            let ef = _mm512_mask_blend_epi8(bits[0], e, f);
            let gh = _mm512_mask_blend_epi8(bits[0], g, h);
            let low = _mm512_mask_blend_epi8(bits[1], ab, cd);
            let high = _mm512_mask_blend_epi8(bits[1], ef, gh);
            _mm512_mask_blend_epi8(bits[2], low, high)
        }
    }

    /// Where rows are, and whether they went right there.
    struct State {
        node: [__m512i; GROUPS],
        right: [u64; GROUPS],
    }

    impl State {
        /// One level down; tells whether any row moved. Nodes have numbers below
        /// `64 * PARTS`.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx2")]
        fn step<const D: usize, const PARTS: usize>(
            &mut self,
            tables: &Tables,
            rows: &Rows<D>,
        ) -> bool {
            let mut looked = [[self.node[0]; GROUPS]; 5];
            let [left, right] = &tables.child;
            for (table, looked) in [&tables.column, &tables.high, &tables.low, left, right]
                .into_iter()
                .zip(&mut looked)
            {
                for g in 0..GROUPS {
                    looked[g] = look_up::<PARTS>(table, self.node[g]);
                }
            }
            let [column, high, low, left, right] = looked;
            let mut moved = 0;
            for g in 0..GROUPS {
                let bits = [
                    _mm512_test_epi8_mask(column[g], _mm512_set1_epi8(1)),
                    _mm512_test_epi8_mask(column[g], _mm512_set1_epi8(2)),
                    _mm512_test_epi8_mask(column[g], _mm512_set1_epi8(4)),
                    _mm512_test_epi8_mask(column[g], _mm512_set1_epi8(8)),
                ];
                let key_high = rows.pick(g * LANES, 0, bits);
                let key_low = rows.pick(g * LANES, 1, bits);
                let same = _mm512_cmpeq_epi8_mask(key_high, high[g]);
                let above = _mm512_cmpgt_epu8_mask(key_high, high[g])
                    | _mm512_mask_cmpgt_epu8_mask(same, key_low, low[g]);
                let next = _mm512_mask_blend_epi8(above, left[g], right[g]);
                moved |= _mm512_cmpneq_epi8_mask(next, self.node[g]);
                self.node[g] = next;
                self.right[g] = above;
            }
            moved != 0
        }
    }

    /// The bytes of a table at 64 places below `64 * PARTS`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn look_up<const PARTS: usize>(table: &Table, at: __m512i) -> __m512i {
        let part = |i: usize| {
            // SAFETY: `i` is below 4, and the table has four times 64 bytes.
            unsafe { _mm512_loadu_si512(table.as_ptr().add(64 * i).cast()) }
        };
        if PARTS == 1 {
            return _mm512_permutexvar_epi8(at, part(0));
        }
        let first = _mm512_permutex2var_epi8(part(0), at, part(1));
        if PARTS == 2 {
            return first;
        }
        let second = _mm512_permutex2var_epi8(part(2), at, part(3));
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), first, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::extent;
    use crate::rng::Rng;

    /// A random tree in preorder; returns its nodes, whose leaves are numbered
    /// from left to right.
    fn tree(rng: &mut Rng, leaves: usize, columns: usize) -> Vec<Inner> {
        fn grow(rng: &mut Rng, leaves: usize, columns: usize, first: usize, out: &mut Vec<Inner>) {
            let mut draw = |to: usize| (rng.unit() * to as f64) as usize;
            let (at, left) = (out.len(), 1 + draw(leaves - 1));
            let (column, key) = (draw(columns), draw(1000) as u16);
            out.push(Inner {
                column,
                key,
                child: [Err(first), Err(first + left)],
            });
            for (side, (n, first)) in [(left, first), (leaves - left, first + left)]
                .into_iter()
                .enumerate()
            {
                if n > 1 {
                    out[at].child[side] = Ok(out.len());
                    grow(rng, n, columns, first, out);
                }
            }
        }
        let mut nodes = Vec::new();
        grow(rng, leaves, columns, 0, &mut nodes);
        nodes
    }

    #[test]
    fn rows_reach_their_leaves() {
        let mut rng = Rng::new(17, 0);
        for leaves_n in [2, 3, 40, 64, 65, 129, 130, MOST_LEAVES] {
            for columns in [1, 3, 8, 9, 16] {
                let nodes = tree(&mut rng, leaves_n, columns);
                let tables = Tables::of(&nodes).unwrap();
                let (n, stride) = (extent::times(700), 768 + 32);
                let mut planes = vec![0; 2 * padded(columns) * stride];
                for column in planes[..2 * columns * stride].chunks_exact_mut(2 * stride) {
                    for i in 0..n {
                        let key = (rng.unit() * 1000.0) as u16;
                        [column[i], column[stride + i]] = key.to_be_bytes();
                    }
                }
                let (mut fast, mut plain) = (vec![0; 768], vec![0; 768]);
                leaves(&tables, &planes, stride, n, &mut fast);
                one_by_one(&tables, &planes, stride, n, &mut plain);
                assert_eq!(
                    fast[..n],
                    plain[..n],
                    "{leaves_n} leaves, {columns} columns"
                );
                for i in 0..n {
                    let mut at = Ok(0);
                    while let Ok(node) = at {
                        let node: &Inner = &nodes[node];
                        let plane = 2 * node.column * stride + i;
                        let key = u16::from_be_bytes([planes[plane], planes[plane + stride]]);
                        at = node.child[usize::from(key > node.key)];
                    }
                    assert_eq!(at, Err(usize::from(plain[i])));
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_no_table() {
        let mut rng = Rng::new(19, 0);
        assert!(Tables::of(&[]).is_none());
        assert!(Tables::of(&tree(&mut rng, MOST_LEAVES + 1, 3)).is_none());
        let knot = Inner {
            column: 0,
            key: 1,
            child: [Ok(0), Ok(5)],
        };
        assert!(Tables::of(&[knot]).is_none());
    }
}
