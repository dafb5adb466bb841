//! Where clusters fit, as far as an engine tells.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use xrdtest_definitions::snapshot_cluster;
use xrdtest_model::api::{HypervisorInfo, InstanceInfo, QueueEntry, SlaveInfo};
use xrdtest_model::definition::Catalogue;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::plan_document::{PlanDocument, PlannedPlace, PlannedPlacement, PlannedSite};
use xrdtest_model::room::Room;
use xrdtest_model::{ClusterPlan, HypervisorName};
use xrdtest_orchestrator::{Ability, ToldHypervisor, ToldInstance, survey, told_cluster};

use crate::client::{Client, ClientError};
use crate::commands::ask::block_on;

/// An engine that takes longer for an answer is as good as none here.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an engine tells of itself.
struct Told {
    hypervisors: Vec<HypervisorInfo>,
    instances: Vec<InstanceInfo>,
    slaves: Vec<SlaveInfo>,
    queue: Vec<QueueEntry>,
}

/// Asks the engine, where one listens; a plan without clusters that could be started asks nothing.
pub(super) fn ask(
    socket: &Path,
    plan: &PlanDocument,
    catalogue: &Catalogue,
) -> anyhow::Result<PlannedPlacement> {
    let clusters: Result<Vec<Arc<ClusterPlan>>, _> = plan
        .effective
        .clusters
        .iter()
        .map(|cluster| snapshot_cluster(catalogue, &cluster.name).map(|(plan, _)| plan))
        .collect();
    let engine = socket.display().to_string();
    let not_asked = |engine: String| PlannedPlacement { engine, ..PlannedPlacement::default() };
    let clusters = match clusters {
        Ok(clusters) if !clusters.is_empty() => clusters,
        _ => return Ok(not_asked("its clusters can't be started as they stand here".to_owned())),
    };
    let told = block_on(async { Ok(tokio::time::timeout(PATIENCE, tell(&Client::new(socket))).await) })?;
    Ok(match told {
        Ok(Ok(told)) => placement(engine, &clusters, &told, catalogue),
        Ok(Err(problem)) => not_asked(problem.to_string()),
        Err(_) => not_asked(format!("the engine at {engine} did not answer within {} s", PATIENCE.as_secs())),
    })
}

async fn tell(client: &Client) -> Result<Told, ClientError> {
    Ok(Told {
        hypervisors: client.get("/hypervisors").await?,
        instances: client.get("/instances").await?,
        slaves: client.get("/slaves").await?,
        queue: client.get("/queue").await?,
    })
}

fn placement(
    engine: String,
    clusters: &[Arc<ClusterPlan>],
    told: &Told,
    catalogue: &Catalogue,
) -> PlannedPlacement {
    let on = |name: &HypervisorName| -> Vec<ToldInstance> {
        let here = told.instances.iter().filter(|instance| instance.hypervisor == *name);
        here.map(|instance| of_instance(instance, catalogue)).collect()
    };
    let connected = told.hypervisors.iter().filter_map(|info| {
        let (room, free) = (info.room.filter(|_| info.connected)?, info.free?);
        let ability = Ability {
            provider: info.provider.clone(),
            room,
            labels: info.labels.iter().cloned().collect(),
            // Virtual networks are the machine's own: two of the same subnet can't be there.
            exclusive: info.provider == "libvirt",
        };
        let (name, held) = (info.name.clone(), info.held.clone());
        Some(ToldHypervisor { name, ability, free, held, instances: on(&info.name) })
    });
    let sites: Vec<ToldHypervisor> =
        connected.chain([physical(on(&HypervisorName::new(EXTERNAL)))]).collect();
    let survey = survey(clusters, &sites);
    let site = |info: &HypervisorInfo| PlannedSite {
        name: info.name.clone(),
        connected: info.connected,
        provider: info.provider.clone(),
        room: info.room,
        free: info.free,
        obstacles: survey
            .obstacles
            .iter()
            .filter(|((hypervisor, _), _)| *hypervisor == info.name)
            .map(|((_, cluster), words)| (cluster.clone(), words.clone()))
            .collect(),
    };
    let hypervisors = told.hypervisors.iter().map(site).collect();
    let waiting = told.queue.len();
    let placement =
        PlannedPlacement { asked: true, engine, waiting, hypervisors, ..PlannedPlacement::default() };
    match &survey.places {
        Ok(places) => PlannedPlacement {
            fits: Some(true),
            places: clusters
                .iter()
                .zip(places)
                .map(|(cluster, hypervisor)| PlannedPlace {
                    cluster: cluster.name.clone(),
                    hypervisor: hypervisor.clone(),
                })
                .collect(),
            reason: absent(clusters, &told.slaves),
            ..placement
        },
        Err(reason) => PlannedPlacement { fits: Some(false), reason: reason.clone(), ..placement },
    }
}

/// Its cluster is taken to be what the definitions here say, where they know it.
fn of_instance(instance: &InstanceInfo, catalogue: &Catalogue) -> ToldInstance {
    let known = snapshot_cluster(catalogue, &instance.cluster).ok().map(|(plan, _)| plan);
    ToldInstance {
        id: instance.instance.clone(),
        owner: instance.owner.clone(),
        until: instance.until,
        cluster: known.unwrap_or_else(|| Arc::new(told_cluster(&instance.cluster, &instance.hosts))),
    }
}

/// Every engine takes physical machines.
fn physical(instances: Vec<ToldInstance>) -> ToldHypervisor {
    let everything = Room { memory_kib: u64::MAX, cores: u32::MAX, disk_bytes: u64::MAX };
    ToldHypervisor {
        name: HypervisorName::new(EXTERNAL),
        ability: Ability {
            provider: EXTERNAL.to_owned(),
            room: everything,
            labels: Default::default(),
            exclusive: false,
        },
        free: everything,
        held: None,
        instances,
    }
}

/// Physical machines that a run would have to wait for; else empty.
fn absent(clusters: &[Arc<ClusterPlan>], slaves: &[SlaveInfo]) -> String {
    let external = clusters.iter().filter(|cluster| cluster.external);
    let hosts = external.flat_map(|cluster| &cluster.hosts).map(|host| host.name.as_str());
    let present =
        |host: &str| slaves.iter().any(|slave| slave.physical && slave.connected && slave.host == host);
    let absent: Vec<&str> = hosts.filter(|host| !present(host)).collect();
    match absent.as_slice() {
        [] => String::new(),
        hosts => format!("not in contact: {}", hosts.join(", ")),
    }
}
