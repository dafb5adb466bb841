//! Plans and reports in few words, shared by scenarios and simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use xrdtest_model::definition::AlertPolicy;
use xrdtest_model::definition::Forward;
use xrdtest_model::plan::{Alerts, CasePlan, ClusterPlan, HostPlan, NetworkPlan, RunPlan, Script};
use xrdtest_model::room::Room;
use xrdtest_model::{FinishedReport, Limits, Outcome, Timestamp};
use xrdtest_orchestrator::Ability;

pub(crate) const GIB_IN_KIB: u64 = 1 << 20;

/// A script of which nothing matters.
pub(crate) fn script(origin: &str) -> Arc<Script> {
    Arc::new(Script { origin: origin.to_owned(), digest: String::new(), text: "#!/bin/sh\n".to_owned() })
}

/// A cluster of hosts with 1 GiB each, on the subnet 10.0.`subnet`.0/24.
pub(crate) fn cluster(name: &str, subnet: u8, hosts: &[&str]) -> Arc<ClusterPlan> {
    let host = |(index, host): (u16, &&str)| HostPlan {
        name: (*host).to_owned(),
        ip: Ipv4Addr::new(10, index.to_be_bytes()[0], subnet, index.to_be_bytes()[1]),
        mac: String::new(),
        uuid: None,
        ram_kib: GIB_IN_KIB,
        arch: None,
        boot_image: None,
        cache_boot_image: true,
        vcpus: 1,
        kernel: None,
        initrd: None,
        cmdline: None,
        emulator_path: None,
        aliases: Vec::new(),
        in_dns: true,
        disks: Vec::new(),
    };
    Arc::new(ClusterPlan {
        external: false,
        hypervisor: None,
        name: name.to_owned(),
        network: NetworkPlan {
            name: format!("{name}_net"),
            bridge_name: format!("virbr_{name}"),
            ip: Ipv4Addr::new(10, 0, subnet, 1),
            prefix: 24,
            dhcp_range: None,
            lb_alias: None,
            forward: Forward::Nat,
        },
        hosts: (2u16..).zip(hosts).map(host).collect(),
    })
}

/// A cluster of physical machines; nothing is said about their network.
pub(crate) fn external(name: &str, hosts: &[&str]) -> Arc<ClusterPlan> {
    let mut cluster = ClusterPlan::clone(&cluster(name, 0, hosts));
    cluster.external = true;
    cluster.network.ip = Ipv4Addr::UNSPECIFIED;
    cluster.hosts.iter_mut().for_each(|host| host.ip = Ipv4Addr::UNSPECIFIED);
    Arc::new(cluster)
}

/// What the engine says of physical machines.
pub(crate) fn physical() -> Ability {
    Ability {
        provider: "external".to_owned(),
        room: Room { memory_kib: u64::MAX, cores: u32::MAX, disk_bytes: u64::MAX },
        labels: BTreeSet::new(),
        exclusive: false,
    }
}

/// A suite without cases, all of whose hosts run scripts.
pub(crate) fn suite(clusters: &[Arc<ClusterPlan>]) -> RunPlan {
    let hosts = clusters.iter().flat_map(|cluster| &cluster.hosts);
    RunPlan {
        suite: "suite".to_owned(),
        repository: "/repository".to_owned(),
        clusters: clusters.to_vec(),
        machines: hosts.map(|host| host.name.clone()).collect(),
        initialize: script("suite_init.sh"),
        finalize: Some(script("suite_finalize.sh")),
        cases: Vec::new(),
        logs: Vec::new(),
        tags: BTreeMap::new(),
        limits: Limits::default(),
        alerts: Alerts { emails: Vec::new(), success: AlertPolicy::None, failure: AlertPolicy::None },
        overridden: Default::default(),
        keep_on_failure: false,
        core_dumps: Default::default(),
        origin: None,
    }
}

/// A case with all three scripts on some hosts.
pub(crate) fn case(name: &str, machines: &[String]) -> CasePlan {
    CasePlan {
        name: name.to_owned(),
        machines: machines.to_vec(),
        initialize: Some(script("init.sh")),
        run: script("run.sh"),
        finalize: Some(script("finalize.sh")),
    }
}

/// A sandbox, or with `exclusive` a libvirt hypervisor, with so many GiB of memory and plenty of the rest.
pub(crate) fn ability(gib: u64, exclusive: bool) -> Ability {
    Ability {
        provider: if exclusive { "libvirt" } else { "sandbox" }.to_owned(),
        room: Room { memory_kib: gib * GIB_IN_KIB, cores: 1000, disk_bytes: u64::MAX },
        labels: BTreeSet::new(),
        exclusive,
    }
}

/// What an agent reports for a script that ended so.
pub(crate) fn report(outcome: Outcome, exit_code: Option<i32>, output_length: u64) -> FinishedReport {
    FinishedReport {
        outcome,
        exit_code,
        signal: (outcome == Outcome::Killed).then_some(9),
        reason: String::new(),
        started: Timestamp::from_millis(0),
        duration_ms: 5,
        output_length,
        output_lost: 0,
        leftovers: Vec::new(),
        logs: Vec::new(),
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }
}
