//! Instances that belong to no run: started by hand, or kept after a run that did not pass.

use std::sync::Arc;

use xrdtest_model::event::{InstanceOwner, InstanceState};
use xrdtest_model::{ClusterPlan, EventBody, RunPlan};
use xrdtest_orchestrator::{Config, Effect, InstanceReport, Orchestrator};

use crate::common::{ability, cluster, external, physical, suite};
use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

const UNTIL: &str = "until 1970-01-12 14:46 UTC";

fn two() -> Arc<ClusterPlan> {
    cluster("pair", 1, &["a", "b"])
}

fn kept(plan: &RunPlan) -> RunPlan {
    RunPlan { keep_on_failure: true, ..plan.clone() }
}

fn up_by_hand(lab: &mut Lab) {
    lab.hypervisor("hv1", ability(100, true));
    lab.start_by_hand("h1", &two());
    lab.made("h1");
    lab.connect("a");
    lab.connect("b");
    lab.skip();
}

#[test]
fn from_start_to_stop() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(8, true));
        lab.start_by_hand("h1", &two());
        lab.start_by_hand("h1", &two());
        lab.made("h1");
        lab.connect("a");
        lab.connect("b");
        lab.expect(
            "* h1: pair by hand on hv1, alice
             start h1 on hv1
             * h1 waits for slaves
             * a connected, boot 0
             * b connected, boot 0
             * h1 active",
        );
        let known = lab.core.instances().remove(0);
        assert_eq!(known.owner, InstanceOwner::Hand { by: "alice".to_owned() });
        assert_eq!(known.until.unwrap().since(known.since).as_secs(), 3600);
        lab.stop_cluster("h1");
        lab.stop_cluster("h1");
        lab.expect(
            "* h1 stopping: stopped by bob
             stop h1 on hv1",
        );
        lab.says("h1", InstanceReport::Stopped);
        assert!(lab.core.is_idle());
    });
}

/// Nobody's verdict depends on its machines: who was given up may come back.
#[test]
fn contact_is_told_and_changes_nothing() {
    scenario(|lab| {
        up_by_hand(lab);
        lab.leave("a");
        lab.wait(6);
        lab.connect("a");
        lab.leave("a");
        lab.wait(40);
        lab.connect("a");
        lab.reboot("b");
        lab.goodbye("b");
        lab.connect("b");
        lab.says(
            "h1",
            InstanceReport::MachineGone { host: "a".to_owned(), detail: "it panicked".to_owned() },
        );
        lab.expect(
            "* a late
             * a back
             * a late
             * a lost: no contact for 30 s
             * a back
             * b connected, boot 1
             * b away
             * b back
             * a lost: it panicked",
        );
        lab.connect("a");
        lab.expect("* a back");
        assert_eq!(lab.core.instances()[0].state, InstanceState::Active);
    });
}

#[test]
fn where_there_is_no_place_it_is_refused() {
    scenario(|lab| {
        lab.start_by_hand("h0", &two());
        lab.expect("refused h0: no hypervisor is connected");
        up_by_hand(lab);
        lab.start_by_hand("h2", &two());
        lab.start_by_hand("h3", &cluster("twin", 1, &["c"]));
        lab.start_by_hand("h4", &cluster("free", 2, &["c"]));
        lab.expect(&format!(
            "refused h2: cluster pair is in use on hv1: started by hand by alice, {UNTIL} \
             (`xrdtest cluster stop h1` ends it)
             refused h3: the network 10.0.1.1/24 of cluster twin is in use by cluster pair on hv1: \
             started by hand by alice, {UNTIL} (`xrdtest cluster stop h1` ends it)
             * h4: free by hand on hv1, alice
             start h4 on hv1"
        ));
    });
}

