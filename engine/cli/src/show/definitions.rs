//! Suites and clusters.

use xrdtest_model::Timestamp;
use xrdtest_model::api::{ClusterInfo, InstanceInfo, LastStart, ScheduledStart, ScheduledSuite, SuiteInfo};
use xrdtest_model::chronicle::StateWord;
use xrdtest_report::findings::plural;

use super::runs::verdict;
use super::table::{Cell, table};
use super::{BAD, DIM, details, history, since, state, words};

fn name(name: &str, defined: bool, broken: bool) -> Cell {
    match (defined, broken) {
        (false, _) => Cell::new(format!("{name} (not defined any more)"), DIM),
        (true, true) => Cell::new(format!("{name} (broken)"), BAD),
        (true, false) => Cell::from(name),
    }
}

/// A state; not that all is well with a definition that has errors.
fn defined(word: &StateWord, broken: bool) -> StateWord {
    if broken && matches!(&*word.constant, "S_DEF_OK" | "S_DEFINED") {
        return StateWord { code: -1, text: "Its definition has errors".into(), ..word.clone() };
    }
    word.clone()
}

/// Suites, one per line.
pub(crate) fn suites(now: Timestamp, suites: &[SuiteInfo]) -> String {
    let row = |suite: &SuiteInfo| {
        vec![
            name(&suite.name, suite.defined, suite.broken),
            state(&defined(&suite.state, suite.broken)),
            since(now, suite.since),
            suite.runs.first().map_or_else(|| Cell::from(""), verdict),
            Cell::from(suite.cases.len().to_string()),
            Cell::new(suite.clusters.join(", "), DIM),
            suite.schedule.as_ref().map_or_else(|| Cell::from(""), next_start),
            Cell::new(suite.schedule.as_ref().map(|it| it.words.as_str()).unwrap_or_default(), DIM),
        ]
    };
    table(
        &["SUITE", "STATE", "", "LAST RUN", "CASES", "CLUSTERS", "NEXT START", "SCHEDULE"],
        suites.iter().map(row).collect(),
    )
}

/// When a suite starts by itself, or why it does not.
fn next_start(schedule: &ScheduledSuite) -> Cell {
    match schedule.next.first() {
        _ if !schedule.held.is_empty() => Cell::new(schedule.held.as_str(), BAD),
        Some(next) => Cell::from(next.local.as_str()),
        None => Cell::from("never again"),
    }
}

/// What became of a start: `2026-11-27 02:30:00 CET: run …`.
fn last_start(last: &LastStart) -> String {
    let run = last.run.as_ref().map(|run| format!(": run {run}")).unwrap_or_default();
    let reason = if last.reason.is_empty() { String::new() } else { format!(": {}", last.reason) };
    format!("{}{run}{reason}", last.start.local)
}

/// Schedules, one per line.
pub(crate) fn schedules(schedules: &[ScheduledSuite]) -> String {
    let row = |schedule: &ScheduledSuite| {
        vec![
            Cell::from(schedule.suite.as_str()),
            next_start(schedule),
            Cell::from(schedule.words.as_str()),
            Cell::new(schedule.timezone.as_str(), DIM),
            Cell::new(schedule.last.as_ref().map(last_start).unwrap_or_default(), DIM),
        ]
    };
    table(&["SUITE", "NEXT START", "SCHEDULE", "ZONE", "LAST START"], schedules.iter().map(row).collect())
}

/// One suite with its runs and history.
pub(crate) fn suite(now: Timestamp, suite: &SuiteInfo) -> String {
    let schedule =
        |tell: fn(&ScheduledSuite) -> String| suite.schedule.as_ref().map(tell).unwrap_or_default();
    let mut text = details(
        &suite.name,
        &[
            ("title", suite.title.clone().unwrap_or_default()),
            ("state", words(&defined(&suite.state, suite.broken))),
            ("file", suite.file.clone()),
            ("problem", broken(suite.defined, suite.broken)),
            ("clusters", suite.clusters.join(", ")),
            ("cases", suite.cases.join(", ")),
            ("schedule", schedule(|it| format!("{} ({})", it.words, it.timezone))),
            ("not started", schedule(|it| it.held.clone())),
            ("last start", schedule(|it| it.last.as_ref().map(last_start).unwrap_or_default())),
        ],
    );
    if let Some(schedule) = &suite.schedule {
        text.push_str(&starts(schedule));
    }
    if !suite.runs.is_empty() {
        text.push('\n');
        text.push_str(&super::runs(now, &suite.runs));
    }
    text + &*history(now, &suite.history)
}

/// The starts to come.
fn starts(schedule: &ScheduledSuite) -> String {
    let row = |start: &ScheduledStart| vec![Cell::from(start.local.as_str())];
    let rows: Vec<_> = schedule.next.iter().map(row).collect();
    if rows.is_empty() { String::new() } else { format!("\n{}", table(&["NEXT STARTS"], rows)) }
}

fn broken(defined: bool, broken: bool) -> String {
    match (defined, broken) {
        (false, _) => "it is not defined any more",
        (true, true) => "its definition has errors: `xrdtest check` shows them",
        (true, false) => "",
    }
    .to_owned()
}

/// Clusters, one per line.
pub(crate) fn clusters(now: Timestamp, clusters: &[ClusterInfo]) -> String {
    let row = |cluster: &ClusterInfo| {
        let hosts = plural(cluster.hosts.len(), "host");
        vec![
            name(&cluster.name, cluster.defined, cluster.broken),
            state(&defined(&cluster.state, cluster.broken)),
            since(now, cluster.since),
            Cell::from(if cluster.external { format!("{hosts}, physical") } else { hosts }),
            Cell::from(instances(&cluster.instances)),
        ]
    };
    table(&["CLUSTER", "STATE", "", "HOSTS", "INSTANCES"], clusters.iter().map(row).collect())
}

/// One cluster with its instances and history.
pub(crate) fn cluster(now: Timestamp, cluster: &ClusterInfo) -> String {
    let mut text = details(
        &cluster.name,
        &[
            ("state", words(&defined(&cluster.state, cluster.broken))),
            ("file", cluster.file.clone()),
            ("problem", broken(cluster.defined, cluster.broken)),
            ("hosts", cluster.hosts.join(", ")),
            ("machines", if cluster.external { "physical".to_owned() } else { String::new() }),
        ],
    );
    text.push_str(&instance_table(&cluster.instances));
    text + &*history(now, &cluster.history)
}

/// `3 on hv1, hv2`; empty where there are none.
pub(super) fn instances(all: &[InstanceInfo]) -> String {
    let mut on: Vec<_> = all.iter().map(|instance| instance.hypervisor.as_str()).collect();
    on.sort_unstable();
    on.dedup();
    if all.is_empty() { String::new() } else { format!("{} on {}", all.len(), on.join(", ")) }
}

pub(super) fn instance_table(instances: &[InstanceInfo]) -> String {
    if instances.is_empty() {
        return String::new();
    }
    let row = |instance: &InstanceInfo| {
        vec![
            Cell::from(instance.instance.as_str()),
            Cell::from(instance.cluster.as_str()),
            Cell::from(instance.hypervisor.as_str()),
            state(&instance.state),
            Cell::new(instance.owner.to_string(), DIM),
        ]
    };
    let rows = instances.iter().map(row).collect();
    format!("\n{}", table(&["INSTANCE", "CLUSTER", "ON", "STATE", "OWNER"], rows))
}
