//! The journal's format. A journal that was written once is read for ever: lines of the golden file are never
//! changed, only added to.

use std::collections::BTreeSet;

use serde_json::Value;
use xrdtest_model::Event;

const GOLDEN: &str = include_str!("golden/events-1.jsonl");

/// All events there are, by their names in the journal.
const NAMES: [&str; 25] = [
    "run_queued",
    "run_waiting",
    "run_placed",
    "instance_changed",
    "images_used",
    "stage_started",
    "stage_reported",
    "stage_finished",
    "machine_connected",
    "machine_late",
    "machine_away",
    "machine_back",
    "machine_lost",
    "machine_rebooting",
    "agent_connected",
    "agent_gone",
    "agent_revoked",
    "cancel_requested",
    "run_timed_out",
    "case_finished",
    "run_finished",
    "cluster_ordered",
    "instance_kept",
    "hold_began",
    "hold_ended",
];

/// Whether `new` says all that `old` says, and perhaps more.
fn includes(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(key, old)| new.get(key).is_some_and(|new| includes(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| includes(new, old))
        }
        _ => new == old,
    }
}

#[test]
fn every_line_is_read_and_nothing_of_it_is_lost() {
    for line in GOLDEN.lines() {
        let event: Event = serde_json::from_str(line).unwrap();
        let (old, new) = (serde_json::from_str(line).unwrap(), serde_json::to_value(&event).unwrap());
        assert!(includes(&new, &old), "read:    {old}\nwritten: {new}");
    }
}

#[test]
fn every_event_has_a_line() {
    let lines = GOLDEN.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: BTreeSet<String> =
        lines.map(|line| line["body"]["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, NAMES.map(str::to_owned).into());
}
