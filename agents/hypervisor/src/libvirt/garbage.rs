//! What nobody wants any more of that which this agent made in libvirt.

use std::sync::Arc;

use virt::connect::Connect;
use xrdtest_model::InstanceId;
use xrdtest_model::plan::ClusterPlan;

use super::error::{During, LibvirtError};
use super::images;
use super::instance::{Settings, sweep};

/// Removes all machines, networks and volumes that this agent ever made, but for those of the instances in `kept`, and
/// but for disks whose content is kept where `disks` is not set. Answers the names of what was there. Blocks.
pub(super) fn collect(
    settings: &Settings,
    kept: &[(InstanceId, Arc<ClusterPlan>)],
    disks: bool,
) -> Result<Vec<String>, LibvirtError> {
    let connect = settings.connection.get()?;
    let owner = &settings.owner;
    let of_kept = |(id, cluster): &(InstanceId, Arc<ClusterPlan>)| -> Vec<String> {
        let machines = cluster.hosts.iter().map(|host| owner.machine(id, &host.name));
        machines.chain([owner.network(id)]).collect()
    };
    let kept: Vec<String> = kept.iter().flat_map(of_kept).collect();
    let (networks, machines) = left_over(&connect, &owner.prefix(), &kept)?;
    for network in &networks {
        sweep(settings, network, &machines)?;
    }
    sweep(settings, "", &machines)?;
    let mut removed = [networks, machines].concat();
    // Volumes of machines that never ran, or are gone.
    let pool = images::pool(&connect, &settings.config.pool)?;
    for name in pool.list_volumes().during(|| "list volumes".to_owned())? {
        let is_kept_disk = name.starts_with(&owner.kept_disks()) && !disks;
        let of_kept =
            kept.iter().any(|machine| name.strip_prefix(machine).is_some_and(|end| end.starts_with('.')));
        if name.starts_with(&owner.prefix()) && !is_kept_disk && !of_kept {
            images::delete(&pool, &name)?;
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Names of networks and machines with this prefix that are not kept.
fn left_over(
    connect: &Connect,
    prefix: &str,
    kept: &[String],
) -> Result<(Vec<String>, Vec<String>), LibvirtError> {
    let ours = |name: &String| name.starts_with(prefix) && !kept.contains(name);
    let domains = connect.list_all_domains(0).during(|| "list machines".to_owned())?;
    let mut machines: Vec<String> = domains.iter().filter_map(|domain| domain.name().ok()).collect();
    machines.retain(ours);
    // All of them, not the active ones alone: one that is being started for a process that was killed is waited for so.
    let found = connect.list_all_networks(0).during(|| "list networks".to_owned())?;
    let mut networks: Vec<String> = found.iter().filter_map(|network| network.name().ok()).collect();
    networks.retain(ours);
    Ok((networks, machines))
}
