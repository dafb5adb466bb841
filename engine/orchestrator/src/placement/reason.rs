//! Why a run waits, in words.

use std::sync::Arc;

use xrdtest_model::ClusterPlan;
use xrdtest_model::room::Room;
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::utc;

use super::fit::{Holder, Obstacle, Site};
use crate::state::Owner;

/// Hypervisors that a reason names before it only counts.
const NAMED: usize = 3;
/// Hypervisors that are listed by name alone.
const LISTED: usize = 10;

/// Why clusters that fit nowhere have no place.
pub(super) fn why(clusters: &[Arc<ClusterPlan>], sites: &[Site<'_>]) -> String {
    let stuck = clusters.iter().find(|cluster| sites.iter().all(|site| site.obstacle(cluster).is_some()));
    match stuck {
        Some(cluster) => why_cluster(cluster, sites),
        None => "its clusters fit one by one, but not at the same time".to_owned(),
    }
}

fn why_cluster(cluster: &ClusterPlan, sites: &[Site<'_>]) -> String {
    if !sites.iter().any(|site| site.external == cluster.external) {
        return match cluster.external {
            true => format!("cluster {} needs physical machines, and this engine takes none", cluster.name),
            false => "no hypervisor is connected".to_owned(),
        };
    }
    if let Some(wanted) = &cluster.hypervisor
        && !sites.iter().any(|site| site.suits(cluster))
    {
        return format!(
            "cluster {} asks for hypervisor `{wanted}`, and no connected one has that name or label (connected: {})",
            cluster.name,
            connected(sites)
        );
    }
    let obstacles = sites.iter().filter_map(|site| words(cluster, site, site.obstacle(cluster)?));
    let all: Vec<String> = obstacles.collect();
    let mut told = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > NAMED {
        told.push_str(&format!("; and {} more hypervisors", all.len() - NAMED));
    }
    told
}

/// The hypervisors with their labels: `hv1, hv2 [ssd, big]`.
fn connected(sites: &[Site<'_>]) -> String {
    let agents = || sites.iter().filter(|site| !site.external);
    let name = |site: &Site<'_>| match site.labels.is_empty() {
        true => site.name.to_string(),
        false => {
            let labels: Vec<&str> = site.labels.iter().map(String::as_str).collect();
            format!("{} [{}]", site.name, labels.join(", "))
        }
    };
    let mut names: Vec<(&str, String)> = agents().map(|site| (site.name.as_str(), name(site))).collect();
    // In the same order however full they are: a reason that changes is news.
    names.sort();
    let all = names.len();
    let mut told: Vec<String> = names.into_iter().take(LISTED).map(|(_, name)| name).collect();
    if all > LISTED {
        told.push(format!("and {} more", all - LISTED));
    }
    told.join(", ")
}

/// The same, where a word is wanted about each hypervisor.
pub(super) fn why_here(cluster: &ClusterPlan, site: &Site<'_>, obstacle: Obstacle<'_>) -> String {
    words(cluster, site, obstacle).unwrap_or_else(|| match (&cluster.hypervisor, cluster.external) {
        (_, true) => format!("cluster {} is made of physical machines", cluster.name),
        (Some(wanted), false) => format!("cluster {} asks for hypervisor `{wanted}`", cluster.name),
        (None, false) => "it takes physical machines only".to_owned(),
    })
}

/// `None` where a hypervisor is not worth a word.
fn words(cluster: &ClusterPlan, site: &Site<'_>, obstacle: Obstacle<'_>) -> Option<String> {
    let (name, hypervisor) = (&cluster.name, site.name);
    Some(match obstacle {
        Obstacle::Unsuited | Obstacle::NotAskedFor => return None,
        Obstacle::HostInUse(host, tenant) => match tenant.holder {
            Holder::Run(run) => format!("{host} is used by run {run}"),
            holder => format!("{host} is used by cluster {}{}", tenant.cluster.name, by(holder)),
        },
        Obstacle::HostKept(host, run) => format!("{host} is kept for run {run}, which has waited longer"),
        Obstacle::Held(hold) => format!("{hypervisor} is held by {hold}"),
        Obstacle::KeptFor(run) => format!("{hypervisor} is kept for run {run}, which has waited longer"),
        Obstacle::Strays => format!("{hypervisor} is still removing left-overs"),
        Obstacle::ClusterInUse(tenant) => match tenant.holder {
            Holder::Run(run) => format!("cluster {name} is in use by run {run} on {hypervisor}"),
            holder => format!("cluster {name} is in use on {hypervisor}{}", by(holder)),
        },
        Obstacle::SubnetInUse(tenant) => {
            let (network, other) = (&cluster.network, &tenant.cluster.name);
            let holder = match tenant.holder {
                Holder::Run(run) => format!("{other} of run {run} on {hypervisor}"),
                holder => format!("{other} on {hypervisor}{}", by(holder)),
            };
            let (ip, prefix) = (network.ip, network.prefix);
            format!("the network {ip}/{prefix} of cluster {name} is in use by cluster {holder}")
        }
        Obstacle::TooSmall => {
            let (need, has) = short(&cluster.room(), &site.all);
            format!("{hypervisor} is too small: cluster {name} needs {need}, it has {has} in all")
        }
        Obstacle::Full => {
            let (need, has) = short(&cluster.room(), &site.free);
            let standing = site.tenants.iter().any(|tenant| matches!(tenant.holder, Holder::Standing(..)));
            let more =
                if standing { "; clusters without a run use some (`xrdtest cluster list`)" } else { "" };
            format!("not enough room: cluster {name} needs {need}, {hypervisor} has {has} free{more}")
        }
    })
}

/// Who has a cluster that belongs to no run, until when, and how it is ended.
fn by(holder: Holder<'_>) -> String {
    let Holder::Standing(id, instance) = holder else {
        return String::new();
    };
    let how = match &instance.owner {
        Owner::Hand { by, .. } => format!("started by hand by {by}"),
        Owner::Kept { run, .. } | Owner::Run { run, .. } => format!("kept after run {run} failed"),
    };
    let until = instance.until().map(|until| format!(", until {}", utc(until))).unwrap_or_default();
    format!(": {how}{until} (`xrdtest cluster stop {id}` ends it)")
}

/// The first amount that does not suffice: what is needed and what there is.
fn short(need: &Room, has: &Room) -> (String, String) {
    let kib = |kib: u64| human_bytes(kib.saturating_mul(1024));
    if need.memory_kib > has.memory_kib {
        (format!("{} of memory", kib(need.memory_kib)), kib(has.memory_kib))
    } else if need.cores > has.cores {
        (format!("{} cores", need.cores), has.cores.to_string())
    } else {
        (format!("{} of disk", human_bytes(need.disk_bytes)), human_bytes(has.disk_bytes))
    }
}
