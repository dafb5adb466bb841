//! The journal: one JSON line per event, only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use xrdtest_model::Event;

/// The file behind `Effect::Persist`.
///
/// A batch is one `write`, without a sync to the disk: it outlives the engine's process, not a power cut.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// A new journal.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().append(true).create_new(true).open(path)? })
    }

    /// Appends events; all of them are in the file when it returns.
    pub(crate) fn append(&mut self, events: &[Event]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)
    }
}

/// Reads the events of a journal, up to a line that is torn (its writer was killed while writing it).
///
/// # Errors
/// Where the file can't be read, or a line in its middle is no event.
pub fn read_journal(path: &Path) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
            return Ok(events);
        }
        events.push(serde_json::from_slice(&line)?);
    }
}
