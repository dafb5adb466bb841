//! `xrdtest-engine backup` and `restore`: what is refused, and that nothing was changed then.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

/// A configuration with everything below a temporary folder.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let at = |name| place.path(name).display().to_string();
        let config = format!(
            "state = '{}'\nlisten = '127.0.0.1:0'\nsocket = '{}'\nlog = '{}'\n",
            at("state"),
            at("engine.sock"),
            at("engine.log")
        );
        fs::write(place.path("engine.toml"), config).unwrap();
        place
    }

    /// An engine was here, and a backup of it is in `backup`.
    fn used() -> Self {
        let place = Self::new();
        place.does(&["--background"]);
        place.does(&["backup", &place.path("backup").to_string_lossy()]);
        place.does(&["stop"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest-engine"));
        command.arg("--config").arg(self.path("engine.toml")).args(arguments).stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), said)
    }

    fn does(&self, arguments: &[&str]) -> String {
        let (code, said) = self.ask(arguments);
        assert_eq!(code, 0, "{said}");
        said
    }

    fn restore(&self, file: &Path) -> (i32, String) {
        self.ask(&["restore", &file.to_string_lossy()])
    }

    /// That a backup is refused in these words, and that nothing of it is there.
    fn refuses(&self, file: &Path, words: &str) {
        let (code, said) = self.restore(file);
        assert!(code == 2 && said.contains(words), "{words}: {said}");
        let left: Vec<_> =
            fs::read_dir(self.path("state")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["engine.lock"], "{words}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Only where a test has failed there is something to be stopped.
        let _ = self.ask(&["stop"]);
    }
}

/// The entries of a backup: name, type, content.
type Entries = Vec<(String, tar::EntryType, Vec<u8>)>;

