//! Everything that can go wrong, as one type that a caller can match on.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. No variant is ever returned after something has changed:
/// a forest that gave an error is the forest it was before the call.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A parameter of the configuration is out of its range.
    InvalidConfig {
        /// The parameter's name as the user types it.
        parameter: &'static str,
        /// What is wrong with it and what would be right.
        message: String,
    },
    /// A value of the input cannot be used.
    InvalidValue {
        /// Zero-based row of the input.
        row: usize,
        /// Zero-based column of the input.
        column: usize,
        /// The offending value.
        value: f64,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// The input has another number of columns than the forest was made for.
    WrongWidth {
        /// Columns that the forest takes.
        expected: usize,
        /// Columns that came.
        found: usize,
    },
    /// The input as a whole is malformed (lengths that do not fit each other,
    /// no columns at all).
    InvalidInput {
        /// What is wrong.
        message: String,
    },
    /// The forest has not seen enough rows to answer.
    NotReady {
        /// Rows in its smallest tree.
        seen: u64,
        /// Rows needed.
        needed: u64,
    },
    /// The caller's interrupt callback asked to stop; nothing has changed.
    Interrupted,
    /// A model file is damaged, truncated, hostile or of another version.
    ModelFile {
        /// What is wrong with it, with the section and offset where known.
        message: String,
    },
    /// Reading or writing a file failed.
    Io(std::io::Error),
}

impl Error {
    pub(crate) fn config(parameter: &'static str, message: impl Into<String>) -> Error {
        Error::InvalidConfig {
            parameter,
            message: message.into(),
        }
    }

    pub(crate) fn input(message: impl Into<String>) -> Error {
        Error::InvalidInput {
            message: message.into(),
        }
    }

    pub(crate) fn file(message: impl Into<String>) -> Error {
        Error::ModelFile {
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidConfig { parameter, message } => write!(f, "{parameter}: {message}"),
            Error::InvalidValue {
                row,
                column,
                value,
                reason,
            } => write!(f, "row {row}, column {column}: {value} {reason}"),
            Error::WrongWidth { expected, found } => {
                write!(f, "expected {expected} columns, found {found}")
            }
            Error::InvalidInput { message } => f.write_str(message),
            Error::NotReady { seen, needed } => write!(
                f,
                "the forest holds {seen} rows in its smallest tree and answers from {needed} on"
            ),
            Error::Interrupted => f.write_str("interrupted; nothing has changed"),
            Error::ModelFile { message } => write!(f, "model file: {message}"),
            Error::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Io(error)
    }
}
