//! The output of a stage on disk, in bounded memory and bounded space.
//!
//! The first half of the limit is written as it comes. What follows goes round and round in a second file, the tail,
//! that has the other half's size; at the end it is appended, behind a line that says how much was left out. So
//! `output` only ever grows, and whoever reads it from an offset never sees a byte change.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Writes the output of one stage.
#[derive(Debug)]
pub struct Spool {
    /// Made with the first byte: most stages write nothing on most machines.
    output: Option<File>,
    path: PathBuf,
    tail_path: PathBuf,
    tail: Option<Tail>,
    head_limit: u64,
    tail_limit: u64,
    length: u64,
    limit: u64,
    trouble: Option<Trouble>,
}

/// What could not be written.
#[derive(Debug)]
struct Trouble {
    error: io::Error,
    lost: u64,
}

#[derive(Debug)]
struct Tail {
    file: File,
    total: u64,
}

/// What came of a stage's output.
#[derive(Debug, PartialEq, Eq)]
pub struct Spooled {
    /// Bytes of the file.
    pub length: u64,
    /// Bytes that should be in it and are not.
    pub lost: u64,
    /// What could not be kept, in words; empty where all is well.
    pub trouble: String,
}

impl Spool {
    /// An empty output at `path`, of which at most `limit` bytes are kept (and the line about the rest). There is no
    /// file before the first byte.
    pub fn new(path: &Path, limit: u64) -> Self {
        let head_limit = limit / 2;
        Self {
            output: None,
            path: path.to_owned(),
            tail_path: path.with_extension("tail"),
            tail: None,
            head_limit,
            tail_limit: limit - head_limit,
            length: 0,
            limit,
            trouble: None,
        }
    }

    /// Bytes that a reader finds now.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes the next bytes. They are never refused: what can't be written is counted and reported at the end.
    pub fn write(&mut self, bytes: &[u8]) {
        let room = self.head_limit.saturating_sub(self.length);
        let split = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let (head, rest) = match &self.tail {
            None => bytes.split_at(split),
            Some(_) => (&bytes[..0], bytes),
        };
        self.append(head);
        if !rest.is_empty() {
            self.write_tail(rest);
        }
    }

    /// Ends the output: brings the tail behind the head.
    pub fn finish(mut self) -> Spooled {
        if let Some(mut tail) = self.tail.take() {
            let kept = tail.total.min(self.tail_limit);
            let left_out = tail.total - kept;
            if left_out > 0 {
                let limit = xrdtest_model::size::human_bytes(self.limit);
                self.append(
                    format!("\n[… {left_out} bytes left out by xrdtest: limit {limit} …]\n").as_bytes(),
                );
            }
            if let Err(error) = self.append_tail(&mut tail, kept) {
                self.note(error, 0);
            }
            // Nothing else looks at it, and its folder goes when the engine has everything.
            let _ = std::fs::remove_file(&self.tail_path);
        }
        let lost = self.trouble.as_ref().map_or(0, |trouble| trouble.lost);
        let trouble = self.trouble.take().map_or_else(String::new, |trouble| {
            let words = format!("{} bytes of output could not be kept: {}", trouble.lost, trouble.error);
            // Perhaps there is room for a line again, now that the tail is gone.
            self.append(format!("\n[… {words} …]\n").as_bytes());
            words
        });
        self.restore(trouble, lost)
    }

    /// Sees to it that readers find the output: a script may have deleted it, with everything else that there was.
    fn restore(mut self, mut trouble: String, mut lost: u64) -> Spooled {
        if let Some(mut output) = self.output.take()
            && !self.is_in_place(&output)
            && let Err(error) = self.write_anew(&mut output)
        {
            add(&mut trouble, &format!("the output was deleted on the machine: {error}"));
        }
        let there = std::fs::metadata(&self.path).map_or(0, |there| there.len());
        if there < self.length {
            add(
                &mut trouble,
                &format!("{} bytes of output were deleted on the machine", self.length - there),
            );
            lost += self.length - there;
            self.length = there;
        }
        Spooled { length: self.length, lost, trouble }
    }

    fn is_in_place(&self, output: &File) -> bool {
        let own = output.metadata();
        let there = std::fs::metadata(&self.path);
        matches!((own, there), (Ok(own), Ok(there)) if (own.dev(), own.ino()) == (there.dev(), there.ino()))
    }

