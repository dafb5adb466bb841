//! What fits where.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use xrdtest_model::plan::NetworkPlan;
use xrdtest_model::room::Room;
use xrdtest_model::{ClusterPlan, Hold, HypervisorName, InstanceId, RunId};

use crate::state::{Instance, Owner, State};
use crate::words::is_external;
use crate::world::Hypervisor;

/// Combinations tried before a run with several clusters is said not to fit. Enough for every choice among 8
/// hypervisors for 4 clusters.
const TRIES: u32 = 5000;

/// A hypervisor as placement sees it.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    pub(super) name: &'a HypervisorName,
    /// What definitions may ask for beside its name.
    pub(super) labels: &'a BTreeSet<String>,
    pub(super) all: Room,
    pub(super) free: Room,
    pub(super) exclusive: bool,
    /// It has left-overs that are being removed.
    pub(super) strays: bool,
    /// Physical machines, which are there already: they take no room, but nobody shares them.
    pub(super) external: bool,
    /// Somebody holds it.
    pub(super) held: Option<&'a Hold>,
    pub(super) kept: Option<&'a Kept>,
    /// What is on it already.
    pub(super) tenants: Vec<Tenant<'a>>,
}

/// What is kept for a run that has waited for long.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) run: RunId,
    pub(super) hypervisors: BTreeSet<HypervisorName>,
    /// Physical machines.
    pub(super) hosts: BTreeSet<String>,
}

/// Whose a cluster on a hypervisor is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holder<'a> {
    Run(&'a RunId),
    /// Nobody's run: it was started by hand, or is kept after a failure.
    Standing(&'a InstanceId, &'a Instance),
    /// It is about to be made for whoever is being placed.
    Same,
}

/// An instance on a hypervisor, or one about to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenant<'a> {
    pub(super) holder: Holder<'a>,
    pub(super) cluster: &'a ClusterPlan,
}

/// Why a cluster can't be made on a hypervisor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Obstacle<'a> {
    /// External clusters are made of physical machines only, and no others are.
    Unsuited,
    /// The cluster asks for another hypervisor.
    NotAskedFor,
    HostInUse(&'a str, Tenant<'a>),
    HostKept(&'a str, &'a RunId),
    Held(&'a Hold),
    KeptFor(&'a RunId),
    Strays,
    ClusterInUse(Tenant<'a>),
    SubnetInUse(Tenant<'a>),
    TooSmall,
    Full,
}

/// What instances leave of a hypervisor's room.
pub(crate) fn free_room(name: &HypervisorName, all: Room, state: &State) -> Room {
    let instances = state.instances.values();
    instances
        .filter(|instance| instance.hypervisor == *name)
        .fold(all, |free, instance| free.less(&instance.cluster.room()))
}

impl<'a> Site<'a> {
    pub(super) fn of(name: &'a HypervisorName, known: &'a Hypervisor, state: &'a State) -> Self {
        let here = state.instances.iter().filter(|(_, instance)| instance.hypervisor == *name);
        Self {
            name,
            labels: &known.ability.labels,
            all: known.ability.room,
            free: free_room(name, known.ability.room, state),
            exclusive: known.ability.exclusive,
            strays: !known.strays.is_empty(),
            external: is_external(name),
            held: state.hold_of(name),
            kept: None,
            tenants: here.map(|(id, instance)| Tenant::of(id, instance)).collect(),
        }
    }

    /// The same hypervisor with nothing on it.
    pub(super) fn clear(&mut self) {
        self.free = self.all;
        self.strays = false;
        self.tenants.clear();
    }

    fn add(&mut self, tenant: Tenant<'a>) {
        self.free = self.free.less(&tenant.cluster.room());
        self.tenants.push(tenant);
    }

    /// Whether a cluster leaves open where it is made, or asks for this hypervisor by name or label.
    pub(super) fn is_asked_for(&self, cluster: &ClusterPlan) -> bool {
        cluster
            .hypervisor
            .as_ref()
            .is_none_or(|wanted| self.name.as_str() == wanted || self.labels.contains(wanted))
    }

    /// Whether it is of the kind that a cluster is made by, and not another than the one it asks for.
    pub(super) fn suits(&self, cluster: &ClusterPlan) -> bool {
        self.external == cluster.external && (self.external || self.is_asked_for(cluster))
    }

    /// Why a cluster can't be made here, where it can't.
    pub(super) fn obstacle<'b>(&self, cluster: &'b ClusterPlan) -> Option<Obstacle<'b>>
    where
        'a: 'b,
    {
        match (self.external, cluster.external) {
            (true, true) => self.host_taken(cluster),
            (false, false) if !self.is_asked_for(cluster) => Some(Obstacle::NotAskedFor),
            (false, false) => self.no_room(cluster),
            (true, false) | (false, true) => Some(Obstacle::Unsuited),
        }
    }

    /// Why the physical machines of a cluster can't be had, where they can't.
    fn host_taken<'b>(&self, cluster: &'b ClusterPlan) -> Option<Obstacle<'b>>
    where
        'a: 'b,
    {
        let hosts = || cluster.hosts.iter().map(|host| host.name.as_str());
        let used = |host: &str| self.tenants.iter().find(|tenant| has_host(tenant.cluster, host));
        if let Some((host, tenant)) = hosts().find_map(|host| Some((host, used(host)?))) {
            return Some(Obstacle::HostInUse(host, *tenant));
        }
        let kept = self.kept?;
        let host = hosts().find(|host| kept.hosts.contains(*host))?;
        Some(Obstacle::HostKept(host, &kept.run))
    }

    /// Why a cluster can't be made by a hypervisor, where it can't.
    fn no_room(&self, cluster: &ClusterPlan) -> Option<Obstacle<'a>> {
        let need = cluster.room();
        if !self.all.holds(&need) {
            return Some(Obstacle::TooSmall);
        }
        if let Some(hold) = self.held {
            return Some(Obstacle::Held(hold));
        }
        if let Some(kept) = self.kept {
            return Some(Obstacle::KeptFor(&kept.run));
        }
        if self.exclusive {
            if self.strays {
                return Some(Obstacle::Strays);
            }
            let mut tenants = self.tenants.iter();
            if let Some(same) = tenants.clone().find(|tenant| tenant.cluster.name == cluster.name) {
                return Some(Obstacle::ClusterInUse(*same));
            }
            if let Some(other) = tenants.find(|tenant| overlap(&tenant.cluster.network, &cluster.network)) {
                return Some(Obstacle::SubnetInUse(*other));
            }
        }
        (!self.free.holds(&need)).then_some(Obstacle::Full)
    }
}

