//! `engine.toml`: what the daemon must be told. Every key is documented in the shipped example, `engine.toml`.

mod bounds;
mod mail;
mod misread;
mod reports;
mod schedule;
pub(crate) mod units;
mod web;
mod webhooks;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use xrdtest_definitions::{Bounds, ScriptPolicy};
use xrdtest_model::Limits;
use xrdtest_model::limits::{KEPT_FOR, LATE_AFTER, LOST_AFTER, REBOOT_WITHIN};
use xrdtest_model::time::millis;
use xrdtest_protocol::authority::STANDING_LIFETIME;
use xrdtest_protocol::frame::MAX_FRAME;
use xrdtest_protocol::stream::{MAX_CONSOLE, MAX_FETCHED};
use xrdtest_store::retention::RetentionPolicy;

pub use self::bounds::DefinitionsSection;
pub use self::mail::{MailSection, Tls};
use self::misread::misread;
pub use self::reports::ReportsSection;
pub use self::schedule::ScheduleSection;
pub use self::web::{Anonymous, Web};
pub use self::webhooks::WebhookSection;
use crate::daemon::log;
use crate::dashboard::unfit;
use crate::definitions::DefinitionsConfig;
use crate::repositories::{self, RepositoryConfig};
use crate::socket::unknown_group;
use crate::start::EngineConfig;

/// Where the file lies when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/xrdtest/engine.toml";

/// The daemon's configuration. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of everything that must outlive the engine: store, outputs, CA.
    pub state: PathBuf,
    /// Where agents connect (UDP).
    #[serde(deserialize_with = "units::address")]
    pub listen: SocketAddr,
    /// The Unix socket for `xrdtest` on this machine.
    pub socket: PathBuf,
    /// The group that may use the socket beside root; absent: root only.
    pub socket_group: Option<String>,
    /// Folder for packed runs; absent: `archive` below `state`.
    pub archive: Option<PathBuf>,
    /// File of the log; absent: standard error.
    pub log: Option<PathBuf>,
    /// How lines of the log look.
    pub log_format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,xrdtest_engine=debug`.
    pub log_level: String,
    /// File with the process id while the engine runs.
    pub pid_file: Option<PathBuf>,
    /// Repositories with definitions.
    #[serde(deserialize_with = "units::repositories")]
    pub repository: Vec<RepositoryConfig>,
    /// Scripts from outside of the repositories.
    pub scripts: Scripts,
    /// What the evaluation of one definition may take.
    pub definitions: DefinitionsSection,
    /// Limits.
    pub limits: LimitsSection,
    /// The dashboard.
    pub web: Web,
    /// Mail about runs.
    pub mail: MailSection,
    /// Other programs that are told about runs.
    #[serde(deserialize_with = "units::webhooks")]
    pub webhooks: Vec<WebhookSection>,
    /// Whether suites start by themselves.
    pub schedule: ScheduleSection,
    /// How patient the engine is with agents out of contact.
    pub contact: Contact,
    /// Reports that are written at the end of each run.
    pub reports: ReportsSection,
    /// What of old runs is kept.
    pub retention: RetentionPolicy,
}

/// How lines of a log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Scripts from outside of the repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scripts {
    /// Folders below which absolute `file:///` scripts are allowed.
    pub roots: Vec<PathBuf>,
    /// Hosts from which http(s) scripts are allowed.
    pub hosts: Vec<String>,
}

/// Limits: of runs where the suite names none, and of the engine itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Any one stage.
    #[serde(deserialize_with = "units::duration")]
    pub stage: Duration,
    /// A whole run, from its first stage on.
    #[serde(deserialize_with = "units::duration")]
    pub run: Duration,
    /// A cluster's start, from the order to the last machine's contact.
    #[serde(deserialize_with = "units::duration")]
    pub cluster_start: Duration,
    /// Waiting in the queue.
    #[serde(deserialize_with = "units::duration")]
    pub queue_wait: Duration,
    /// How long a cluster is kept that belongs to no run.
    #[serde(deserialize_with = "units::duration")]
    pub kept: Duration,
    /// Bytes of output per stage and machine.
    #[serde(deserialize_with = "units::bytes")]
    pub output: u64,
    /// Bytes per collected log file.
    #[serde(deserialize_with = "units::bytes")]
    pub log: u64,
    /// Bytes of a core dump, packed.
    #[serde(deserialize_with = "units::bytes")]
    pub core: u64,
    /// Core dumps that are kept per stage and machine.
    pub cores: u32,
    /// Bytes of all core dumps of a run, packed.
    #[serde(deserialize_with = "units::bytes")]
    pub run_cores: u64,
    /// Bytes of a machine's console that are kept.
    #[serde(deserialize_with = "bounds::console")]
    pub console: u64,
    /// Bytes of the largest file that machines fetch from a repository, or the engine by http(s).
    #[serde(deserialize_with = "bounds::fetched_file")]
    pub fetched_file: u64,
    /// Runs that may wait at once.
    pub queue: usize,
    /// Agents that may be connected at once.
    pub agents: usize,
    /// Bytes of the longest message that is taken from an agent.
    #[serde(deserialize_with = "bounds::frame")]
    pub frame: usize,
    /// How long certificates of agents, and the engine's, live at most.
    #[serde(deserialize_with = "bounds::certificate")]
    pub certificate: Duration,
}

