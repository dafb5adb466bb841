//! Instances: what exists of clusters.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{InstanceDetails, InstanceInfo, SlaveInfo};

use super::table::{Cell, table};
use super::time::{ahead, clock};
use super::{DIM, details, history, since, state, words};

/// All instances, one per line.
pub(crate) fn instances(now: Timestamp, instances: &[InstanceInfo]) -> String {
    let row = |instance: &InstanceInfo| {
        vec![
            Cell::from(instance.instance.as_str()),
            Cell::from(instance.cluster.as_str()),
            Cell::from(instance.hypervisor.as_str()),
            state(&instance.state),
            Cell::from(instance.owner.to_string()),
            since(now, Some(instance.since)),
            Cell::from(instance.until.map(|until| ahead(now, until)).unwrap_or_default()),
        ]
    };
    let headings = ["INSTANCE", "CLUSTER", "ON", "STATE", "OWNER", "SINCE", "ENDS"];
    table(&headings, instances.iter().map(row).collect())
}

/// One instance with its machines and its activity log.
pub(crate) fn instance(now: Timestamp, details_of: &InstanceDetails) -> String {
    let InstanceDetails { instance, machines, history: log } = details_of;
    let ends = instance.until.map(|until| format!("{} ({})", clock(until), ahead(now, until)));
    let mut text = details(
        instance.instance.as_str(),
        &[
            ("cluster", instance.cluster.clone()),
            ("hypervisor", instance.hypervisor.to_string()),
            ("state", words(&instance.state)),
            ("owner", instance.owner.to_string()),
            ("since", clock(instance.since)),
            ("ends", ends.unwrap_or_else(|| "with its run".to_owned())),
        ],
    );
    let row = |slave: &SlaveInfo| {
        vec![
            Cell::from(slave.host.as_str()),
            state(&slave.state),
            since(now, slave.since),
            Cell::new(if slave.connected { "" } else { "out of contact" }, DIM),
            Cell::from(slave.detail.as_str()),
        ]
    };
    text.push_str(&format!(
        "\n{}",
        table(&["MACHINE", "STATE", "", "", "DETAIL"], machines.iter().map(row).collect())
    ));
    text + &*history(now, log)
}

/// What to know of an instance that belongs to no run.
pub(crate) fn kept_line(instance: &InstanceInfo) -> String {
    let id = &instance.instance;
    let until = instance.until.map(|until| format!(" until {}", clock(until))).unwrap_or_default();
    format!(
        "cluster {} is there as {id}{until}; `xrdtest cluster show {id}` tells of it, `xrdtest cluster stop {id}` ends it",
        instance.cluster
    )
}

/// The same, of what its events tell.
pub(crate) fn kept_until(id: &xrdtest_model::InstanceId, until: Timestamp) -> String {
    let until = clock(until);
    format!(
        "kept until {until}: {id}; `xrdtest cluster show {id}` tells of it, `xrdtest cluster stop {id}` ends it"
    )
}
