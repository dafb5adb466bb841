//! What the agent needs before it can say hello.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{FilterExt, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use super::desk::Desk;
use super::{AgentError, Place, join, system};
use crate::boot;
use crate::config::Config;
use crate::logs::Book;

/// When to stop: TERM, or an interrupt from the terminal.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Takes these signals over.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs the agent until it is told to stop. `supervisor` is the program that supervises stages: this one.
///
/// # Errors
/// [`AgentError`] where there is no use in going on.
pub async fn run(config: Config, supervisor: PathBuf) -> Result<(), AgentError> {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let mut stop = Stop::new().map_err(system("cannot handle signals"))?;
    let place = open_place(&config, supervisor)?;
    install_functions(&config.functions);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"), engine = %config.engine, boot_id = %place.boot_id, "the slave agent starts"
    );
    let joined = tokio::select! {
        joined = join::credentials(&config, &place) => joined?,
        () = stop.wait() => return Ok(()),
    };
    let (credentials, machine) = joined;
    tracing::info!(%machine, "this machine has its credentials");
    Desk::open(config, place, credentials, machine)?.run(&mut stop).await;
    tracing::info!("the slave agent stops; stages go on without it");
    Ok(())
}

fn open_place(config: &Config, supervisor: PathBuf) -> Result<Arc<Place>, AgentError> {
    let mut place = Place {
        state: config.state.clone(),
        supervisor,
        boot_id: boot::boot_id().map_err(system("cannot find out the boot id"))?,
        book: Mutex::default(),
    };
    for folder in [place.stages(), place.runs()] {
        fs::create_dir_all(&folder).map_err(system(format!("cannot create {}", folder.display())))?;
    }
    let book: Book = place.load_book();
    place.book = Mutex::new(book);
    Ok(Arc::new(place))
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

/// Begins the agent's log: to its file, where suites can collect it, and from warnings on to standard error.
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
    let to_stderr = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(io::stderr)
        .with_filter(filter()?.and(LevelFilter::WARN));
    tracing_subscriber::registry().with(to_file).with(to_stderr).try_init().map_err(io::Error::other)
}
