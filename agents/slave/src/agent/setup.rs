//! What the agent needs before it can say hello.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::{FlockOperation, Mode};
use rustix::io::Errno;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{FilterExt, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};
use xrdtest_protocol::JoinToken;
use xrdtest_protocol::renewal::Renewal;

use super::desk::Desk;
use super::{AgentError, Place, join, system};
use crate::boot;
use crate::config::Config;
use crate::logs::Book;
use crate::notify::{self, Watchdog};

/// When to stop: TERM, or an interrupt from the terminal. Whoever waits for it also gives the service manager its signs
/// of life: they stop when the main loop is stuck.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
    watchdog: Watchdog,
}

impl Stop {
    /// Takes these signals over.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            watchdog: Watchdog::new(),
        })
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            never = self.watchdog.keep() => match never {},
        }
    }
}

/// Runs the agent until it is told to stop. `token` is for a machine that has no credentials of that engine yet;
/// `supervisor` is the program that supervises stages: this one.
///
/// # Errors
/// [`AgentError`] where there is no use in going on.
pub async fn run(config: Config, token: Option<JoinToken>, supervisor: PathBuf) -> Result<(), AgentError> {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let mut stop = Stop::new().map_err(system("cannot handle signals"))?;
    let place = open_place(&config, supervisor)?;
    let _lock = lock_state(&config.state)?;
    install_functions(&config.functions);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), engine = %config.engine, boot_id = %place.boot_id, "the slave agent starts"
    );
    notify::ready();
    notify::status(&format!("looking for the engine at {}", config.engine));
    let joined = tokio::select! {
        joined = join::credentials(&config, &place, token) => joined?,
        () = stop.wait() => return Ok(()),
    };
    let (credentials, machine) = joined;
    tracing::info!(%machine, "this machine has its credentials");
    let renewal = Arc::new(Renewal::new(credentials, Some(place.credentials())));
    Desk::open(config, place, renewal, machine)?.run(&mut stop).await;
    notify::stopping();
    tracing::info!("the slave agent stops; stages go on without it");
    Ok(())
}

fn open_place(config: &Config, supervisor: PathBuf) -> Result<Arc<Place>, AgentError> {
    let mut place = Place {
        state: config.state.clone(),
        supervisor,
        boot_id: boot::boot_id().map_err(system("cannot find out the boot id"))?,
        book: Mutex::default(),
        spare: Mutex::default(),
    };
    for folder in [place.stages(), place.runs()] {
        fs::create_dir_all(&folder).map_err(system(format!("cannot create {}", folder.display())))?;
    }
    let book: Book = place.load_book();
    place.book = Mutex::new(book);
    Ok(Arc::new(place))
}

/// Two agents on one state folder would both carry orders out. The lock ends with the process, however that ends.
///
/// # Errors
/// Where another agent is there.
pub(super) fn lock_state(state: &Path) -> Result<fs::File, AgentError> {
    let path = state.join("lock");
    let failed = || system(format!("cannot lock {}", path.display()));
    let mut options = fs::OpenOptions::new();
    let lock = options.write(true).create(true).truncate(false).open(&path).map_err(failed())?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(AgentError::InUse { state: state.to_owned() }),
        Err(error) => Err(failed()(error.into())),
    }
}

/// Puts the shell functions where scripts look for them. They belong to this version of the agent.
fn install_functions(path: &Path) {
    let wanted = xrdtest_stdlib::shell::FUNCTIONS;
    if fs::read_to_string(path).is_ok_and(|there| there == wanted) {
        return;
    }
    let new = path.with_extension("new");
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&new, wanted))
        .and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        tracing::warn!(%error, path = %path.display(), "cannot put the shell functions in place");
    }
}

/// Begins the agent's log: to its file, where suites can collect it, and from warnings on to standard error; all of it
/// where that is a terminal.
///
/// # Errors
/// Where the file can't be opened or the level means nothing.
pub fn start_log(config: &Config) -> io::Result<()> {
    let filter = || {
        EnvFilter::try_new(&config.log_level)
            .map_err(|error| io::Error::other(format!("log_level `{}`: {error}", config.log_level)))
    };
    if let Some(folder) = config.log.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = fs::OpenOptions::new().create(true).append(true).open(&config.log)?;
    let to_file =
        fmt::layer().with_ansi(false).with_target(false).with_writer(Arc::new(file)).with_filter(filter()?);
    let to_stderr_level = if io::stderr().is_terminal() { LevelFilter::TRACE } else { LevelFilter::WARN };
    let to_stderr = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(io::stderr)
        .with_filter(filter()?.and(to_stderr_level));
    tracing_subscriber::registry().with(to_file).with(to_stderr).try_init().map_err(io::Error::other)
}
