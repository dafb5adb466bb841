//! What `.rhai` files say, field by field as written, under the manual's names (in Rust's spelling), with defaults
//! filled in where the manual gives one. Sources: manual chapters 6, 7 and 9; `docs/definitions.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

/// All definitions of all repositories as last loaded. Immutable.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Counts loads; a greater number is newer.
    pub generation: u64,
    /// By name. Only those that could be evaluated; see [`Source::broken`].
    pub suites: BTreeMap<String, Arc<SuiteDefinition>>,
    /// By name.
    pub clusters: BTreeMap<String, Arc<ClusterDefinition>>,
    /// Suites that could not be evaluated at all, by name. Their sources are [`Source::broken`].
    pub unreadable_suites: BTreeMap<String, Source>,
    /// Clusters, the same.
    pub unreadable_clusters: BTreeMap<String, Source>,
    /// Everything found wrong, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Where a definition came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// Absolute path of the repository's root.
    pub repository: String,
    /// Path of the `.rhai` file relative to that root.
    pub file: Arc<str>,
    /// Folder of the suite's scripts, or of the cluster's other files, relative to that root.
    pub folder: String,
    /// Whether a diagnostic of severity error is about this definition: it must not be run.
    pub broken: bool,
}

/// Text of a script, or where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScriptRef {
    /// The script's text stands in the definition (it begins with `#!`).
    Inline(String),
    /// A file below the repository's root; the path is relative to the root.
    File(String),
    /// A file elsewhere on the engine's machine: an absolute path. Allowed only below configured roots.
    AbsoluteFile(String),
    /// http(s). Allowed only from configured hosts; fetched when a run is snapshotted.
    Url(String),
}

/// `TestSuite` (manual 6.1, 9.1.16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SuiteDefinition {
    /// Unique; the file's and the folder's name.
    pub name: String,
    /// `descName`: a title for people.
    pub desc_name: Option<String>,
    /// Names of the clusters that the suite needs.
    pub clusters: Vec<String>,
    /// Hosts that run scripts, as written (FQDNs or short names); empty: all hosts.
    pub machines: Vec<String>,
    /// When to run; `None`: by hand only.
    pub schedule: Option<Schedule>,
    /// How the schedule is taken.
    #[serde(default)]
    pub timing: Timing,
    /// Cases in order; one may stand there more than once.
    pub tests: Vec<CaseDefinition>,
    /// Suite initialize; mandatory, so `None` only in a broken definition.
    pub initialize: Option<ScriptRef>,
    /// Suite finalize.
    pub finalize: Option<ScriptRef>,
    /// Log files to collect after each stage; may hold @tags@.
    pub logs: Vec<String>,
    /// Who gets mail.
    pub alert_emails: Vec<String>,
    /// Mail policy for success.
    pub alert_success: AlertPolicy,
    /// Mail policy for failure.
    pub alert_failure: AlertPolicy,
    /// What becomes of core dumps and other crashes.
    #[serde(default)]
    pub core_dumps: CoreDumps,
    /// Limit of the whole run, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Limit of any one stage, in milliseconds.
    pub stage_timeout_ms: Option<u64>,
    /// The suite's own tags: `@name@` in scripts becomes the value.
    pub tags: BTreeMap<String, String>,
    /// Where it came from.
    pub source: Source,
}

/// `TestCase`: by name (a folder below `tc/`), or with scripts of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseDefinition {
    /// The folder below `tc/`, or any name where all scripts are given.
    pub name: String,
    /// Hosts that take part, as written; empty: all that take part in the suite.
    pub machines: Vec<String>,
    /// Case initialize.
    pub initialize: Option<ScriptRef>,
    /// Case run; mandatory, so `None` only in a broken definition.
    pub run: Option<ScriptRef>,
    /// Case finalize.
    pub finalize: Option<ScriptRef>,
}

/// Mail policies (manual 6.1.1, "Getting email alerts").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum AlertPolicy {
    /// One mail about the whole run.
    Suite,
    /// Mails about each case, and what `Suite` implies.
    Case,
    /// No mail.
    None,
}

/// What becomes of a core dump, and of a fault of the kernel, that is found after a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum CoreDumps {
    /// It is kept with the run, and the stage is marked; the outcome is the script's.
    #[default]
    Mark,
    /// The same, and a stage that would have passed has failed.
    Fail,
    /// Nobody looks for any.
    Off,
}

/// When a suite runs (manual 6.1.1, "Scheduling test suites"), as written and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// A map of APScheduler's fields: `year month day week day_of_week hour minute second`.
    Fields(BTreeMap<String, String>),
    /// Five-field cron.
    Cron(String),
}

