//! A run's own copy of everything it uses, resolved: no file of the repository is read again for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::definition::{AlertPolicy, CoreDumps, Forward, short_name};
use crate::limits::Limits;
use crate::origin::Origin;
use crate::room::Room;
use crate::stage::{StageId, StageKind};

/// One run of one suite, ready to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunPlan {
    /// The suite's name.
    pub suite: String,
    /// Absolute path of the repository whose files `/downloadScript` serves to this run's machines.
    pub repository: String,
    /// The clusters it needs, at least one.
    pub clusters: Vec<Arc<ClusterPlan>>,
    /// FQDNs of the hosts that run scripts, in the order of the clusters' hosts. Never empty, no duplicates, and
    /// unique over all clusters.
    pub machines: Vec<String>,
    /// Suite initialize.
    pub initialize: Arc<Script>,
    /// Suite finalize.
    pub finalize: Option<Arc<Script>>,
    /// The cases that this run carries out, in order; a case's position here is its index.
    pub cases: Vec<CasePlan>,
    /// Log files to collect after each stage, with @tags@ still in place.
    pub logs: Vec<String>,
    /// The suite's own tags.
    pub tags: BTreeMap<String, String>,
    /// Those of them that have other values in this run than the definition says.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overridden: BTreeSet<String>,
    /// Its limits.
    pub limits: Limits,
    /// Who gets mail, and about what.
    pub alerts: Alerts,
    /// If the run does not pass, its instances are left as they are for a while, for people to look into.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_on_failure: bool,
    /// What becomes of crashes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub core_dumps: CoreDumps,
    /// Where its files came from, as far as an engine knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Mail of a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alerts {
    /// Addresses.
    pub emails: Vec<String>,
    /// When it passed.
    pub success: AlertPolicy,
    /// When it did not.
    pub failure: AlertPolicy,
}

/// One case of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CasePlan {
    /// Its name; not unique within a run.
    pub name: String,
    /// FQDNs of the hosts that take part: a subset of [`RunPlan::machines`], in that order, never empty.
    pub machines: Vec<String>,
    /// Case initialize.
    pub initialize: Option<Arc<Script>>,
    /// Case run.
    pub run: Arc<Script>,
    /// Case finalize.
    pub finalize: Option<Arc<Script>>,
}

/// A script as it will be run, tags not yet replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Script {
    /// Where it came from, for people: `suites/ts_001_mm/tc/copy_to/run.sh`, `inline`, a URL.
    pub origin: String,
    /// SHA-256 of the text, in hexadecimal.
    pub digest: String,
    /// The text. Scripts are text: bytes that are not UTF-8 are refused when the run is snapshotted.
    pub text: String,
}

/// A cluster as it will be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterPlan {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: NetworkPlan,
    /// Its hosts, at least one.
    pub hosts: Vec<HostPlan>,
    /// Its hosts are physical machines whose slave agents joined by themselves: nothing is made, and the network and
    /// the hosts' addresses may be unset (0.0.0.0).
    #[serde(default, skip_serializing_if = "is_false")]
    pub external: bool,
    /// Name or label of the hypervisor that shall make it; `None`: any that can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
}

/// A cluster's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NetworkPlan {
    /// Its name.
    pub name: String,
    /// Name of the bridge, at most 15 characters.
    pub bridge_name: String,
    /// Its own address: the bridge's, and `master.xrd.test`'s.
    pub ip: Ipv4Addr,
    /// Length of the prefix, 0 to 32.
    pub prefix: u8,
    /// First and last address for DHCP.
    pub dhcp_range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The balanced alias and the addresses behind it.
    pub lb_alias: Option<(String, Vec<Ipv4Addr>)>,
    /// What its machines reach beyond it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub forward: Forward,
}

