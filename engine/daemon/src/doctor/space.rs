//! Room on the disks that the engine writes to.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use xrdtest_model::size::human_bytes;

use super::Finding;
use crate::config::Config;

const CHECK: &str = "disk";
/// Below this the store itself is in danger: the engine stops when it can't be written.
const LEAST: u64 = 256 << 20;
/// Files that can be made, at least.
const LEAST_FILES: u64 = 10_000;

/// A file system.
pub(super) struct Disk {
    /// What is written there.
    pub(super) used: Use,
    /// Where.
    pub(super) folder: PathBuf,
    /// What was seen, or why nothing was.
    pub(super) room: Result<Room, String>,
    /// Bytes of one stage's output, at most.
    pub(super) output: u64,
    /// Bytes of outputs and logs that are kept, at most; 0: no limit.
    pub(super) evidence: u64,
}

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// All that the engine knows.
    State,
    /// Packed runs.
    Archive,
    /// The log.
    Log,
    /// Reports that are written at the end of each run.
    Reports,
}

impl Use {
    /// What comes of it where nothing can be written.
    fn without_room(self) -> &'static str {
        match self {
            Self::State => "an engine that can't write its store stops",
            Self::Archive => "runs that can't be packed stay where they are",
            Self::Log => "what can't be logged is lost",
            Self::Reports => {
                "reports that can't be written are left out, with an error in the log for each run"
            }
        }
    }

    fn to_do(self) -> &'static str {
        match self {
            Self::State => {
                "make room, archive runs to another disk (`xrdtest runs archive`), or tighten [retention]"
            }
            Self::Archive => "make room, or have `archive` on another disk",
            Self::Log => "make room, or have `log` on another disk",
            Self::Reports => {
                "make room, or have `folder` of [reports] on another disk; `xrdtest report RUN` makes what is left out"
            }
        }
    }
}

/// What a file system has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// The folder is there, and not only one above it.
    pub(super) is_there: bool,
    pub(super) free: u64,
    pub(super) size: u64,
    /// Files that can still be made; `None`: there is no limit.
    pub(super) files: Option<u64>,
}

pub(super) fn gather(config: &Config) -> Vec<Disk> {
    let (output, evidence) = (config.limits.output, config.retention.evidence_bytes.unwrap_or(0));
    let archive = config.archive.clone().unwrap_or_else(|| config.state.join("archive"));
    let used = Use::State;
    let mut disks: Vec<Disk> =
        vec![Disk { used, folder: config.state.clone(), room: room(&config.state), output, evidence }];
    let log = config.log.as_deref().and_then(Path::parent).map(Path::to_owned);
    let reports = config.reports.folder.clone();
    let others = [(Use::Archive, Some(archive)), (Use::Log, log), (Use::Reports, reports)];
    for (used, folder) in others.into_iter().filter_map(|(used, folder)| Some((used, folder?))) {
        // Mostly they are below the state folder: one line is enough.
        if !folder.starts_with(&config.state) {
            disks.push(Disk { used, room: room(&folder), folder, output: 0, evidence: 0 });
        }
    }
    disks
}

/// Of the folder, or of the one in which it will be made.
fn room(folder: &Path) -> Result<Room, String> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(format!("{} is not a folder", there.display()));
    }
    let stat = statvfs(there).map_err(|errno| errno.desc().to_owned())?;
    let unit = stat.fragment_size();
    let files = Some(stat.files_available()).filter(|_| stat.files() > 0);
    Ok(Room {
        is_there: there == folder,
        free: stat.blocks_available() * unit,
        size: stat.blocks() * unit,
        files,
    })
}

pub(super) fn judge(disks: &[Disk]) -> Vec<Finding> {
    disks.iter().map(of_disk).collect()
}

fn of_disk(Disk { used, folder, room, output, evidence }: &Disk) -> Finding {
    let place = folder.display();
    let make_room = used.to_do();
    let room = match room {
        Err(why) => return Finding::unseen(CHECK, place, "its disk can't be looked at").because(why.clone()),
        Ok(room) => room,
    };
    let free = human_bytes(room.free);
    if room.free < LEAST {
        return Finding::problem(CHECK, place, format!("only {free} are free"))
            .because(used.without_room())
            .next(make_room);
    }
    if let Some(files) = room.files.filter(|files| *files < LEAST_FILES) {
        return Finding::problem(CHECK, place, format!("only {files} more files can be made there"))
            .because("each stage on each machine is one")
            .next(make_room);
    }
    if room.free < output.saturating_mul(4) {
        return Finding::warning(CHECK, place, format!("{free} are free"))
            .because(format!(
                "the output of one stage on one machine may have {} (limits.output)",
                human_bytes(*output)
            ))
            .next(make_room);
    }
    if *evidence > room.size {
        return Finding::warning(CHECK, place, format!("the disk has {}", human_bytes(room.size)))
            .because(format!(
                "retention.evidence_bytes lets outputs and logs have {}",
                human_bytes(*evidence)
            ))
            .next("lower it, so that old outputs go before the disk is full");
    }
    if !room.is_there && *used == Use::Reports {
        return Finding::warning(
            CHECK,
            place,
            format!("it is not there; {free} are free where it would be made"),
        )
        .because("the engine makes it with the first report, on whatever disk is there then")
        .next("mount the disk that is to be there; where none is, nothing");
    }
    Finding::ok(CHECK, place, format!("{free} are free"))
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn less_and_less_room() {
        let whole = Room { is_there: true, free: 100 << 30, size: 200 << 30, files: Some(1 << 20) };
        let cases = [
            (whole, 0, Grade::Ok, "100 GiB are free"),
            (Room { files: None, ..whole }, 0, Grade::Ok, "are free"),
            (Room { files: Some(9), ..whole }, 0, Grade::Problem, "only 9 more files"),
            (Room { free: 1 << 20, ..whole }, 0, Grade::Problem, "only 1 MiB"),
            (Room { free: 512 << 20, ..whole }, 0, Grade::Warning, "512 MiB are free"),
            (whole, 300 << 30, Grade::Warning, "the disk has 200 GiB"),
        ];
        for (room, evidence, grade, words) in cases {
            let (used, room) = (Use::State, Ok(room));
            let disk = Disk { used, folder: "/s".into(), room, output: 256 << 20, evidence };
            let finding = of_disk(&disk);
            assert_eq!(finding.grade, grade, "{words}: {finding:?}");
            assert!(finding.what.contains(words), "{words}: {finding:?}");
        }
        let full = Room { free: 0, ..whole };
        for (used, room, grade, words) in [
            (Use::State, full, Grade::Problem, "an engine that can't write its store stops"),
            (Use::Reports, full, Grade::Problem, "reports that can't be written are left out"),
            (Use::Reports, whole, Grade::Ok, ""),
            (Use::Reports, Room { is_there: false, ..whole }, Grade::Warning, "with the first report"),
            (Use::Archive, Room { is_there: false, ..whole }, Grade::Ok, ""),
        ] {
            let finding =
                of_disk(&Disk { used, folder: "/r".into(), room: Ok(room), output: 0, evidence: 0 });
            assert_eq!(finding.grade, grade, "{used:?}: {finding:?}");
            assert!(finding.why.contains(words), "{words}: {finding:?}");
        }
    }

    #[test]
    fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let why = room(&file.path().join("reports")).unwrap_err();
        assert!(why.ends_with("is not a folder"), "{why}");
        assert!(!room(&file.path().with_extension("none")).unwrap().is_there);
    }
}