impl<'a> Tenant<'a> {
    fn of(id: &'a InstanceId, instance: &'a Instance) -> Self {
        let holder = match &instance.owner {
            Owner::Run { run, .. } => Holder::Run(run),
            Owner::Hand { .. } | Owner::Kept { .. } => Holder::Standing(id, instance),
        };
        Self { holder, cluster: &instance.cluster }
    }
}

fn has_host(cluster: &ClusterPlan, name: &str) -> bool {
    cluster.hosts.iter().any(|host| host.name == name)
}

/// Whether two networks share addresses.
fn overlap(one: &NetworkPlan, other: &NetworkPlan) -> bool {
    let prefix = u32::from(one.prefix.min(other.prefix).min(32));
    let network = |ip: Ipv4Addr| u32::from(ip).checked_shr(32 - prefix).unwrap_or(0);
    network(one.ip) == network(other.ip)
}

/// A hypervisor for each of the clusters, in their order, such that all of them can be made at the same time. The
/// emptiest hypervisor first.
pub(super) fn find(clusters: &[Arc<ClusterPlan>], sites: &[Site<'_>]) -> Option<Vec<HypervisorName>> {
    let clusters: Vec<&ClusterPlan> = clusters.iter().map(AsRef::as_ref).collect();
    let mut search = Search { tries: TRIES };
    search.fit(&clusters, sites.to_vec())
}

struct Search {
    tries: u32,
}

impl Search {
    fn fit(&mut self, clusters: &[&ClusterPlan], mut sites: Vec<Site<'_>>) -> Option<Vec<HypervisorName>> {
        let Some((first, rest)) = clusters.split_first() else {
            return Some(Vec::new());
        };
        // Stable, so that equal ones stay in the order of their names.
        sites.sort_by_key(|site| Reverse(site.free.memory_kib));
        let candidates = (0..sites.len()).filter(|index| sites[*index].obstacle(first).is_none());
        for index in candidates.collect::<Vec<_>>() {
            self.tries = self.tries.checked_sub(1)?;
            let mut then = sites.clone();
            then[index].add(Tenant { holder: Holder::Same, cluster: first });
            if let Some(mut places) = self.fit(rest, then) {
                places.insert(0, sites[index].name.clone());
                return Some(places);
            }
        }
        None
    }
}