/// A host as it will be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostPlan {
    /// FQDN.
    pub name: String,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Six bytes, colon-separated, lower case.
    pub mac: String,
    /// As written, where it is.
    pub uuid: Option<String>,
    /// Memory in KiB.
    pub ram_kib: u64,
    /// Processor architecture; `None`: the hypervisor's.
    pub arch: Option<String>,
    /// Boot image.
    pub boot_image: Option<String>,
    /// A fresh overlay of the image for each start.
    pub cache_boot_image: bool,
    /// Virtual cores.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub vcpus: u32,
    /// Kernel that is booted directly; such a host needs no boot image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The kernel's initial root file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<String>,
    /// Command line of a kernel that is booted directly; `None`: the hypervisor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// Emulator; `None`: the hypervisor's.
    pub emulator_path: Option<String>,
    /// Further DNS names.
    pub aliases: Vec<String>,
    /// Whether the host's names are in the network's DNS.
    pub in_dns: bool,
    /// Disks.
    pub disks: Vec<DiskPlan>,
}

/// A disk as it will be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiskPlan {
    /// Unique within the host; safe as a file's name.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Device name in the guest, without `/dev/`.
    pub device: String,
    /// Absolute path.
    pub mount_point: String,
    /// Keep the content between runs where the provider can.
    pub cache: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> u32 {
    1
}

fn is_one(value: &u32) -> bool {
    *value == 1
}

impl RunPlan {
    /// The stages of this run in order of execution when nothing fails, scripts or not.
    pub fn stages(&self) -> impl Iterator<Item = StageId> + '_ {
        let cases = (0u32..).zip(&self.cases).flat_map(|(index, _)| {
            [StageKind::Initialize, StageKind::Run, StageKind::Finalize]
                .map(|kind| StageId::of_case(index, kind))
        });
        std::iter::once(StageId::SUITE_INITIALIZE)
            .chain(cases)
            .chain(std::iter::once(StageId::SUITE_FINALIZE))
    }

    /// The case at a position.
    pub fn case(&self, index: u32) -> Option<&CasePlan> {
        self.cases.get(usize::try_from(index).ok()?)
    }

    /// The script of a stage; `None` where it has none, which counts as passed at once.
    pub fn script(&self, stage: StageId) -> Option<&Arc<Script>> {
        match (stage.case, stage.kind) {
            (None, StageKind::Initialize) => Some(&self.initialize),
            (None, StageKind::Finalize) => self.finalize.as_ref(),
            (None, StageKind::Run) => None,
            (Some(index), kind) => {
                let case = self.case(index)?;
                match kind {
                    StageKind::Initialize => case.initialize.as_ref(),
                    StageKind::Run => Some(&case.run),
                    StageKind::Finalize => case.finalize.as_ref(),
                }
            }
        }
    }

    /// The further names of the hosts that have any.
    pub fn aliases(&self) -> BTreeMap<&str, &[String]> {
        let hosts = self.clusters.iter().flat_map(|cluster| &cluster.hosts);
        let named = hosts.filter(|host| !host.aliases.is_empty());
        named.map(|host| (host.name.as_str(), host.aliases.as_slice())).collect()
    }

    /// The hosts that take part in a stage.
    pub fn machines_of(&self, stage: StageId) -> &[String] {
        match stage.case {
            None => &self.machines,
            Some(index) => self.case(index).map_or(&[], |case| &case.machines),
        }
    }

    /// All hosts that take part in any stage, in the order of the definition.
    pub fn hosts_that_take_part(&self) -> Vec<&str> {
        let hosts = self.clusters.iter().flat_map(|cluster| &cluster.hosts);
        let takes_part = |name: &str| {
            self.stages().any(|stage| self.machines_of(stage).iter().any(|machine| machine == name))
        };
        hosts.map(|host| host.name.as_str()).filter(|name| takes_part(name)).collect()
    }

    /// A folder's name for what a stage leaves, sorted in order of execution: `01-suite-initialize`,
    /// `03-copy_to-run`. Characters of case names that are unusual in file names become `_`.
    pub fn stage_folder(&self, stage: StageId) -> String {
        let position = self.stages().position(|other| other == stage).map_or(0, |index| index + 1);
        let subject =
            stage.case.and_then(|index| self.case(index)).map_or("suite", |case| case.name.as_str());
        format!("{position:02}-{}-{}", file_name(subject), stage.kind)
    }

    /// Where the output of a stage on a machine lies, relative to the run's folder:
    /// `outputs/03-copy_to-run/ds1.xrd.test.log`. Attempts after the first have their number in the name.
    pub fn output_path(&self, stage: StageId, host: &str, attempt: u32) -> String {
        let (folder, host) = (self.stage_folder(stage), file_name(host));
        match attempt {
            0 | 1 => format!("outputs/{folder}/{host}.log"),
            again => format!("outputs/{folder}/{host}.{again}.log"),
        }
    }

    /// Where a log file lies that a machine collected after a stage, relative to the run's folder:
    /// `logs/03-copy_to-run/ds1.xrd.test/var/log/xrootd.log`. `path` is the machine's word and can't lead out of the
    /// folder.
    pub fn log_path(&self, stage: StageId, host: &str, path: &str) -> String {
        self.collected_path("logs", stage, host, path)
    }

    /// Where a file lies that a script kept, relative to the run's folder:
    /// `artifacts/03-copy_to-run/ds1.xrd.test/tmp/report.xml`. `path` is the machine's word, as above.
    pub fn artifact_path(&self, stage: StageId, host: &str, path: &str) -> String {
        self.collected_path("artifacts", stage, host, path)
    }

    fn collected_path(&self, kind: &str, stage: StageId, host: &str, path: &str) -> String {
        let mut file = format!("{kind}/{}/{}", self.stage_folder(stage), file_name(host));
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
        let folder = file.len();
        for part in parts {
            file.push('/');
            file.push_str(part);
        }
        if file.len() == folder {
            file.push_str("/log");
        }
        file
    }

    /// A case in people's words: its name, and where it is not the first of that name, which one it is: `copy_to (2)`.
    pub fn case_title(&self, index: u32) -> String {
        title_of(self.cases.iter().map(|case| case.name.as_str()), index)
    }

    /// The stage in people's words: `suite initialize`, `copy_to / run`.
    pub fn stage_title(&self, stage: StageId) -> String {
        match stage.case.map(|index| (index, self.case(index))) {
            None => format!("suite {}", stage.kind),
            Some((index, Some(_))) => format!("{} / {}", self.case_title(index), stage.kind),
            Some((index, None)) => format!("case {index} / {}", stage.kind),
        }
    }
}

