//! The manual's words, told from events: each story on the left, what it leads to on the right.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers are not marked as tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use xrdtest_model::chronicle::{Chronicle, StateWord, SubjectKind, Transition};
use xrdtest_model::event::Placement;
use xrdtest_model::{ClusterPlan, Event, EventBody, RunPlan, Timestamp};

const GOLDEN: &str = include_str!("golden/events-1.jsonl");

/// All constants of the manual's chapter 9, without `S_`, with their numbers.
const MANUAL: &str =
    "ACTIVE 8, ADDED 0, ALL_FINALIZED 32, ALL_INITIALIZED 22, ALL_TEST_FINALIZED 48, ALL_TEST_INITIALIZED 42,
    ALL_TEST_RUN_FINISHED 45, ATTACHING_DISKS 6, CONNECTED_IDLE 1, COPYING_IMAGES 5, CREATING_NETWORK 3,
    CREATING_SLAVES 4, DEFINED 0, DEFINITION_SENT 1, DEF_OK 1, DESTROYING_CLUSTER 10, ERROR -4,
    ERROR_START -3, ERROR_STOP -2, IDLE 10, INIT_ERROR -22, NOT_CONNECTED 2, SLAVE_FINALIZED 31,
    SLAVE_INITIALIZED 21, SLAVE_TEST_FINALIZED 47, SLAVE_TEST_INITIALIZED 41, SLAVE_TEST_RUN_FINISHED 44,
    STARTED 1, STARTING_CLUSTER 2, STOPCOMMAND_SENT 9, STOPPED 11, SUITE_FINALIZE_SENT 12,
    SUITE_INITIALIZED 11, SUITE_INIT_SENT 10, TEST_FINALIZED 26, TEST_FINALIZE_SENT 25, TEST_INITIALIZED 22,
    TEST_INIT_SENT 21, TEST_RUN_FINISHED 24, TEST_RUN_SENT 23, UNKNOWN 0, UNKNOWN_NOHYPERV -1,
    WAITING_SLAVES 7, WAIT_4_FINALIZE 30, WAIT_4_INIT 20, WAIT_4_TEST_FINALIZE 46, WAIT_4_TEST_INIT 40,
    WAIT_4_TEST_RUN 43";

/// The golden plan, whose only case is `copy_to`, on the machines `a` and `b`.
fn plan(external: bool) -> RunPlan {
    let first: Event = serde_json::from_str(GOLDEN.lines().next().unwrap()).unwrap();
    let EventBody::RunQueued { plan, .. } = first.body else { panic!("no plan") };
    let mut plan = *plan;
    let mut cluster = ClusterPlan::clone(&plan.clusters[0]);
    let host = cluster.hosts[0].clone();
    cluster.name = "c".to_owned();
    cluster.external = external;
    cluster.hosts = ["a", "b"]
        .map(|name| {
            let mut host = host.clone();
            host.name = name.to_owned();
            host
        })
        .into();
    plan.suite = "s".to_owned();
    plan.machines = vec!["a".to_owned(), "b".to_owned()];
    plan.cases[0].name = "copy_to".to_owned();
    plan.cases[0].machines.clone_from(&plan.machines);
    plan.clusters = vec![Arc::new(cluster)];
    plan
}

/// Events in few words, one per line, and a look at what they lead to.
struct Tale {
    chronicle: Chronicle,
    plan: RunPlan,
    number: u64,
    said: BTreeSet<String>,
}

impl Tale {
    fn new() -> Self {
        Self::of(plan(false))
    }

    fn of(plan: RunPlan) -> Self {
        Self { chronicle: Chronicle::default(), plan, number: 0, said: BTreeSet::new() }
    }

