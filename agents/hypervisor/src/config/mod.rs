//! `hypervisor.toml`: what the agent must be told.

pub mod libvirt;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::libvirt::LibvirtConfig;
use serde::Deserialize;
use xrdtest_model::time::parse_duration;

use crate::agent::EngineAddress;
use crate::sandbox::SandboxConfig;

/// Where the file lies when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/xrdtest/hypervisor.toml";

/// The agent's configuration. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the engine listens for agents.
    pub engine: EngineAddress,
    /// File with a one-time token. Needed once: the credentials that it buys are kept in `state`, and the file is
    /// removed.
    #[serde(default)]
    pub join_token_file: Option<PathBuf>,
    /// Folder of the agent's credentials and its lock.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// The log's file; standard error where there is none.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// How the log is written.
    #[serde(default)]
    pub log_format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,xrdtest_hypervisor=debug`.
    #[serde(default = "default_log_level")]
    pub log_level: String,
    /// How long instances are kept without word from the engine.
    #[serde(default)]
    pub lease: Lease,
    /// Words that definitions may ask for.
    #[serde(default)]
    pub labels: Vec<String>,
    /// How machines are made.
    #[serde(default)]
    pub provider: ProviderName,
    /// Settings of the provider `sandbox`.
    #[serde(default)]
    pub sandbox: SandboxConfig,
    /// Settings of the provider `libvirt`.
    #[serde(default)]
    pub libvirt: LibvirtConfig,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// A way to make machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// Containers made from this machine's own files.
    #[default]
    Sandbox,
    /// Virtual machines. Not every build has it.
    Libvirt,
}

/// How long instances are kept without word from the engine; `None`: for ever. Written as a duration, `never`, or 0,
/// which means the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenLease")]
pub struct Lease(pub Option<Duration>);

impl Default for Lease {
    fn default() -> Self {
        Self(Some(Duration::from_secs(3600)))
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a duration such as \"1h\", or \"never\"")]
enum WrittenLease {
    Text(String),
    Number(u64),
}

impl TryFrom<WrittenLease> for Lease {
    type Error = String;

    fn try_from(written: WrittenLease) -> Result<Self, String> {
        let text = match written {
            WrittenLease::Number(0) => return Ok(Self(None)),
            WrittenLease::Number(number) => number.to_string(),
            WrittenLease::Text(text) => text,
        };
        match (text.as_str(), parse_duration(&text)) {
            ("never" | "0", _) => Ok(Self(None)),
            (_, Some(milliseconds)) => Ok(Self(Some(Duration::from_millis(milliseconds)))),
            (_, None) => Err(format!("`{text}` is no lease: write a duration such as \"1h\", or \"never\"")),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it must be; the source names line and column.
    #[error("the configuration {} is not valid: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<toml::de::Error>,
    },
}

impl Config {
    /// Everything at its default, for the engine at this address.
    pub fn for_engine(engine: EngineAddress) -> Self {
        Self {
            engine,
            join_token_file: None,
            state: default_state(),
            log: None,
            log_format: LogFormat::default(),
            log_level: default_log_level(),
            lease: Lease::default(),
            labels: Vec::new(),
            provider: ProviderName::default(),
            sandbox: SandboxConfig::default(),
            libvirt: LibvirtConfig::default(),
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

    /// The provider's settings, with the agent's labels and folder.
    pub fn libvirt(&self) -> LibvirtConfig {
        LibvirtConfig { labels: self.labels.clone(), state: self.state.clone(), ..self.libvirt.clone() }
    }

    /// The provider's settings: with the agent's labels, and without a machine ever seeing the agent's own keys.
    pub fn sandbox(&self) -> SandboxConfig {
        let mut sandbox = self.sandbox.clone();
        sandbox.labels.clone_from(&self.labels);
        sandbox.hidden.push(self.state.clone());
        sandbox
    }
}

fn default_state() -> PathBuf {
    PathBuf::from("/var/lib/xrdtest/hypervisor")
}

fn default_log_level() -> String {
    "info".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_is_valid_and_tells_the_defaults() {
        let shipped = include_str!("../../hypervisor.toml");
        let config: Config = toml::from_str(shipped).unwrap();
        let is_setting =
            |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
        let spelled_out = shipped.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if is_setting(setting) => setting,
            _ => line,
        });
        let all: toml::Table = spelled_out.collect::<Vec<_>>().join("\n").parse().unwrap();
        let keys =
            "engine join_token_file labels lease libvirt log log_format log_level provider sandbox state";
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>().join(" "), keys, "every key is there");
        let all: Config = all.try_into().unwrap();
        // What has no default shows an example.
        assert_eq!(all.log.as_deref(), Some(Path::new("/var/log/xrdtest/hypervisor/hypervisor.log")));
        assert_eq!(all.sandbox.shared.len(), 1);
        assert_eq!(all.libvirt.agents.len(), 1);
        assert!(all.libvirt.emulator.is_some());
        let mut all = Config { log: None, ..all };
        all.sandbox.shared.clear();
        all.libvirt.agents.clear();
        all.libvirt.emulator = None;
        assert_eq!(all, config);
        let token = config.join_token_file.clone();
        assert_eq!(config, Config { join_token_file: token, ..Config::for_engine(config.engine.clone()) });
    }

    #[test]
    fn leases_are_read() {
        for (written, expect) in [
            ("'90s'", Some(Some(90))),
            ("'1h30m'", Some(Some(5400))),
            ("'never'", Some(None)),
            ("'0'", Some(None)),
            ("0", Some(None)),
            ("60", None),
            ("'soon'", None),
            ("true", None),
        ] {
            let config = toml::from_str::<Config>(&format!("engine = 'e:1'\nlease = {written}\n"));
            match expect {
                Some(seconds) => {
                    assert_eq!(config.unwrap().lease, Lease(seconds.map(Duration::from_secs)), "{written}");
                }
                None => {
                    let words = config.unwrap_err().to_string();
                    assert!(words.contains("line 2, column 9"), "{written}: {words}");
                    assert!(words.contains("a duration such as \"1h\", or \"never\""), "{written}: {words}");
                }
            }
        }
    }

    #[test]
    fn mistakes_are_shown_at_their_place() {
        for (text, place, words) in [
            ("engine = 'e:1'\nengin = 1\n", "line 2, column 1", "unknown field `engin`"),
            ("engine = 'somewhere'\n", "line 1, column 10", "HOST:PORT"),
            ("state = '/x'\n", "line 1, column 1", "missing field `engine`"),
            ("engine = 'e:1'\nprovider = 'vmware'\n", "line 2, column 12", "unknown variant `vmware`"),
            ("engine = 'e:1'\n[sandbox]\nlabels = []\n", "line 3, column 1", "unknown field `labels`"),
            (
                "engine = 'e:1'\n[sandbox]\nshared = [{ host = '/a' }]\n",
                "line 3, column 11",
                "missing field `machine`",
            ),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn machines_do_not_see_the_agents_keys() {
        let config = Config { state: "/somewhere/else".into(), ..Config::for_engine("e:1".parse().unwrap()) };
        assert!(config.sandbox().hidden.contains(&PathBuf::from("/somewhere/else")));
    }
}
