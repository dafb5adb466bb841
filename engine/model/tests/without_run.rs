//! What the chronicle tells of instances that belong to no run.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers are not marked as tests")]

use serde_json::{Value, json};
use xrdtest_model::chronicle::Chronicle;
use xrdtest_model::{Event, EventBody, RunPlan, Timestamp};

/// That of the golden journal, on the machine `ds1.xrd.test` of `cluster_001_mm`.
fn plan() -> RunPlan {
    let golden = include_str!("golden/events-1.jsonl");
    let event: Event = serde_json::from_str(golden.lines().next().unwrap()).unwrap();
    let EventBody::RunQueued { plan, .. } = event.body else { panic!("no plan") };
    *plan
}

fn changed(state: &str, detail: &str) -> Value {
    json!({"event": "instance_changed", "instance": "i", "state": state, "detail": detail})
}

fn of_machine(event: &str, more: Value) -> Value {
    let mut body = json!({"event": event, "machine": {"instance": "i", "host": "ds1.xrd.test"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Each event leads to one state, or to none, in these words; at the end nothing is remembered.
fn check(story: &[(Value, &str)]) {
    let mut chronicle = Chronicle::default();
    for (number, (body, expected)) in (1..).zip(story) {
        let body = serde_json::from_value(body.clone()).unwrap();
        let told = chronicle.apply(&Event { number, at: Timestamp::from_millis(number), body });
        let told = told.iter().filter(|it| !["job", "suite"].contains(&kind(it.subject.kind).as_str()));
        let words = told.map(|it| {
            let run = it.run.as_ref().map(|run| format!(" [{run}]")).unwrap_or_default();
            format!("{} {}: {}{run}", it.subject.name, &it.state.constant[2..], it.detail)
        });
        assert_eq!(words.collect::<Vec<_>>().join("; "), *expected);
    }
    assert_eq!(chronicle, Chronicle::default());
}

fn kind(kind: xrdtest_model::chronicle::SubjectKind) -> String {
    serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn a_cluster_that_was_started_by_hand() {
    let ordered = json!({"event": "cluster_ordered", "instance": "i", "plan": plan().clusters[0],
        "repository": "/repository", "hypervisor": "hv", "by": "alice", "start_ms": 1, "until": 1});
    let name = "cluster_001_mm";
    let slave = "i/ds1.xrd.test";
    check(&[
        (ordered, &format!("{name} DEFINITION_SENT: i on hv, by hand, alice")),
        (changed("waiting_slaves", ""), &format!("{name} WAITING_SLAVES: ")),
        (of_machine("machine_connected", json!({"boot_id": "1"})), &format!("{slave} CONNECTED_IDLE: ")),
        (changed("active", ""), &format!("{name} ACTIVE: ")),
        (
            of_machine("machine_lost", json!({"reason": "no contact"})),
            &format!("{slave} NOT_CONNECTED: given up: no contact"),
        ),
        (of_machine("machine_back", json!({})), &format!("{slave} CONNECTED_IDLE: in contact again")),
        (changed("stopping", "stopped by bob"), &format!("{name} STOPCOMMAND_SENT: stopped by bob")),
        (changed("stopping", "it is busy"), &format!("{name} ERROR_STOP: it is busy")),
        (
            changed("stopped", ""),
            &format!("{name} STOPPED: ; {slave} NOT_CONNECTED: its cluster was stopped"),
        ),
    ]);
}

#[test]
fn an_instance_that_is_kept_goes_on_without_its_run() {
    let placed = json!([{"instance": "i", "cluster": "cluster_001_mm", "hypervisor": "hv"}]);
    let name = "cluster_001_mm";
    let slave = "i/ds1.xrd.test";
    check(&[
        (json!({"event": "run_queued", "run": "r", "plan": plan(), "trigger": "alice"}), ""),
        (
            json!({"event": "run_placed", "run": "r", "instances": placed}),
            &format!("{name} DEFINITION_SENT: i on hv [r]"),
        ),
        (changed("active", ""), &format!("{name} ACTIVE:  [r]")),
        (json!({"event": "run_finished", "run": "r", "verdict": "failed", "reason": "by chance"}), ""),
        (
            json!({"event": "instance_kept", "instance": "i", "until": 1_795_342_500_000_u64}),
            &format!("{name} ACTIVE: i is kept until 2026-11-22 10:15 UTC [r]"),
        ),
        (of_machine("machine_late", json!({})), &format!("{slave} NOT_CONNECTED: out of contact [r]")),
        (changed("stopping", "its time is over"), &format!("{name} STOPCOMMAND_SENT: its time is over [r]")),
        (changed("stopped", ""), &format!("{name} STOPPED:  [r]")),
    ]);
}
