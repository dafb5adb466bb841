//! The queue and hypervisors that people hold.

use xrdtest_model::Held;
use xrdtest_orchestrator::{Input, RunPhase};

use crate::common::ability;
use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

fn hold(lab: &mut Lab, on: Held, reason: &str) {
    lab.input(Input::Hold { on, by: "alice".to_owned(), reason: reason.to_owned() });
}

fn release(lab: &mut Lab, on: Held) {
    lab.input(Input::Release { on, by: "bob".to_owned() });
}

fn hypervisor(name: &str) -> Held {
    Held::Hypervisor(name.into())
}

fn reason(lab: &Lab, run: &str) -> String {
    match lab.core.run(&run.into()).unwrap().phase {
        RunPhase::Waiting { reason } => reason,
        phase => panic!("{run}: {phase:?}"),
    }
}

#[test]
fn a_queue_that_is_paused_gives_nobody_a_place() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(64, false));
        lab.submit("r1", &pair());
        lab.skip();
        hold(lab, Held::Queue, "new switch");
        hold(lab, Held::Queue, "new switch");
        lab.expect("* queue held by alice");
        lab.submit("r2", &pair());
        lab.submit("r3", &pair());
        lab.expect(
            "* r2 queued
             * r2 waits: the queue is paused by alice: new switch
             * r3 queued
             * r3 waits: the queue is paused by alice: new switch",
        );
        // What has a place goes on.
        lab.made("r1.0");
        lab.connect("r1.0/a");
        lab.connect("r1.0/b");
        for _ in 0..5 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
        lab.down(3600);
        assert_eq!(reason(lab, "r3"), "the queue is paused by alice: new switch");
        lab.hypervisor_back("hv1");
        lab.skip();
        release(lab, Held::Queue);
        release(lab, Held::Queue);
        lab.expect(
            "* queue released by bob
             * r2 placed on hv1
             * r3 placed on hv1
             start r2.0 on hv1
             start r3.0 on hv1",
        );
    });
}

#[test]
fn nothing_new_is_made_on_a_hypervisor_that_is_held() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(64, false));
        lab.hypervisor("hv2", ability(8, false));
        lab.submit("r1", &pair());
        lab.skip();
        hold(lab, hypervisor("hv1"), "");
        lab.submit("r2", &pair());
        lab.expect(
            "* hypervisor/hv1 held by alice
             * r2 queued
             * r2 placed on hv2
             start r2.0 on hv2",
        );
        hold(lab, hypervisor("hv2"), "new kernel");
        lab.skip();
        lab.submit("r3", &pair());
        lab.skip();
        assert_eq!(reason(lab, "r3"), "hv1 is held by alice; hv2 is held by alice: new kernel");
        // One that is held is kept for nobody, however long he has waited.
        lab.wait(7200);
        release(lab, hypervisor("hv1"));
        assert!(!matches!(lab.core.run(&"r3".into()).unwrap().phase, RunPhase::Waiting { .. }));
        assert_eq!(lab.core.holds().keys().cloned().collect::<Vec<_>>(), [hypervisor("hv2")]);
    });
}
