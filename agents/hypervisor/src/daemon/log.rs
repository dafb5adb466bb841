//! The agent's log: to standard error or to a file that can be opened anew.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Config, LogFormat};

/// The log's file. Whoever rotates logs moves it away and sends HUP.
#[derive(Clone, Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Arc<RwLock<Arc<File>>>,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Arc::new(RwLock::new(Arc::new(open(path)?))) })
    }

    /// Goes on in the file that has the log's name now; made where there is none.
    ///
    /// # Errors
    /// Where it can't be opened; then the log goes on in the old one.
    pub fn reopen(&self) -> io::Result<()> {
        let file = Arc::new(open(&self.path)?);
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Arc<File>;

    fn make_writer(&'a self) -> Self::Writer {
        self.file.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// Begins the log. `None`: it goes to standard error.
///
/// # Errors
/// Where the file can't be opened or the level means nothing, in words.
pub fn start(config: &Config) -> io::Result<Option<LogFile>> {
    let filter = EnvFilter::try_new(&config.log_level)
        .map_err(|error| io::Error::other(format!("log_level `{}`: {error}", config.log_level)))?;
    let file = match &config.log {
        Some(path) => Some(LogFile::open(path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot log to {}: {error}", path.display()))
        })?),
        None => None,
    };
    let writer = match &file {
        Some(file) => BoxMakeWriter::new(file.clone()),
        None => BoxMakeWriter::new(io::stderr),
    };
    let layer = fmt::layer().with_ansi(false).with_target(false).with_writer(writer);
    let layer = match config.log_format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init().map_err(io::Error::other)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_rotated_file_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log/agent.log"), folder.path().join("log/agent.log.1"));
        let log = LogFile::open(&path).unwrap();
        log.make_writer().write_all(b"one\n").unwrap();
        fs::rename(&path, &old).unwrap();
        log.make_writer().write_all(b"two\n").unwrap();
        log.reopen().unwrap();
        log.make_writer().write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }
}