impl Default for LimitsSection {
    fn default() -> Self {
        let limits = Limits::default();
        let duration = Duration::from_millis;
        Self {
            stage: duration(limits.stage_ms),
            run: duration(limits.run_ms),
            cluster_start: duration(limits.cluster_start_ms),
            queue_wait: duration(limits.queue_wait_ms),
            kept: KEPT_FOR,
            output: limits.output_bytes,
            log: limits.log_bytes,
            core: limits.core_bytes,
            cores: limits.cores,
            run_cores: limits.run_core_bytes,
            console: MAX_CONSOLE,
            fetched_file: MAX_FETCHED,
            queue: 1000,
            agents: 2000,
            frame: MAX_FRAME,
            certificate: STANDING_LIFETIME,
        }
    }
}

impl LimitsSection {
    /// Those of runs whose suites name none.
    fn of_runs(&self) -> Limits {
        Limits {
            stage_ms: millis(self.stage),
            run_ms: millis(self.run),
            cluster_start_ms: millis(self.cluster_start),
            queue_wait_ms: millis(self.queue_wait),
            output_bytes: self.output,
            log_bytes: self.log,
            core_bytes: self.core,
            cores: self.cores,
            run_core_bytes: self.run_cores,
        }
    }
}

/// How patient the engine is with agents out of contact.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contact {
    /// A machine is shown as late after this time.
    #[serde(deserialize_with = "units::duration")]
    pub late: Duration,
    /// A machine is given up after this time.
    #[serde(deserialize_with = "units::duration")]
    pub lost: Duration,
    /// A machine whose boot was announced may stay away for this time.
    #[serde(deserialize_with = "units::duration")]
    pub reboot: Duration,
}

impl Default for Contact {
    fn default() -> Self {
        Self { late: LATE_AFTER, lost: LOST_AFTER, reboot: REBOOT_WITHIN }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: PathBuf::from("/var/lib/xrdtest/engine"),
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 20000),
            socket: PathBuf::from("/run/xrdtest/engine.sock"),
            socket_group: None,
            archive: None,
            log: None,
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            pid_file: None,
            repository: Vec::new(),
            scripts: Scripts::default(),
            definitions: DefinitionsSection::default(),
            limits: LimitsSection::default(),
            web: Web::default(),
            mail: MailSection::default(),
            webhooks: Vec::new(),
            schedule: ScheduleSection::default(),
            contact: Contact::default(),
            reports: ReportsSection::default(),
            retention: RetentionPolicy::default(),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It could not be read.
    #[error("cannot read the configuration {}: {source}; --config names another one, which may be empty", path.display())]
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
    /// It contradicts itself.
    #[error("the configuration {} is not valid: {why}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`], in words for people.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|error| misread(&text, error))
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        match config.contradiction() {
            Some(why) => Err(ConfigError::Contradiction { path: path.to_owned(), why }),
            None => Ok(config),
        }
    }

    fn contradiction(&self) -> Option<String> {
        let Contact { late, lost, .. } = self.contact;
        if late >= lost {
            return Some("contact.late must be shorter than contact.lost".to_owned());
        }
        if self.limits.agents == 0 {
            return Some("limits.agents is 0: no agent could connect".to_owned());
        }
        if let Err(why) = self.targets() {
            return Some(why);
        }
        if self.reports.folder.is_some() && self.reports.formats.is_empty() {
            return Some("reports.formats is empty: nothing would be written to reports.folder".to_owned());
        }
        if self.web.certificate.is_some() != self.web.key.is_some() {
            return Some("web.certificate and web.key are given together, or neither".to_owned());
        }
        if let Err(error) = log::parse(&self.log_level) {
            return Some(format!("log_level: {error}"));
        }
        repositories::contradiction(&self.repository)
    }

    /// What of this machine stands in the way of an engine that is started with it, as far as a look tells.
    pub fn obstacle(&self) -> Option<String> {
        let group = self.socket_group.as_deref().and_then(|group| unknown_group(&self.socket, group));
        group.or_else(|| unfit(self.web.certificate.as_deref()?, self.web.key.as_deref()?))
    }

    /// What the engine is told.
    pub fn engine(&self) -> EngineConfig {
        EngineConfig {
            listen: self.listen,
            state: self.state.clone(),
            ca: Some(self.state.join("ca")),
            runs: self.state.join("runs"),
            archive: self.archive.clone().unwrap_or_else(|| self.state.join("archive")),
            agents: self.limits.agents,
            queue: self.limits.queue,
            frame: self.limits.frame,
            certificate: self.limits.certificate,
            console: self.limits.console,
            orchestrator: xrdtest_orchestrator::Config {
                late_after: self.contact.late,
                lost_after: self.contact.lost,
                reboot_within: self.contact.reboot,
                kept_for: self.limits.kept,
                ..xrdtest_orchestrator::Config::default()
            },
            definitions: self.definitions(),
        }
    }

    /// Where definitions are, and what they may use.
    pub fn definitions(&self) -> DefinitionsConfig {
        DefinitionsConfig {
            repositories: self.repository.clone(),
            scripts: ScriptPolicy { roots: self.scripts.roots.clone(), hosts: self.scripts.hosts.clone() },
            bounds: Bounds::from(&self.definitions),
            fetched_file: self.limits.fetched_file,
            limits: self.limits.of_runs(),
            schedules: self.schedule.schedules(),
        }
    }
}

#[cfg(test)]
mod tests;
