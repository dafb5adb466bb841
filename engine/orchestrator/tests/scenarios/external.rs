//! Clusters of physical machines.

use xrdtest_model::{AttemptId, InstanceId, MachineId, Outcome, RunPlan, StageId, StageReport};
use xrdtest_orchestrator::{Effect, Input, InstanceReport};

use crate::common::{ability, case, cluster, external, physical, report, suite};
use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

fn lab_of(hosts: &[&str]) -> RunPlan {
    let mut plan = suite(&[external("lab", hosts)]);
    plan.cases = vec![case("copy", &plan.machines)];
    plan
}

fn stop(lab: &mut Lab, run: &str) {
    lab.cancel(run, true);
    lab.says(&format!("{run}.0"), InstanceReport::Stopped);
}

#[test]
fn a_run_on_them() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        // No room elsewhere, and none is needed.
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &lab_of(&["pc1", "pc2"]));
        lab.expect(
            "* r1 queued
             * r1 placed on external
             start r1.0 on external",
        );
        assert_eq!(lab.core.physical("pc1"), Some(MachineId::new("r1.0".into(), "pc1")));
        assert_eq!(lab.core.physical("pc3"), None);
        lab.made("r1.0");
        lab.connect("pc1");
        lab.connect("pc2");
        for _ in 0..5 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
        lab.says("r1.0", InstanceReport::Stopped);
        assert!(lab.core.is_idle());
        assert_eq!(lab.core.physical("pc1"), None);
    });
}

#[test]
fn they_are_not_shared() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.submit("r1", &lab_of(&["pc1", "pc2"]));
        lab.skip();
        lab.submit("r2", &lab_of(&["pc3", "pc2"]));
        lab.submit("r3", &lab_of(&["pc3"]));
        lab.expect(
            "* r2 queued
             * r2 waits: pc2 is used by run r1
             * r3 queued
             * r3 placed on external
             * r2 waits: pc3 is used by run r3
             start r3.0 on external",
        );
        stop(lab, "r1");
        lab.expect(
            "* r1 cancelled by alice with force
             * r1 cancelled: cancelled by alice: wrong branch
             * r1.0 stopping
             stop r1.0 on external
             * r1.0 stopped",
        );
        let queue = lab.core.queue();
        assert_eq!(queue.len(), 1);
        assert_eq!((queue[0].run.as_str(), queue[0].reason.as_str()), ("r2", "pc3 is used by run r3"));
        stop(lab, "r3");
        assert_eq!(lab.core.waiting(), 0);
    });
}

#[test]
fn the_oldest_run_gets_its_machines_in_the_end() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.submit("r1", &lab_of(&["pc1"]));
        lab.submit("r2", &lab_of(&["pc1", "pc2"]));
        lab.wait(301);
        lab.skip();
        lab.submit("r3", &lab_of(&["pc2"]));
        lab.submit("r4", &lab_of(&["pc4"]));
        lab.expect(
            "* r3 queued
             * r3 waits: pc2 is kept for run r2, which has waited longer
             * r4 queued
             * r4 placed on external
             start r4.0 on external",
        );
        lab.skip();
        stop(lab, "r1");
        assert_eq!(lab.core.physical("pc2").map(|machine| machine.instance), Some("r2.0".into()));
    });
}

#[test]
fn others_are_not_made_there() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.submit("r1", &pair());
        lab.expect(
            "* r1 queued
             * r1 waits: no hypervisor is connected",
        );
        lab.hypervisor("hv1", ability(1, false));
        lab.expect("* r1 waits: hv1 is too small: cluster pair needs 2 GiB of memory, it has 1 GiB in all");
    });
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &lab_of(&["pc1"]));
        lab.expect(
            "* r1 queued
             * r1 waits: cluster lab needs physical machines, and this engine takes none",
        );
    });
}

#[test]
fn both_kinds_in_one_run() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.hypervisor("hv1", ability(100, true));
        let mut plan = suite(&[external("lab", &["pc1"]), cluster("made", 1, &["a"])]);
        plan.cases = vec![case("copy", &plan.machines)];
        lab.submit("r1", &plan);
        lab.submit("r2", &lab_of(&["pc2"]));
        lab.expect(
            "* r1 queued
             * r1 placed on external, hv1
             start r1.0 on external
             start r1.1 on hv1
             * r2 queued
             * r2 placed on external
             start r2.0 on external",
        );
    });
}

#[test]
fn one_machine_can_not_be_needed_twice() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        let mut plan = suite(&[external("one", &["pc1", "pc2"]), external("two", &["pc2", "pc3"])]);
        plan.machines = vec!["pc1".to_owned()];
        lab.submit("r1", &plan);
        lab.verdict("r1", "error: pc2 is needed twice at the same time");
    });
}

#[test]
fn who_does_not_join_is_named() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.submit("r1", &lab_of(&["pc1", "pc2"]));
        lab.made("r1.0");
        lab.connect("pc1");
        lab.wait(601);
        lab.verdict("r1", "error: cluster lab did not come up within 10 min: no contact with pc2");
    });
}

/// A restart of the engine takes nothing from physical machines, whatever it remembers of them.
#[test]
fn they_do_not_vanish() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.submit("r1", &lab_of(&["pc1"]));
        lab.made("r1.0");
        lab.connect("pc1");
        lab.down(60);
        lab.skip();
        lab.input(Input::HypervisorConnected {
            name: "external".into(),
            software: "1.0".to_owned(),
            ability: physical(),
            instances: std::collections::BTreeSet::new(),
        });
        lab.connect("pc1");
        lab.expect("");
        for _ in 0..5 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
    });
}

/// A machine that was away when its run ended has records, or scripts, that nobody waits for.
#[test]
fn what_an_earlier_run_left_is_cleaned_up() {
    let mut lab = Lab::new(false);
    lab.hypervisor("external", physical());
    let attempt = AttemptId {
        run: "r0".into(),
        stage: StageId::SUITE_INITIALIZE,
        machine: MachineId::new(InstanceId::new("r0.0"), "pc1"),
        number: 1,
    };
    let say = |lab: &mut Lab, report: StageReport| {
        lab.core.handle(lab.now, Input::StageReport { attempt: attempt.clone(), report })
    };
    assert_eq!(say(&mut lab, StageReport::Accepted), [], "nobody is believed who is not in contact");
    lab.physical("pc1");
    let effects = say(&mut lab, StageReport::Accepted);
    let machine = MachineId::physical("pc1");
    assert!(matches!(&effects[..], [Effect::EndStage { machine: at, .. }] if *at == machine), "{effects:?}");
    let ended = StageReport::Finished(Box::new(report(Outcome::Cancelled, None, 0)));
    let effects = say(&mut lab, ended);
    assert_eq!(effects, [Effect::Forget { machine, attempt: attempt.clone() }]);
}
