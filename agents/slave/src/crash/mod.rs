//! Evidence of crashes: after each stage what is new of core dumps, and what the kernel says, is put aside for the
//! engine, with back-traces.
//!
//! Nothing of the machine is changed: where the kernel puts core dumps is looked up (`kernel.core_pattern`), and they
//! stay where they are. What is new is found by a ledger, as log files are by their book. It is written with the stage's
//! report, so an agent that is killed in between collects once more, and the two never disagree.

pub mod backtrace;
pub mod elf;
pub mod kernel;
pub mod ledger;
pub mod limit;
pub mod memory;
pub mod one;
pub mod pack;
pub mod pattern;
pub mod search;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xrdtest_model::crash::{CoreOrder, Crash, CrashKind};
use xrdtest_model::event::CollectedLog;
use xrdtest_model::limits::{CRASH_TIME, CRASH_TIME_BEYOND};

pub use self::ledger::Ledger;
use self::one::Keeper;
use self::pattern::Pattern;
use self::search::Ground;
use crate::stage::StageFolder;

/// Core dumps of a stage that are told; each of them once, kept or not.
const TOLD: usize = 20;
/// How long a core dump that is just being written is waited for.
const WRITTEN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Under which the files of a crash lie among the stage's.
pub const FOLDER: &str = "/crash";

/// How long the collecting may take: until a time, or until somebody wants the stage to end.
#[derive(Clone, Debug)]
pub struct Patience {
    until: Instant,
    stop: Arc<AtomicBool>,
}

impl Patience {
    /// After a stage with this limit that has taken so long.
    pub fn after(limit: Duration, taken: Duration, stop: Arc<AtomicBool>) -> Self {
        // The engine gives a machine up that has not reported for some time after the stage's limit.
        let time = limit.saturating_sub(taken).saturating_add(CRASH_TIME_BEYOND).min(CRASH_TIME);
        Self { until: Instant::now() + time, stop }
    }

    /// So many seconds.
    pub fn of_seconds(seconds: u64) -> Self {
        Self { until: Instant::now() + Duration::from_secs(seconds), stop: Arc::default() }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.until
    }

    /// Why it is over.
    pub fn words(&self) -> String {
        match self.stop.load(Ordering::Relaxed) {
            true => "the stage was to end".to_owned(),
            false => {
                format!("the limit of {} for collecting was over", xrdtest_model::time::limit(CRASH_TIME))
            }
        }
    }
}

/// What one collection brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// What crashed.
    pub crashes: Vec<Crash>,
    /// Its files, in the order of their numbers.
    pub files: Vec<CollectedLog>,
    /// Why this machine can't give core dumps; else empty. Said once per run.
    pub no_cores: String,
    /// The ledger from now on.
    pub ledger: Ledger,
}

/// Collects after a stage.
#[derive(Debug)]
pub struct Collection<'a> {
    /// Where core dumps may lie.
    pub ground: Ground,
    /// Under which boot this is.
    pub boot_id: &'a str,
    /// The order about core dumps.
    pub order: CoreOrder,
    /// Where the files go.
    pub folder: &'a StageFolder,
    /// The number of the first file.
    pub first: usize,
    /// How long it may take.
    pub patience: Patience,
}

impl Collected {
    /// Nothing has happened, and there is nothing to say.
    pub fn is_nothing(&self) -> bool {
        self.crashes.is_empty() && self.files.is_empty() && self.no_cores.is_empty()
    }
}

