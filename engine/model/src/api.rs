//! The JSON of `/api/v1`: what programs send to a running engine and get from it. Fields are only ever added within a
//! version. Runs themselves are told by [`crate::document`], what happens by [`crate::event`].

mod access;
mod actions;
mod deliveries;
mod history;
mod instances;
mod reports;
mod repositories;
mod roles;
mod schedule;

use serde::{Deserialize, Serialize};

use crate::chronicle::{StateWord, Transition};
use crate::diagnostic::Diagnostic;
use crate::hold::Hold;
use crate::ids::{AgentName, HypervisorName, RunId};
use crate::outcome::Verdict;
use crate::room::{Load, Room};
use crate::time::Timestamp;

pub use access::{
    ApiTokenCreated, ApiTokenRequest, AuditEntry, AuditFilter, RevocationInfo, RevocationRequest, UserChange,
    UserInfo, UserRequest, Via,
};
pub use actions::{
    ArchiveRequest, Archived, CancelRequest, HoldRequest, PinRequest, QueuePause, QueuePauseRequest,
    RerunRequest, RunCreated, RunRequest,
};
pub use deliveries::{DeliveryInfo, MailInfo};
pub use history::{
    CaseFailure, CaseTrend, ComparedMetric, ComparedRun, ComparedStage, Comparison, FailureRate, MetricPoint,
    MetricTrend, MetricValue, StageEnd, SuiteTrends, SuiteTurn,
};
pub use instances::{ClusterRequest, InstanceDetails, InstanceInfo};
pub use reports::{ReportFormat, UnknownFormat};
pub use repositories::{CommitInfo, RepositoryInfo, RepositoryState};
pub use roles::Role;
pub use schedule::{LastStart, PauseRequest, ScheduledStart, ScheduledSuite, SchedulesInfo};

/// `GET /status`: the engine itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EngineInfo {
    /// Version of its software.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it was started.
    pub started: Timestamp,
    /// Where agents connect: `IP:PORT` (UDP).
    pub agents_address: String,
    /// The folder of its state.
    pub state: String,
    /// The present filter of its log.
    pub log_level: String,
    /// Number of the last event.
    pub last_event: u64,
    /// Runs that have a place.
    pub runs_running: u32,
    /// Runs that wait for one.
    pub runs_waiting: u32,
    /// Who holds the queue; `null`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_paused: Option<Hold>,
    /// Hypervisor agents in contact.
    pub hypervisors: u32,
    /// Slave agents in contact.
    pub slaves: u32,
    /// Definitions as last loaded.
    pub definitions: DefinitionsInfo,
    /// How it goes with mail about runs; `null`: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailInfo>,
    /// How it goes with what is sent to whom: mail, webhooks; empty: nothing is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<DeliveryInfo>,
}

/// What the engine knows of its repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DefinitionsInfo {
    /// Counts loads.
    pub generation: u64,
    /// Absolute paths of the repositories' roots.
    pub repositories: Vec<String>,
    /// How many suites could be evaluated.
    pub suites: u32,
    /// How many clusters could be evaluated.
    pub clusters: u32,
    /// What was found wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// One run in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunSummary {
    /// Its id.
    pub run: RunId,
    /// The suite's name.
    pub suite: String,
    /// Who or what asked for it.
    pub trigger: String,
    /// When it was asked for.
    pub queued: Timestamp,
    /// When its first stage began.
    pub started: Option<Timestamp>,
    /// When it got its verdict.
    pub finished: Option<Timestamp>,
    /// What it amounts to; `null` while it is not over.
    pub verdict: Option<Verdict>,
    /// Why, where the verdict is not `passed`; why it waits, while it does; else empty.
    pub reason: String,
    /// It is never removed by itself.
    pub pinned: bool,
    /// Bytes of its outputs and logs; 0 where they were removed.
    pub evidence_bytes: u64,
    /// When its outputs and logs were removed or archived.
    pub evidence_removed: Option<Timestamp>,
    /// The file that they were archived to.
    pub archive: Option<String>,
}

/// How far a run is that is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProgress {
    /// Its first stage has begun.
    pub begun: bool,
    /// Stages that are over, of those that it would have if all went well; only those that have scripts.
    pub done: u32,
    /// All of these.
    pub stages: u32,
}

/// One file that a run left: `GET /runs/RUN/outputs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutputEntry {
    /// Folder of the stage: `03-copy_to-run`.
    pub stage: String,
    /// The host's name.
    pub machine: String,
    /// Number of the attempt.
    pub attempt: u32,
    /// Path relative to the run's folder.
    pub file: String,
    /// Path on the machine, for a collected log; `null` for the stage's output and for an artifact.
    pub log: Option<String>,
    /// Path on the machine, for a file that the script kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Bytes.
    pub length: u64,
    /// All of them are here.
    pub complete: bool,
}