impl ClusterPlan {
    /// What an instance of it takes from a hypervisor.
    pub fn room(&self) -> Room {
        self.hosts.iter().fold(Room::default(), |sum, host| {
            sum.plus(&Room {
                memory_kib: host.ram_kib,
                cores: host.vcpus,
                disk_bytes: host.disks.iter().map(|disk| disk.bytes).fold(0, u64::saturating_add),
            })
        })
    }

    /// Every name of the network with its address, in the order of the hosts: FQDN, short name and aliases of each
    /// host, the balanced alias once per address, and `master.xrd.test`.
    pub fn names(&self) -> Vec<(Ipv4Addr, Vec<String>)> {
        let mut names = vec![(self.network.ip, vec!["master.xrd.test".to_owned(), "master".to_owned()])];
        for host in self.hosts.iter().filter(|host| host.in_dns) {
            let mut of_host = vec![host.name.clone()];
            if short_name(&host.name) != host.name {
                of_host.push(short_name(&host.name).to_owned());
            }
            of_host.extend(host.aliases.iter().cloned());
            names.push((host.ip, of_host));
        }
        if let Some((alias, addresses)) = &self.network.lb_alias {
            names.extend(addresses.iter().map(|address| (*address, vec![alias.clone()])));
        }
        names
    }
}

/// The name at a position in a list, numbered where it is not the first such: `copy_to`, `copy_to (2)`.
pub fn title_of<'a>(names: impl Iterator<Item = &'a str> + Clone, index: u32) -> String {
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let Some(name) = names.clone().nth(index) else { return format!("case {index}") };
    match names.take(index).filter(|other| *other == name).count() {
        0 => name.to_owned(),
        before => format!("{name} ({})", before + 1),
    }
}

/// Where the serial console of a machine lies, relative to its run's folder: `consoles/ds1.xrd.test.log`.
pub fn console_path(host: &str) -> String {
    format!("consoles/{}.log", file_name(host))
}

/// `text` as a file's name: what is neither letter, digit, `-`, `_` nor `.` becomes `_`, and so does a leading dot.
pub fn file_name(text: &str) -> String {
    let safe = |(index, c): (usize, char)| match c {
        '.' if index == 0 => '_',
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
        _ => '_',
    };
    text.chars().enumerate().map(safe).collect()
}
