//! Rows of plain numbers, as most requests have them: lines of CSV or lists of JSON.
//!
//! A request of a thousand rows is half a megabyte of digits, and to make Python's
//! numbers of them takes as long as to score them. So what is plain is read in one pass,
//! straight into a matrix: numbers as JSON writes them, in rows of one length, with
//! blanks between. What is not so (quotes, names, missing values, `inf`, a row that is
//! shorter) is not read at all: whoever asks has a slower way, which knows more and says
//! what is wrong where. Nothing here has an error.

mod halves;
mod number;

use number::number;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A row a line, its values between commas; blank lines may follow the last.
    Lines,
    /// A list of lists.
    Lists,
}

/// Rows of one length, at least one of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Row after row.
    pub values: Vec<f64>,
    /// Values of each.
    pub n_columns: usize,
}

/// Reads rows; nothing if there is anything else. Memory grows with the text: eight
/// bytes a value, which takes two of text at least. Of a long text a thread of its own
/// reads one half, where there are two processors.
pub fn rows(text: &[u8], layout: Layout) -> Option<Rows> {
    let text = match layout {
        Layout::Lines => text,
        Layout::Lists => within_list(text)?,
    };
    halves::rows(text, layout).unwrap_or_else(|| read(text, layout, text.len()))
}

/// Reads rows one after the other: lines, or lists between commas. What `of_len` bytes
/// of text may hold is room for further rows.
fn read(text: &[u8], layout: Layout, of_len: usize) -> Option<Rows> {
    let rows = Growing::new(of_len);
    let mut text = Text { text, at: 0 };
    match layout {
        Layout::Lines => text.lines(rows),
        Layout::Lists => text.lists(rows),
    }
}

/// What a list has between its brackets.
fn within_list(text: &[u8]) -> Option<&[u8]> {
    trim(text).strip_prefix(b"[")?.strip_suffix(b"]")
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_blank(byte));
    let end = text.iter().rposition(|&byte| !is_blank(byte));
    match (start, end) {
        (Some(start), Some(end)) => &text[start..=end],
        _ => &[],
    }
}

struct Text<'a> {
    text: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn lines(&mut self, mut rows: Growing) -> Option<Rows> {
        loop {
            loop {
                self.skip(is_blank_of_line);
                rows.values.push(self.number()?);
                self.skip(is_blank_of_line);
                match self.next() {
                    Some(b',') => {}
                    Some(b'\n') => break,
                    None => {
                        rows.end_row()?;
                        return rows.done();
                    }
                    _ => return None,
                }
            }
            rows.end_row()?;
            // A blank line within is for others to judge.
            if self.text[self.at..].trim_ascii().is_empty() {
                return rows.done();
            }
        }
    }

    fn lists(&mut self, mut rows: Growing) -> Option<Rows> {
        loop {
            self.token(b'[')?;
            loop {
                self.skip(is_blank);
                rows.values.push(self.number()?);
                self.skip(is_blank);
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
            rows.end_row()?;
            self.skip(is_blank);
            match self.next() {
                Some(b',') => {}
                Some(_) => return None,
                None => return rows.done(),
            }
        }
    }

    /// A number that is finite.
    fn number(&mut self) -> Option<f64> {
        let (value, len) = number(&self.text[self.at..])?;
        self.at += len;
        Some(value)
    }

    fn token(&mut self, token: u8) -> Option<()> {
        self.skip(is_blank);
        (self.next()? == token).then_some(())
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, blank: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|&byte| blank(byte)) {
            self.at += 1;
        }
    }
}

/// Blanks of JSON.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_blank_of_line(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Rows that are being read.
struct Growing {
    values: Vec<f64>,
    n_columns: usize,
    /// Where the row that is read begins.
    first: usize,
}

impl Growing {
    fn new(of_len: usize) -> Growing {
        // Digits of a double are seventeen; what is shorter makes the vector grow.
        Growing {
            values: Vec::with_capacity(of_len / 16),
            n_columns: 0,
            first: 0,
        }
    }

    /// Nothing if the row is not as long as those before.
    fn end_row(&mut self) -> Option<()> {
        let len = self.values.len() - self.first;
        if self.first == 0 {
            self.n_columns = len;
        }
        self.first = self.values.len();
        (len == self.n_columns).then_some(())
    }

    fn done(self) -> Option<Rows> {
        Some(Rows {
            values: self.values,
            n_columns: self.n_columns,
        })
    }
}
