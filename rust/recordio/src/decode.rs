//! Bytes, in pieces of any size, to rows.

use crate::error::{Error, Result};
use crate::frame::{HEAD, Head, MAGIC, NO_RECORD, Part};
use crate::record::Record;
use crate::rows::{Gather, Rows};
use crate::schema::{NAME, SCORE};

/// What a decoder accepts: beyond these a record is refused before memory is
/// taken for it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a record.
    pub max_record: usize,
    /// Features of a row.
    pub max_width: usize,
    /// Zeros that sparse rows leave out and that are filled in, over all rows
    /// that are taken together: few bytes can stand for many of them.
    pub max_zeros: usize,
}

impl Default for Limits {
    /// 4 MiB a record; 10,000 features, as many as the managed service takes;
    /// 2^28 zeros, 1 GiB of single precision.
    fn default() -> Limits {
        Limits {
            max_record: 1 << 22,
            max_width: 10_000,
            max_zeros: 1 << 28,
        }
    }
}

/// What records are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Features, and labels where there are any.
    Rows,
    /// The scores of an answer, as labels.
    Scores,
}

/// Reads a stream of records.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    want: Want,
    /// The beginning of a frame whose end has not come.
    pending: Vec<u8>,
    /// Parts of a record that came in several frames.
    joined: Vec<u8>,
    joining: bool,
    /// Where the next frame begins in the stream, and where the record did.
    offset: u64,
    record_offset: u64,
    n_records: u64,
    record: Record,
    gather: Gather,
    failed: Option<Error>,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new(want: Want, limits: Limits) -> Decoder {
        Decoder {
            limits,
            want,
            pending: Vec::new(),
            joined: Vec::new(),
            joining: false,
            offset: 0,
            record_offset: 0,
            n_records: 0,
            record: Record::default(),
            gather: Gather::new(want, &limits),
            failed: None,
        }
    }

    /// Reads all records that end in these bytes, which follow those before.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] at the first record that cannot be read, and again at
    /// every later call. Rows before it can still be taken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.read(bytes)
            .inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// The rows since the last time; nothing where there are none.
    pub fn take(&mut self) -> Option<Rows> {
        self.gather.take()
    }

    /// That the stream may end here.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] if a record has only begun, or one before was bad.
    pub fn finish(&self) -> Result<()> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match (self.pending.len(), self.joining) {
            (0, false) => Ok(()),
            (0, true) => Err(self.error(0, "the data ends between the parts of a record")),
            (n, _) => Err(self.error(
                n,
                match self.head(&self.pending)? {
                    Some(head) => format!("the data ends after {n} of {} bytes", head.frame()),
                    None => format!("the data ends after {n} of the first {HEAD} bytes"),
                },
            )),
        }
    }

    fn error(&self, at: usize, message: impl Into<String>) -> Error {
        Error::Record {
            record: self.n_records,
            offset: self.offset + at as u64,
            message: message.into(),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !self.pending.is_empty() && !bytes.is_empty() {
            // Only what the pending frame lacks is copied: its head first.
            let needed = match self.head(&self.pending)? {
                Some(head) => head.frame(),
                None => HEAD,
            } - self.pending.len();
            let (more, rest) = bytes.split_at(needed.min(bytes.len()));
            self.pending.extend_from_slice(more);
            bytes = rest;
            if let Some(head) = self.head(&self.pending)?
                && self.pending.len() == head.frame()
            {
                let pending = std::mem::take(&mut self.pending);
                self.frame(head, &pending)?;
                self.pending = pending;
                self.pending.clear();
            }
        }
        while let Some(head) = self.head(bytes)? {
            let Some((frame, rest)) = bytes.split_at_checked(head.frame()) else {
                break;
            };
            self.frame(head, frame)?;
            bytes = rest;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// The head of the next frame, once its bytes are there; checked.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>> {
        let Some(first) = bytes.first_chunk() else {
            // What cannot become a frame is refused at once.
            let n = bytes.len().min(MAGIC.len());
            if bytes[..n] != MAGIC[..n] {
                return Err(self.error(0, NO_RECORD));
            }
            return Ok(None);
        };
        let head = Head::read(*first).map_err(|message| self.error(0, message))?;
        let before = match (head.part, self.joining) {
            (Part::Whole | Part::First, false) => 0,
            (Part::Middle | Part::Last, true) => self.joined.len() + MAGIC.len(),
            (_, true) => {
                return Err(self.error(4, "a record begins before the last part of another"));
            }
            (_, false) => return Err(self.error(4, "a part of a record without its first part")),
        };
        let len = before + head.len;
        if len > self.limits.max_record {
            return Err(self.error(
                4,
                format!(
                    "a record of {len} bytes or more, beyond the limit of {}",
                    self.limits.max_record
                ),
            ));
        }
        Ok(Some(head))
    }

    /// Takes a whole frame.
    fn frame(&mut self, head: Head, frame: &[u8]) -> Result<()> {
        // What pads a frame says nothing, so it is not looked at.
        let payload = &frame[HEAD..HEAD + head.len];
        match head.part {
            Part::Whole => self.record(payload, None)?,
            Part::First => {
                self.joined.clear();
                self.joined.extend_from_slice(payload);
                self.joining = true;
                self.record_offset = self.offset;
            }
            Part::Middle | Part::Last => {
                self.joined.extend_from_slice(&MAGIC);
                self.joined.extend_from_slice(payload);
                if head.part == Part::Last {
                    self.joining = false;
                    let joined = std::mem::take(&mut self.joined);
                    self.record(&joined, Some(self.record_offset))?;
                    self.joined = joined;
                }
            }
        }
        self.offset += frame.len() as u64;
        Ok(())
    }

    /// Takes a whole record, which came in parts if it tells where it began.
    fn record(&mut self, message: &[u8], joined_from: Option<u64>) -> Result<()> {
        let label = match self.want {
            Want::Rows => NAME,
            Want::Scores => SCORE,
        };
        let (record, n_records, start) = (&mut self.record, self.n_records, self.offset);
        let error = |offset: u64, message: String| Error::Record {
            record: n_records,
            offset: joined_from.unwrap_or(offset),
            message,
        };
        record.read(message, NAME, label).map_err(|malformed| {
            let at = HEAD + message.len() - malformed.left;
            error(start + at as u64, malformed.message)
        })?;
        let added = self.gather.add(record);
        added.map_err(|message| error(start, message))?;
        self.n_records += 1;
        Ok(())
    }
}
