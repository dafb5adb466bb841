//! Where lines begin in files that only grow. A file of a million lines is read through once; then any of its lines is
//! found at once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Lines between two places that are known.
pub(super) const STEP: u64 = 1000;
/// Files whose lines are known at once.
const FILES: usize = 64;

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Where the lines 1, 1 + [`STEP`], 1 + 2 [`STEP`] … begin.
    places: Arc<Vec<u64>>,
    /// Lines that have an end.
    pub(super) whole: u64,
    /// Where the last of these ends.
    pub(super) whole_end: u64,
    /// Bytes that were looked at.
    length: u64,
}

impl Index {
    /// Of a file as it is now. Blocks.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        static KNOWN: LazyLock<Mutex<HashMap<PathBuf, Index>>> = LazyLock::new(Mutex::default);
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut index = known().get(path).cloned().unwrap_or_default();
        let length = std::fs::metadata(path)?.len();
        if length < index.length {
            // Another file is in its place.
            index = Self::default();
        }
        if length > index.length {
            index.read_on(path)?;
            let mut known = known();
            if known.len() >= FILES {
                known.clear();
            }
            known.insert(path.to_owned(), index.clone());
        }
        Ok(index)
    }

    fn read_on(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.length))?;
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let places = Arc::make_mut(&mut self.places);
        if places.is_empty() {
            places.push(0);
        }
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            for at in memchr::memchr_iter(b'\n', bytes) {
                self.whole += 1;
                self.whole_end = self.length + at as u64 + 1;
                if self.whole.is_multiple_of(STEP) {
                    places.push(self.whole_end);
                }
            }
            let length = bytes.len();
            self.length += length as u64;
            reader.consume(length);
        }
    }

    /// All lines; the last one may have no end yet.
    pub(super) fn lines(&self) -> u64 {
        self.whole + u64::from(self.length > self.whole_end)
    }

    /// A place at or before the beginning of a line, and the number of the line that begins there.
    pub(super) fn before(&self, line: u64) -> (u64, u64) {
        let steps = (line.saturating_sub(1) / STEP).min((self.places.len() as u64).saturating_sub(1));
        let place = usize::try_from(steps).ok().and_then(|steps| self.places.get(steps));
        (place.copied().unwrap_or(0), steps * STEP + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn it_goes_on_where_the_file_has_grown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut file = File::create(&path).unwrap();
        assert_eq!(Index::of(&path).unwrap().lines(), 0);
        file.write_all(&b"x\n".repeat(2500)).unwrap();
        let index = Index::of(&path).unwrap();
        assert_eq!((index.lines(), index.whole, index.whole_end), (2500, 2500, 5000));
        assert_eq!(index.before(1), (0, 1));
        assert_eq!(index.before(1000), (0, 1));
        assert_eq!(index.before(1001), (2000, 1001));
        assert_eq!(index.before(9999), (4000, 2001));
        file.write_all(b"open").unwrap();
        let index = Index::of(&path).unwrap();
        assert_eq!((index.lines(), index.whole, index.whole_end), (2501, 2500, 5000));
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(Index::of(&path).unwrap().lines(), 1);
    }
}
