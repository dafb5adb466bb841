//! Where core dumps may lie, and which are there: a search with bounds.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use glob::Pattern as Glob;

use super::pattern::Pattern;

/// Folders below the run's working directory, at most this deep.
const DEEP: usize = 8;
/// Names that are looked at in the working directory.
const NAMES: usize = 20_000;
/// Core dumps that one look yields.
const FOUND: usize = 100;
/// Folders of processes that are remembered.
const FOLDERS: usize = 200;
/// Where XRootD's daemons have a folder each: `/var/spool/xrootd/NAME`.
const SPOOL: &str = "var/spool/xrootd";
/// Where else processes stand that do not say so.
const USUAL: [&str; 4] = ["", "root", "tmp", "var/tmp"];
/// Where systemd keeps core dumps.
const SYSTEMD: &str = "var/lib/systemd/coredump";

/// Where to look.
#[derive(Clone, Debug)]
pub struct Ground {
    /// `/`.
    pub root: PathBuf,
    /// The run's working directory; all below it is searched.
    pub work: PathBuf,
    /// `kernel.core_pattern`.
    pub pattern: Pattern,
}

/// A file that has the name of a core dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// Bytes, holes included.
    pub length: u64,
    /// Its inode, and when it last changed, in nanoseconds since 1970.
    pub state: (u64, u64),
}

impl Ground {
    /// All files that may be core dumps, oldest first. `folders`: where processes of this machine have stood. Answers
    /// also whether there was more to look at than one look may take.
    pub fn search(&self, folders: &BTreeSet<PathBuf>) -> (Vec<Found>, bool) {
        let mut cut = false;
        let mut paths = match &self.pattern {
            Pattern::Folder(glob) => expand(&self.below_root(glob)),
            Pattern::Program(_) if self.pattern.is_systemd() => {
                expand(&self.below_root(&format!("/{SYSTEMD}/core.*")))
            }
            Pattern::Program(_) | Pattern::Nowhere => Vec::new(),
            Pattern::Beside { folder, name } => {
                let mut paths = Vec::new();
                cut = walk(&self.work, name, &mut paths);
                let spool = fs::read_dir(self.root.join(SPOOL)).into_iter().flatten().flatten();
                let spool = spool.take(FOLDERS).map(|entry| entry.path());
                let usual = USUAL.iter().map(|usual| self.root.join(usual)).chain(spool);
                let others: BTreeSet<PathBuf> = usual.chain(folders.iter().cloned()).collect();
                for other in others.iter().filter(|other| !other.starts_with(&self.work)) {
                    beside(other, folder, name, &mut paths);
                }
                paths
            }
        };
        paths.sort();
        paths.dedup();
        let mut found: Vec<Found> = paths.into_iter().filter_map(look).collect();
        found.sort_by_key(|found| found.state.1);
        (found, cut)
    }

    fn below_root(&self, glob: &str) -> String {
        let root = self.root.to_string_lossy();
        Glob::escape(root.trim_end_matches('/')) + glob
    }
}

fn look(path: PathBuf) -> Option<Found> {
    let there = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let nanos = u64::try_from(there.ctime()).ok()?.saturating_mul(1_000_000_000);
    let changed = nanos.saturating_add(u64::try_from(there.ctime_nsec()).unwrap_or(0));
    Some(Found { path, length: there.len(), state: (there.ino(), changed) })
}

/// Looks for a name in a folder of this name in a place; a name that is no pattern is just asked for.
fn beside(place: &Path, folder: &str, name: &str, paths: &mut Vec<PathBuf>) {
    let is_plain = |part: &str| Glob::escape(part) == part;
    if is_plain(folder) && is_plain(name) {
        paths.push(place.join(folder).join(name));
        return;
    }
    let mut glob = Glob::escape(place.to_string_lossy().trim_end_matches('/'));
    for part in [folder, name].iter().filter(|part| !part.is_empty()) {
        glob.push('/');
        glob.push_str(part);
    }
    paths.extend(expand(&glob));
}

fn expand(glob: &str) -> Vec<PathBuf> {
    glob::glob(glob).map_or_else(|_| Vec::new(), |paths| paths.flatten().take(FOUND).collect())
}

/// Looks for a name in a folder and all below it that lies on the same file system. Answers whether that was too much.
fn walk(top: &Path, name: &str, paths: &mut Vec<PathBuf>) -> bool {
    let Ok(name) = Glob::new(name) else { return false };
    let device = |path: &Path| fs::symlink_metadata(path).map(|there| there.dev()).ok();
    let own = device(top);
    let (mut seen, mut next) = (0, vec![(top.to_owned(), 0)]);
    while let Some((folder, depth)) = next.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > NAMES || paths.len() >= FOUND {
                return true;
            }
            if entry.file_name().to_str().is_some_and(|text| name.matches(text)) {
                paths.push(entry.path());
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && depth < DEEP
                && device(&entry.path()) == own
            {
                next.push((entry.path(), depth + 1));
            }
        }
    }
    false
}

