//! Instances and their hypervisors.

use xrdtest_model::event::{ImageUsed, InstanceStep};
use xrdtest_model::{EventBody, RunPlan};
use xrdtest_orchestrator::{InstanceReport, RunPhase};

use crate::common::{ability, case, cluster, suite};
use crate::lab::scenario;
use crate::outcomes::pair;

fn two_clusters() -> RunPlan {
    let mut plan = suite(&[cluster("left", 1, &["a"]), cluster("right", 2, &["b"])]);
    plan.cases = vec![case("copy", &plan.machines)];
    plan
}

#[test]
fn a_cluster_that_can_not_be_started() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &two_clusters());
        lab.made("r1.0");
        let detail = "making the overlay".to_owned();
        lab.says("r1.1", InstanceReport::Progress { step: Some(InstanceStep::CopyingImages), detail });
        let step = lab.journal.iter().rev().find_map(|event| match event.body {
            EventBody::InstanceChanged { step, .. } => Some(step),
            _ => None,
        });
        assert_eq!(step, Some(Some(InstanceStep::CopyingImages)));
        lab.skip();
        let detail = "no such image: debian12.qcow2".to_owned();
        lab.says("r1.1", InstanceReport::Failed { detail });
        lab.expect(
            "* r1.1 failed: no such image: debian12.qcow2
             * r1 error: cluster right could not be started on hv1: no such image: debian12.qcow2
             * r1.0 stopping
             * r1.1 stopping
             stop r1.0 on hv1
             stop r1.1 on hv1",
        );
        lab.says("r1.0", InstanceReport::Stopped);
        lab.says("r1.1", InstanceReport::Stopped);
        assert!(lab.core.is_idle());
    });
}

#[test]
fn what_machines_start_from_is_recorded() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.skip();
        let image = ImageUsed { name: "debian12.qcow2".to_owned(), digest: "0a1b".to_owned() };
        lab.says("r1.0", InstanceReport::Images(vec![image.clone()]));
        lab.expect("* r1.0 uses debian12.qcow2 0a1b");
        lab.made("r1.0");
        lab.skip();
        lab.says("r1.0", InstanceReport::Images(vec![image]));
        lab.expect("");
    });
}

#[test]
fn a_machine_that_dies_during_the_start() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        let host = "b".to_owned();
        let detail = "the guest panicked".to_owned();
        lab.says("r1.0", InstanceReport::MachineGone { host, detail });
        lab.verdict("r1", "error: cluster pair did not come up: b was lost: the guest panicked");
    });
}

#[test]
fn several_clusters_come_up_together() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &two_clusters());
        lab.expect(
            "* r1 queued
             * r1 placed on hv1, hv1
             start r1.0 on hv1
             start r1.1 on hv1",
        );
        lab.made("r1.0");
        lab.connect("a");
        lab.skip();
        let phase = lab.core.runs().remove(0).phase;
        let RunPhase::Starting { instances, missing } = phase else {
            panic!("{phase:?}");
        };
        assert_eq!((instances, missing), (vec!["r1.1".into()], vec![lab.machine("b")]));
        lab.connect("b");
        lab.made("r1.1");
        lab.expect(
            "* b connected, boot 0
             * r1.1 waits for slaves
             * r1.1 active
             * suite-initialize begins on a, b
             order a: suite-initialize
             order b: suite-initialize",
        );
    });
}

#[test]
fn a_machine_that_was_there_and_is_away_again_is_waited_for() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &two_clusters());
        lab.made("r1.0");
        lab.connect("a");
        lab.leave("a");
        lab.made("r1.1");
        lab.skip();
        lab.connect("b");
        lab.wait(60);
        lab.expect("* b connected, boot 0\n* r1.1 active");
        lab.connect("a");
        lab.expect(
            "* suite-initialize begins on a, b
             order a: suite-initialize
             order b: suite-initialize",
        );
    });
}

#[test]
fn start_and_stop_are_repeated_until_they_are_answered() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.hypervisor_leaves("hv1");
        lab.skip();
        lab.hypervisor_back("hv1");
        lab.expect("start r1.0 on hv1");
        lab.made("r1.0");
        lab.hypervisor_leaves("hv1");
        lab.cancel("r1", false);
        lab.skip();
        lab.hypervisor_back("hv1");
        lab.expect("stop r1.0 on hv1");
        lab.hypervisor_leaves("hv1");
        lab.vanish("hv1", "r1.0");
        lab.hypervisor_back("hv1");
        lab.expect("* r1.0 stopped");
        assert!(lab.core.is_idle());
    });
}

#[test]
fn an_instance_that_its_hypervisor_has_lost() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.hypervisor_leaves("hv1");
        lab.wait(60);
        lab.expect("");
        lab.vanish("hv1", "r1.0");
        lab.hypervisor_back("hv1");
        lab.verdict("r1", "error: copy: run was lost on a and b (hv1 has nothing of it any more)");
    });
}

#[test]
fn an_instance_that_is_stopped_by_somebody_else() {
    scenario(|lab| {
        lab.up(&pair());
        lab.says("r1.0", InstanceReport::Stopped);
        lab.verdict(
            "r1",
            "error: suite initialize was lost on a and b (it was stopped on the hypervisor); no case was run",
        );
    });
}

#[test]
fn an_instance_that_nobody_knows_is_stopped() {
    scenario(|lab| {
        lab.has_instance("hv1", ability(100, true), "old.0");
        lab.expect("stop old.0 on hv1");
        lab.submit("r1", &pair());
        lab.expect(
            "* r1 queued
             * r1 waits: hv1 is still removing left-overs",
        );
        lab.says("old.0", InstanceReport::Stopped);
        lab.expect(
            "* r1 placed on hv1
             start r1.0 on hv1",
        );
    });
}

#[test]
fn an_instance_that_can_not_be_removed_stays_on_the_list() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.cancel("r1", false);
        lab.skip();
        let detail = "the bridge is busy".to_owned();
        lab.says("r1.0", InstanceReport::Failed { detail });
        lab.expect("* r1.0 stopping: the bridge is busy");
        assert!(!lab.core.is_idle());
    });
}