#[test]
fn a_run_waits_for_a_cluster_that_was_started_by_hand() {
    scenario(|lab| {
        up_by_hand(lab);
        lab.submit("r1", &pair());
        lab.expect(&format!(
            "* r1 queued
             * r1 waits: cluster pair is in use on hv1: started by hand by alice, {UNTIL} \
             (`xrdtest cluster stop h1` ends it)"
        ));
        lab.stop_cluster("h1");
        lab.skip();
        lab.says("h1", InstanceReport::Stopped);
        lab.expect(
            "* h1 stopped
             * r1 placed on hv1
             start r1.0 on hv1",
        );
        lab.stop_cluster("r1.0");
        lab.expect("");
    });
}

/// A run that has waited for long is not overtaken by hand.
#[test]
fn what_is_kept_for_a_run_is_not_taken_by_hand() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(2, false));
        lab.submit("r1", &pair());
        lab.submit("r2", &pair());
        lab.wait(301);
        lab.skip();
        lab.start_by_hand("h1", &cluster("small", 2, &["c"]));
        lab.expect("refused h1: hv1 is kept for run r2, which has waited longer");
    });
}

#[test]
fn a_start_that_fails_is_told_and_removed() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(8, true));
        lab.start_by_hand("h1", &two());
        lab.says("h1", InstanceReport::Failed { detail: "no such image".to_owned() });
        lab.says("h1", InstanceReport::Stopped);
        lab.start_by_hand("h2", &two());
        lab.says(
            "h2",
            InstanceReport::MachineGone { host: "a".to_owned(), detail: "it panicked".to_owned() },
        );
        lab.says("h2", InstanceReport::Stopped);
        lab.skip();
        lab.start_by_hand("h3", &two());
        lab.made("h3");
        lab.connect("a");
        lab.wait(601);
        lab.says("h3", InstanceReport::Stopped);
        lab.expect(
            "* h3: pair by hand on hv1, alice
             start h3 on hv1
             * h3 waits for slaves
             * a connected, boot 0
             * h3 failed: cluster pair did not come up within 10 min: no contact with b
             * h3 stopping
             stop h3 on hv1
             * h3 stopped",
        );
        let failed = lab.journal.iter().filter_map(|event| match &event.body {
            EventBody::InstanceChanged { state: InstanceState::Failed, detail, .. } => Some(detail.as_str()),
            _ => None,
        });
        let expected = [
            "no such image",
            "cluster pair did not come up: a was lost: it panicked",
            "cluster pair did not come up within 10 min: no contact with b",
        ];
        assert_eq!(failed.collect::<Vec<_>>(), expected);
        assert!(lab.core.is_idle());
    });
}

#[test]
fn its_time_is_over() {
    scenario(|lab| {
        up_by_hand(lab);
        lab.wait(3599);
        lab.expect("");
        lab.wait(1);
        lab.expect(
            "* h1 stopping: its time is over
             stop h1 on hv1",
        );
        lab.says("h1", InstanceReport::Stopped);
        up_by_hand(lab);
        lab.down(4000);
        lab.expect("* h1 stopping: its time is over");
        lab.hypervisor_back("hv1");
        lab.says("h1", InstanceReport::Stopped);
        assert!(lab.core.is_idle());
    });
}

#[test]
fn what_its_hypervisor_has_lost_is_removed() {
    scenario(|lab| {
        up_by_hand(lab);
        lab.hypervisor_leaves("hv1");
        lab.vanish("hv1", "h1");
        lab.hypervisor_back("hv1");
        if !lab.is_restarting() {
            lab.expect(
                "* h1 failed: hv1 has nothing of it any more
                 * h1 stopping
                 stop h1 on hv1",
            );
        }
    });
}

#[test]
fn physical_machines_may_be_taken_by_hand() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.start_by_hand("h1", &external("lab", &["pc1", "pc2"]));
        lab.skip();
        lab.submit("r1", &suite(&[external("other", &["pc2", "pc3"])]));
        lab.expect(&format!(
            "* r1 queued
             * r1 waits: pc2 is used by cluster lab: started by hand by alice, {UNTIL} \
             (`xrdtest cluster stop h1` ends it)"
        ));
    });
}

