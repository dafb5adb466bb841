//! What of crashes is known already.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::search::Found;
use super::{kernel, memory};

/// Folders in which processes have stood that are remembered.
const FOLDERS: usize = 200;
/// Core dumps that are remembered.
const KNOWN: usize = 1000;

/// How far crashes have been collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// When the run began, in nanoseconds since 1970, by the clock of file systems; 0: unknown. What is older belongs to
    /// no stage of it.
    since: u64,
    /// Core dumps by their path: inode and time of their last change.
    known: BTreeMap<PathBuf, (u64, u64)>,
    /// Where processes have stood.
    pub folders: BTreeSet<PathBuf>,
    /// How far the kernel's log was read.
    pub kernel: kernel::Position,
    /// Processes of the machine's control group that were killed as its memory ran out.
    pub memory_kills: Option<u64>,
    /// Why there can be no core dumps was told.
    pub told: bool,
}

impl Ledger {
    /// A run begins: what there is now is not its own.
    pub fn begin_run(&mut self, boot_id: &str) {
        let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).ok();
        let now = now.and_then(|now| {
            let (seconds, nanos) = (u64::try_from(now.tv_sec()).ok()?, u64::try_from(now.tv_nsec()).ok()?);
            Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
        });
        *self = Self {
            since: now.unwrap_or(0),
            kernel: kernel::read(Path::new("/dev/kmsg"), boot_id, &self.kernel).1,
            memory_kills: memory::kills(Path::new("/")),
            ..Self::default()
        };
    }

    /// Takes over what a collection has found; nothing where another run has begun meanwhile.
    pub fn apply(&mut self, collected: &Self) {
        if self.is_lost() || self.since == collected.since {
            self.clone_from(collected);
        }
    }

    /// Whether nothing is known of the run that goes on.
    pub fn is_lost(&self) -> bool {
        self.since == 0
    }

    /// One that was lost begins with a stage that was ordered at this time, in nanoseconds since 1970. `root`: `/`.
    pub fn begin_with(&mut self, ordered: u64, root: &Path) {
        (self.since, self.memory_kills) = (ordered, memory::kills(root));
    }

    /// Whether a core dump has not been collected yet.
    pub(super) fn is_new(&self, found: &Found) -> bool {
        found.state.1 >= self.since && self.known.get(&found.path) != Some(&found.state)
    }

    /// It is now.
    pub(super) fn know(&mut self, found: &Found) {
        if self.known.len() < KNOWN || self.known.contains_key(&found.path) {
            self.known.insert(found.path.clone(), found.state);
        }
    }

    /// Processes stand in these folders.
    pub(super) fn remember(&mut self, folders: BTreeSet<PathBuf>) {
        let room = FOLDERS.saturating_sub(self.folders.len());
        let new: Vec<_> =
            folders.into_iter().filter(|folder| !self.folders.contains(folder)).take(room).collect();
        self.folders.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new() {
        let found = |inode, changed| Found { path: "/core".into(), length: 1, state: (inode, changed) };
        let mut ledger = Ledger::default();
        ledger.begin_with(100, Path::new("/nowhere"));
        assert!(!ledger.is_new(&found(1, 99)) && ledger.is_new(&found(1, 100)));
        ledger.know(&found(1, 100));
        assert!(!ledger.is_new(&found(1, 100)));
        assert!(ledger.is_new(&found(1, 101)), "written over");
        assert!(ledger.is_new(&found(2, 100)), "another one");
        ledger.told = true;
        ledger.begin_run("b");
        assert!(!ledger.is_new(&found(2, 100)) && !ledger.told);
        assert_eq!(ledger.kernel.boot_id, "b");
    }

    #[test]
    fn an_older_ledger_is_read() {
        assert_eq!(serde_json::from_str::<Ledger>("{}").unwrap(), Ledger::default());
    }
}