impl Collection<'_> {
    /// Does it.
    pub fn collect(&self, ledger: &Ledger) -> Collected {
        let mut ledger = ledger.clone();
        let stood = self.when_all_is_written();
        let mut keeper = Keeper::new(self);
        let cut = self.cores(stood, &mut ledger, &mut keeper);
        self.kernel(&mut ledger, &mut keeper);
        memory_of_group(&self.ground, &mut ledger, &mut keeper);
        let no_cores = if ledger.told { String::new() } else { self.why_none(cut) };
        ledger.told |= !no_cores.is_empty();
        Collected { crashes: keeper.crashes, files: keeper.files, no_cores, ledger }
    }

    /// A process that crashes is gone only when its core dump is written, but the script may not have waited for it.
    /// Answers where the processes of the machine stand then.
    fn when_all_is_written(&self) -> BTreeSet<PathBuf> {
        let until = Instant::now() + WRITTEN;
        loop {
            let seen = search::processes(&self.ground.root);
            if !seen.dumping || Instant::now() >= until || self.patience.is_over() {
                return seen.folders;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Keeps new core dumps. Answers whether the search was cut short.
    fn cores(&self, stood: BTreeSet<PathBuf>, ledger: &mut Ledger, keeper: &mut Keeper<'_>) -> bool {
        if let Pattern::Beside { .. } = self.ground.pattern {
            ledger.remember(stood);
        }
        let (found, cut) = self.ground.search(&ledger.folders);
        let new: Vec<_> = found.into_iter().filter(|found| ledger.is_new(found)).collect();
        for found in &new {
            if keeper.crashes.len() < TOLD {
                keeper.core(found);
            }
            ledger.know(found);
        }
        if new.len() > TOLD {
            keeper.left_out(new.len() - TOLD);
        }
        cut
    }

    fn kernel(&self, ledger: &mut Ledger, keeper: &mut Keeper<'_>) {
        let log = self.ground.root.join("dev/kmsg");
        let (lines, position) = kernel::read(&log, self.boot_id, &ledger.kernel);
        ledger.kernel = position;
        let crashes = kernel::crashes(&lines);
        if !crashes.is_empty() {
            keeper.kernel(crashes, &kernel::text(&lines));
        }
    }

    /// Why there can be no core dumps.
    fn why_none(&self, cut: bool) -> String {
        match &self.ground.pattern {
            Pattern::Nowhere => "kernel.core_pattern is empty".to_owned(),
            Pattern::Program(program) if !self.ground.pattern.is_systemd() || !limit::is_open() => format!(
                "kernel.core_pattern hands them to a program, outside of what a stage sees: {}; with the name of a \
                 file there, such as core, they can be kept",
                program.split_whitespace().next().unwrap_or_default()
            ),
            _ if !limit::is_open() => "the limit of core dumps (RLIMIT_CORE) is 0 for the agent".to_owned(),
            Pattern::Folder(glob) if !self.has_folder(glob) => {
                format!("the folder that kernel.core_pattern names is not there: {glob}")
            }
            _ if cut => format!(
                "the run's working directory has too many files to look through all: {}",
                self.ground.work.display()
            ),
            _ => String::new(),
        }
    }

    fn has_folder(&self, glob: &str) -> bool {
        let folder = glob.rsplit_once('/').map_or("", |(folder, _)| folder).trim_start_matches('/');
        // What the pattern fills in can't be known.
        folder.contains('*') || self.ground.root.join(folder).is_dir()
    }
}

/// Processes that were killed in the machine's own control group.
fn memory_of_group(ground: &Ground, ledger: &mut Ledger, keeper: &mut Keeper<'_>) {
    // Where nobody counted when the run began, nobody does.
    let Some(before) = ledger.memory_kills else { return };
    let Some(kills) = memory::kills(&ground.root) else { return };
    let new = kills.saturating_sub(before);
    ledger.memory_kills = Some(kills);
    if new > 0 {
        let processes = if new == 1 { "1 process was".to_owned() } else { format!("{new} processes were") };
        let note = format!("{processes} killed, as the memory of the machine was used up");
        keeper.crashes.push(Crash { kind: CrashKind::OutOfMemory, note, ..Crash::default() });
    }
}

/// Where core dumps of this machine may lie.
pub fn ground(work: PathBuf) -> Ground {
    let setting = |name: &str| made_up(&Path::new("/proc/sys/kernel").join(name)).unwrap_or_default();
    let uses_pid = setting("core_uses_pid").trim() == "1";
    Ground { root: PathBuf::from("/"), work, pattern: Pattern::parse(&setting("core_pattern"), uses_pid) }
}

/// A small text that the kernel makes up: it is read in one piece, as no length of it is known before.
fn made_up(path: &Path) -> Option<String> {
    let mut text = [0; 4096];
    let length = File::open(path).and_then(|mut file| file.read(&mut text)).ok()?;
    Some(String::from_utf8_lossy(&text[..length]).into_owned())
}

#[cfg(test)]
mod tests;
