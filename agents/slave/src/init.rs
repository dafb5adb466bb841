//! The first process of a sandbox machine: reaps orphans, keeps an agent running, and ends with its lifeline.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::boot;
use crate::process::signals::Signals;
use crate::process::tree::{self, Reaped};

/// Waiting times between two starts of an agent that dies: the first, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// An agent that lived this long was healthy: the next start is soon again.
const HEALTHY: Duration = Duration::from_secs(10);

/// Why the machine could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A folder that the agent needs.
    #[error("cannot create the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else that the system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

fn system<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> InitError {
    move |source| InitError::System { what, source: source.into() }
}

/// Runs until standard input reaches its end (whoever made this machine holds the other end) or a TERM comes. Where
/// this is process 1 the kernel then ends everything else in its namespace; elsewhere everything below this process
/// is killed here.
///
/// # Errors
/// [`InitError`] where the machine can't be set up. That the agent does not start is no error: it is tried again.
pub fn run(config: &Path, folders: &[&Path]) -> Result<(), InitError> {
    for folder in folders {
        std::fs::create_dir_all(folder)
            .map_err(|source| InitError::Folder { path: folder.to_path_buf(), source })?;
    }
    let signals = Signals::take_over().map_err(system("cannot handle signals"))?;
    if std::process::id() != 1 {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(system("cannot adopt orphans"))?;
    }
    let executable = std::env::current_exe().map_err(system("cannot find this program's own file"))?;
    let mut keeper = Keeper::new(executable, config);
    let mut lifeline = std::io::stdin();
    loop {
        signals.clear();
        keeper.reap();
        keeper.start_when_due(Instant::now());
        if signals.terminate() {
            break;
        }
        if wait(&lifeline, &signals, keeper.due)? {
            let mut bytes = [0; 256];
            match lifeline.read(&mut bytes) {
                Ok(0) => break,
                Err(error) if error.kind() != std::io::ErrorKind::Interrupted => break,
                // What the other end says means nothing; that it is there counts.
                _ => {}
            }
        }
    }
    end_all();
    Ok(())
}

/// Waits for the lifeline, a signal or a moment; says whether the lifeline moved.
fn wait(lifeline: &std::io::Stdin, signals: &Signals, until: Option<Instant>) -> Result<bool, InitError> {
    let timeout = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
    let mut polled = [
        PollFd::from_borrowed_fd(lifeline.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
    ];
    match rustix::event::poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!polled[0].revents().is_empty()),
        Err(error) => Err(system("cannot wait for events")(error)),
    }
}

/// A duration for `poll`.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn end_all() {
    if std::process::id() == 1 {
        return;
    }
    let own = rustix::process::getpid().as_raw_nonzero().get();
    while !tree::descendants(own).is_empty() {
        tree::kill(own);
        while matches!(tree::reap(), Reaped::Child(..)) {}
    }
}

/// Keeps one agent running.
struct Keeper {
    executable: PathBuf,
    config: PathBuf,
    boot_id: String,
    running: Option<(i32, Instant)>,
    back_off: Duration,
    due: Option<Instant>,
}

impl Keeper {
    fn new(executable: PathBuf, config: &Path) -> Self {
        Self {
            executable,
            config: config.to_owned(),
            boot_id: boot::sandbox_boot_id(),
            running: None,
            back_off: BACK_OFF.0,
            due: Some(Instant::now()),
        }
    }

    fn reap(&mut self) {
        while let Reaped::Child(pid, _) = tree::reap() {
            if let Some((agent, started)) = self.running
                && agent == pid
            {
                self.running = None;
                self.plan_next(started.elapsed());
            }
        }
    }

    fn plan_next(&mut self, lived: Duration) {
        if lived >= HEALTHY {
            self.back_off = BACK_OFF.0;
        }
        self.due = Some(Instant::now() + self.back_off);
        self.back_off = (self.back_off * 2).min(BACK_OFF.1);
    }

    fn start_when_due(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        let started = Command::new(&self.executable)
            .arg("--config")
            .arg(&self.config)
            .env(boot::BOOT_ID_VARIABLE, &self.boot_id)
            .stdin(Stdio::null())
            .spawn();
        match started.map(|child| i32::try_from(child.id())) {
            Ok(Ok(pid)) => self.running = Some((pid, now)),
            // Too many processes, or no memory: the agent may be had later.
            _ => self.plan_next(Duration::ZERO),
        }
    }
}
