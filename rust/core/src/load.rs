//! The loops between the caller's memory and a forest's points.
//!
//! A value is scaled in double precision and rounded once to single precision;
//! minus zero becomes zero. Rows become columns in pieces of 16 rows by 4
//! columns, which are turned in registers and then scaled column by column.
//! Where pieces do not fit, the last begins earlier and writes some values
//! again, so that no loop has a tail. Larger pieces were slower at every
//! instruction set.
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

/// Scales a contiguous piece of column `j`.
#[inline(always)]
pub(crate) fn convert_column_body<T: Value, S: Scale>(
    values: &[T],
    j: usize,
    scale: S,
    out: &mut [f32],
) {
    let scale = scale.cut(j, 1);
    for (&x, out) in values.iter().zip(out) {
        *out = scale.value(x, 0);
    }
}

/// Scales rows of `width` values into rows `stride` apart.
#[inline(always)]
pub(crate) fn convert_rows_body<T: Value, S: Scale>(
    values: &[T],
    width: usize,
    scale: S,
    out: &mut [f32],
    stride: usize,
) {
    let scale = scale.cut(0, width);
    for (row, out) in values.chunks_exact(width).zip(out.chunks_mut(stride)) {
        let out = &mut out[..width];
        for j in 0..width {
            out[j] = scale.value(row[j], j);
        }
    }
}

/// Scales rows of `width` values into columns `stride` apart.
#[inline(always)]
pub(crate) fn convert_to_columns_body<T: Value, S: Scale>(
    values: &[T],
    width: usize,
    scale: S,
    columns: &mut [f32],
    stride: usize,
) {
    let n = values.len() / width;
    if n >= 16 {
        for row in starts::<16>(n) {
            strip::<T, S, 16>(values, width, row, scale, columns, stride);
        }
    } else {
        for row in 0..n {
            strip::<T, S, 1>(values, width, row, scale, columns, stride);
        }
    }
}

/// `R` rows from `row` on.
#[inline(always)]
fn strip<T: Value, S: Scale, const R: usize>(
    values: &[T],
    width: usize,
    row: usize,
    scale: S,
    columns: &mut [f32],
    stride: usize,
) {
    let rows = &values[row * width..(row + R) * width];
    let columns = &mut columns[row..];
    if width >= 4 {
        for j in starts::<4>(width) {
            piece::<T, S, R, 4>(rows, width, j, scale, columns, stride);
        }
    } else {
        for j in 0..width {
            piece::<T, S, R, 1>(rows, width, j, scale, columns, stride);
        }
    }
}

/// Columns `j..j + W` of `R` rows, to the front of those columns.
#[inline(always)]
fn piece<T: Value, S: Scale, const R: usize, const W: usize>(
    rows: &[T],
    width: usize,
    j: usize,
    scale: S,
    columns: &mut [f32],
    stride: usize,
) {
    let mut turned = [[T::default(); R]; W];
    for r in 0..R {
        let row = &rows[r * width + j..r * width + j + W];
        for l in 0..W {
            turned[l][r] = row[l];
        }
    }
    for l in 0..W {
        let at = (j + l) * stride;
        let column = &mut columns[at..at + R];
        let scale = scale.cut(j + l, 1);
        for r in 0..R {
            column[r] = scale.value(turned[l][r], 0);
        }
    }
}

/// Where pieces of `W` begin that cover `0..n`, which holds one at least; the
/// last may overlap the one before.
#[inline(always)]
fn starts<const W: usize>(n: usize) -> impl Iterator<Item = usize> {
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
