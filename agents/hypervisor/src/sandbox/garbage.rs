//! What is left of instances whose process is gone, and how it is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::claim::Claim;
use super::error::{OnPath, SandboxError};

/// Where the kernel shows cgroups: one tree, or one per controller below it.
const CGROUPS: &str = "/sys/fs/cgroup";
/// How long the processes of a left-over machine may take to vanish.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how long somebody is told that they do not: most are gone at once.
const SILENCE: Duration = Duration::from_millis(300);

/// Tells people what takes its time, or could not be done.
pub(crate) type Tell = dyn Fn(&str) + Send + Sync;

/// Tells the log.
pub(crate) fn log(words: &str) {
    tracing::warn!("{words}");
}

/// What to remove when the process that made an instance can't: written before anything is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The folder of the machines' files.
    pub(crate) files: PathBuf,
    /// The cgroups of the machines.
    pub(crate) cgroups: Vec<String>,
}

impl Record {
    fn path(claim: &Claim) -> PathBuf {
        claim.folder().join("record.json")
    }

    /// Keeps the record in the instance's runtime folder.
    pub(crate) fn write(&self, claim: &Claim) -> Result<(), SandboxError> {
        let path = Self::path(claim);
        let text = serde_json::to_vec(self).map_err(io::Error::from).on("write", &path)?;
        fs::write(&path, text).on("write", &path)
    }

    /// `None` where the process ended before it had made anything.
    fn read(claim: &Claim) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(claim)).ok()?).ok()
    }
}

/// Where `runc` keeps its own state of an instance's machines.
pub(crate) fn runc_root(folder: &Path) -> PathBuf {
    folder.join("runc")
}

/// Removes all instances below `runtime` and all files below `state` that belong to no living process. Answers what it
/// removed, and tells what it could not.
pub(crate) fn collect(
    runc: &Path,
    runtime: &Path,
    state: &Path,
    tell: &Tell,
) -> Result<Vec<String>, SandboxError> {
    let mut removed = Vec::new();
    for claim in Claim::left_over(runtime)? {
        let name = claim.name();
        match sweep(runc, &claim, tell).and_then(|()| claim.remove()) {
            Ok(()) => removed.push(name),
            Err(error) => {
                tell(&format!("what is left of {name} stays, and the next start tries again: {error}"));
            }
        }
    }
    // After a restart of this machine the records are gone, the files are not.
    for claim in Claim::left_over(state)? {
        let name = claim.name();
        match claim.remove() {
            Ok(()) => removed.push(name),
            Err(error) => {
                tell(&format!("files that are left of {name} stay, and the next start tries again: {error}"));
            }
        }
    }
    removed.sort();
    removed.dedup();
    Ok(removed)
}

/// Ends what is left of an instance's machines and removes their traces, except for the runtime folder itself.
pub(crate) fn sweep(runc: &Path, claim: &Claim, tell: &Tell) -> Result<(), SandboxError> {
    let root = runc_root(claim.folder());
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        delete(runc, &root, &entry.file_name().to_string_lossy());
    }
    let Some(record) = Record::read(claim) else { return Ok(()) };
    for name in &record.cgroups {
        remove_cgroup(name, &claim.name(), tell)?;
    }
    remove_all(&record.files)
}

/// Removes a folder. What lies in it goes at once, by a thread each: file systems take milliseconds to remove a folder,
/// during which the processor has nothing to do.
fn remove_all(folder: &Path) -> Result<(), SandboxError> {
    let inside = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.on("read", folder)?,
    };
    thread::scope(|scope| {
        for entry in inside.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            // What could not be removed, or had no thread, is met again below.
            let remove = move || fs::remove_dir_all(entry.path());
            let _ = thread::Builder::new().name("sandbox-remove".to_owned()).spawn_scoped(scope, remove);
        }
    });
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).on("remove", folder),
        _ => Ok(()),
    }
}

/// Ends a container by force. What `runc` says does not matter: it complains about half-made ones, and whatever it
/// leaves is removed by other means.
pub(crate) fn delete(runc: &Path, root: &Path, id: &str) {
    let ended = Command::new(runc)
        .arg("--root")
        .arg(root)
        .args(["delete", "--force", id])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tracing::debug!(id, ?ended, "container deleted by force");
}

/// Kills what runs in a cgroup of an instance and removes it from every hierarchy.
fn remove_cgroup(name: &str, instance: &str, tell: &Tell) -> Result<(), SandboxError> {
    let top = Path::new(CGROUPS);
    let mut folders = vec![top.join(name)];
    folders.extend(fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path().join(name)));
    let began = Instant::now();
    let mut told = false;
    for folder in folders {
        loop {
            match fs::remove_dir(&folder) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => break,
                Err(error) if began.elapsed() > PATIENCE => {
                    return Err(error).on("remove the cgroup", &folder);
                }
                Err(error) => {
                    if !told && began.elapsed() > SILENCE {
                        told = true;
                        tell(&held_up(instance, &folder, &error));
                    }
                    kill_members(&folder);
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
    Ok(())
}

/// What is waited for, why, and what to do about it.
fn held_up(instance: &str, cgroup: &Path, error: &io::Error) -> String {
    let cgroup = cgroup.display();
    format!(
        "waiting up to {} s for what an earlier process left of {instance}: the control group {cgroup} can't be \
         removed ({error}). Processes in it, or below it, do not end; this names them: \
         find {cgroup} -name cgroup.procs -exec cat {{}} +",
        PATIENCE.as_secs()
    )
}

fn kill_members(cgroup: &Path) {
    let members = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0) {
        // Gone already is as good.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}
