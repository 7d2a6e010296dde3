//! One number as JSON writes it.

/// The number that a text begins with, rounded to the nearest double, and its length.
/// Nothing if it begins with none, or with one beyond all doubles.
pub(crate) fn number(text: &[u8]) -> Option<(f64, usize)> {
    let first = usize::from(text.first() == Some(&b'-'));
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    // What the library takes and JSON does not: +1, .5, inf, 01 and 1. are none.
    let mut end = first;
    while is_digit(end) {
        end += 1;
    }
    let needless_zero = end > first + 1 && text[first] == b'0';
    let empty_fraction = text.get(end) == Some(&b'.') && !is_digit(end + 1);
    if end == first || needless_zero || empty_fraction {
        return None;
    }
    let (value, len) = fast_float2::parse_partial::<f64, _>(text).ok()?;
    value.is_finite().then_some((value, len))
}