#[test]
fn a_run_that_fails_leaves_its_machines_where_that_was_asked_for() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, true));
        lab.submit("r1", &kept(&pair()));
        lab.made("r1.0");
        lab.connect("a");
        lab.connect("b");
        lab.fails("a", 1);
        lab.passes("b");
        lab.pass_until("finalize");
        lab.passes("a");
        lab.passes("b");
        lab.expect(
            "* suite-finalize a reports passed
             * suite-finalize a passed
             forget a: suite-finalize
             * suite-finalize b reports passed
             * suite-finalize b passed
             * r1 failed: suite initialize failed on a (exit code 1); no case was run
             * r1.0 kept
             forget b: suite-finalize",
        );
        let known = lab.core.instances().remove(0);
        assert_eq!(known.owner, InstanceOwner::Kept { run: "r1".into() });
        assert_eq!(known.until.unwrap().since(lab.now).as_secs(), 24 * 3600);
        lab.leave("b");
        lab.wait(40);
        lab.submit("r2", &pair());
        lab.expect(
            "* b late
             * b lost: no contact for 30 s
             * r2 queued
             * r2 waits: cluster pair is in use on hv1: kept after run r1 failed, until 1970-01-13 13:46 UTC \
             (`xrdtest cluster stop r1.0` ends it)",
        );
        lab.stop_cluster("r1.0");
        lab.expect(
            "* r1.0 stopping: stopped by bob
             stop r1.0 on hv1",
        );
        lab.says("r1.0", InstanceReport::Stopped);
        assert_eq!(lab.core.instances()[0].instance, "r2.0".into());
    });
}

#[test]
fn runs_that_pass_or_are_cancelled_keep_nothing() {
    scenario(|lab| {
        let plan = kept(&pair());
        lab.up(&plan);
        for _ in 0..5 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
        assert_eq!(lab.core.instances()[0].state, InstanceState::Stopping);
        lab.says("r1.0", InstanceReport::Stopped);
        lab.submit("r2", &plan);
        lab.made("r2.0");
        lab.cancel("r2", true);
        assert_eq!(lab.core.instances()[0].state, InstanceState::Stopping);
    });
}

/// A guest that never connected can be looked into; a cluster that could not be made can't.
#[test]
fn a_cluster_that_never_came_up_is_kept_where_its_machines_are_there() {
    scenario(|lab| {
        let mut plan = kept(&suite(&[cluster("left", 1, &["a"]), cluster("right", 2, &["b"])]));
        plan.limits.cluster_start_ms = 60_000;
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &plan);
        lab.made("r1.0");
        lab.wait(61);
        let told = |lab: &Lab| {
            let known = |known: xrdtest_orchestrator::InstanceStatus| (known.state, known.until.is_some());
            lab.core.instances().into_iter().map(known).collect::<Vec<_>>()
        };
        assert_eq!(told(lab), [(InstanceState::WaitingSlaves, true), (InstanceState::Stopping, false)]);
        lab.says("r1.1", InstanceReport::Stopped);
        // It is there after all.
        lab.skip();
        lab.connect("a");
        lab.expect(
            "* a connected, boot 0
             * r1.0 active",
        );
        lab.submit("r2", &plan);
        lab.says("r2.0", InstanceReport::Failed { detail: "no such image".to_owned() });
        assert!(told(lab)[1..].iter().all(|(state, _)| *state == InstanceState::Stopping));
    });
}

/// A journal may end between the end of a run and what becomes of its instances.
#[test]
fn a_torn_end_leads_to_the_same() {
    let mut lab = Lab::new(false);
    let plan = kept(&pair());
    lab.up(&plan);
    lab.fails("a", 1);
    lab.passes("b");
    lab.pass_until("finalize");
    lab.all_pass();
    let is_over = |body: &EventBody| matches!(body, EventBody::RunFinished { .. });
    let end = lab.journal.iter().position(|event| is_over(&event.body)).unwrap();
    let mut core = Orchestrator::restore(Config::default(), lab.journal[..=end].to_vec());
    let effects = core.resume(lab.now);
    let [Effect::Persist(events)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(events.as_slice(), &lab.journal[end + 1..]);
    assert!(core.same_state(&lab.core));
}
