//! The part of a plan that is about a cluster.

use xrdtest_model::definition::{Forward, short_name};
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
        ("aliases", grouped(&cluster.hosts, |host| host.aliases.join(", "))),
        ("needs", needs(cluster)),
        (
            "asks for",
            cluster.hypervisor.as_ref().map(|name| format!("hypervisor {name}")).unwrap_or_default(),
        ),
        ("boots", if cluster.external { String::new() } else { grouped(&cluster.hosts, boot) }),
    ];
    page.pairs(pairs.into_iter());
    let rows: Vec<Vec<String>> = cluster.hosts.iter().flat_map(|host| rows(host, cluster.external)).collect();
    page.table(&["HOST", "ADDRESS", "MEMORY", "CORES", "DISK", "SIZE", "AT"], &rows);
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

/// What hosts have, and which have it where that is not all of them: `image a (m1, m2); image b (m3)`.
fn grouped(hosts: &[HostPlan], of: impl Fn(&HostPlan) -> String) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for host in hosts {
        let has = of(host);
        match groups.iter_mut().find(|(known, _)| *known == has) {
            Some((_, names)) => names.push(short_name(&host.name)),
            None => groups.push((has, vec![short_name(&host.name)])),
        }
    }
    if let [(only, _)] = groups.as_slice() {
        return only.clone();
    }
    let told = groups.iter().filter(|(has, _)| !has.is_empty());
    told.map(|(has, names)| format!("{has} ({})", names.join(", "))).collect::<Vec<_>>().join("; ")
}

fn boot(host: &HostPlan) -> String {
    let parts = [("image", &host.boot_image), ("kernel", &host.kernel), ("initrd", &host.initrd)];
    let parts = parts.iter().filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
    parts.collect::<Vec<_>>().join(", ")
}

/// A line for the host with its first disk, and one for each further disk.
fn rows(host: &HostPlan, external: bool) -> Vec<Vec<String>> {
    let unless = |text: String, left_out: bool| if left_out { String::new() } else { text };
    let mut rows = vec![vec![
        host.name.clone(),
        unless(host.ip.to_string(), host.ip.is_unspecified()),
        unless(human_bytes(host.ram_kib.saturating_mul(1024)), external),
        unless(host.vcpus.to_string(), external),
    ]];
    for (index, disk) in host.disks.iter().filter(|_| !external).enumerate() {
        if index > 0 {
            rows.push(vec![String::new(); 4]);
        }
        if let Some(row) = rows.last_mut() {
            row.extend(of_disk(disk));
        }
    }
    rows
}

fn of_disk(disk: &DiskPlan) -> [String; 3] {
    let kept = if disk.cache { "" } else { " (not kept)" };
    let DiskPlan { name, device, mount_point, .. } = disk;
    [name.clone(), human_bytes(disk.bytes), format!("{device} {mount_point}{kept}")]
}
