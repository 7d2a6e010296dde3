//! Files that are either there as a whole or as they were before.

use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file beside its place, makes sure that it is on disk, and renames
/// it: whoever reads the path meanwhile, and whatever happens, sees the old
/// file or the new one. A process that is killed may leave a `.tmp` beside it. What is no
/// file, such as a device or a pipe, stays what it is and takes the bytes as they come.
///
/// # Errors
/// [`Error::Io`]; the file is as before.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    // Through a link, the file that it names is replaced, not the link.
    let path = fs::canonicalize(&path).unwrap_or_else(|_| path.as_ref().to_path_buf());
    if fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        OpenOptions::new()
            .append(true)
            .open(&path)?
            .write_all(bytes)?;
        return Ok(());
    }
    let temporary = beside(&path)?;
    let written = write(&temporary, bytes, &path);
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    Ok(written?)
}

/// A name in the same folder that no other writer uses.
fn beside(path: &Path) -> Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(Error::Io(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!("{} names no file", path.display()),
        )));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    ));
    Ok(path.with_file_name(hidden))
}

fn write(temporary: &Path, bytes: &[u8], path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(temporary)?;
    file.write_all(bytes)?;
    // What replaces a file has its permissions.
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)?;
    // The rename itself must survive a power cut; not all systems can.
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
    }
    Ok(())
}
