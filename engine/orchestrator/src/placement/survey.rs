//! Placement for those who are no engine, but were told what one has: the same rules, nothing decided.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use xrdtest_model::event::InstanceOwner;
use xrdtest_model::plan::NetworkPlan;
use xrdtest_model::room::Room;
use xrdtest_model::{ClusterPlan, Held, Hold, HypervisorName, InstanceId, Timestamp};

use super::fit::{Site, find};
use super::reason;
use crate::input::Ability;
use crate::state::{Instance, Owner, State};
use crate::world::Hypervisor;

/// A hypervisor in contact, as an engine tells of it. [`xrdtest_model::ids::EXTERNAL`] stands for physical machines,
/// which every engine takes.
#[derive(Clone, Debug)]
pub struct ToldHypervisor {
    /// Its name.
    pub name: HypervisorName,
    /// What it can do.
    pub ability: Ability,
    /// What is left of its room.
    pub free: Room,
    /// Who holds it.
    pub held: Option<Hold>,
    /// What is on it.
    pub instances: Vec<ToldInstance>,
}

/// An instance, as an engine tells of it.
#[derive(Clone, Debug)]
pub struct ToldInstance {
    /// Its id.
    pub id: InstanceId,
    /// Whose it is.
    pub owner: InstanceOwner,
    /// Until when it is kept without a run.
    pub until: Option<Timestamp>,
    /// Its cluster.
    pub cluster: Arc<ClusterPlan>,
}

/// Whether and where clusters fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// A hypervisor for each cluster, in their order; or why there is no place for all of them, in words.
    pub places: Result<Vec<HypervisorName>, String>,
    /// Why a cluster can't be made on a hypervisor, in words: by the names of both.
    pub obstacles: BTreeMap<(HypervisorName, String), String>,
}

/// Looks where clusters would be made if nothing else waited for a place.
pub fn survey(clusters: &[Arc<ClusterPlan>], told: &[ToldHypervisor]) -> Survey {
    let state = state(told);
    let known: Vec<Hypervisor> = told.iter().map(known).collect();
    let sites: Vec<Site<'_>> = told
        .iter()
        .zip(&known)
        .map(|(told, known)| Site { free: told.free, ..Site::of(&told.name, known, &state) })
        .collect();
    let places = find(clusters, &sites).ok_or_else(|| reason::why(clusters, &sites));
    let mut obstacles = BTreeMap::new();
    for site in &sites {
        for cluster in clusters {
            if let Some(obstacle) = site.obstacle(cluster) {
                let words = reason::why_here(cluster, site, obstacle);
                obstacles.insert((site.name.clone(), cluster.name.clone()), words);
            }
        }
    }
    Survey { places, obstacles }
}

/// A cluster of which only name and hosts were told. It shares its network with nobody, as far as is known.
pub fn told_cluster(name: &str, hosts: &[String]) -> ClusterPlan {
    let host = |name: &String| xrdtest_model::plan::HostPlan {
        name: name.clone(),
        ip: Ipv4Addr::UNSPECIFIED,
        mac: String::new(),
        uuid: None,
        ram_kib: 0,
        arch: None,
        boot_image: None,
        cache_boot_image: true,
        vcpus: 1,
        kernel: None,
        initrd: None,
        cmdline: None,
        emulator_path: None,
        aliases: Vec::new(),
        in_dns: false,
        disks: Vec::new(),
    };
    ClusterPlan {
        name: name.to_owned(),
        network: NetworkPlan {
            name: String::new(),
            bridge_name: String::new(),
            ip: Ipv4Addr::BROADCAST,
            prefix: 32,
            dhcp_range: None,
            lb_alias: None,
            forward: Default::default(),
        },
        hosts: hosts.iter().map(host).collect(),
        external: false,
        hypervisor: None,
    }
}

fn known(told: &ToldHypervisor) -> Hypervisor {
    Hypervisor { connected: true, orderly: false, ability: told.ability.clone(), strays: BTreeSet::new() }
}

fn state(told: &[ToldHypervisor]) -> State {
    let mut state = State::default();
    for hypervisor in told {
        if let Some(hold) = &hypervisor.held {
            state.holds.insert(Held::Hypervisor(hypervisor.name.clone()), hold.clone());
        }
        for instance in &hypervisor.instances {
            let until = instance.until.unwrap_or_default();
            let owner = match &instance.owner {
                InstanceOwner::Run { run } => Owner::Run { run: run.clone(), keep: false },
                InstanceOwner::Hand { by } => Owner::Hand { by: by.clone(), start_ms: 0, until },
                InstanceOwner::Kept { run } => Owner::Kept { run: run.clone(), until },
            };
            let name = hypervisor.name.clone();
            let made = Instance::new(owner, Timestamp::default(), name, Arc::clone(&instance.cluster));
            state.instances.insert(instance.id.clone(), made);
        }
    }
    state
}
