//! The loops between the caller's memory and a forest's points.
//!
//! A value is scaled in double precision and rounded once to single precision;
//! minus zero becomes zero. Loops go over pieces of a fixed width; where they do
//! not fit, the last begins earlier and writes some values again, so that no loop
//! has a tail.
//!
//! The bodies are built for each instruction set in [`crate::kernels::entry`].

/// A number as it comes: single or double precision.
pub(crate) trait Value: Copy + Default + PartialOrd {
    fn double(self) -> f64;
    /// Rounded to single precision.
    fn single(self) -> f32;
    /// The largest number of this kind that is at most `limit`, which is not negative.
    fn limit(limit: f64) -> Self;
    fn magnitude(self) -> Self;
}

impl Value for f32 {
    #[inline(always)]
    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn single(self) -> f32 {
        self
    }

    #[inline(always)]
    fn limit(limit: f64) -> f32 {
        let near = limit as f32;
        // Infinity, too, is above what it was rounded from.
        match f64::from(near) > limit {
            true => near.next_down(),
            false => near,
        }
    }

    #[inline(always)]
    fn magnitude(self) -> f32 {
        self.abs()
    }
}

impl Value for f64 {
    #[inline(always)]
    fn double(self) -> f64 {
        self
    }

    #[inline(always)]
    fn single(self) -> f32 {
        self as f32
    }

    #[inline(always)]
    fn limit(limit: f64) -> f64 {
        limit
    }

    #[inline(always)]
    fn magnitude(self) -> f64 {
        self.abs()
    }
}

/// An integer as it comes.
pub(crate) trait Integer: Copy {
    /// The nearest number in double precision.
    fn double(self) -> f64;
}

macro_rules! integers {
    ($($kind:ty)*) => {
        $(impl Integer for $kind {
            #[inline(always)]
            fn double(self) -> f64 {
                self as f64
            }
        })*
    };
}
integers!(i8 i16 i32 i64 u8 u16 u32 u64);

/// What is done to the values of each column.
pub(crate) trait Scale: Copy {
    /// That of `n` columns from `first` on.
    fn cut(self, first: usize, n: usize) -> Self;
    /// What becomes of a value of column `j`.
    fn value<T: Value>(self, x: T, j: usize) -> f32;
}

/// Values as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Scale for Plain {
    #[inline(always)]
    fn cut(self, _: usize, _: usize) -> Plain {
        Plain
    }

    #[inline(always)]
    fn value<T: Value>(self, x: T, _: usize) -> f32 {
        x.single() + 0.0
    }
}

/// Values times a weight per column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights<'a>(pub(crate) &'a [f64]);

impl Scale for Weights<'_> {
    #[inline(always)]
    fn cut(self, first: usize, n: usize) -> Self {
        Weights(&self.0[first..first + n])
    }

    #[inline(always)]
    fn value<T: Value>(self, x: T, j: usize) -> f32 {
        (x.double() * self.0[j]) as f32 + 0.0
    }
}

/// Values less a center, in units of a scale, cut at [`FARTHEST`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines<'a> {
    pub(crate) centers: &'a [f64],
    pub(crate) scales: &'a [f64],
}

/// Scaled values beyond this are cut to it: a constant column must not make
/// the first other value infinite.
pub(crate) const FARTHEST: f64 = 1e9;

/// A value on its column's line.
#[inline(always)]
pub(crate) fn on_line(x: f64, center: f64, scale: f64) -> f64 {
    let x = (x - center) / scale;
    // Not `clamp`, whose check of the bounds keeps loops from vectorising.
    let x = if x < -FARTHEST { -FARTHEST } else { x };
    if x > FARTHEST { FARTHEST } else { x }
}

impl Scale for Lines<'_> {
    #[inline(always)]
    fn cut(self, first: usize, n: usize) -> Self {
        Lines {
            centers: &self.centers[first..first + n],
            scales: &self.scales[first..first + n],
        }
    }

    #[inline(always)]
    fn value<T: Value>(self, x: T, j: usize) -> f32 {
        on_line(x.double(), self.centers[j], self.scales[j]) as f32 + 0.0
    }
}

/// Values of a column that are checked and then scaled.
const PIECE: usize = 512;

/// Whether no magnitude is above `limit` and every value is a number.
#[inline(always)]
pub(crate) fn all_within_body<T: Value>(values: &[T], limit: T) -> bool {
    let (whole, rest) = values.as_chunks::<32>();
    // As many flags as lanes, so that nothing waits for anything.
    let mut good = [true; 32];
    for values in whole {
        for l in 0..32 {
            good[l] &= values[l].magnitude() <= limit;
        }
    }
    let rest = rest
        .iter()
        .fold(true, |all, v| all & (v.magnitude() <= limit));
    rest & !good.contains(&false)
}

/// Integers in double precision.
#[inline(always)]
pub(crate) fn doubles_body<T: Integer>(values: &[T], out: &mut [f64]) {
    for (&x, out) in values.iter().zip(out) {
        *out = x.double();
    }
}

