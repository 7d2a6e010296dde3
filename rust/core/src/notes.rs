//! What people write down about a model: where it came from, who made it.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Texts by name. They travel with the model and change nothing that it does.
pub type Notes = BTreeMap<String, String>;

/// Bytes that all names and texts of a model take at most.
pub const MAX_NOTES: usize = 1 << 16;

pub(crate) fn check(notes: &Notes) -> Result<()> {
    let bytes: usize = notes
        .iter()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    if bytes > MAX_NOTES {
        return Err(Error::config(
            "notes",
            format!("{bytes} bytes are more than {MAX_NOTES}"),
        ));
    }
    if notes.contains_key("") {
        return Err(Error::config("notes", "a note needs a name"));
    }
    Ok(())
}
