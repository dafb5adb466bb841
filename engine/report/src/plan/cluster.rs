//! The part of a plan that is about a cluster.

use xrdtest_model::definition::Forward;
use xrdtest_model::plan::{DiskPlan, HostPlan, NetworkPlan};
use xrdtest_model::plan_document::EffectiveCluster;
use xrdtest_model::room::Room;
use xrdtest_model::size::human_bytes;

use super::page::{Page, list};
use crate::findings::plural;

/// `8 GiB of memory, 8 cores, 10 GiB of disk`.
pub(super) fn room(room: &Room) -> String {
    let memory = human_bytes(room.memory_kib.saturating_mul(1024));
    let cores = plural(room.cores as usize, "core");
    match room.disk_bytes {
        0 => format!("{memory} of memory and {cores}"),
        disk => format!("{memory} of memory, {cores} and {} of disk", human_bytes(disk)),
    }
}

/// A cluster with its network, hosts and disks.
pub(super) fn cluster(page: &mut Page, cluster: &EffectiveCluster) {
    page.heading(&format!("Cluster {}", cluster.name), &cluster.file);
    let pairs = [
        ("network", cluster.network.as_ref().map(network).unwrap_or_default()),
        ("addresses", cluster.network.as_ref().map(addresses).unwrap_or_default()),
        ("needs", needs(cluster)),
        (
            "asks for",
            cluster.hypervisor.as_ref().map(|name| format!("hypervisor {name}")).unwrap_or_default(),
        ),
        ("boots", boots(&cluster.hosts)),
    ];
    page.pairs(pairs.into_iter());
    let several = boots(&cluster.hosts).is_empty();
    let rows = cluster.hosts.iter().flat_map(|host| rows(host, several, cluster.external));
    let rows: Vec<Vec<String>> = rows.collect();
    page.table(&["HOST", "ADDRESS", "MEMORY", "CORES", "DISK", "SIZE", "AT", "MORE"], &rows);
}

fn network(network: &NetworkPlan) -> String {
    let forward = match network.forward {
        Forward::Nat => "reaches what its hypervisor reaches (nat)",
        Forward::Isolated => "isolated",
    };
    format!("{}, bridge {}, {forward}", network.name, network.bridge_name)
}

fn addresses(network: &NetworkPlan) -> String {
    let mut text = format!("{}/{} (master.xrd.test)", network.ip, network.prefix);
    if let Some((first, last)) = network.dhcp_range {
        text.push_str(&format!(", DHCP {first} to {last}"));
    }
    if let Some((alias, addresses)) = &network.lb_alias {
        let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        text.push_str(&format!(", {alias} is each of {}", list(&all)));
    }
    text
}

fn needs(cluster: &EffectiveCluster) -> String {
    match (cluster.external, cluster.hosts.len()) {
        (_, 0) => String::new(),
        (true, hosts) => format!("{}, which are there already", plural(hosts, "physical machine")),
        (false, hosts) => format!("{} for {}", room(&cluster.room), plural(hosts, "machine")),
    }
}

/// What all hosts boot from; empty where they differ, or need nothing.
fn boots(hosts: &[HostPlan]) -> String {
    match hosts.split_first() {
        Some((first, rest)) if rest.iter().all(|host| boot(host) == boot(first)) => boot(first),
        _ => String::new(),
    }
}

fn boot(host: &HostPlan) -> String {
    let parts = [("image", &host.boot_image), ("kernel", &host.kernel), ("initrd", &host.initrd)];
    let parts = parts.iter().filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
    parts.collect::<Vec<_>>().join(", ")
}

/// A line for the host with its first disk, and one for each further disk.
fn rows(host: &HostPlan, several_boots: bool, external: bool) -> Vec<Vec<String>> {
    let mut more = Vec::new();
    if !host.aliases.is_empty() {
        more.push(format!("also {}", host.aliases.join(", ")));
    }
    if several_boots && !boot(host).is_empty() {
        more.push(boot(host));
    }
    let unless = |text: String, left_out: bool| if left_out { String::new() } else { text };
    let mut rows = vec![vec![
        host.name.clone(),
        unless(host.ip.to_string(), host.ip.is_unspecified()),
        unless(human_bytes(host.ram_kib.saturating_mul(1024)), external),
        unless(host.vcpus.to_string(), external),
    ]];
    for (index, disk) in host.disks.iter().enumerate() {
        if index > 0 {
            rows.push(vec![String::new(); 4]);
        }
        if let Some(row) = rows.last_mut() {
            row.extend(of_disk(disk));
        }
    }
    if let Some(first) = rows.first_mut() {
        first.resize(7, String::new());
        first.push(more.join("; "));
    }
    rows
}

fn of_disk(disk: &DiskPlan) -> [String; 3] {
    let kept = if disk.cache { "" } else { ", emptied" };
    let DiskPlan { name, device, mount_point, .. } = disk;
    [name.clone(), human_bytes(disk.bytes), format!("{mount_point} ({device}{kept})")]
}