/// Scales a contiguous piece of column `j`; whether no magnitude is above `limit` and every
/// value is a number.
#[inline(always)]
pub(crate) fn convert_column_body<T: Value, S: Scale>(
    values: &[T],
    j: usize,
    scale: S,
    limit: T,
    out: &mut [f32],
) -> bool {
    let scale = scale.cut(j, 1);
    let mut within = true;
    // Two loops over what is in the first-level cache: of one that does both the compiler
    // makes gathers.
    for (values, out) in values.chunks(PIECE).zip(out.chunks_mut(PIECE)) {
        within &= all_within_body(values, limit);
        for (&x, out) in values.iter().zip(out) {
            *out = scale.value(x, 0);
        }
    }
    within
}

/// Scales rows of `width` values into rows `stride` apart; whether no magnitude is above
/// `limit` and every value is a number.
#[inline(always)]
pub(crate) fn convert_rows_body<T: Value, S: Scale>(
    values: &[T],
    width: usize,
    scale: S,
    limit: T,
    out: &mut [f32],
    stride: usize,
) -> bool {
    match width {
        16.. => convert_pieces::<T, S, 16>(values, width, scale, limit, out, stride),
        8.. => convert_pieces::<T, S, 8>(values, width, scale, limit, out, stride),
        4.. => convert_pieces::<T, S, 4>(values, width, scale, limit, out, stride),
        _ => convert_pieces::<T, S, 1>(values, width, scale, limit, out, stride),
    }
}

/// The same, `W` columns at a time, of which there are as many at least.
#[inline(always)]
fn convert_pieces<T: Value, S: Scale, const W: usize>(
    values: &[T],
    width: usize,
    scale: S,
    limit: T,
    out: &mut [f32],
    stride: usize,
) -> bool {
    let mut beyond = [0; W];
    for (row, out) in values.chunks_exact(width).zip(out.chunks_mut(stride)) {
        for j in starts::<W>(width) {
            let (row, out) = (row[j..].first_chunk::<W>(), out[j..].first_chunk_mut::<W>());
            if let (Some(row), Some(out)) = (row, out) {
                let scale = scale.cut(j, W);
                for l in 0..W {
                    beyond[l] |= is_beyond(row[l], limit);
                    out[l] = scale.value(row[l], l);
                }
            }
        }
    }
    beyond == [0; W]
}

/// A flag that vectors keep as it is.
#[inline(always)]
fn is_beyond<T: Value>(x: T, limit: T) -> u32 {
    1 - u32::from(x.magnitude() <= limit)
}

/// Where pieces of `W` begin that cover `0..n`, which holds one at least; the
/// last may overlap the one before.
#[inline(always)]
pub(crate) fn starts<const W: usize>(n: usize) -> impl Iterator<Item = usize> {
    (0..n.div_ceil(W)).map(move |i| (i * W).min(n - W))
}

/// Lowers and lifts each column's extremes to those of rows of finite values.
#[inline(always)]
pub(crate) fn widen_body<T: Value>(values: &[T], width: usize, extremes: &mut [(f64, f64)]) {
    if width >= 16 {
        starts::<16>(width).for_each(|j| widen_strip::<T, 16>(values, width, j, extremes));
    } else if width >= 4 {
        starts::<4>(width).for_each(|j| widen_strip::<T, 4>(values, width, j, extremes));
    } else {
        (0..width).for_each(|j| widen_strip::<T, 1>(values, width, j, extremes));
    }
}

#[inline(always)]
fn widen_strip<T: Value, const W: usize>(
    values: &[T],
    width: usize,
    j: usize,
    extremes: &mut [(f64, f64)],
) {
    let Some(first) = values.get(j..).and_then(|row| row.first_chunk::<W>()) else {
        return;
    };
    let (mut least, mut largest) = (*first, *first);
    for row in values.chunks_exact(width) {
        let row = &row[j..j + W];
        for l in 0..W {
            let x = row[l];
            least[l] = if x < least[l] { x } else { least[l] };
            largest[l] = if x > largest[l] { x } else { largest[l] };
        }
    }
    for (l, (low, high)) in extremes[j..j + W].iter_mut().enumerate() {
        // Plus zero: which of two zeros came first must not matter.
        *low = low.min(least[l].double()) + 0.0;
        *high = high.max(largest[l].double()) + 0.0;
    }
}

/// [`widen_body`] for values of one column, side by side.
#[inline(always)]
pub(crate) fn widen_column_body<T: Value>(values: &[T], extremes: &mut (f64, f64)) {
    let mut lanes = [*extremes; 16];
    let (whole, rest) = values.as_chunks::<16>();
    if !whole.is_empty() {
        widen_strip::<T, 16>(whole.as_flattened(), 16, 0, &mut lanes);
    }
    for &x in rest {
        widen_strip::<T, 1>(&[x], 1, 0, &mut lanes[..1]);
    }
    for (low, high) in lanes {
        extremes.0 = extremes.0.min(low);
        extremes.1 = extremes.1.max(high);
    }
}

#[cfg(test)]
mod tests;