    fn body(&self, words: &str) -> EventBody {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        let machine = |host: &str| json!({"instance": "r.0", "host": host});
        let value = match word {
            "queued" => {
                return EventBody::RunQueued {
                    run: "r".into(),
                    plan: Box::new(self.plan.clone()),
                    trigger: rest.to_owned(),
                };
            }
            "placed" => {
                let instances = vec![Placement {
                    instance: "r.0".into(),
                    cluster: "c".to_owned(),
                    hypervisor: "hv".into(),
                }];
                return EventBody::RunPlaced { run: "r".into(), instances };
            }
            "waiting" => json!({"event": "run_waiting", "run": "r", "reason": rest}),
            "instance" => {
                let mut parts = rest.splitn(3, ' ');
                let (state, step) = (parts.next(), parts.next().filter(|step| *step != "-"));
                json!({"event": "instance_changed", "instance": "r.0", "state": state, "step": step,
                    "detail": parts.next().unwrap_or("")})
            }
            "connected" => json!({"event": "machine_connected", "machine": machine(rest), "boot_id": "1"}),
            "late" => json!({"event": "machine_late", "machine": machine(rest)}),
            "away" => json!({"event": "machine_away", "machine": machine(rest)}),
            "back" => json!({"event": "machine_back", "machine": machine(rest)}),
            "lost" => json!({"event": "machine_lost", "machine": machine(rest), "reason": "no contact"}),
            "boots" => json!({"event": "machine_rebooting", "machine": machine(rest), "within_ms": 300_000}),
            "begin" => json!({"event": "stage_started", "run": "r", "stage": stage(rest),
                "machines": [[machine("a"), 1], [machine("b"), 1]]}),
            "end" => finished(rest),
            "over" => {
                let (verdict, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                json!({"event": "run_finished", "run": "r", "verdict": verdict, "reason": reason})
            }
            "agent" => {
                json!({"event": "agent_connected", "agent": rest, "software": "0.1.0", "detail": "sandbox"})
            }
            "revoked" => json!({"event": "agent_revoked", "agent": rest, "by": "alice", "reason": "sold"}),
            "gone" => json!({"event": "agent_gone", "agent": rest, "orderly": false}),
            _ => panic!("{words}"),
        };
        serde_json::from_value(value).unwrap()
    }

    /// Applies events of which the words do not matter.
    fn given(&mut self, events: &str) -> &mut Self {
        self.apply(events);
        self
    }

    fn apply(&mut self, events: &str) -> Vec<String> {
        let mut told = Vec::new();
        for words in events.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.number += 1;
            let body = self.body(words);
            let event = Event { number: self.number, at: Timestamp::from_millis(self.number), body };
            for transition in self.chronicle.apply(&event) {
                assert_eq!((transition.event, transition.at), (event.number, event.at));
                self.said.insert(transition.state.constant.to_string());
                told.push(words_of(&transition));
            }
        }
        told
    }

    /// Applies events, which have to lead to this.
    fn expect(&mut self, events: &str, expected: &str) -> &mut Self {
        let told = self.apply(events);
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(told, expected, "\n--- told:\n{}\n", told.join("\n"));
        self
    }
}

/// `suite initialize`, `case run`.
fn stage(words: &str) -> Value {
    let (subject, kind) = words.split_once(' ').unwrap();
    json!({"case": (subject == "case").then_some(0), "kind": kind})
}

/// `a passed case run`; `a not_run …` without an attempt.
fn finished(words: &str) -> Value {
    let mut parts = words.splitn(3, ' ');
    let (host, outcome) = (parts.next().unwrap(), parts.next().unwrap());
    let code = match outcome {
        "passed" => json!(0),
        "failed" => json!(3),
        _ => Value::Null,
    };
    json!({"event": "stage_finished", "run": "r", "result": {
        "stage": stage(parts.next().unwrap()), "machine": {"instance": "r.0", "host": host},
        "attempt": u32::from(outcome != "not_run"), "outcome": outcome, "exit_code": code, "signal": null,
        "reason": if outcome == "lost" { "no contact" } else { "" }, "started": 1, "duration_ms": 1, "output_length": 0,
        "output_complete": true, "leftovers": [], "logs": []}})
}

/// `slave r.0/a TEST_RUN_SENT: copy_to`; what has no run is marked.
fn words_of(transition: &Transition) -> String {
    let kind = serde_json::to_value(transition.subject.kind).unwrap();
    let name = &transition.subject.name;
    let mut words = format!("{} {name} {}", kind.as_str().unwrap(), &transition.state.constant[2..]);
    if !transition.detail.is_empty() {
        words.push_str(&format!(": {}", transition.detail));
    }
    if transition.run.is_none() {
        words.push_str(" [no run]");
    }
    words
}

