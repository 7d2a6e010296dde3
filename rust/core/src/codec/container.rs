//! The container: a header, a table of sections, the sections, a checksum.
//!
//! There is one way to write a given set of sections, and the reader accepts no
//! other: so reading and writing again gives the same bytes.

use super::wire::{Reader, Writer};
use crate::error::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

/// First bytes of every file. As PNG's, they show transfers that damage binary
/// files (a cleared high bit, converted line ends).
pub(crate) const MAGIC: [u8; 8] = *b"\x89RCF\r\n\x1a\n";
/// The version of the format.
pub(crate) const VERSION: u32 = 1;
const HEADER: usize = 32;
const ENTRY: usize = 24;
const CHECKSUM: usize = 8;
/// More sections than any kind has.
const MOST_SECTIONS: usize = 64;

/// Name of a section: four ASCII letters.
pub(crate) type Tag = [u8; 4];

/// Collects sections and lays them out.
#[derive(Default)]
pub(crate) struct Sections {
    sections: Vec<(Tag, Vec<u8>)>,
}

impl Sections {
    pub(crate) fn add(&mut self, tag: Tag, section: Writer) {
        self.sections.push((tag, section.bytes));
    }

    /// The file.
    pub(crate) fn finish(self, kind: u32) -> Vec<u8> {
        let head = HEADER + self.sections.len() * ENTRY;
        let length = self.sections.iter().fold(head, |at, (_, section)| {
            at + section.len().next_multiple_of(8)
        }) + CHECKSUM;
        let mut out = Writer::with_capacity(length);
        out.bytes(&MAGIC);
        out.u32(VERSION);
        out.u32(kind);
        out.u64(length as u64);
        out.u32(self.sections.len() as u32);
        out.u32(0);
        let mut at = head;
        for (tag, section) in &self.sections {
            out.bytes(tag);
            out.u32(0);
            out.u64(at as u64);
            out.u64(section.len() as u64);
            at += section.len().next_multiple_of(8);
        }
        for (_, section) in &self.sections {
            out.bytes(section);
            out.bytes.resize(out.bytes.len().next_multiple_of(8), 0);
        }
        out.u64(xxh3_64(&out.bytes));
        out.bytes
    }
}

/// A file whose frame has been checked; its sections are still to be trusted
/// with nothing.
pub(crate) struct Container<'a> {
    pub(crate) kind: u32,
    sections: Vec<(Tag, &'a [u8])>,
    next: usize,
}

impl<'a> Container<'a> {
    pub(crate) fn parse(file: &'a [u8]) -> Result<Container<'a>> {
        let mut header = Reader::new("header", file);
        if header.bytes(8).ok() != Some(&MAGIC[..]) {
            return Err(Error::file("this is no fastrcf model file"));
        }
        let version = header.u32()?;
        if version != VERSION {
            return Err(Error::file(format!(
                "format version {version}; this fastrcf reads version {VERSION}"
            )));
        }
        let kind = header.u32()?;
        let length = header.u64()?;
        if length != file.len() as u64 {
            return Err(Error::file(format!(
                "{length} bytes are announced, {} are there",
                file.len()
            )));
        }
        let n = header.u32()? as usize;
        if n > MOST_SECTIONS || header.u32()? != 0 {
            return Err(Error::file("the header is damaged"));
        }
        let (body, checksum) = file
            .split_last_chunk::<CHECKSUM>()
            .ok_or_else(|| Error::file("the file ends in its header"))?;
        if xxh3_64(body) != u64::from_le_bytes(*checksum) {
            return Err(Error::file("the checksum does not match: damaged"));
        }
        let mut table = Reader::new("section table", body.get(HEADER..).unwrap_or_default());
        let mut at = HEADER + n * ENTRY;
        let mut sections = Vec::with_capacity(n);
        for _ in 0..n {
            let tag = table.array()?;
            let (zero, offset, length) = (table.u32()?, table.u64()?, table.u64()?);
            let padded = usize::try_from(length)
                .ok()
                .and_then(|length| length.checked_next_multiple_of(8))
                .and_then(|padded| body.get(at..at.checked_add(padded)?));
            let Some(padded) = padded.filter(|_| zero == 0 && offset == at as u64) else {
                return Err(Error::file("the section table is damaged"));
            };
            let (section, padding) = padded.split_at(length as usize);
            if padding.iter().any(|&byte| byte != 0) {
                return Err(Error::file("there are bytes between sections"));
            }
            sections.push((tag, section));
            at += padded.len();
        }
        if at != body.len() {
            return Err(Error::file("there are bytes behind the last section"));
        }
        Ok(Container {
            kind,
            sections,
            next: 0,
        })
    }

    /// The next section, which must have this name.
    pub(crate) fn section(&mut self, tag: &'static Tag) -> Result<Reader<'a>> {
        let name = std::str::from_utf8(tag).unwrap_or("?");
        match self.sections.get(self.next) {
            Some((found, bytes)) if found == tag => {
                self.next += 1;
                Ok(Reader::new(name, bytes))
            }
            _ => Err(Error::file(format!(
                "section {name} is not where it belongs"
            ))),
        }
    }

    /// Whether the next section has this name.
    pub(crate) fn has(&self, tag: &Tag) -> bool {
        let next = self.sections.get(self.next);
        next.is_some_and(|(found, _)| found == tag)
    }

    /// That no section is left.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.next == self.sections.len() {
            true => Ok(()),
            false => Err(Error::file("there are sections too many")),
        }
    }
}