/// `GET /queue`: one waiting run, in the order in which they get a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueEntry {
    /// Position, from 1.
    pub position: u32,
    /// The run.
    pub run: RunId,
    /// The suite's name.
    pub suite: String,
    /// Who or what asked for it.
    pub trigger: String,
    /// Since when it waits.
    pub queued: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// A suite: `GET /suites`, `GET /suites/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SuiteInfo {
    /// Its name.
    pub name: String,
    /// Title for people, where there is one.
    pub title: Option<String>,
    /// Its definition's file, absolute; empty where it is not defined any more.
    pub file: String,
    /// A definition of that name is loaded; `false`: only its history is left.
    pub defined: bool,
    /// It must not be run: its definition has errors.
    pub broken: bool,
    /// Names of its clusters.
    pub clusters: Vec<String>,
    /// Names of its cases in order.
    pub cases: Vec<String>,
    /// In the manual's words.
    pub state: StateWord,
    /// Since when it is in that state; `null`: since it was defined.
    pub since: Option<Timestamp>,
    /// Its latest runs, newest first.
    pub runs: Vec<RunSummary>,
    /// Its schedule, with the next start, in the answer about one suite with the next ten; `null`: it is run by hand
    /// only.
    #[serde(default)]
    pub schedule: Option<ScheduledSuite>,
    /// Its states, newest first; in the answer about one suite only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Transition>,
}

/// A cluster: `GET /clusters`, `GET /clusters/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterInfo {
    /// Its name.
    pub name: String,
    /// Its definition's file, absolute; empty where it is not defined any more.
    pub file: String,
    /// A definition of that name is loaded; `false`: only its history is left.
    pub defined: bool,
    /// It can't be started: its definition has errors.
    pub broken: bool,
    /// Its hosts are physical machines.
    pub external: bool,
    /// Names of its hosts.
    pub hosts: Vec<String>,
    /// In the manual's words.
    pub state: StateWord,
    /// Since when it is in that state; `null`: since it was defined.
    pub since: Option<Timestamp>,
    /// Its instances of which something may be left.
    pub instances: Vec<InstanceInfo>,
    /// Its states, newest first; in the answer about one cluster only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Transition>,
}

/// A hypervisor agent: `GET /hypervisors`, `GET /hypervisors/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HypervisorInfo {
    /// Its name.
    pub name: HypervisorName,
    /// In the manual's words.
    pub state: StateWord,
    /// Since when it is in that state.
    pub since: Option<Timestamp>,
    /// In contact.
    pub connected: bool,
    /// `sandbox`, `libvirt`.
    pub provider: String,
    /// What it offers; `null` where it has not been in contact since the engine's start.
    pub room: Option<Room>,
    /// What is left of that.
    pub free: Option<Room>,
    /// What definitions may ask for beside its name.
    #[serde(default)]
    pub labels: Vec<String>,
    /// What there is to know of its way to make machines, in words; else empty.
    #[serde(default)]
    pub detail: String,
    /// How busy its machine is; `null` where that was not told, or where it is not in contact.
    #[serde(default)]
    pub load: Option<Load>,
    /// By how much its machine's clock is ahead of the engine's, in milliseconds; absent where that was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_ms: Option<i64>,
    /// Who holds it, so that nothing new is made on it; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
    /// Who refuses it, since when and why; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<RevocationInfo>,
    /// What it has.
    pub instances: Vec<InstanceInfo>,
    /// Its states, newest first; in the answer about one only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Transition>,
}

/// A slave agent: of a machine that an instance has or had, or of a physical machine. `GET /slaves`,
/// `GET /slaves/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SlaveInfo {
    /// `INSTANCE/HOST`; of a physical machine its host name.
    pub name: String,
    /// The host's name.
    pub host: String,
    /// It joined by itself.
    pub physical: bool,
    /// In contact.
    pub connected: bool,
    /// In the manual's words.
    pub state: StateWord,
    /// Since when it is in that state.
    pub since: Option<Timestamp>,
    /// What is known beside that, in words; else empty.
    pub detail: String,
    /// The run that it works for.
    pub run: Option<RunId>,
    /// Who refuses it, since when and why; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<RevocationInfo>,
    /// Its states, newest first; in the answer about one only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Transition>,
}

/// `POST /tokens`: asks for a one-time join token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Who may join with it.
    pub agent: AgentName,
    /// For how long it is good, in seconds; absent: a day.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 2_592_000)))]
    pub valid_s: Option<u64>,
}

/// The answer to [`TokenRequest`]: the only time that the token is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenCreated {
    /// Its id in lists.
    pub id: String,
    /// The secret to give to the agent.
    pub token: String,
    /// Who may join with it.
    pub agent: AgentName,
    /// Where the agent connects: `IP:PORT`. An address that every interface has (0.0.0.0) is for the user to replace.
    pub engine: String,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// A token in a list: `GET /tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenInfo {
    /// The beginning of its secret's digest.
    pub id: String,
    /// Whom it lets join: `hypervisor/NAME`, `slave/NAME`, `slave/INSTANCE/HOST`; `api/NAME`: what uses the API with it.
    pub identity: String,
    /// What may be done with it, where it is a token for the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
    /// When it was used.
    pub used: Option<Timestamp>,
}

/// `PUT /log-level`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogLevel {
    /// `info`, or a filter such as `info,xrdtest_engine=debug`.
    pub log_level: String,
}

/// The body of every answer that is not good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// What is wrong, for people.
    pub error: String,
    /// What to do; else empty.
    #[serde(default)]
    pub help: String,
    /// The diagnostics of a definition that can't be run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}