    fn write_anew(&self, output: &mut File) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut anew = create_new(&self.path)?;
        output.seek(SeekFrom::Start(0))?;
        io::copy(output, &mut anew).map(drop)
    }

    fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.lost += bytes.len() as u64;
            return;
        }
        let output = match &mut self.output {
            Some(output) => output,
            none => match create_new(&self.path) {
                Ok(made) => none.insert(made),
                Err(error) => return self.note(error, bytes.len()),
            },
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            match output.write(rest) {
                Ok(0) => return self.note(io::ErrorKind::WriteZero.into(), rest.len()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.length += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.note(error, rest.len()),
            }
        }
    }

    fn write_tail(&mut self, bytes: &[u8]) {
        if let Some(trouble) = &mut self.trouble {
            trouble.lost += bytes.len() as u64;
            return;
        }
        if self.tail.is_none() {
            match self.open_tail() {
                Ok(tail) => self.tail = Some(tail),
                Err(error) => return self.note(error, bytes.len()),
            }
        }
        let Some(tail) = &mut self.tail else { return };
        if let Err(error) = tail.write(bytes, self.tail_limit) {
            self.note(error, bytes.len());
        }
    }

    fn open_tail(&self) -> io::Result<Tail> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&self.tail_path)?;
        Ok(Tail { file, total: 0 })
    }

    fn append_tail(&mut self, tail: &mut Tail, kept: u64) -> io::Result<()> {
        if kept == 0 {
            return Ok(());
        }
        let oldest = (tail.total - kept) % self.tail_limit;
        let first = kept.min(self.tail_limit - oldest);
        let mut buffer = vec![0; 64 << 10];
        for (start, length) in [(oldest, first), (0, kept - first)] {
            tail.file.seek(SeekFrom::Start(start))?;
            let mut part = (&mut tail.file).take(length);
            loop {
                match part.read(&mut buffer)? {
                    0 => break,
                    read => self.append(&buffer[..read]),
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, error: io::Error, lost: usize) {
        let trouble = self.trouble.get_or_insert(Trouble { error, lost: 0 });
        trouble.lost += lost as u64;
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn add(trouble: &mut String, words: &str) {
    if !trouble.is_empty() {
        trouble.push_str("; ");
    }
    trouble.push_str(words);
}

impl Tail {
    fn write(&mut self, bytes: &[u8], limit: u64) -> io::Result<()> {
        // Of more than a whole round only the last one counts.
        let skipped = (bytes.len() as u64).saturating_sub(limit);
        self.total += skipped;
        let mut rest = &bytes[usize::try_from(skipped).unwrap_or(bytes.len())..];
        while !rest.is_empty() {
            let position = self.total % limit;
            let room = usize::try_from(limit - position).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(rest.len().min(room));
            self.file.write_all_at(now, position)?;
            self.total += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spool(limit: u64, chunks: &[Vec<u8>]) -> (Spooled, Vec<u8>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let read = || std::fs::read(&path).unwrap_or_default();
        let mut spool = Spool::new(&path, limit);
        for chunk in chunks {
            let before = read();
            spool.write(chunk);
            let after = read();
            assert!(after.starts_with(&before), "a byte changed under its readers");
            assert_eq!(after.len() as u64, spool.length());
        }
        let spooled = spool.finish();
        let content = read();
        assert_eq!(path.exists(), !content.is_empty());
        (spooled, content, folder.path().join("output.tail").exists())
    }

    /// What the file must hold, from the whole output at once.
    fn expected(limit: u64, whole: &[u8]) -> Vec<u8> {
        let limit_bytes = usize::try_from(limit).unwrap();
        if whole.len() <= limit_bytes {
            return whole.to_owned();
        }
        let head = limit_bytes / 2;
        let tail = limit_bytes - head;
        let left_out = whole.len() - limit_bytes;
        let line = format!("\n[… {left_out} bytes left out by xrdtest: limit {limit} B …]\n");
        [&whole[..head], line.as_bytes(), &whole[whole.len() - tail..]].concat()
    }

    proptest! {
        #[test]
        fn head_and_tail_are_kept(
            limit in 0u64..300,
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
        ) {
            let (spooled, content, tail_left) = spool(limit, &chunks);
            let expected = expected(limit, &chunks.concat());
            prop_assert_eq!(spooled.length, expected.len() as u64);
            prop_assert_eq!(content, expected);
            prop_assert_eq!(spooled.trouble, "");
            prop_assert!(!tail_left);
        }
    }

    #[test]
    fn a_disk_without_room_is_reported_not_fatal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut spool = Spool::new(&path, 1000);
        spool.write(b"kept");
        spool.output = OpenOptions::new().write(true).open("/dev/full").ok();
        spool.write(b"not kept");
        spool.write(&[b'x'; 2000]);
        let spooled = spool.finish();
        assert_eq!(spooled.length, 4);
        assert!(
            spooled.trouble.starts_with("2008 bytes of output could not be kept: No space left"),
            "{spooled:?}"
        );
    }
}
