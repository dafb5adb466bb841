//! Where the files of a run lie.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers are not marked as tests")]

use xrdtest_model::{Event, EventBody, RunPlan, StageId, StageKind};

fn plan() -> RunPlan {
    let golden = include_str!("golden/events-1.jsonl");
    let event: Event = serde_json::from_str(golden.lines().next().unwrap()).unwrap();
    let EventBody::RunQueued { plan, .. } = event.body else { panic!("no plan") };
    *plan
}

const RUN: StageId = StageId { case: Some(0), kind: StageKind::Run };

#[test]
fn outputs_are_named_by_stage_machine_and_attempt() {
    for (attempt, expected) in [
        (0, "outputs/03-copy_to-run/ds1.xrd.test.log"),
        (1, "outputs/03-copy_to-run/ds1.xrd.test.log"),
        (2, "outputs/03-copy_to-run/ds1.xrd.test.2.log"),
    ] {
        assert_eq!(plan().output_path(RUN, "ds1.xrd.test", attempt), expected);
    }
    assert_eq!(plan().output_path(RUN, "../a/b", 1), "outputs/03-copy_to-run/_._a_b.log");
}

#[test]
fn a_machines_word_for_a_log_leads_nowhere_else() {
    for (path, expected) in [
        ("/var/log/xrootd.log", "logs/03-copy_to-run/ds1/var/log/xrootd.log"),
        ("var//log/./x", "logs/03-copy_to-run/ds1/var/log/x"),
        ("/../../etc/passwd", "logs/03-copy_to-run/ds1/etc/passwd"),
        ("..", "logs/03-copy_to-run/ds1/log"),
        ("", "logs/03-copy_to-run/ds1/log"),
    ] {
        assert_eq!(plan().log_path(RUN, "ds1", path), expected, "{path}");
    }
}

#[test]
fn artifacts_lie_beside_logs() {
    let path = plan().artifact_path(RUN, "ds1", "/tmp/../report.xml");
    assert_eq!(path, "artifacts/03-copy_to-run/ds1/tmp/report.xml");
}

#[test]
fn hosts_are_found_with_their_aliases() {
    let mut plan = plan();
    std::sync::Arc::make_mut(&mut plan.clusters[0]).hosts[0].aliases = vec!["multi.xrd.test".to_owned()];
    assert_eq!(plan.aliases()["ds1.xrd.test"], ["multi.xrd.test"]);
    assert!(!plan.aliases().contains_key("ds9.xrd.test"));
}
