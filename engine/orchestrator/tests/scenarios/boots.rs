//! Boots that a script announced.

use xrdtest_model::StageReport;
use xrdtest_orchestrator::{Input, InstanceReport};

use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

/// `b` has announced a boot in its run stage, and `a` has passed it.
fn announced(lab: &mut Lab) {
    lab.up(&pair());
    lab.pass_until("0-run");
    lab.passes("a");
    lab.skip();
    lab.announces("b");
    lab.expect("* b boots within 300000 ms");
}

fn finish(lab: &mut Lab) {
    for _ in 0..3 {
        lab.all_pass();
    }
}

#[test]
fn the_run_goes_on_after_it() {
    for orderly in [false, true] {
        scenario(|lab| {
            announced(lab);
            match orderly {
                true => lab.goodbye("b"),
                false => lab.leave("b"),
            }
            lab.wait(200);
            lab.expect("");
            assert!(lab.core.runs()[0].waits_for().all(|machine| machine.rebooting && !machine.late));
            lab.boots("b", true);
            lab.expect(
                "* b connected, boot 1
                 * 0-run b passed (the machine was booted as announced)
                 * 0-finalize begins on a, b
                 forget b: 0-run
                 order a: 0-finalize
                 order b: 0-finalize",
            );
            assert_eq!(lab.order("b").boot_id, "boot 1");
            finish(lab);
            lab.verdict("r1", "passed");
        });
    }
}

#[test]
fn it_is_recorded_once() {
    scenario(|lab| {
        announced(lab);
        lab.announces("b");
        lab.leave("b");
        lab.wait(60);
        // The link was broken; it has not booted yet.
        lab.connect("b");
        lab.expect("");
        lab.announces("b");
        lab.leave("b");
        lab.wait(60);
        lab.boots("b", true);
        finish(lab);
        lab.verdict("r1", "passed");
        let told = |event: &&xrdtest_model::Event| format!("{event:?}").contains("MachineRebooting");
        assert_eq!(lab.journal.iter().filter(told).count(), 1);
    });
}

#[test]
fn who_does_not_come_back_is_lost() {
    scenario(|lab| {
        announced(lab);
        lab.wait(10);
        lab.leave("b");
        lab.wait(289);
        lab.expect("");
        lab.wait(if lab.is_restarting() { 31 } else { 1 });
        lab.expect(
            "* b lost: it did not come back within 5 min after the boot that a script announced
             * 0-run b lost (it did not come back within 5 min after the boot that a script announced), \
             output incomplete
             * 0-finalize begins on a
             order a: 0-finalize",
        );
        finish(lab);
        lab.verdict(
            "r1",
            "error: copy: run was lost on b (it did not come back within 5 min after the boot that a script \
             announced)",
        );
    });
}

#[test]
fn a_script_that_announces_it_and_does_not_do_it_is_fine() {
    scenario(|lab| {
        announced(lab);
        lab.wait(400);
        lab.passes("b");
        lab.pass_until("suite-finalize");
        assert!(lab.journal.iter().all(|event| !format!("{event:?}").contains("MachineLost")));
        // What was announced then does not cover what happens now.
        lab.reboot("b");
        lab.expect(
            "* b lost: it was booted again
             * suite-finalize b lost (it was booted again), output incomplete
             forget b: suite-finalize",
        );
    });
}

#[test]
fn an_absence_after_the_time_for_it_is_one_like_any_other() {
    scenario(|lab| {
        announced(lab);
        lab.wait(400);
        lab.leave("b");
        lab.wait(6);
        lab.expect("* b late");
        lab.connect("b");
        lab.expect("* b back");
    });
}

#[test]
fn the_hypervisor_knows_better() {
    scenario(|lab| {
        announced(lab);
        lab.leave("b");
        let detail = "the machine's first process ended".to_owned();
        lab.says("r1.0", InstanceReport::MachineGone { host: "b".to_owned(), detail });
        lab.expect(
            "* b lost: the machine's first process ended
             * 0-run b lost (the machine's first process ended), output incomplete
             * 0-finalize begins on a
             order a: 0-finalize",
        );
    });
}

#[test]
fn a_stage_is_never_run_again_after_it() {
    scenario(|lab| {
        announced(lab);
        lab.leave("b");
        lab.wait(60);
        lab.boots("b", false);
        lab.expect(
            "* b connected, boot 1
             * 0-run b lost (after the boot that its script announced, the machine has no record of it), output \
             incomplete
             * 0-finalize begins on a, b
             forget b: 0-run
             order a: 0-finalize
             order b: 0-finalize",
        );
    });
}

#[test]
fn it_may_happen_while_the_engine_is_away() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.down(60);
        // Nobody heard this.
        lab.announces("b");
        lab.skip();
        lab.boots("b", true);
        lab.expect(
            "* b boots within 300000 ms
             * b connected, boot 1
             * 0-run b passed (the machine was booted as announced)
             forget b: 0-run",
        );
        lab.connect("a");
        lab.all_pass();
        finish(lab);
        lab.verdict("r1", "passed");
    });
    scenario(|lab| {
        announced(lab);
        lab.down(600);
        lab.connect("a");
        lab.wait(29);
        lab.boots("b", true);
        finish(lab);
        lab.verdict("r1", "passed");
    });
}

#[test]
fn only_a_boot_that_was_announced_is_believed() {
    scenario(|lab| {
        announced(lab);
        lab.leave("b");
        lab.boots("b", true);
        lab.skip();
        lab.reboot("b");
        lab.expect(
            "* b lost: it was booted again
             * 0-finalize b lost (it was booted again), output incomplete
             forget b: 0-finalize",
        );
    });
    // Of another stage, or of a run that is over, it means nothing.
    scenario(|lab| {
        lab.up(&pair());
        let old = lab.attempt("b");
        lab.pass_until("0-run");
        lab.input(Input::StageReport { attempt: old, report: StageReport::Rebooting });
        lab.reboot("b");
        assert!(lab.journal.iter().any(|event| format!("{event:?}").contains("it was booted again")));
    });
}

#[test]
fn the_limit_of_the_stage_holds() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.stage_ms = 60_000;
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.passes("a");
        lab.announces("b");
        lab.skip();
        lab.wait(65);
        lab.expect("end b: 0-run, timed out: stage limit of 1 min");
        lab.obeys("b");
        finish(lab);
        lab.verdict("r1", "failed: copy timed out: run timed out on b (stage limit of 1 min)");
    });
}

#[test]
fn a_cancel_waits_for_the_machine() {
    scenario(|lab| {
        announced(lab);
        lab.leave("b");
        lab.cancel("r1", false);
        lab.skip();
        lab.wait(120);
        lab.expect("");
        lab.boots("b", true);
        finish(lab);
        lab.verdict("r1", "cancelled: cancelled by alice: wrong branch");
        lab.results(
            "suite-initialize a passed
             suite-initialize b passed
             0-initialize a passed
             0-initialize b passed
             0-run a passed
             0-run b passed (the machine was booted as announced)
             0-finalize a passed
             0-finalize b passed
             case 0 passed
             suite-finalize a passed
             suite-finalize b passed",
        );
    });
}