/// What the processes of this machine say at one look.
#[derive(Debug, Default)]
pub struct Processes {
    /// Where they stand.
    pub folders: BTreeSet<PathBuf>,
    /// One is just writing its core dump, or systemd is putting one away.
    pub dumping: bool,
}

/// Looks at all processes once. `root`: `/`.
pub fn processes(root: &Path) -> Processes {
    let mut seen = Processes::default();
    let mut buffer = vec![0; 8 << 10];
    for entry in fs::read_dir(root.join("proc")).into_iter().flatten().flatten() {
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let process = entry.path();
        // What the kernel makes up is there in one piece, and of no length before it is read.
        let status = fs::File::open(process.join("status")).and_then(|mut file| file.read(&mut buffer));
        let status = &buffer[..status.unwrap_or(0)];
        seen.dumping |=
            status.starts_with(b"Name:\tsystemd-coredum") || contains(status, b"\nCoreDumping:\t1");
        if seen.folders.len() < FOLDERS {
            seen.folders.extend(fs::read_link(process.join("cwd")));
        }
    }
    seen
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(files: &[&str]) -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            for file in files {
                let path = machine.0.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "x").unwrap();
            }
            machine
        }

        fn found(&self, pattern: &str, folders: &[&str]) -> Vec<String> {
            let root = self.0.path();
            let pattern = Pattern::parse(pattern, false);
            let ground = Ground { root: root.to_owned(), work: root.join("work"), pattern };
            let folders = folders.iter().map(|folder| root.join(folder)).collect();
            let (found, cut) = ground.search(&folders);
            assert!(!cut);
            let name = |found: &Found| found.path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let mut names: Vec<String> = found.iter().map(name).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn beside_processes() {
        let machine = Machine::new(&[
            "work/core",
            "work/a/b/core",
            "work/a/core.txt",
            "core",
            "root/core",
            "tmp/core",
            "tmp/deep/core",
            "var/spool/xrootd/clustered/core",
            "srv/data/core",
            "opt/core",
            "srv/data/cores/d1",
        ]);
        let usual = [
            "core",
            "root/core",
            "tmp/core",
            "var/spool/xrootd/clustered/core",
            "work/a/b/core",
            "work/core",
        ];
        assert_eq!(machine.found("core", &[]), usual);
        let more = machine.found("core", &["srv/data", "work/a/b", "gone"]);
        assert_eq!(more.len(), usual.len() + 1);
        assert!(more.contains(&"srv/data/core".to_owned()));
        assert_eq!(machine.found("cores/d%p", &["srv/data"]), ["srv/data/cores/d1"]);
    }

    #[test]
    fn in_one_folder() {
        let machine = Machine::new(&[
            "cores/core.a.1",
            "cores/other",
            "core",
            "var/lib/systemd/coredump/core.a.0.b.1.2.zst",
        ]);
        assert_eq!(machine.found("/cores/core.%e.%p", &[]), ["cores/core.a.1"]);
        assert_eq!(
            machine.found("|/usr/lib/systemd/systemd-coredump %P", &[]),
            ["var/lib/systemd/coredump/core.a.0.b.1.2.zst"]
        );
        assert_eq!(machine.found("|/usr/share/apport/apport", &[]), Vec::<String>::new());
        assert_eq!(machine.found("", &[]), Vec::<String>::new());
    }

    #[test]
    fn the_search_has_bounds_and_follows_no_links() {
        let machine = Machine::new(&["work/core", "elsewhere/core"]);
        let work = machine.0.path().join("work");
        std::os::unix::fs::symlink(machine.0.path().join("elsewhere"), work.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", work.join("core.1")).unwrap();
        assert_eq!(machine.found("core%p", &[]), ["work/core"]);
        for number in 0..NAMES {
            fs::write(work.join(number.to_string()), "").unwrap();
        }
        assert!(walk(&work, "none", &mut Vec::new()));
    }

    #[test]
    fn processes_stand_somewhere() {
        let own = std::env::current_dir().unwrap();
        let seen = processes(Path::new("/"));
        assert!(seen.folders.contains(&own) || seen.folders.len() == FOLDERS);

        assert!(contains(b"Name:\tx\nCoreDumping:\t1\n", b"\nCoreDumping:\t1"));
    }
}
