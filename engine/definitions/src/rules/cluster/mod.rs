//! Clusters, alone and against each other: `XT2`.

pub(super) mod bad_balanced_alias;
pub(super) mod bad_bridge_name;
pub(super) mod bad_dhcp_range;
pub(super) mod bad_forward;
pub(super) mod bad_mount_point;
pub(super) mod bad_size;
pub(super) mod bad_uuid;
pub(super) mod bad_vcpus;
pub(super) mod duplicate_address;
pub(super) mod duplicate_disk;
pub(super) mod duplicate_host;
pub(super) mod duplicate_mac;
pub(super) mod host_lists_differ;
pub(super) mod host_outside_network;
pub(super) mod initrd_without_kernel;
pub(super) mod malformed_address;
pub(super) mod malformed_host_name;
pub(super) mod malformed_mac;
pub(super) mod missing_field;
pub(crate) mod network_conflict;
pub(super) mod no_hosts;
pub(super) mod nothing_is_made;
pub(super) mod own_address_in_range;
mod subnet;
pub(super) mod wrong_network;

use std::net::Ipv4Addr;

use self::network_conflict::Taken;
use crate::draft::cluster::{Cluster, Network};
use crate::findings::Findings;
use crate::place::Located;
use crate::rules::layout::{malformed_name, name_mismatch};
use crate::snapshot::network::prefix;

/// Applies all rules for clusters. Clusters must come in the order of their files: of two that conflict the first
/// stays usable.
pub(crate) fn check(cluster: &Cluster, taken: &mut Taken, findings: &mut Findings) {
    name_mismatch::check(findings, "cluster", &cluster.file, cluster.name.as_ref());
    if cluster.external {
        return check_external(cluster, findings);
    }
    malformed_name::check(findings, "network", cluster.network.name.as_ref());
    for disk in cluster.each_host().flat_map(|host| &host.disks) {
        malformed_name::check(findings, "disk", disk.name.as_ref());
    }
    for rule in [
        missing_field::check,
        no_hosts::check,
        duplicate_host::check,
        duplicate_address::check,
        duplicate_mac::check,
        malformed_address::check,
        host_outside_network::check,
        own_address_in_range::check,
        bad_dhcp_range::check,
        bad_size::check,
        bad_bridge_name::check,
        malformed_mac::check,
        bad_uuid::check,
        malformed_host_name::check,
        duplicate_disk::check,
        bad_mount_point::check,
        wrong_network::check,
        bad_balanced_alias::check,
        host_lists_differ::check,
        bad_vcpus::check,
        initrd_without_kernel::check,
        bad_forward::check,
    ] {
        rule(cluster, findings);
    }
    network_conflict::check(cluster, taken, findings);
}

/// What holds for physical machines: they have names, and all the rest by themselves.
fn check_external(cluster: &Cluster, findings: &mut Findings) {
    for rule in [
        missing_field::check,
        no_hosts::check,
        duplicate_host::check,
        malformed_host_name::check,
        nothing_is_made::check,
    ] {
        rule(cluster, findings);
    }
}

/// The address in a text.
fn parsed(text: Option<&Located<String>>) -> Option<Ipv4Addr> {
    text?.value.parse().ok()
}

/// The length of the network's prefix; `None` where there is none, or where it leaves no room for hosts.
fn network_prefix(network: &Network) -> Option<u8> {
    prefix(parsed(network.netmask.as_ref())?).filter(|prefix| *prefix <= 30)
}
