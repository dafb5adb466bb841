//! The daemon's log: to standard error or a file, as text or JSON, with a filter that can be changed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::{Config, LogFormat};

/// Changes the log while the daemon runs.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    level: Arc<Mutex<String>>,
    target: Target,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot log to {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{level}` is not a level or filter of the log: {why}")]
    Level { level: String, why: String },
}

impl Log {
    /// Begins to log as configured.
    pub(crate) fn start(config: &Config) -> Result<Self, LogError> {
        let (filter, handle) = reload::Layer::new(parse(&config.log_level)?);
        let target = Target::open(config.log.as_deref())?;
        let lines: Box<dyn Layer<_> + Send + Sync> = match config.log_format {
            LogFormat::Json => Box::new(fmt::layer().json().with_writer(target.clone())),
            LogFormat::Text => {
                let color = config.log.is_none() && io::IsTerminal::is_terminal(&io::stderr());
                Box::new(fmt::layer().with_target(false).with_ansi(color).with_writer(target.clone()))
            }
        };
        tracing_subscriber::registry().with(filter).with(lines).init();
        Ok(Self { filter: handle, level: Arc::new(Mutex::new(config.log_level.clone())), target })
    }

    /// Changes the filter.
    pub(crate) fn set_level(&self, level: &str) -> Result<(), LogError> {
        let failed = |why: String| LogError::Level { level: level.to_owned(), why };
        self.filter.reload(parse(level)?).map_err(|error| failed(error.to_string()))?;
        level.clone_into(&mut self.level.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// The present filter.
    pub(crate) fn level(&self) -> String {
        self.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the file anew: logrotate has moved the old one away.
    pub(crate) fn reopen(&self) -> Result<(), LogError> {
        let Target::File { path, file } = &self.target else { return Ok(()) };
        let new = open(path)?;
        *file.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

/// A filter. A lone word that is no level would be the name of a part of the program, and all else silent: that is what
/// nobody means by `warning`.
pub(crate) fn parse(level: &str) -> Result<EnvFilter, LogError> {
    let failed = |why: String| LogError::Level { level: level.to_owned(), why };
    let odd = level
        .split(',')
        .map(str::trim)
        .find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    if odd.is_some() || level.trim().is_empty() {
        let why = "levels are off, error, warn, info, debug and trace; one for a part of the program is quinn=debug";
        return Err(failed(why.to_owned()));
    }
    EnvFilter::try_new(level).map_err(|error| failed(error.to_string()))
}

fn open(path: &Path) -> Result<File, LogError> {
    let failed = |source| LogError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    OpenOptions::new().append(true).create(true).open(path).map_err(failed)
}

/// Where lines go.
#[derive(Clone, Debug)]
enum Target {
    Stderr,
    File { path: PathBuf, file: Arc<Mutex<File>> },
}

impl Target {
    fn open(path: Option<&Path>) -> Result<Self, LogError> {
        Ok(match path {
            None => Self::Stderr,
            Some(path) => Self::File { path: path.to_owned(), file: Arc::new(Mutex::new(open(path)?)) },
        })
    }
}

impl<'a> MakeWriter<'a> for Target {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Target {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr => io::stderr().write(line),
            Self::File { file, .. } => file.lock().unwrap_or_else(PoisonError::into_inner).write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().flush(),
            Self::File { file, .. } => file.lock().unwrap_or_else(PoisonError::into_inner).flush(),
        }
    }
}
