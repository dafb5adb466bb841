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
    pub(super) folder: PathBuf,
    /// What was seen, or why nothing was.
    pub(super) room: Result<Room, String>,
    /// Bytes of one stage's output, at most.
    pub(super) output: u64,
    /// Bytes of outputs and logs that are kept, at most; 0: no limit.
    pub(super) evidence: u64,
}

/// What a file system has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) free: u64,
    pub(super) size: u64,
    /// Files that can still be made; `None`: there is no limit.
    pub(super) files: Option<u64>,
}

pub(super) fn gather(config: &Config) -> Vec<Disk> {
    let (output, evidence) = (config.limits.output, config.retention.evidence_bytes.unwrap_or(0));
    let archive = config.archive.clone().unwrap_or_else(|| config.state.join("archive"));
    let mut disks: Vec<Disk> =
        vec![Disk { folder: config.state.clone(), room: room(&config.state), output, evidence }];
    let log = config.log.as_deref().and_then(Path::parent).map(Path::to_owned);
    for folder in [Some(archive), log, config.reports.folder.clone()].into_iter().flatten() {
        // Mostly they are below the state folder: one line is enough.
        if !folder.starts_with(&config.state) {
            disks.push(Disk { room: room(&folder), folder, output: 0, evidence: 0 });
        }
    }
    disks
}

/// Of the folder, or of the one in which it will be made.
fn room(folder: &Path) -> Result<Room, String> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let stat = statvfs(there).map_err(|errno| errno.desc().to_owned())?;
    let unit = stat.fragment_size();
    let files = Some(stat.files_available()).filter(|_| stat.files() > 0);
    Ok(Room { free: stat.blocks_available() * unit, size: stat.blocks() * unit, files })
}

pub(super) fn judge(disks: &[Disk]) -> Vec<Finding> {
    disks.iter().map(of_disk).collect()
}

fn of_disk(Disk { folder, room, output, evidence }: &Disk) -> Finding {
    let place = folder.display();
    let make_room =
        "make room, archive runs to another disk (`xrdtest runs archive`), or tighten [retention]";
    let room = match room {
        Err(why) => return Finding::unseen(CHECK, place, "its disk can't be looked at").because(why.clone()),
        Ok(room) => room,
    };
    let free = human_bytes(room.free);
    if room.free < LEAST {
        return Finding::problem(CHECK, place, format!("only {free} are free"))
            .because("an engine that can't write its store stops")
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
    Finding::ok(CHECK, place, format!("{free} are free"))
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn less_and_less_room() {
        let whole = Room { free: 100 << 30, size: 200 << 30, files: Some(1 << 20) };
        let cases = [
            (whole, 0, Grade::Ok, "100 GiB are free"),
            (Room { files: None, ..whole }, 0, Grade::Ok, "are free"),
            (Room { files: Some(9), ..whole }, 0, Grade::Problem, "only 9 more files"),
            (Room { free: 1 << 20, ..whole }, 0, Grade::Problem, "only 1 MiB"),
            (Room { free: 512 << 20, ..whole }, 0, Grade::Warning, "512 MiB are free"),
            (whole, 300 << 30, Grade::Warning, "the disk has 200 GiB"),
        ];
        for (room, evidence, grade, words) in cases {
            let disk = Disk { folder: "/s".into(), room: Ok(room), output: 256 << 20, evidence };
            let finding = of_disk(&disk);
            assert_eq!(finding.grade, grade, "{words}: {finding:?}");
            assert!(finding.what.contains(words), "{words}: {finding:?}");
        }
    }
}
