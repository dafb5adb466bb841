//! The supervisor of a stage: a small process of its own that starts the script, keeps its output, ends it when it
//! must be ended, and writes down what came of it, whatever happens to the agent meanwhile. Where nothing is left of the
//! stage then, it takes the next one from its agent ([`run`]): most of a short stage's time would be a new process's.
//!
//! It adopts orphans, so whatever the script starts stays below it, and having no children means that nothing of the
//! stage is left. It is one thread around one `poll`; every decision about time is in [`course`].

pub mod clients;
pub mod course;
pub mod launch;
pub mod notes;
pub mod reboot;
pub mod spool;
mod stage;
mod verdict;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::Mode;

use self::clients::{Client, Clients};
use self::stage::Supervised;
use crate::init::timespec;
use crate::process::signals::Signals;
use crate::stage::StageFolder;

/// A supervisor that has nothing to do for this long goes away: the stages of other machines may take hours.
const IDLE: Duration = Duration::from_secs(60);

/// Why a supervisor could not do its work. Where the attempt was accepted already, it is lost.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// There is nothing to supervise.
    #[error("{0} holds no order")]
    NoOrder(std::path::PathBuf),
    /// The system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> SupervisorError {
    move |source| SupervisorError::System { what, source: source.into() }
}

/// Supervises the stage whose folder this is, unless another process does so already. Returns when the outcome is
/// stated and nobody has the output open any more. Where it `stays`, and nothing else is left either, it goes on with
/// the folders that it is told, until the agent that started it goes away.
///
/// # Errors
/// [`SupervisorError`], for the file that standard error is.
pub fn run(path: &Path, stays: bool) -> Result<(), SupervisorError> {
    let signals = Signals::take_over().map_err(system("cannot handle signals"))?;
    let mut starter = Client::starter(stays).map_err(system("cannot use standard input"))?;
    // A session of its own: what is sent to the agent's terminal or session is not for the script. It fails only
    // where this process leads a session already.
    let _ = rustix::process::setsid();
    rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(system("cannot adopt orphans"))?;
    let mut path = path.to_owned();
    loop {
        let Some(mut giver) = supervise(&path, &signals, starter.take())? else { return Ok(()) };
        let Some(next) = next(&mut giver, &signals)? else { return Ok(()) };
        path = next;
        starter = Some(giver);
    }
}

/// Supervises one stage. Answers who may give this process another one; `None`: it is not to take one.
fn supervise(
    path: &Path,
    signals: &Signals,
    starter: Option<Client>,
) -> Result<Option<Client>, SupervisorError> {
    let folder = StageFolder::at(path);
    let assignment = folder.assignment().map_err(system("cannot read the order"))?;
    let assignment = assignment.ok_or_else(|| SupervisorError::NoOrder(path.to_owned()))?;
    folder.reserve_outcome().map_err(system("no room for the outcome"))?;
    let Some(listener) = folder.accept().map_err(system("cannot accept the order"))? else {
        return Ok(None);
    };
    Supervised::start(folder, assignment, signals, Clients::new(listener, starter))?.see_through()
}

/// Waits for the next stage's folder; `None`: there will be none.
fn next(giver: &mut Client, signals: &Signals) -> Result<Option<PathBuf>, SupervisorError> {
    let until = Instant::now() + IDLE;
    loop {
        signals.clear();
        // What comes between two stages is about none.
        giver.receive();
        if signals.terminate() || !giver.is_open() {
            return Ok(None);
        }
        if let Some(folder) = giver.take_next() {
            return Ok(Some(folder));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        wait_for([signals.as_fd(), giver.as_fd()].map(|one| (one, PollFlags::IN)), Some(left))?;
    }
}

/// Waits until one of these descriptors has something, or the time is over.
fn wait_for<'a>(
    descriptors: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
    limit: Option<Duration>,
) -> Result<(), SupervisorError> {
    let polled = descriptors.into_iter().map(|(one, flags)| PollFd::from_borrowed_fd(one, flags));
    match rustix::event::poll(&mut polled.collect::<Vec<_>>(), limit.map(timespec).as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(system("cannot wait for events")(error)),
    }
}
