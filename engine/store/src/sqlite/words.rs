//! What went wrong, in people's words: what, where, why, what to do next.

use std::path::Path;

use crate::StoreError;

/// SQLite's primary result codes, <https://sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
}

const TORN: &str = "Stop everything that uses it, keep a copy of the file, and put back a backup of it \
    together with the runs' files; or move it away to begin with an empty store";

/// What the back-end says about `doing` (`write to`, `read from`, `open`) the store at `path`.
pub(crate) fn broken(doing: &str, path: &Path, error: &sqlx::Error) -> StoreError {
    let next = match primary_code(error) {
        Some(code::FULL) => {
            "Make room on the disk, then start the engine again: everything that was acknowledged is kept"
        }
        Some(code::READONLY) => "Make the file and its folder writable for the engine's user",
        Some(code::CANTOPEN) => "See that the folder exists, and that the engine's user may write there",
        Some(code::CORRUPT) => TORN,
        Some(code::NOTADB) => {
            "It is no store of xrdtest, or its beginning was overwritten. Move it away to begin with an empty \
            store, or put back a backup of it"
        }
        Some(code::IOERR) => "Look at the disk and the kernel's log, then start the engine again",
        Some(code::BUSY) => "End the other program that has it open, then start the engine again",
        _ => "Start the engine again; if it happens again, report it with these words",
    };
    StoreError::Broken(format!("can't {doing} the store {}: {}. {next}.", path.display(), reason(error)))
}

/// What is read does not make sense.
pub(crate) fn unreadable(path: &Path, what: &str, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Broken(format!(
        "can't read {what} in the store {}: {why}. It was damaged, or written by another version. {TORN}.",
        path.display()
    ))
}

/// The file does not hold together.
pub(crate) fn damaged(path: &Path, findings: &[String]) -> StoreError {
    let found = findings.join("; ");
    StoreError::Broken(format!("the store {} is damaged: {found}. {TORN}.", path.display()))
}

/// A file of another program.
pub(crate) fn foreign(path: &Path) -> StoreError {
    StoreError::Broken(format!(
        "{} is the database of another program, not a store of xrdtest. Name another file.",
        path.display()
    ))
}

/// A store of a version that this build does not know.
pub(crate) fn newer(path: &Path, found: i64, known: usize) -> StoreError {
    StoreError::Broken(format!(
        "the store {} was written by a newer xrdtest (its layout is number {found}, this one knows up to {known}). \
         Install that version again, or a later one.",
        path.display()
    ))
}

/// Another process has it open.
pub(crate) fn in_use(path: &Path, by: &str) -> StoreError {
    let by = by.trim();
    let whose = if by.is_empty() { String::new() } else { format!(" (process {by})") };
    StoreError::Broken(format!(
        "the store {} is in use by another engine{whose}. End that one first, or give this one a state folder of its own.",
        path.display()
    ))
}

/// The file beside the store that shows who has it can't be used.
pub(crate) fn no_lock(lock: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Broken(format!(
        "can't open the store: its lock {}: {error}. See that the folder exists, and that the engine's user may write there.",
        lock.display()
    ))
}

/// It was closed, or its writer is gone.
pub(crate) fn closed(path: &Path) -> StoreError {
    StoreError::Broken(format!("the store {} is closed. Start the engine again.", path.display()))
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

fn reason(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |known| known.message().to_owned())
}
