//! Tables and details, held against snapshots.

use std::time::Duration;

use anstream::adapter::strip_str;
use xrdtest_model::api::{
    ClusterInfo, HypervisorInfo, InstanceInfo, LastStart, QueueEntry, RevocationInfo, RunSummary,
    ScheduledStart, ScheduledSuite, SlaveInfo, SuiteInfo, TokenInfo,
};
use xrdtest_model::chronicle::{Subject, SubjectKind};
use xrdtest_model::event::InstanceOwner;
use xrdtest_model::room::{Load, Room};
use xrdtest_model::{RunId, Verdict};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_342_500_000);

fn ago(seconds: u64) -> Timestamp {
    NOW.before(Duration::from_secs(seconds))
}

fn word(constant: &str, code: i32, text: &str) -> StateWord {
    StateWord { constant: constant.to_owned().into(), code, text: text.to_owned().into() }
}

fn run(id: &str, verdict: Option<Verdict>, reason: &str) -> RunSummary {
    RunSummary {
        run: id.into(),
        suite: "ts_copy".to_owned(),
        trigger: "root".to_owned(),
        queued: ago(240),
        started: Some(ago(200)),
        finished: verdict.map(|_| ago(60)),
        verdict,
        reason: reason.to_owned(),
        pinned: false,
        evidence_bytes: 0,
        evidence_removed: None,
        archive: None,
    }
}

fn runs_of_all_kinds() -> Vec<RunSummary> {
    let waiting =
        RunSummary { started: None, ..run("20261122-101800-ts_copy-91aa", None, "no room: 3 GiB needed") };
    let pinned =
        RunSummary { pinned: true, ..run("20261122-101600-ts_copy-11ee", Some(Verdict::Passed), "") };
    let archived = RunSummary {
        archive: Some("/var/lib/xrdtest/archive/x.tar.zst".to_owned()),
        evidence_removed: Some(NOW),
        ..run("20261122-101500-ts_copy-3fa2", Some(Verdict::Failed), &"copy_to failed ".repeat(9))
    };
    vec![waiting, run("20261122-101700-ts_copy-77cd", None, ""), pinned, archived]
}

fn instance() -> InstanceInfo {
    InstanceInfo {
        instance: "20261122-101700-ts_copy-77cd.0".into(),
        cluster: "cluster_copy".to_owned(),
        hypervisor: "hv1".into(),
        run: Some("20261122-101700-ts_copy-77cd".into()),
        state: word("S_ACTIVE", 2, "Cluster active."),
        owner: InstanceOwner::Run { run: "20261122-101700-ts_copy-77cd".into() },
        since: ago(30),
        until: None,
        hosts: vec!["ds1.xrd.test".to_owned()],
    }
}

fn entered(kind: SubjectKind, state: StateWord, detail: &str) -> Transition {
    Transition {
        event: 7,
        at: ago(3700),
        subject: Subject { kind, name: "x".to_owned() },
        state,
        detail: detail.to_owned(),
        run: Some(RunId::new("20261122-101700-ts_copy-77cd")),
        is_step: false,
    }
}

fn schedule() -> ScheduledSuite {
    let start = |day: u64| ScheduledStart {
        at: NOW.after(Duration::from_secs(86400 * day)),
        local: format!("2026-11-{} 02:30:00 CET", 22 + day),
    };
    ScheduledSuite {
        suite: "ts_copy".to_owned(),
        words: "every night at 02:30".to_owned(),
        timezone: "Europe/Zurich".to_owned(),
        paused: None,
        held: String::new(),
        next: vec![start(1), start(2)],
        last: Some(LastStart {
            start: start(0),
            run: Some("20261122-013000-ts_copy-0a1b".into()),
            reason: String::new(),
        }),
    }
}

