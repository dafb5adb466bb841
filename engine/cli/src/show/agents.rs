//! Hypervisor agents, slave agents, and tokens.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{HypervisorInfo, RevocationInfo, SlaveInfo, TokenInfo};
use xrdtest_model::room::{Load, Room};

use super::definitions::{instance_table, instances};
use super::table::{Cell, table};
use super::time::{ago, ahead, clock};
use super::{BAD, DIM, details, history, since, state, words};

/// Hypervisor agents, one per line.
pub(crate) fn hypervisors(now: Timestamp, hypervisors: &[HypervisorInfo]) -> String {
    let row = |agent: &HypervisorInfo| {
        vec![
            Cell::from(agent.name.as_str()),
            state(&agent.state),
            since(now, agent.since),
            Cell::from(agent.provider.as_str()),
            free(agent, memory),
            free(agent, cores),
            free(agent, disk),
            Cell::from(agent.load.as_ref().map(load_average).unwrap_or_default()),
            Cell::from(if agent.instances.is_empty() {
                String::new()
            } else {
                agent.instances.len().to_string()
            }),
            Cell::new(agent.labels.join(", "), DIM),
            match (&agent.revoked, &agent.held) {
                (Some(revoked), _) => Cell::new(revoked.words(), BAD),
                (None, Some(hold)) => Cell::new(format!("held by {hold}"), BAD),
                (None, None) => Cell::new(agent.detail.as_str(), DIM),
            },
        ]
    };
    let headings = [
        "HYPERVISOR",
        "STATE",
        "",
        "PROVIDER",
        "FREE MEMORY",
        "FREE CORES",
        "FREE DISK",
        "LOAD",
        "INSTANCES",
        "LABELS",
        "DETAIL",
    ];
    table(&headings, hypervisors.iter().map(row).collect())
}

/// `83.1 of 94.1 GiB`: what is free of what there is; empty where that is without bound or not known.
fn free(agent: &HypervisorInfo, amount: impl Fn(&Room) -> Option<String>) -> Cell {
    let free = agent.free.as_ref().and_then(&amount);
    let (Some(free), Some(all)) = (free, agent.room.as_ref().and_then(&amount)) else {
        return Cell::from("");
    };
    let unit = |amount: &str| amount.split_once(' ').map(|(_, unit)| unit.to_owned());
    let number = match free.split_once(' ') {
        Some((number, _)) if unit(&free) == unit(&all) => number,
        _ => free.as_str(),
    };
    Cell::from(format!("{number} of {all}"))
}

/// One hypervisor agent with its instances and history.
pub(crate) fn hypervisor(now: Timestamp, agent: &HypervisorInfo) -> String {
    let mut text = details(
        agent.name.as_str(),
        &[
            ("state", words(&agent.state)),
            ("revoked", revoked(now, agent.revoked.as_ref())),
            ("provider", agent.provider.clone()),
            ("held", agent.held.as_ref().map(|hold| format!("by {hold}")).unwrap_or_default()),
            ("detail", agent.detail.clone()),
            ("labels", agent.labels.join(", ")),
            ("room", agent.room.as_ref().map(room).unwrap_or_default()),
            ("free", agent.free.as_ref().map(room).unwrap_or_default()),
            ("load", agent.load.as_ref().map(load).unwrap_or_default()),
            ("instances", instances(&agent.instances)),
        ],
    );
    text.push_str(&instance_table(&agent.instances));
    text + &*history(now, &agent.history)
}

/// What has become of a request to revoke an agent.
pub(crate) fn revocation(made: &RevocationInfo) -> String {
    let agent = &made.agent;
    if made.already {
        let (since, by_whom) = (clock(made.at), made.by_whom());
        return format!("{agent} is revoked already, since {since} {by_whom}; that stands\n");
    }
    format!("{agent} is revoked: its certificates and tokens are void, it is refused from now on\n")
}

/// `by alice: sold, 3 min ago`; empty where nobody did.
fn revoked(now: Timestamp, revoked: Option<&RevocationInfo>) -> String {
    revoked.map(|revoked| format!("{}, {}", revoked.by_whom(), ago(now, revoked.at))).unwrap_or_default()
}