/// How a schedule is taken: what stands beside `schedule` in a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Timing {
    /// The IANA time zone of the schedule; `None`: the engine's.
    pub timezone: Option<String>,
    /// What becomes of starts at which the engine was down.
    pub missed: MissedStart,
    /// What becomes of a start while an earlier one's run is not over.
    pub overlap: Overlap,
    /// A start is put off by a random time up to this, in milliseconds.
    pub jitter_ms: Option<u64>,
}

/// What becomes of starts at which the engine was down, or its schedules off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissedStart {
    /// Nothing.
    #[default]
    Skip,
    /// However many there were, one run makes up for them.
    Once,
}

/// What becomes of a start while a run is not over that an earlier start of the suite led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is queued, except where one waits already.
    #[default]
    Queue,
    /// It is left out.
    Skip,
}

/// `Cluster` (manual chapter 9.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterDefinition {
    /// Unique; the file's (and folder's) name.
    pub name: String,
    /// `info`: free text for people.
    pub info: Option<String>,
    /// The network that all hosts share.
    pub network: NetworkDefinition,
    /// The hosts in the order added, each with what it lacks taken from `defaultHost`.
    pub hosts: Vec<HostDefinition>,
    /// `external`: the hosts are physical machines whose slave agents joined by themselves.
    pub external: bool,
    /// `hypervisor`: name or label of the hypervisor that shall make it; `None`: any that can.
    pub hypervisor: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// `Network`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NetworkDefinition {
    /// Unique within a repository.
    pub name: String,
    /// `bridgeName`, at most 15 characters; `None`: derived from the name.
    pub bridge_name: Option<String>,
    /// The network's own address, where `master.xrd.test` is; text of an IPv4 address.
    pub ip: String,
    /// Text of a netmask.
    pub netmask: String,
    /// `DHCPRange`: first and last address.
    pub dhcp_range: Option<(String, String)>,
    /// `lbAlias`: one name for all of `lb_hosts`.
    pub lb_alias: Option<String>,
    /// `lbHosts`: host names.
    pub lb_hosts: Vec<String>,
    /// `forward`, default `nat`.
    pub forward: Forward,
    /// Names of the hosts with a static DHCP lease: all that were given to `addHost(s)` or `addDhcpHost`.
    pub dhcp_hosts: Vec<String>,
    /// Names of the hosts in the network's DNS: all that were given to `addHost(s)` or `addDnsHost`.
    pub dns_hosts: Vec<String>,
}

/// What machines reach beyond their network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Forward {
    /// Whatever the hypervisor's machine reaches, by address translation.
    #[default]
    Nat,
    /// Nothing.
    Isolated,
}

/// `Host`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostDefinition {
    /// FQDN, unique within the cluster.
    pub name: String,
    /// IPv4 address as text.
    pub ip: String,
    /// `net`: the network's name.
    pub net: String,
    /// `mac`: colon-separated; `None`: derived from cluster and host.
    pub mac: Option<String>,
    /// `uuid`; `None`: made for each instance.
    pub uuid: Option<String>,
    /// `ramSize` in KiB.
    pub ram_kib: u64,
    /// `vcpus`, default 1.
    pub vcpus: u32,
    /// `arch`: `x86_64`, `aarch64` …; `None`: the hypervisor's.
    pub arch: Option<String>,
    /// `bootImage`: a volume of the hypervisor's pool. Machines of the sandbox need none.
    pub boot_image: Option<String>,
    /// `cacheBootImage`, default true.
    pub cache_boot_image: bool,
    /// `kernel`: a volume of the hypervisor's pool, booted directly.
    pub kernel: Option<String>,
    /// `initrd`: a volume of the hypervisor's pool, the initial root file system of `kernel`.
    pub initrd: Option<String>,
    /// `cmdline`: the kernel's command line, where it is booted directly.
    pub cmdline: Option<String>,
    /// `emulatorPath`; `None`: the hypervisor's.
    pub emulator_path: Option<String>,
    /// Further DNS names; several hosts may share one.
    pub aliases: Vec<String>,
    /// Disks in order.
    pub disks: Vec<DiskDefinition>,
}

/// `Disk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiskDefinition {
    /// Unique within the host.
    pub name: String,
    /// Size as written: `20G`.
    pub size: String,
    /// The same in bytes.
    pub bytes: u64,
    /// `device`, default `vda`.
    pub device: String,
    /// `mountPoint`, default `/data`.
    pub mount_point: String,
    /// `cache`, default true: keep the content between runs where the provider can.
    pub cache: bool,
}

impl HostDefinition {
    /// The name up to the first dot.
    pub fn short_name(&self) -> &str {
        short_name(&self.name)
    }
}

/// A host's name up to the first dot.
pub fn short_name(fqdn: &str) -> &str {
    fqdn.split('.').next().unwrap_or(fqdn)
}
