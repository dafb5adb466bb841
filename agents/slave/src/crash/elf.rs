//! What a core dump says of its process: program, number, signal. Read from the notes at its beginning, in the layout of
//! 64-bit Linux (x86-64, AArch64, RISC-V: the same in what is read here).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes of notes that are read. Those of the process as a whole, and of the thread that crashed, stand first.
const NOTES: u64 = 4 << 20;
/// Segments that are looked at.
const SEGMENTS: u16 = 512;

const TYPE_CORE: u16 = 4;
const SEGMENT_NOTE: u32 = 4;
const NOTE_STATUS: u32 = 1;
const NOTE_INFO: u32 = 3;
const NOTE_VECTOR: u32 = 6;
const NOTE_FILES: u32 = 0x4649_4c45;
const VECTOR_ENTRY: u64 = 9;

/// What a core dump says of its process. What it does not say, or what can't be read, is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Core {
    /// The process's name: at most 15 bytes of what it executes.
    pub name: String,
    /// Its number, as it saw it itself.
    pub pid: Option<u32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The file of the program.
    pub program: Option<PathBuf>,
}

/// Reads the beginning of a file; `None` where it is no core dump.
pub fn read(file: &File) -> Option<Core> {
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0).ok()?;
    let header = Bytes(&header);
    if header.0.get(..4)? != b"\x7fELF" || header.u16(16)? != TYPE_CORE {
        return None;
    }
    // Of others, 32 bits or big-endian, it is known only that they are core dumps.
    if header.0.get(4..6)? != [2, 1] {
        return Some(Core::default());
    }
    let notes = segments(file, header).unwrap_or_default();
    Some(of_notes(&notes))
}

/// The notes of a core dump.
fn segments(file: &File, header: Bytes<'_>) -> Option<Vec<u8>> {
    let (table, size, count) = (header.u64(32)?, u64::from(header.u16(54)?), header.u16(56)?);
    for index in 0..count.min(SEGMENTS) {
        let mut segment = [0; 56];
        let at = table.checked_add(u64::from(index).checked_mul(size)?)?;
        file.read_exact_at(&mut segment, at).ok()?;
        let segment = Bytes(&segment);
        if segment.u32(0)? == SEGMENT_NOTE {
            let (at, length) = (segment.u64(8)?, segment.u64(32)?.min(NOTES));
            let mut notes = vec![0; usize::try_from(length).ok()?];
            file.read_exact_at(&mut notes, at).ok()?;
            return Some(notes);
        }
    }
    None
}

/// What notes say.
fn of_notes(notes: &[u8]) -> Core {
    let mut core = Core::default();
    let (mut entry, mut files) = (None, Vec::new());
    let mut rest = Bytes(notes);
    while let Some((kind, content, behind)) = note(rest) {
        rest = behind;
        match kind {
            NOTE_STATUS if core.signal.is_none() => {
                core.signal = content.u16(12).map(i32::from).filter(|signal| *signal != 0);
            }
            NOTE_INFO => {
                core.pid = content.u32(24);
                let name = content.0.get(40..56).unwrap_or_default();
                core.name = text(name);
            }
            NOTE_VECTOR => entry = entry_of(content),
            NOTE_FILES => files = files_of(content).unwrap_or_default(),
            _ => {}
        }
    }
    let program =
        files.iter().find(|(start, end, _)| entry.is_some_and(|entry| (*start..*end).contains(&entry)));
    core.program = program.map(|(_, _, path)| PathBuf::from(path));
    core
}

/// One note: its kind and content, and what stands behind it.
fn note(bytes: Bytes<'_>) -> Option<(u32, Bytes<'_>, Bytes<'_>)> {
    let aligned = |length: u32| usize::try_from(length).ok()?.checked_next_multiple_of(4);
    let (name, length, kind) = (bytes.u32(0)?, bytes.u32(4)?, bytes.u32(8)?);
    let begin = 12_usize.checked_add(aligned(name)?)?;
    let end = begin.checked_add(usize::try_from(length).ok()?)?;
    let content = bytes.0.get(begin..end)?;
    let behind = begin.checked_add(aligned(length)?)?;
    Some((kind, Bytes(content), Bytes(bytes.0.get(behind..).unwrap_or_default())))
}