fn suite_info() -> SuiteInfo {
    SuiteInfo {
        name: "ts_copy".to_owned(),
        title: Some("Copies".to_owned()),
        file: "/srv/tests/suites/ts_copy/ts_copy.rhai".to_owned(),
        defined: true,
        broken: false,
        clusters: vec!["cluster_copy".to_owned()],
        cases: vec!["copy_to".to_owned(), "copy_from".to_owned()],
        state: word("S_INIT_ERROR", -22, "Test suite initialization error"),
        since: Some(ago(90)),
        runs: runs_of_all_kinds(),
        schedule: Some(schedule()),
        history: vec![entered(SubjectKind::Suite, word("S_DEF_OK", 1, "Test suite definition complete"), "")],
    }
}

fn cluster_info() -> ClusterInfo {
    ClusterInfo {
        name: "cluster_copy".to_owned(),
        file: "/srv/tests/clusters/cluster_copy.rhai".to_owned(),
        defined: true,
        broken: true,
        external: false,
        hosts: vec!["ds1.xrd.test".to_owned(), "client1.xrd.test".to_owned()],
        state: word("S_ACTIVE", 2, "Cluster active."),
        since: Some(ago(30)),
        instances: vec![instance()],
        history: vec![entered(
            SubjectKind::Cluster,
            word("S_ERROR", -4, "Cluster error"),
            "no image\n\x1b[2J",
        )],
    }
}

fn hypervisor_info() -> HypervisorInfo {
    HypervisorInfo {
        name: "hv1".into(),
        state: word("S_CONNECTED_IDLE", 1, "Connected"),
        since: Some(ago(86400)),
        connected: true,
        provider: "sandbox".to_owned(),
        room: Some(Room { memory_kib: 16 << 20, cores: 8, disk_bytes: 1 << 40 }),
        free: Some(Room { memory_kib: 12 << 20, cores: 6, disk_bytes: 1 << 40 }),
        labels: vec![],
        detail: String::new(),
        load: None,
        clock_ahead_ms: None,
        held: None,
        revoked: None,
        instances: vec![instance()],
        history: vec![entered(SubjectKind::Hypervisor, word("S_NOT_CONNECTED", 2, "Not connected"), "")],
    }
}

fn slave_info(name: &str, physical: bool, connected: bool) -> SlaveInfo {
    SlaveInfo {
        name: name.to_owned(),
        host: name.rsplit('/').next().unwrap().to_owned(),
        physical,
        connected,
        state: word("S_CONNECTED_IDLE", 1, "Connected"),
        since: Some(ago(15)),
        detail: String::new(),
        run: (!physical).then(|| "20261122-101700-ts_copy-77cd".into()),
        revoked: None,
        history: vec![entered(SubjectKind::Slave, word("S_CONNECTED_IDLE", 1, "Connected"), "")],
    }
}

fn plain(text: &str) -> String {
    assert!(
        text.lines().all(|line| strip_str(line).to_string() == strip_str(line).to_string().trim_end()),
        "{text:?}"
    );
    strip_str(text).to_string()
}

#[test]
fn lists_of_runs() {
    let entry = QueueEntry {
        position: 1,
        run: "20261122-101800-ts_copy-91aa".into(),
        suite: "ts_copy".to_owned(),
        trigger: "schedule".to_owned(),
        queued: ago(15),
        reason: "no hypervisor has room: 3 GiB needed, hv1 has 1 GiB".to_owned(),
    };
    insta::assert_snapshot!(plain(&runs(NOW, &runs_of_all_kinds())));
    insta::assert_snapshot!(plain(&queue(NOW, &[entry])));
    let lines: Vec<_> = runs_of_all_kinds()[..3].iter().map(run_line).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(runs(NOW, &[]), "");
}