const UP: &str = "queued alice
    placed
    instance waiting_slaves
    connected a
    connected b
    instance active";

#[test]
fn a_run_from_the_queue_to_its_end() {
    let mut tale = Tale::new();
    tale.expect("queued alice", "job r ADDED: alice\nsuite s IDLE")
        .expect("waiting full", "suite s IDLE: full\ncluster c UNKNOWN_NOHYPERV: full")
        .expect("agent hypervisor/hv", "hypervisor hv CONNECTED_IDLE: sandbox 0.1.0 [no run]\ncluster c DEFINED: hv is in contact")
        .expect("waiting full", "suite s IDLE: full")
        .expect("placed", "job r STARTED\ncluster c DEFINITION_SENT: r.0 on hv")
        .expect("instance starting starting_cluster", "cluster c STARTING_CLUSTER")
        .expect("instance starting creating_network br", "cluster c CREATING_NETWORK: br")
        .expect("instance starting copying_images", "cluster c COPYING_IMAGES")
        .expect("instance starting creating_slaves", "cluster c CREATING_SLAVES")
        .expect("instance starting creating_slaves", "")
        .expect("instance starting attaching_disks", "cluster c ATTACHING_DISKS")
        .expect("instance waiting_slaves", "cluster c WAITING_SLAVES")
        .expect("connected a\nconnected b", "slave r.0/a CONNECTED_IDLE\nslave r.0/b CONNECTED_IDLE")
        .expect("instance active", "cluster c ACTIVE")
        .expect(
            "begin suite initialize",
            "suite s WAIT_4_INIT\nslave r.0/a SUITE_INIT_SENT\nslave r.0/b SUITE_INIT_SENT",
        )
        .expect("end a passed suite initialize", "slave r.0/a SUITE_INITIALIZED: passed\nsuite s SLAVE_INITIALIZED: a passed")
        .expect(
            "end b passed suite initialize",
            "slave r.0/b SUITE_INITIALIZED: passed\nsuite s SLAVE_INITIALIZED: b passed\nsuite s ALL_INITIALIZED: 2 of 2 passed",
        )
        .expect(
            "begin case initialize",
            "suite s WAIT_4_TEST_INIT: copy_to\nslave r.0/a TEST_INIT_SENT: copy_to\nslave r.0/b TEST_INIT_SENT: copy_to",
        )
        .expect(
            "end a passed case initialize\nend b passed case initialize",
            "slave r.0/a TEST_INITIALIZED: copy_to: passed\nsuite s SLAVE_TEST_INITIALIZED: copy_to: a passed
             slave r.0/b TEST_INITIALIZED: copy_to: passed\nsuite s SLAVE_TEST_INITIALIZED: copy_to: b passed
             suite s ALL_TEST_INITIALIZED: copy_to: 2 of 2 passed",
        )
        .given("begin case run")
        .expect(
            "end b failed case run\nend a passed case run",
            "slave r.0/b TEST_RUN_FINISHED: copy_to: failed (exit code 3)
             suite s SLAVE_TEST_RUN_FINISHED: copy_to: b failed (exit code 3)
             slave r.0/a TEST_RUN_FINISHED: copy_to: passed\nsuite s SLAVE_TEST_RUN_FINISHED: copy_to: a passed
             suite s ALL_TEST_RUN_FINISHED: copy_to: 1 of 2 passed",
        )
        .given("begin case finalize\nend a passed case finalize\nend b passed case finalize")
        .expect(
            "begin suite finalize\nend a passed suite finalize\nend b passed suite finalize",
            "suite s WAIT_4_FINALIZE\nslave r.0/a SUITE_FINALIZE_SENT\nslave r.0/b SUITE_FINALIZE_SENT
             slave r.0/a CONNECTED_IDLE: passed\nsuite s SLAVE_FINALIZED: a passed
             slave r.0/b CONNECTED_IDLE: passed\nsuite s SLAVE_FINALIZED: b passed
             suite s ALL_FINALIZED: 2 of 2 passed",
        )
        .expect("over failed copy_to failed", "suite s ALL_FINALIZED: failed: copy_to failed\njob r STARTED: over: failed: copy_to failed")
        .expect("instance stopping", "cluster c STOPCOMMAND_SENT")
        .expect("instance stopping destroying_cluster", "cluster c DESTROYING_CLUSTER")
        .expect("instance stopping - a is busy", "cluster c ERROR_STOP: a is busy")
        .expect(
            "instance stopped",
            "cluster c STOPPED\nslave r.0/a NOT_CONNECTED: its cluster was stopped\nslave r.0/b NOT_CONNECTED: its cluster was stopped",
        );
    assert_eq!(
        tale.apply("instance active\nbegin case run\nconnected a"),
        ["slave r.0/a CONNECTED_IDLE [no run]"],
        "of what is over nothing is remembered"
    );
}