/// The address at which the program begins.
fn entry_of(vector: Bytes<'_>) -> Option<u64> {
    let mut at = 0;
    loop {
        let (key, value) = (vector.u64(at)?, vector.u64(at + 8)?);
        if key == VECTOR_ENTRY {
            return Some(value);
        }
        at += 16;
    }
}

/// The files that the process had mapped, with their first address and the one behind the last.
fn files_of(content: Bytes<'_>) -> Option<Vec<(u64, u64, String)>> {
    let count = usize::try_from(content.u64(0)?).ok()?;
    let names = content.0.get(count.checked_mul(24)?.checked_add(16)?..)?;
    let names = names.split(|byte| *byte == 0);
    let file = |(index, name): (usize, &[u8])| {
        let at = 16 + index * 24;
        Some((content.u64(at)?, content.u64(at + 8)?, text(name)))
    };
    Some(names.take(count).enumerate().filter_map(file).collect())
}

/// Text up to the first zero byte.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Numbers out of bytes that somebody else wrote.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn one_note(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut note = Vec::new();
        for number in [5, u32::try_from(content.len()).unwrap(), kind] {
            note.extend(number.to_le_bytes());
        }
        note.extend(b"CORE\0\0\0\0");
        note.extend(content);
        note.resize(note.len().next_multiple_of(4), 0);
        note
    }

    fn notes(name: &str, pid: u32, signal: u16, program: &str) -> Vec<u8> {
        let mut status = vec![0; 336];
        status[12..14].copy_from_slice(&signal.to_le_bytes());
        let mut info = vec![0; 136];
        info[24..28].copy_from_slice(&pid.to_le_bytes());
        info[40..40 + name.len()].copy_from_slice(name.as_bytes());
        let vector: Vec<u8> = [3, 1, 9, 0x5010, 0, 0].iter().flat_map(|n: &u64| n.to_le_bytes()).collect();
        let mut files: Vec<u8> = [2, 4096, 0x1000, 0x2000, 0, 0x5000, 0x6000, 0]
            .iter()
            .flat_map(|n: &u64| n.to_le_bytes())
            .collect();
        files.extend(b"/lib/x.so\0");
        files.extend(program.as_bytes());
        files.push(0);
        let thread = one_note(NOTE_STATUS, &[0; 336]);
        [
            one_note(NOTE_STATUS, &status),
            one_note(NOTE_INFO, &info),
            one_note(NOTE_VECTOR, &vector),
            one_note(NOTE_FILES, &files),
            thread,
        ]
        .concat()
    }

    /// A core dump without memory.
    pub(in crate::crash) fn core_dump(name: &str, pid: u32, signal: u16, program: &str) -> Vec<u8> {
        let notes = notes(name, pid, signal, program);
        let mut file = vec![0; 64 + 56];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[16] = 4;
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = 4;
        file[72] = 120;
        file[96..104].copy_from_slice(&(notes.len() as u64).to_le_bytes());
        file.extend(notes);
        file
    }

    fn read_of(bytes: &[u8]) -> Option<Core> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        read(&file)
    }

    #[test]
    fn who_crashed() {
        let core = read_of(&core_dump("xrootd", 77, 11, "/usr/bin/xrootd")).unwrap();
        let program = Some(PathBuf::from("/usr/bin/xrootd"));
        assert_eq!(core, Core { name: "xrootd".into(), pid: Some(77), signal: Some(11), program });
    }

    #[test]
    fn what_is_no_core_dump() {
        let mut program = core_dump("x", 1, 11, "/x");
        program[16] = 2;
        assert_eq!(read_of(&program), None);
        assert_eq!(read_of(b"core values\n"), None);
        assert_eq!(read_of(b""), None);
        let mut small = core_dump("x", 1, 11, "/x");
        small[4] = 1;
        assert_eq!(read_of(&small), Some(Core::default()));
        // Cut off by a full disk.
        assert_eq!(read_of(&core_dump("x", 1, 11, "/x")[..100]), Some(Core::default()));
    }

    proptest! {
        #[test]
        fn nothing_in_a_file_does_harm(
            mut bytes in prop::collection::vec(any::<u8>(), 0..600),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        ) {
            let _ = of_notes(&bytes);
            let mut dump = core_dump("xrootd", 77, 11, "/usr/bin/xrootd");
            for (at, byte) in changes {
                let at = at.index(dump.len());
                dump[at] = byte;
            }
            let _ = read_of(&dump);
            bytes.splice(..0, dump[..64].iter().copied());
            let _ = read_of(&bytes);
        }
    }
}