#[test]
fn suites_and_clusters() {
    let gone = SuiteInfo {
        name: "ts_old".to_owned(),
        defined: false,
        cases: vec![],
        clusters: vec![],
        runs: vec![],
        schedule: None,
        ..suite_info()
    };
    insta::assert_snapshot!(plain(&suites(NOW, &[suite_info(), gone])));
    insta::assert_snapshot!(plain(&suite(NOW, &suite_info())));
    let paused = ScheduledSuite {
        held: "paused by alice".to_owned(),
        last: schedule().last.map(|last| LastStart { run: None, reason: "missed".to_owned(), ..last }),
        ..schedule()
    };
    let over = ScheduledSuite { next: vec![], last: None, ..schedule() };
    insta::assert_snapshot!("schedules", plain(&schedules(&[schedule(), paused, over])));
    let physical = ClusterInfo {
        name: "lab".to_owned(),
        external: true,
        broken: false,
        instances: vec![],
        ..cluster_info()
    };
    let broken = ClusterInfo {
        name: "typo".to_owned(),
        state: word("S_DEFINED", 0, "Cluster defined correctly."),
        since: None,
        instances: vec![],
        ..cluster_info()
    };
    insta::assert_snapshot!(plain(&clusters(NOW, &[cluster_info(), physical, broken])));
    insta::assert_snapshot!(plain(&cluster(NOW, &cluster_info())));
}

#[test]
fn agents_and_tokens() {
    let away = HypervisorInfo {
        name: "hv2".into(),
        connected: false,
        room: None,
        free: None,
        provider: String::new(),
        instances: vec![],
        state: word("S_NOT_CONNECTED", 2, "Not connected"),
        ..hypervisor_info()
    };
    insta::assert_snapshot!(plain(&hypervisors(NOW, &[hypervisor_info(), away])));
    insta::assert_snapshot!(plain(&hypervisor(NOW, &hypervisor_info())));
    let virtual_machines = HypervisorInfo {
        name: "hv3".into(),
        provider: "libvirt".to_owned(),
        labels: vec!["big".to_owned(), "ssd".to_owned()],
        detail: "tcg: there is no /dev/kvm".to_owned(),
        load: Some(Load { load_1min_centi: 105, memory_free_kib: 3 << 20, disk_free_bytes: 5 << 30 }),
        ..hypervisor_info()
    };
    insta::assert_snapshot!(
        "hypervisors_that_say_more",
        plain(&hypervisors(NOW, &[hypervisor_info(), virtual_machines.clone()]))
    );
    insta::assert_snapshot!("hypervisor_that_says_more", plain(&hypervisor(NOW, &virtual_machines)));
    let machine = slave_info("20261122-101700-ts_copy-77cd.0/ds1.xrd.test", false, true);
    let run = Some("20261122-101700-ts_copy-77cd".into());
    let node = SlaveInfo { run, ..slave_info("node7.example.org", true, false) };
    insta::assert_snapshot!(plain(&slaves(NOW, &[machine.clone(), node.clone()])));
    insta::assert_snapshot!(plain(&slave(NOW, &machine)));
    let sold = RevocationInfo {
        agent: "hypervisor/hv2".parse().unwrap(),
        at: ago(7200),
        by: "alice".to_owned(),
        reason: "sold".to_owned(),
        joined: None,
        already: true,
    };
    let refused = HypervisorInfo { revoked: Some(sold.clone()), ..virtual_machines };
    let node = SlaveInfo { revoked: Some(sold.clone()), detail: "out of contact".to_owned(), ..node };
    let both = hypervisors(NOW, std::slice::from_ref(&refused)) + &*hypervisor(NOW, &refused);
    let all = both + &*slaves(NOW, std::slice::from_ref(&node)) + &*slave(NOW, &node);
    insta::assert_snapshot!("agents_that_are_revoked", plain(&(all + &*revocation(&sold))));
    let token = TokenInfo {
        id: "3fa29c0177aa".to_owned(),
        identity: "slave/node7.example.org".to_owned(),
        role: None,
        by: "root".to_owned(),
        created: ago(7200),
        expires: NOW.after(Duration::from_secs(79200)),
        used: None,
    };
    insta::assert_snapshot!(plain(&tokens(NOW, &[token])));
}