#[test]
fn a_machine_out_of_contact() {
    Tale::new()
        .given(UP)
        .given("begin suite initialize")
        .expect("late a", "slave r.0/a NOT_CONNECTED: out of contact")
        .expect("back a", "slave r.0/a SUITE_INIT_SENT: in contact again")
        .expect(
            "away a\nback a",
            "slave r.0/a NOT_CONNECTED: it said goodbye\nslave r.0/a SUITE_INIT_SENT: in contact again",
        )
        .expect("boots b", "slave r.0/b NOT_CONNECTED: it boots, and is awaited for 5 min")
        .expect("connected b", "slave r.0/b SUITE_INIT_SENT")
        .given("end b passed suite initialize")
        .expect(
            "late b\nback b",
            "slave r.0/b NOT_CONNECTED: out of contact\nslave r.0/b CONNECTED_IDLE: in contact again",
        )
        .expect("lost a", "slave r.0/a NOT_CONNECTED: given up: no contact")
        // Its slave stays what it is; the suite could not be initialized.
        .expect(
            "end a lost suite initialize",
            "suite s SLAVE_INITIALIZED: a lost: no contact\nsuite s INIT_ERROR: 1 of 2 passed",
        )
        // Who is out of contact already does not leave again.
        .expect("instance stopped", "cluster c STOPPED\nslave r.0/b NOT_CONNECTED: its cluster was stopped");
}

#[test]
fn a_cluster_that_breaks() {
    Tale::new()
        .given("queued alice\nplaced")
        .expect("instance failed - no such image", "cluster c ERROR_START: no such image")
        .expect(
            "over error no such image",
            "suite s INIT_ERROR: error: no such image\njob r STARTED: over: error: no such image",
        );
    Tale::new().given(UP).expect("instance failed - power cut", "cluster c ERROR: power cut");
}

#[test]
fn a_run_that_is_cancelled_while_it_waits_leaves_its_suite_as_defined() {
    Tale::new().given("queued alice\nwaiting full").expect(
        "over cancelled by bob",
        "suite s DEF_OK: cancelled: by bob\njob r ADDED: over: cancelled: by bob",
    );
}

#[test]
fn a_stage_that_is_not_run_is_nobodys_state() {
    Tale::new()
        .given(UP)
        .given("begin suite initialize\nend a passed suite initialize\nend b passed suite initialize")
        .expect("end a not_run case run", "")
        .expect("end b not_run suite initialize", "suite s INIT_ERROR: b: not run");
}

#[test]
fn clusters_of_a_hypervisor_out_of_contact_are_unknown() {
    Tale::new()
        .given("agent hypervisor/hv")
        .given(UP)
        .expect(
            "gone hypervisor/hv",
            "hypervisor hv NOT_CONNECTED: out of contact [no run]\ncluster c UNKNOWN: hv is out of contact",
        )
        .expect(
            "agent hypervisor/hv",
            "hypervisor hv CONNECTED_IDLE: sandbox 0.1.0 [no run]\ncluster c ACTIVE",
        );
    Tale::new()
        .given("agent hypervisor/hv\nqueued alice\nwaiting full")
        .expect("gone hypervisor/hv", "hypervisor hv NOT_CONNECTED: out of contact [no run]\ncluster c UNKNOWN_NOHYPERV: hv is out of contact");
}

