//! The plan document `xrdtest.plan/1`: what `xrdtest plan NAME --format json` prints. What a definition says stands in
//! it as written, and beside it what becomes of that.
//!
//! Fields are only ever added within a version. The golden file is `engine/report/tests/golden/plan-1.json`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::definition::{MissedStart, Overlap};
use crate::diagnostic::Diagnostic;
use crate::ids::HypervisorName;
use crate::plan::{Alerts, HostPlan, NetworkPlan};
use crate::room::Room;
use crate::stage::StageKind;

/// The value of [`PlanDocument::schema`].
pub const SCHEMA: &str = "xrdtest.plan/1";

/// A value as a definition has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A string.
    Text(String),
    /// An integer.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// An array.
    List(Vec<Self>),
    /// An object or a map: fields in the order of the manual, or by name.
    Fields(Vec<(String, Self)>),
}

impl Written {
    /// A field of an object.
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Fields(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// What a plan is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// A suite.
    Suite,
    /// A cluster.
    Cluster,
}

/// What would happen, without anything happening.
#[derive(Clone, Debug, Serialize)]
pub struct PlanDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What it is about.
    pub kind: PlanKind,
    /// The name of the suite or cluster.
    pub name: String,
    /// File of its definition, relative to the repository.
    pub file: String,
    /// Absolute path of the repository's root.
    pub repository: String,
    /// It could be run, or started, as it stands here.
    pub runnable: bool,
    /// The suite's fields as written; `null` for a cluster, and where it could not be evaluated.
    pub suite: Option<Written>,
    /// The fields of its clusters as written; those that could not be evaluated are missing.
    pub clusters: Vec<Written>,
    /// What becomes of that.
    pub effective: Effective,
    /// Everything found about these definitions, by file and place. Printed as `check --format json` prints findings.
    #[serde(skip)]
    pub diagnostics: Vec<Diagnostic>,
}

/// What becomes of what is written.
#[derive(Clone, Debug, Serialize)]
pub struct Effective {
    /// The suite.
    pub suite: Option<EffectiveSuite>,
    /// Its clusters, in its order.
    pub clusters: Vec<EffectiveCluster>,
    /// What all of them take together.
    pub room: Room,
    /// Where they fit.
    pub placement: PlannedPlacement,
}

/// A suite as it would run.
#[derive(Clone, Debug, Serialize)]
pub struct EffectiveSuite {
    /// Its title for people.
    pub title: Option<String>,
    /// Folder of its scripts, relative to the repository.
    pub folder: String,
    /// FQDNs of the hosts that run scripts.
    pub machines: Vec<String>,
    /// Limits of the run.
    pub limits: PlannedLimits,
    /// When it starts; `null`: by hand only.
    pub schedule: Option<PlannedSchedule>,
    /// The suite's own tags.
    pub tags: BTreeMap<String, String>,
    /// Log files collected after each stage.
    pub logs: Vec<PlannedLog>,
    /// Who gets mail.
    pub alerts: Alerts,
    /// Its stages in order of execution.
    pub stages: Vec<PlannedStage>,
    /// What keeps it from being run beside diagnostics, in words.
    pub problems: Vec<String>,
}

/// A limit, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedLimit {
    /// Milliseconds or bytes, as the limit's name says.
    pub value: u64,
    /// Who says so.
    pub from: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It is written in the definition.
    Definition,
    /// Nothing is written; an engine's configuration may have another default.
    Default,
}

/// The limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedLimits {
    /// The whole run.
    pub run_ms: PlannedLimit,
    /// Any one stage.
    pub stage_ms: PlannedLimit,
    /// The start of a cluster.
    pub cluster_start_ms: PlannedLimit,
    /// Waiting in the queue.
    pub queue_wait_ms: PlannedLimit,
    /// Output kept per stage and machine.
    pub output_bytes: PlannedLimit,
    /// Kept per collected log file.
    pub log_bytes: PlannedLimit,
}

