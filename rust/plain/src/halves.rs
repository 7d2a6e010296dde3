//! A long text read by two threads: a body of a thousand rows takes a millisecond of
//! digits, a third of what its scores take.

use std::sync::OnceLock;
use std::thread;

use crate::{Layout, Rows, is_blank, is_blank_of_line, read};

/// Bytes from which on a thread is started: to read half of them takes some times what
/// that does.
const LONG: usize = 1 << 17;

/// Reads a long text in two halves. Nothing if it has to be read whole: it is short, has
/// no place to be cut at, or there is one processor; or a half is not plain, which the
/// whole is not either.
pub(crate) fn rows(text: &[u8], layout: Layout) -> Option<Option<Rows>> {
    if text.len() < LONG || !has_processors() {
        return None;
    }
    let (first, second) = cut(text, layout)?;
    both(first, second, layout, text.len())
}

fn has_processors() -> bool {
    // It reads files.
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| thread::available_parallelism().is_ok_and(|n| n.get() > 1))
}

fn both(first: &[u8], second: &[u8], layout: Layout, len: usize) -> Option<Option<Rows>> {
    let (first, second) = thread::scope(|scope| {
        let beside = thread::Builder::new()
            .spawn_scoped(scope, || read(second, layout, second.len()))
            .ok()?;
        let first = read(first, layout, len);
        // A thread that has panicked has read nothing.
        Some((first, beside.join().ok().flatten()))
    })?;
    let (Some(mut rows), Some(others)) = (first, second) else {
        return Some(None);
    };
    if rows.n_columns != others.n_columns {
        return Some(None);
    }
    rows.values.extend_from_slice(&others.values);
    Some(Some(rows))
}

/// Cuts between two rows, near the middle: what comes before and behind what divides
/// them. Both halves are rows then if, and only if, the whole is.
fn cut(text: &[u8], layout: Layout) -> Option<(&[u8], &[u8])> {
    let middle = text.len() / 2;
    let (last, divider) = match layout {
        Layout::Lines => (b'\n', None),
        Layout::Lists => (b']', Some(b',')),
    };
    let end = middle + text[middle..].iter().position(|&byte| byte == last)? + 1;
    let (first, rest) = text.split_at(end);
    match divider {
        None => {
            // Blank lines are allowed at the end alone, and here the end is another.
            let is_blank_line = first[..end - 1]
                .iter()
                .rfind(|&&byte| !is_blank_of_line(byte))
                .is_none_or(|&byte| byte == b'\n');
            let is_end = rest.trim_ascii().is_empty();
            (!is_blank_line && !is_end).then_some((first, rest))
        }
        Some(divider) => {
            let next = rest.iter().position(|&byte| !is_blank(byte))?;
            (rest[next] == divider).then_some((first, &rest[next + 1..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::within_list;
    use proptest::prelude::*;

    /// Reads by two threads where it can be cut, whatever its length.
    fn halved(text: &[u8], layout: Layout) -> Option<Rows> {
        let text = match layout {
            Layout::Lines => text,
            Layout::Lists => within_list(text)?,
        };
        let whole = read(text, layout, text.len());
        match cut(text, layout) {
            None => whole,
            Some((first, second)) => {
                both(first, second, layout, text.len()).unwrap_or_else(|| panic!("no thread"))
            }
        }
    }

    fn whole(text: &[u8], layout: Layout) -> Option<Rows> {
        let text = match layout {
            Layout::Lines => text,
            Layout::Lists => within_list(text)?,
        };
        read(text, layout, text.len())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn halves_are_what_the_whole_is(text in "[0-9,\n \t\r.]{0,40}") {
            let text = text.as_bytes();
            prop_assert_eq!(halved(text, Layout::Lines), whole(text, Layout::Lines));
        }

        #[test]
        fn lists_too(text in "\\[(\\[[0-9, ]{0,6}\\][, \n]{0,3}){0,6}\\]?") {
            let text = text.as_bytes();
            prop_assert_eq!(halved(text, Layout::Lists), whole(text, Layout::Lists));
        }

        #[test]
        fn good_rows_are_cut_and_joined(
            rows in prop::collection::vec(prop::collection::vec(-1e9f64..1e9, 3), 2..30)
        ) {
            let lines: Vec<String> =
                rows.iter().map(|row| format!("{},{},{}", row[0], row[1], row[2])).collect();
            let listed = format!("[[{}]]", lines.join("], ["));
            let lines = lines.join("\n");
            let values: Vec<f64> = rows.concat();
            for (text, layout) in [(lines, Layout::Lines), (listed, Layout::Lists)] {
                let found = halved(text.as_bytes(), layout);
                prop_assert_eq!(found.as_ref().map(|rows| rows.n_columns), Some(3));
                prop_assert_eq!(found.map(|rows| rows.values), Some(values.clone()));
            }
        }
    }

    #[test]
    fn blank_lines_are_no_place_to_cut_at() {
        for text in [
            "1,2\n\n3,4",
            "1,2\n \n3,4",
            "1\n\n\n2",
            "1,2\n   ",
            "1\n\n\n\n",
        ] {
            let text = text.as_bytes();
            assert_eq!(halved(text, Layout::Lines), whole(text, Layout::Lines));
        }
    }

    #[test]
    fn long_texts_are_read_by_both() {
        let row = "1.5,-2.25,3e2\n".repeat(20_000);
        let listed = format!("[{}]", vec!["[1.5,-2.25,3e2]"; 20_000].join(",\n"));
        for (text, layout) in [(row, Layout::Lines), (listed, Layout::Lists)] {
            assert!(text.len() > LONG);
            let found = crate::rows(text.as_bytes(), layout);
            assert_eq!(found, whole(text.as_bytes(), layout));
            let n = found.map(|rows| (rows.values.len(), rows.n_columns));
            assert_eq!(n, Some((60_000, 3)));
            // One value that is none, in either half, leaves all of it to others.
            for place in [10, text.len() - 10] {
                let mut broken = text.clone().into_bytes();
                broken[place] = b'x';
                assert_eq!(crate::rows(&broken, layout), None);
            }
        }
    }
}