#[test]
fn physical_machines_go_by_their_names() {
    Tale::of(plan(true))
        .expect("agent slave/a", "slave a CONNECTED_IDLE: sandbox 0.1.0 [no run]")
        .given("queued alice")
        .expect("waiting a is in use", "suite s IDLE: a is in use")
        .expect("placed", "job r STARTED\ncluster c WAITING_SLAVES: r.0 on hv")
        .expect("connected a", "slave a CONNECTED_IDLE")
        .expect(
            "begin suite initialize",
            "suite s WAIT_4_INIT\nslave a SUITE_INIT_SENT\nslave b SUITE_INIT_SENT",
        )
        .expect("instance stopped", "cluster c STOPPED\nslave a CONNECTED_IDLE")
        .expect("gone slave/a", "slave a NOT_CONNECTED: out of contact [no run]");
}

#[test]
fn who_is_revoked_is_not_connected() {
    Tale::new()
        .given("agent hypervisor/hv")
        .given(UP)
        .expect("revoked slave/r.0/a", "slave r.0/a NOT_CONNECTED: revoked by alice: sold")
        .expect("back a", "slave r.0/a CONNECTED_IDLE: in contact again")
        .expect(
            "revoked hypervisor/hv",
            "hypervisor hv NOT_CONNECTED: revoked by alice: sold [no run]\ncluster c UNKNOWN: hv is out of contact",
        )
        .expect("revoked slave/pc1", "slave pc1 NOT_CONNECTED: revoked by alice: sold [no run]");
}

#[test]
fn every_word_of_the_manual_has_its_place() {
    let mut said = BTreeSet::new();
    let all = format!("waiting full\nagent hypervisor/hv\nagent hypervisor/hv2\n{UP}\nbegin suite initialize\nend a passed suite initialize
        end b passed suite initialize\nbegin case initialize\nend a passed case initialize\nend b passed case initialize
        begin case run\nend a passed case run\nend b passed case run\nbegin case finalize\nend a passed case finalize
        end b passed case finalize\nbegin suite finalize\nend a passed suite finalize\nend b passed suite finalize
        gone hypervisor/hv\nover passed\ninstance failed - torn\ninstance stopping\ninstance stopping destroying_cluster
        instance stopping - busy\ninstance stopped");
    let starts = "queued x\nwaiting full\nplaced\ninstance starting starting_cluster\ninstance starting creating_network
        instance starting copying_images\ninstance starting creating_slaves\ninstance starting attaching_disks
        instance failed - torn\nover error torn";
    let cancelled = "queued x\nover cancelled x";
    for story in [all.as_str(), starts, cancelled] {
        let mut tale = Tale::new();
        tale.apply(story);
        said.extend(tale.said);
    }
    let kinds = [
        SubjectKind::Suite,
        SubjectKind::Cluster,
        SubjectKind::Hypervisor,
        SubjectKind::Slave,
        SubjectKind::Job,
    ];
    said.extend(kinds.map(|kind| StateWord::before_any_event(kind).constant.into_owned()));
    for entry in MANUAL.split(',') {
        let (constant, code) = entry.trim().split_once(' ').unwrap();
        let constant = format!("S_{constant}");
        assert!(said.remove(&constant), "{constant} is said by nobody");
        let word = StateWord::of_constant(&constant);
        assert_eq!(word.code, code.parse::<i32>().unwrap(), "{constant}");
        assert_ne!(word.text, constant, "{constant} has a text");
    }
    assert!(said.is_empty(), "not the manual's: {said:?}");
    assert_eq!(StateWord::of_constant("S_NEW").text, "S_NEW", "a word of a later version is shown as it is");
}

#[test]
fn nothing_is_remembered_of_what_is_over() {
    let mut tale = Tale::new();
    tale.given(UP).given("begin suite initialize\nover passed\ninstance stopping\ninstance stopped");
    assert_eq!(tale.chronicle, Chronicle::default());
}