fn entries(file: &Path) -> Entries {
    let mut archive = tar::Archive::new(zstd::Decoder::new(File::open(file).unwrap()).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), entry.header().entry_type(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

/// Writes entries whatever their names are.
fn write(file: &Path, entries: &Entries) {
    let mut tar = tar::Builder::new(zstd::Encoder::new(File::create(file).unwrap(), 1).unwrap());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_mode(0o600);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
}

#[test]
fn a_backup_is_put_back_as_it_was_and_is_its_owners_alone() {
    let place = Place::used();
    let file = place.path("backup");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = entries(&file).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names[..3], ["backup.json", "engine.toml", "state/store.sqlite"]);
    assert!(names.contains(&"state/ca/ca-key.pem".to_owned()), "{names:?}");
    assert_eq!(names.last().unwrap(), "SHA256SUMS");
    // Elsewhere, where there is no configuration: that of the backup counts.
    let ca = fs::read(place.path("state/ca/ca-key.pem")).unwrap();
    fs::remove_dir_all(place.path("state")).unwrap();
    let config = fs::read(place.path("engine.toml")).unwrap();
    fs::remove_file(place.path("engine.toml")).unwrap();
    let (code, said) = place.restore(&file);
    assert!(code == 0 && said.contains("the backup's configuration is in"), "{said}");
    assert!(said.contains("started, it is that engine: ") && !said.contains("not sent yet"), "{said}");
    assert_eq!(fs::read(place.path("engine.toml")).unwrap(), config);
    assert_eq!(fs::read(place.path("state/ca/ca-key.pem")).unwrap(), ca);
    let mode = |name| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/ca"), mode("state/store.sqlite")), (0o700, 0o700, 0o600));
    place.does(&["--background"]);
    assert!(place.does(&["status"]).contains("0 runs have a place"));
    place.does(&["stop"]);
}

#[test]
fn what_is_there_stays_unless_it_is_told_to_make_room() {
    let place = Place::used();
    let file = place.path("backup");
    let (code, said) = place.restore(&file);
    assert!(code == 2 && said.contains("is not empty (ca …)") && said.contains("--replace"), "{said}");
    place.does(&["--background"]);
    let (code, said) = place.ask(&["restore", "--replace", &file.to_string_lossy()]);
    assert!(code == 2 && said.contains("another engine uses"), "{said}");
    place.does(&["stop"]);
    let said = place.does(&["restore", "--replace", &file.to_string_lossy()]);
    assert!(said.contains("what was there before is in"), "{said}");
}

#[test]
fn a_restore_that_was_not_finished_keeps_engines_from_starting() {
    let place = Place::used();
    fs::create_dir(place.path("state/restoring")).unwrap();
    let (code, said) = place.ask(&["--background"]);
    assert!(code == 2 && said.contains("was not finished: do it again"), "{said}");
    place.does(&["restore", "--replace", &place.path("backup").to_string_lossy()]);
    place.does(&["--background"]);
    place.does(&["stop"]);
}

#[test]
fn an_engine_that_never_was_has_no_backup() {
    let place = Place::new();
    let (code, said) = place.ask(&["backup", &place.path("backup").to_string_lossy()]);
    assert!(code == 2 && said.contains("no engine was here"), "{said}");
    assert!(!place.path("backup").exists());
}

#[test]
fn torn_and_hostile_files_are_refused_before_anything_changes() {
    let place = Place::used();
    let (good, bad) = (place.path("backup"), place.path("bad"));
    fs::remove_dir_all(place.path("state")).unwrap();
    let whole = fs::read(&good).unwrap();
    for length in [0, 3, 100, whole.len() / 2, whole.len() - 5] {
        fs::write(&bad, &whole[..length]).unwrap();
        place.refuses(&bad, "");
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    fs::write(&bad, flipped).unwrap();
    place.refuses(&bad, "");
    fs::write(&bad, "no archive").unwrap();
    place.refuses(&bad, "was not restored");

    let is = entries(&good);
    let regular = tar::EntryType::Regular;
    let with = |name: &str, kind, content: &[u8]| {
        let mut with = is.clone();
        with.insert(3, (name.to_owned(), kind, content.to_vec()));
        with
    };
    let outside = place.path("outside").display().to_string();
    let changed = |name: &str, content: &[u8]| -> Entries {
        let change = |(is, kind, was): &(String, _, Vec<u8>)| {
            let content = if is == name { content.to_vec() } else { was.clone() };
            (is.clone(), *kind, content)
        };
        is.iter().map(change).collect()
    };
    let mut trailing = is.clone();
    trailing.push(("state/runs/late".to_owned(), regular, Vec::new()));
    let cases: Vec<(Entries, &str)> = vec![
        (with("state/runs/../../../outside", regular, b"x"), "leads elsewhere"),
        (with("../outside", regular, b"x"), "is not of a backup"),
        (with(&outside, regular, b"x"), "is not of a backup"),
        (with("state/runs/link", tar::EntryType::Symlink, b""), "is no plain file"),
        (with("state/runs/hard", tar::EntryType::Link, b""), "is no plain file"),
        (with("state/runs/fifo", tar::EntryType::Fifo, b""), "is no plain file"),
        (with("state/runs/dir", tar::EntryType::Directory, b""), "is no plain file"),
        (with("state/store.sqlite-wal", regular, b"x"), "nothing that an engine keeps"),
        (with("state/store.sqlite", regular, b"x"), "cannot write"),
        (with("state/runs/more", regular, b"x"), "is damaged"),
        (changed("state/ca/ca-key.pem", b"another key"), "state/ca/ca-key.pem is not as it was written"),
        (changed("engine.toml", b"state = '/elsewhere'"), "engine.toml is not as it was written"),
        (changed("backup.json", br#"{"schema":"xrdtest.backup/9","version":"9.1","created_ms":0,"outputs":true,"archive":true}"#), "use the version that wrote it, 9.1"),
        (is[..is.len() - 1].to_vec(), "its end with the list of digests is missing"),
        (is[2..].to_vec(), "does not begin with its head"),
        (trailing, "something follows its list of digests"),
        (Vec::new(), ""),
    ];
    for (entries, words) in cases {
        write(&bad, &entries);
        place.refuses(&bad, words);
    }
    assert!(!place.path("outside").exists());
    place.does(&["restore", &good.to_string_lossy()]);
}

/// The packaged engine runs as a user of its own, and root restores.
#[test]
fn what_root_restores_is_the_owners() {
    let place = Place::used();
    fs::remove_dir_all(place.path("state")).unwrap();
    fs::create_dir(place.path("state")).unwrap();
    chown(place.path("state"), Some(NOBODY), Some(NOBODY)).unwrap();
    let (code, said) = place.restore(&place.path("backup"));
    assert_eq!(code, 0, "{said}");
    let (mut all, mut seen) = (vec![place.path("state")], 0);
    while let Some(path) = all.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid()), (NOBODY, NOBODY), "{}", path.display());
        if found.is_dir() {
            all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}
