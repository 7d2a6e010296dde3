//! What can go wrong.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why rows cannot be written or bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Rows that do not make records.
    Input {
        /// What is wrong.
        message: String,
        /// Zero-based row, where there is one.
        row: Option<usize>,
    },
    /// Bytes that are no records.
    Record {
        /// Zero-based number of the record in the stream.
        record: u64,
        /// Zero-based place in the stream of the byte where reading stopped; of
        /// the record's first byte where it came in several parts.
        offset: u64,
        /// What is wrong.
        message: String,
    },
}

impl Error {
    pub(crate) fn input(message: impl Into<String>) -> Error {
        Error::Input {
            message: message.into(),
            row: None,
        }
    }

    pub(crate) fn row(row: usize, message: impl Into<String>) -> Error {
        Error::Input {
            message: message.into(),
            row: Some(row),
        }
    }

    /// The row or record that the error is about.
    #[must_use]
    pub fn place(&self) -> Option<u64> {
        match self {
            Error::Input { row, .. } => row.map(|row| row as u64),
            Error::Record { record, .. } => Some(*record),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Input { message, row: None } => write!(f, "{message}"),
            Error::Input {
                message,
                row: Some(row),
            } => write!(f, "row {row}: {message}"),
            Error::Record {
                record,
                offset,
                message,
            } => write!(f, "record {record}, byte {offset}: {message}"),
        }
    }
}

impl std::error::Error for Error {}
