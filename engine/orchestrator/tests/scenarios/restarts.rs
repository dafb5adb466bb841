//! An engine that was away, or did not look.

use xrdtest_model::{Outcome, StageReport};
use xrdtest_orchestrator::Input;

use crate::common::{ability, report};
use crate::lab::scenario;
use crate::outcomes::pair;

fn passed() -> StageReport {
    StageReport::Finished(Box::new(report(Outcome::Passed, Some(0), 0)))
}

#[test]
fn results_wait_however_long_the_engine_is_away() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.down(50 * 60);
        for machine in ["a", "b"] {
            let attempt = lab.attempt(machine);
            lab.report(&attempt, passed());
        }
        lab.skip();
        lab.connect("a");
        lab.wait(20);
        lab.expect(
            "* 0-run a passed
             forget a: 0-run
             * b late",
        );
        lab.connect("b");
        lab.expect(
            "* 0-run b passed
             * b back
             * 0-finalize begins on a, b
             forget b: 0-run
             order a: 0-finalize
             order b: 0-finalize",
        );
    });
}

#[test]
fn scripts_that_still_run_go_on() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.down(10);
        lab.connect("a");
        lab.connect("b");
        lab.expect("");
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", "passed");
    });
}

#[test]
fn machines_have_the_grace_from_the_start_of_the_engine() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.down(10 * 60);
        lab.connect("a");
        lab.wait(29);
        lab.expect("* b late");
        lab.wait(1);
        lab.expect(
            "* b lost: no contact for 30 s
             * 0-run b lost (no contact for 30 s), output incomplete",
        );
    });
}

#[test]
fn orders_that_were_not_sent_are_sent() {
    scenario(|lab| {
        lab.up(&pair());
        lab.loses_order("a");
        lab.down(1);
        lab.skip();
        lab.connect("a");
        lab.connect("b");
        lab.expect("order a: suite-initialize");
    });
}

#[test]
fn a_start_goes_on_although_its_limit_is_over() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.made("r1.0");
        lab.connect("a");
        lab.down(20 * 60);
        lab.skip();
        lab.hypervisor_back("hv1");
        lab.wait(20);
        lab.connect("a");
        lab.expect("");
        lab.connect("b");
        lab.expect(
            "* b connected, boot 0
             * r1.0 active
             * suite-initialize begins on a, b
             order a: suite-initialize
             order b: suite-initialize",
        );
    });
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.made("r1.0");
        lab.down(20 * 60);
        lab.wait(31);
        lab.verdict("r1", "error: cluster pair did not come up within 10 min: no contact with a and b");
    });
}

#[test]
fn a_waiting_run_keeps_its_place() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(2, false));
        lab.submit("r0", &pair());
        lab.submit("r2", &pair());
        lab.submit("r1", &pair());
        lab.down(60);
        lab.hypervisor_back("hv1");
        lab.skip();
        lab.cancel("r0", true);
        lab.says("r0.0", xrdtest_orchestrator::InstanceReport::Stopped);
        assert!(lab.core.instances().iter().all(|instance| instance.owner.run() == Some(&"r2".into())));
    });
}

#[test]
fn an_engine_that_was_stopped_judges_nobody_by_that_time() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.leave("b");
        lab.wait(3);
        lab.stall(300);
        lab.input(Input::Tick);
        lab.wait(20);
        lab.connect("b");
        lab.wait(60);
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        assert!(!lab.journal.iter().any(|event| format!("{event:?}").contains("MachineLost")));
    });
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.stall(120);
        let last_contact = xrdtest_model::Timestamp::from_millis(lab.now.as_millis() - 120_000);
        let machine = lab.machine("b");
        lab.input(Input::SlaveDisconnected { machine, orderly: false, last_contact });
        lab.expect("* b late");
        lab.wait(24);
        lab.expect("");
        lab.connect("b");
        lab.expect("* b back");
    });
}
