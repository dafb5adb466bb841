//! Core dumps as they are kept: packed with zstd. Most of a core dump is zeros.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use xrdtest_model::size::human_bytes;

use super::Patience;

/// zstd's fastest: it keeps up with a disk, and takes some MiB of memory.
const LEVEL: i32 = 1;
const PIECE: usize = 1 << 20;

/// A limit.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// Where it can be changed, in words.
    pub key: &'static str,
}

/// Packs a file; answers the bytes that it has then. What has become larger than `limit` is not kept.
///
/// # Errors
/// Why there is none, for people.
pub fn pack(source: &mut File, target: &Path, limit: Limit, patience: &Patience) -> Result<u64, String> {
    let packed = create(target).map_err(|error| error.to_string()).and_then(|file| {
        let limited = Limited { file, written: 0, limit };
        let mut encoder = zstd::stream::write::Encoder::new(limited, LEVEL).map_err(words)?;
        copy(source, &mut encoder, patience)?;
        Ok(encoder.finish().map_err(words)?.written)
    });
    packed.inspect_err(|_| drop(fs::remove_file(target)))
}

/// Unpacks a file of zstd's; at most `limit` bytes.
///
/// # Errors
/// Why there is none, for people.
pub fn unpack(source: &File, target: &Path, limit: Limit, patience: &Patience) -> Result<(), String> {
    let unpacked = create(target).map_err(words).and_then(|file| {
        let mut decoder = zstd::stream::read::Decoder::new(source).map_err(words)?;
        copy(&mut decoder, &mut Limited { file, written: 0, limit }, patience)
    });
    unpacked.inspect_err(|_| drop(fs::remove_file(target)))
}

/// Takes a file as it is, where it is packed already.
///
/// # Errors
/// Why there is none, for people.
pub fn take(source: &mut File, target: &Path, limit: Limit, patience: &Patience) -> Result<u64, String> {
    let taken = create(target).map_err(words).and_then(|file| {
        let mut limited = Limited { file, written: 0, limit };
        copy(source, &mut limited, patience)?;
        Ok(limited.written)
    });
    taken.inspect_err(|_| drop(fs::remove_file(target)))
}

fn copy(source: &mut impl Read, target: &mut impl Write, patience: &Patience) -> Result<(), String> {
    let mut buffer = vec![0; PIECE];
    loop {
        if patience.is_over() {
            return Err(format!("{}; it is not kept", patience.words()));
        }
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => target.write_all(&buffer[..read]).map_err(words)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(words(error)),
        }
    }
}

fn words(error: impl Into<io::Error>) -> String {
    error.into().to_string()
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// A file that may not grow beyond a limit.
struct Limited {
    file: File,
    written: u64,
    limit: Limit,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if self.written > self.limit.bytes {
            let (limit, key) = (human_bytes(self.limit.bytes), self.limit.key);
            return Err(io::Error::other(format!("packed it has more than {limit}, {key}; it is not kept")));
        }
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(bytes: u64) -> Limit {
        Limit { bytes, key: "a key" }
    }

    #[test]
    fn there_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let content = [vec![0; 3 << 20], b"core".to_vec()].concat();
        fs::write(path("core"), &content).unwrap();
        let patience = Patience::of_seconds(60);
        let open = |name: &str| File::open(path(name)).unwrap();
        let length = pack(&mut open("core"), &path("core.zst"), limit(1 << 20), &patience).unwrap();
        assert!(length < 10_000);
        assert_eq!(fs::metadata(path("core.zst")).unwrap().len(), length);
        unpack(&open("core.zst"), &path("back"), limit(4 << 20), &patience).unwrap();
        assert_eq!(fs::read(path("back")).unwrap(), content);
        assert_eq!(take(&mut open("core.zst"), &path("same"), limit(length), &patience), Ok(length));
    }

    #[test]
    fn limits_bite_with_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("core"), "some core").unwrap();
        let mut core = File::open(path("core")).unwrap();
        let patience = Patience::of_seconds(60);
        let refusal = pack(&mut core, &path("small"), limit(4), &patience).unwrap_err();
        assert!(refusal.contains("more than 4 B, a key; it is not kept"), "{refusal}");
        let late = Patience::of_seconds(0);
        let refusal = pack(&mut core, &path("late"), limit(1000), &late).unwrap_err();
        assert!(refusal.contains("limit"), "{refusal}");
        let refusal = take(&mut core, Path::new("/nowhere/else/\0"), limit(1000), &patience).unwrap_err();
        assert!(!refusal.is_empty());
        assert!(!path("small").exists() && !path("late").exists());
    }
}
