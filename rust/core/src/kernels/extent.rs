//! How much the tests of kernels try: miri, some thousand times slower, gets less.

/// Numbers of columns: every way to fill vectors, and under miri each once.
pub(crate) fn widths() -> impl Iterator<Item = usize> {
    let all = (1..70).chain([127, 128, 129, 1000]);
    all.filter(|d| !cfg!(miri) || [1, 2, 3, 4, 6, 8, 13, 24, 40].contains(d))
}

/// Numbers of values: few, so that all tails of vectors are met, and `more`.
pub(crate) fn counts(more: &[usize]) -> impl Iterator<Item = usize> {
    let every = if cfg!(miri) { 11 } else { 1 };
    let more = &more[..if cfg!(miri) { 0 } else { more.len() }];
    (0..70).step_by(every).chain(more.iter().copied())
}

/// Repetitions.
pub(crate) fn times(n: usize) -> usize {
    if cfg!(miri) { n.div_ceil(20) } else { n }
}
