//! `slave.toml`: what the agent of one machine must be told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xrdtest_protocol::EngineAddress;

/// Where the file lies when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/xrdtest/slave.toml";

/// The agent's configuration. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `HOST:PORT` of the engine, or of what forwards to it. A name is looked up before each connection.
    pub engine: EngineAddress,
    /// Folder of everything that must outlive the agent: credentials, stages, working directories.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// File of the agent's own log.
    #[serde(default = "default_log")]
    pub log: PathBuf,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,xrdtest_slave=debug`.
    #[serde(default = "default_log_level")]
    pub log_level: String,
    /// File with a one-time token. Needed once: the credentials that it buys are kept in `state`, and the file is
    /// removed.
    #[serde(default)]
    pub join_token_file: Option<PathBuf>,
    /// Set the machine's clock by the engine's where it is off by more than a second when they come into contact.
    #[serde(default)]
    pub set_clock: bool,
    /// Where scripts find the shell functions; the agent puts them there.
    #[serde(default = "default_functions")]
    pub functions: PathBuf,
    /// Tags of this machine: `port`, `proto`, `diskmounts` and others. They win over a suite's own tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it must be; the source names line and column.
    #[error("the configuration {path} is not valid: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
}

impl Config {
    /// The defaults, for a machine without configuration file.
    pub fn for_engine(engine: EngineAddress) -> Self {
        Self {
            engine,
            state: default_state(),
            log: default_log(),
            log_level: default_log_level(),
            join_token_file: None,
            set_clock: false,
            functions: default_functions(),
            tags: BTreeMap::new(),
        }
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`], in words for people.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// Folders that must exist before anything else: state, and those of the log and of the shell functions.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        [Some(self.state.as_path()), self.log.parent(), self.functions.parent()].into_iter().flatten()
    }
}

fn default_state() -> PathBuf {
    PathBuf::from("/var/lib/xrdtest/slave")
}

fn default_log() -> PathBuf {
    PathBuf::from("/var/log/XrdTest/XrdTestSlave.log")
}

fn default_log_level() -> String {
    "info".to_owned()
}

fn default_functions() -> PathBuf {
    PathBuf::from("/etc/XrdTest/utils/functions.sh")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_is_valid_and_tells_the_defaults() {
        let shipped = include_str!("../slave.toml");
        let config: Config = toml::from_str(shipped).unwrap();
        let is_setting =
            |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
        let spelled_out = shipped.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if is_setting(setting) => setting,
            _ => line,
        });
        let all: Config = toml::from_str(&spelled_out.collect::<Vec<_>>().join("\n")).unwrap();
        assert_eq!(all.tags.len(), 3);
        let all = Config { tags: BTreeMap::new(), ..all };
        assert_eq!(all, config);
    }

    #[test]
    fn defaults_and_positions() {
        let config: Config =
            toml::from_str("engine = '192.168.127.1:20000'\n[tags]\nport = '8080'\n").unwrap();
        let defaults = Config::for_engine("192.168.127.1:20000".parse().unwrap());
        assert_eq!(Config { tags: BTreeMap::new(), ..config.clone() }, defaults);
        assert_eq!(config.tags["port"], "8080");

        for (text, place) in [
            ("engine = '1.2.3.4:5'\nengin = 1\n", "line 2, column 1"),
            ("engine = 'somewhere'\n", "line 1, column 10"),
            ("state = '/x'\n", "missing field `engine`"),
            ("engine = '1.2.3.4:5'\nstate = 7\n", "line 2, column 9"),
        ] {
            let words = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(words.contains(place), "{text}: {words}");
        }
    }
}