/// `12.5 GiB, 8 cores`; memory and disk without bound are left out.
fn room(room: &Room) -> String {
    let parts = [(memory(room), "memory"), (cores(room), "cores"), (disk(room), "disk")];
    let told = parts.into_iter().filter_map(|(amount, what)| Some(format!("{} {what}", amount?)));
    told.collect::<Vec<_>>().join(", ")
}

fn memory(room: &Room) -> Option<String> {
    (room.memory_kib < u64::MAX).then(|| bytes(room.memory_kib.saturating_mul(1024)))
}

fn cores(room: &Room) -> Option<String> {
    (room.cores < u32::MAX).then(|| room.cores.to_string())
}

fn disk(room: &Room) -> Option<String> {
    (room.disk_bytes < u64::MAX).then(|| bytes(room.disk_bytes))
}

/// `1.52, 12.5 GiB memory and 1 TiB disk free on the machine`.
fn load(load: &Load) -> String {
    format!(
        "{}, {} memory and {} disk free on the machine",
        load_average(load),
        bytes(load.memory_free_kib.saturating_mul(1024)),
        bytes(load.disk_free_bytes)
    )
}

/// `1.52`.
fn load_average(load: &Load) -> String {
    format!("{}.{:02}", load.load_1min_centi / 100, load.load_1min_centi % 100)
}

/// `12.5 GiB`.
fn bytes(bytes: u64) -> String {
    let (mut whole, mut tenths, mut unit) = (bytes, 0, 0);
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    if tenths == 0 { format!("{whole} {}", UNITS[unit]) } else { format!("{whole}.{tenths} {}", UNITS[unit]) }
}

/// Slave agents, one per line.
pub(crate) fn slaves(now: Timestamp, slaves: &[SlaveInfo]) -> String {
    let row = |slave: &SlaveInfo| {
        // The name of a machine of a run begins with the run.
        let run = slave.run.as_ref().filter(|run| !slave.name.starts_with(run.as_str()));
        vec![
            Cell::from(slave.name.as_str()),
            Cell::new(if slave.physical { "physical" } else { "" }, DIM),
            state(&slave.state),
            since(now, slave.since),
            Cell::new(if slave.connected { "" } else { "out of contact" }, DIM),
            Cell::new(run.map(ToString::to_string).unwrap_or_default(), DIM),
            match &slave.revoked {
                Some(revoked) => Cell::new(revoked.words(), BAD),
                None => Cell::from(slave.detail.as_str()),
            },
        ]
    };
    table(&["SLAVE", "", "STATE", "", "", "RUN", "DETAIL"], slaves.iter().map(row).collect())
}

/// One slave agent with its history.
pub(crate) fn slave(now: Timestamp, slave: &SlaveInfo) -> String {
    let contact = match (slave.physical, slave.connected) {
        (true, true) => "physical, in contact",
        (true, false) => "physical, out of contact",
        (false, true) => "in contact",
        (false, false) => "out of contact",
    };
    let known = details(
        &slave.name,
        &[
            ("state", words(&slave.state)),
            ("revoked", revoked(now, slave.revoked.as_ref())),
            ("machine", contact.to_owned()),
            ("run", slave.run.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("detail", slave.detail.clone()),
        ],
    );
    known + &*history(now, &slave.history)
}

/// Tokens, one per line.
pub(crate) fn tokens(now: Timestamp, tokens: &[TokenInfo]) -> String {
    let row = |token: &TokenInfo| {
        vec![
            Cell::from(token.id.as_str()),
            Cell::from(token.identity.as_str()),
            Cell::from(token.role.map(|role| role.to_string()).unwrap_or_default()),
            Cell::new(ago(now, token.created), DIM),
            Cell::new(token.by.as_str(), DIM),
            Cell::from(token.used.map_or_else(|| "no".to_owned(), |used| ago(now, used))),
            Cell::from(ahead(now, token.expires)),
        ]
    };
    table(&["ID", "FOR", "ROLE", "MADE", "BY", "USED", "EXPIRES"], tokens.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (amount, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1 GiB"), (u64::MAX, "16383.9 PiB")]
        {
            assert_eq!(bytes(amount), text);
        }
        let unbounded = Room { memory_kib: 4 << 20, cores: 2, disk_bytes: u64::MAX };
        assert_eq!(room(&unbounded), "4 GiB memory, 2 cores");
        assert_eq!(disk(&unbounded), None);
    }
}
