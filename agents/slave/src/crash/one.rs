//! What is kept of each crash.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use xrdtest_model::crash::{Crash, CrashKind};
use xrdtest_model::event::CollectedLog;
use xrdtest_model::plan::file_name;
use xrdtest_model::size::human_bytes;

use super::elf::{self, Core};
use super::pack::Limit;
use super::search::Found;
use super::{Collection, FOLDER, backtrace, pack};

/// Bytes that a core dump may have which is unpacked for its back-trace.
const UNPACKED: Limit = Limit { bytes: 16 << 30, key: "the most that is unpacked" };

/// Keeps what crashed in a stage.
#[derive(Debug)]
pub struct Keeper<'a> {
    collection: &'a Collection<'a>,
    pub(super) crashes: Vec<Crash>,
    pub(super) files: Vec<CollectedLog>,
    /// Core dumps that are kept, and their bytes.
    kept: (u32, u64),
}

impl<'a> Keeper<'a> {
    pub(super) fn new(collection: &'a Collection<'a>) -> Self {
        Self { collection, crashes: Vec::new(), files: Vec::new(), kept: (0, 0) }
    }

    /// Where the next file goes.
    fn next(&self) -> PathBuf {
        let index = self.collection.first + self.files.len();
        self.collection.folder.log(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// A path under which the next file is known, like no other.
    fn name(&self, name: &str, ending: &str) -> String {
        let taken = |path: &str| self.files.iter().any(|file| file.path == path);
        let numbered = (2..).map(|number| format!("{FOLDER}/{name}.{number}{ending}"));
        let mut names = std::iter::once(format!("{FOLDER}/{name}{ending}")).chain(numbered);
        names.find(|path| !taken(path)).unwrap_or_default()
    }

    fn add(&mut self, path: &str, length: u64, note: &str, artifact: bool) {
        self.files.push(CollectedLog { path: path.to_owned(), length, note: note.to_owned(), artifact });
    }

    /// Keeps a core dump, and its back-trace. A file that is none is passed over.
    pub(super) fn core(&mut self, found: &Found) {
        let Ok(mut file) = crate::logs::open(&found.path) else { return };
        let packed = Packed::of(&found.path);
        let scratch = self.collection.folder.draft(std::process::id());
        let unpacked = match packed {
            Packed::No => Ok(found.path.clone()),
            Packed::Zstd => {
                pack::unpack(&file, &scratch, UNPACKED, &self.collection.patience).map(|()| scratch.clone())
            }
            Packed::Otherwise => Err("it is not packed with zstd".to_owned()),
        };
        let head = match &unpacked {
            Ok(path) => File::open(path).ok().and_then(|file| elf::read(&file)),
            // The name says that it is one, and what it holds can't be read here.
            Err(_) => Some(Core::default()),
        };
        let Some(core) = head else { return };
        let core = core.or_by_name(&found.path, packed);
        let title = title(&core);
        let mut notes = Vec::new();
        let mut crash = Crash {
            kind: CrashKind::Process,
            subject: core.name.clone(),
            pid: core.pid,
            signal: core.signal,
            ..Crash::default()
        };
        match &unpacked {
            Ok(path) if self.kept.0 < self.collection.order.count => {
                self.trace(path, &core, &title, &mut crash, &mut notes);
            }
            Ok(_) => {}
            Err(why) => notes.push(format!("no back-trace: {why}")),
        }
        match self.keep(&mut file, packed, &title, found) {
            Ok(path) => crash.core = path,
            Err(why) => notes.push(why),
        }
        let _ = fs::remove_file(scratch);
        crash.note = notes.join("; ");
        self.crashes.push(crash);
    }

    fn trace(&mut self, path: &Path, core: &Core, title: &str, crash: &mut Crash, notes: &mut Vec<String>) {
        let target = self.next();
        let program = core.program.as_deref().filter(|program| program.exists());
        match backtrace::make(path, program, &target, &self.collection.patience) {
            Ok((length, cut)) => {
                let text = fs::read(&target).unwrap_or_default();
                crash.function = backtrace::function_of(&String::from_utf8_lossy(&text));
                crash.text = self.name(&format!("backtrace.{title}"), ".txt");
                self.add(&crash.text, length, &cut, false);
                if !cut.is_empty() {
                    notes.push(cut);
                }
            }
            Err(why) => notes.push(why),
        }
    }

    /// Keeps the core dump itself; answers its path among the stage's files.
    fn keep(
        &mut self,
        file: &mut File,
        packed: Packed,
        title: &str,
        found: &Found,
    ) -> Result<String, String> {
        let order = self.collection.order;
        if self.kept.0 >= order.count {
            return Err(format!(
                "no core dump: this stage has more of them than {}, limits.cores of the engine",
                order.count
            ));
        }
        let (left, target, patience) =
            (order.total.saturating_sub(self.kept.1), self.next(), &self.collection.patience);
        let limit = match left < order.each {
            true => Limit { bytes: left, key: "this machine's share of limits.run_cores of the engine" },
            false => Limit { bytes: order.each, key: "limits.core of the engine" },
        };
        let kept = match packed {
            Packed::No => pack::pack(file, &target, limit, patience),
            _ => pack::take(file, &target, limit, patience),
        };
        let length = kept.map_err(|why| format!("no core dump of {}: {why}", human_bytes(found.length)))?;
        let ending = match packed {
            Packed::No | Packed::Zstd => ".zst",
            Packed::Otherwise => {
                found.path.extension().and_then(|it| it.to_str()).map_or("", |it| match it {
                    "xz" => ".xz",
                    "lz4" => ".lz4",
                    _ => "",
                })
            }
        };
        self.kept = (self.kept.0 + 1, self.kept.1 + length);
        let path = self.name(&format!("core.{title}"), ending);
        let note = format!("{} as {}", human_bytes(found.length), found.path.display());
        self.add(&path, length, &note, true);
        Ok(path)
    }

    /// Tells that there are more core dumps than anybody wants to read of.
    pub(super) fn left_out(&mut self, more: usize) {
        let note = format!("{more} more core dumps of this stage are not looked at");
        self.crashes.push(Crash { kind: CrashKind::Process, note, ..Crash::default() });
    }

    /// Keeps what the kernel said.
    pub(super) fn kernel(&mut self, crashes: Vec<Crash>, text: &str) {
        let target = self.next();
        let path = self.name("kernel", ".log");
        let write = || {
            fs::create_dir_all(self.collection.folder.logs())?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&target)?.write_all(text.as_bytes())
        };
        let note = match write() {
            Ok(()) => {
                self.add(&path, text.len() as u64, "", false);
                String::new()
            }
            Err(error) => format!("the kernel's log could not be kept: {error}"),
        };
        let kept = note.is_empty();
        self.crashes.extend(crashes.into_iter().map(|crash| Crash {
            text: if kept { path.clone() } else { String::new() },
            note: note.clone(),
            ..crash
        }));
    }
}

/// How the system packs core dumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packed {
    No,
    Zstd,
    Otherwise,
}

impl Packed {
    fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("zst") => Self::Zstd,
            Some("xz" | "lz4") => Self::Otherwise,
            _ => Self::No,
        }
    }
}

impl Core {
    /// What the name says that systemd gives, where the content can't be read: `core.NAME.UID.BOOT.PID.TIME.xz`.
    fn or_by_name(self, path: &Path, packed: Packed) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut parts = name.rsplit('.').skip(1);
        let (_time, pid) = (parts.next(), parts.next());
        let (_boot, _user) = (parts.next(), parts.next());
        let rest: Vec<&str> = parts.collect();
        match (packed, rest.split_last()) {
            (Packed::Otherwise, Some((&"core", names))) if self.name.is_empty() => Self {
                name: names.iter().rev().copied().collect::<Vec<_>>().join("."),
                pid: pid.and_then(|pid| pid.parse().ok()),
                ..self
            },
            _ => self,
        }
    }
}

/// `xrootd.77`, as part of a file's name.
fn title(core: &Core) -> String {
    let name = if core.name.is_empty() { "process" } else { &core.name };
    match core.pid {
        Some(pid) => format!("{}.{pid}", file_name(name)),
        None => file_name(name),
    }
}