/// When a suite starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedSchedule {
    /// In plain words; empty where it means nothing.
    pub words: String,
    /// The time zone.
    pub timezone: String,
    /// Who says so.
    pub timezone_from: Origin,
    /// What becomes of missed starts.
    pub missed: MissedStart,
    /// What becomes of a start while a run is not over.
    pub overlap: Overlap,
    /// Each start is put off by a random time up to this.
    pub jitter_ms: u64,
    /// The next starts, jitter not counted.
    pub starts: Vec<PlannedStart>,
    /// Why there are none.
    pub problem: Option<String>,
}

/// One start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedStart {
    /// RFC 3339, UTC.
    pub at: String,
    /// On the clock of the schedule's time zone.
    pub local: String,
}

/// A log file that is collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedLog {
    /// As written.
    pub path: String,
    /// The path by machine, where the tags in it are known.
    pub paths: BTreeMap<String, String>,
}

/// One stage: a barrier over its machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedStage {
    /// Position, from 1.
    pub number: usize,
    /// Position of the case; `null` for the suite's own stages.
    pub case_index: Option<u32>,
    /// The case's name; `null` for the suite's own stages.
    pub case: Option<String>,
    /// `initialize`, `run`, `finalize`.
    pub stage: StageKind,
    /// FQDNs of its machines.
    pub machines: Vec<String>,
    /// Its script; `null`: it has none, and passes at once.
    pub script: Option<PlannedScript>,
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedScript {
    /// Its path relative to the repository, its URL, or `inline`.
    pub origin: String,
    /// SHA-256 in hexadecimal; `null` where it can't be read.
    pub digest: Option<String>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// Why it can't be used.
    pub problem: Option<String>,
    /// The tags in it, by name.
    pub tags: Vec<PlannedTag>,
}

/// A tag in a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedTag {
    /// Without the at signs.
    pub name: String,
    /// Who gives its value.
    pub from: TagSource,
    /// Its value, where all machines of the stage have the same.
    pub value: Option<String>,
    /// Its value by machine, where they differ.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// What there is to know of it where its value is not known yet; else empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Who gives a tag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TagSource {
    /// `ts.tags`.
    Suite,
    /// The machine's name.
    Machine,
    /// Whoever makes the machine: the value is known when it starts.
    Hypervisor,
    /// Nobody: the text stays as it is.
    Unknown,
}

/// A cluster as it would be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EffectiveCluster {
    /// Its name.
    pub name: String,
    /// File of its definition, relative to the repository; empty where there is none.
    pub file: String,
    /// Its hosts are physical machines.
    pub external: bool,
    /// Name or label of the hypervisor that it asks for.
    pub hypervisor: Option<String>,
    /// Its network; `null` where the addresses can't be read.
    pub network: Option<NetworkPlan>,
    /// Its hosts.
    pub hosts: Vec<HostPlan>,
    /// What it takes.
    pub room: Room,
    /// Why it can't be started.
    pub problem: Option<String>,
}

/// Whether and where the clusters fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlannedPlacement {
    /// An engine was asked.
    pub asked: bool,
    /// Which, or why none was.
    pub engine: String,
    /// Whether all clusters would get a place now; `null` where that is not known.
    pub fits: Option<bool>,
    /// Where.
    pub places: Vec<PlannedPlace>,
    /// Why not, in words; else empty.
    pub reason: String,
    /// Runs that wait already, and come first.
    pub waiting: usize,
    /// The engine's hypervisors, by name.
    pub hypervisors: Vec<PlannedSite>,
}

/// Where a cluster would be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedPlace {
    /// The cluster.
    pub cluster: String,
    /// The hypervisor.
    pub hypervisor: HypervisorName,
}

/// A hypervisor, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedSite {
    /// Its name.
    pub name: HypervisorName,
    /// In contact.
    pub connected: bool,
    /// `sandbox`, `libvirt`.
    pub provider: String,
    /// What it has in all.
    pub room: Option<Room>,
    /// What is left.
    pub free: Option<Room>,
    /// Why a cluster can't be made there now, by the cluster's name; those that can are missing.
    pub obstacles: BTreeMap<String, String>,
}
