//! What an agent that was killed left in libvirt.

use super::error::{During, LibvirtError};
use super::images;
use super::instance::{Settings, drives, sweep};

/// Removes all machines, networks and volumes that this agent ever made, but for disks whose content is kept. Answers
/// the names of networks and machines that were there. Blocks.
pub(super) fn collect(settings: &Settings) -> Result<Vec<String>, LibvirtError> {
    let _ = std::fs::remove_dir_all(drives(&settings.config));
    let connect = settings.connection.get()?;
    let prefix = settings.owner.prefix();
    let domains = connect.list_all_domains(0).during(|| "list machines".to_owned())?;
    let mut machines: Vec<String> = domains.iter().filter_map(|domain| domain.name().ok()).collect();
    machines.retain(|name| name.starts_with(&prefix));
    let mut networks = connect.list_networks().during(|| "list networks".to_owned())?;
    networks.retain(|name| name.starts_with(&prefix));
    for network in &networks {
        sweep(settings, network, &machines)?;
    }
    sweep(settings, "", &machines)?;
    // Volumes of machines that never ran, or are gone.
    let pool = images::pool(&connect, &settings.config.pool)?;
    let kept = settings.owner.kept_disks();
    for name in pool.list_volumes().during(|| "list volumes".to_owned())? {
        if name.starts_with(&prefix) && !name.starts_with(&kept) {
            let found = pool.lookup_storage_vol_by_name(&name);
            found.and_then(|found| found.delete(0)).during(|| format!("remove volume {name}"))?;
        }
    }
    // A network is gone by now, or was never begun.
    networks.retain(|name| connect.lookup_network_by_name(name).is_err());
    networks.extend(machines);
    Ok(networks)
}
