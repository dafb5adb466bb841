//! Machines that are late, lost, back, booted or silent.

use xrdtest_model::{Outcome, StageReport};
use xrdtest_orchestrator::InstanceReport;

use crate::common::{case, cluster, suite};
use crate::lab::scenario;
use crate::outcomes::pair;

#[test]
fn late_and_back() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.leave("b");
        lab.wait(4);
        lab.expect("");
        lab.wait(2);
        lab.expect("* b late");
        assert!(lab.core.runs()[0].waits_for().any(|machine| machine.machine.host == "b" && machine.late));
        lab.connect("b");
        lab.expect("* b back");
        lab.wait(60);
        lab.expect("");
        for _ in 0..3 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
    });
}

#[test]
fn lost_in_suite_initialize() {
    scenario(|lab| {
        lab.up(&pair());
        lab.passes("a");
        lab.skip();
        lab.leave("b");
        lab.wait(31);
        lab.expect(
            "* b late
             * b lost: no contact for 30 s
             * suite-initialize b lost (no contact for 30 s), output incomplete
             * suite-finalize begins on a
             order a: suite-finalize",
        );
        lab.passes("a");
        lab.verdict("r1", "error: suite initialize was lost on b (no contact for 30 s); no case was run");
    });
}

#[test]
fn lost_in_case_initialize() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-initialize");
        lab.leave("b");
        lab.wait(31);
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        lab.results(
            "suite-initialize a passed
             suite-initialize b passed
             0-initialize b lost (no contact for 30 s), output incomplete
             0-initialize a passed
             0-run a not run (copy / initialize was lost on b (no contact for 30 s))
             0-run b not run (copy / initialize was lost on b (no contact for 30 s))
             0-finalize a passed
             case 0 error: initialize was lost on b (no contact for 30 s)
             suite-finalize a passed",
        );
        lab.verdict("r1", "error: copy: initialize was lost on b (no contact for 30 s)");
    });
}

#[test]
fn lost_in_run() {
    scenario(|lab| {
        let mut plan = pair();
        plan.cases.push(case("never", &plan.machines));
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.leave("b");
        lab.wait(31);
        lab.passes("a");
        lab.skip();
        lab.passes("a");
        lab.expect(
            "* 0-finalize a reports passed
             * 0-finalize a passed
             * case 0 error: run was lost on b (no contact for 30 s)
             * suite-finalize begins on a
             forget a: 0-finalize
             order a: suite-finalize",
        );
        lab.passes("a");
        lab.verdict("r1", "error: copy: run was lost on b (no contact for 30 s)");
    });
}

#[test]
fn lost_in_finalize_stages() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-finalize");
        lab.passes("a");
        lab.leave("b");
        lab.wait(31);
        lab.passes("a");
        lab.verdict("r1", "error: copy: finalize was lost on b (no contact for 30 s)");
    });
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("suite-finalize");
        lab.passes("a");
        lab.leave("b");
        lab.wait(31);
        lab.verdict("r1", "error: b was lost: no contact for 30 s");
    });
}

#[test]
fn lost_while_it_had_nothing_to_do() {
    scenario(|lab| {
        let mut plan = pair();
        plan.cases = vec![case("copy", &["a".to_owned()]), case("never", &plan.machines)];
        lab.up(&plan);
        lab.pass_until("0-initialize");
        lab.leave("b");
        lab.wait(31);
        lab.expect(
            "* b late
             * b lost: no contact for 30 s",
        );
        assert_eq!(lab.core.runs()[0].ending.as_deref(), Some("b was lost: no contact for 30 s"));
        lab.passes("a");
        lab.expect(
            "* 0-initialize a reports passed
             * 0-initialize a passed
             * 0-run a not run (b was lost: no contact for 30 s)
             * 0-finalize begins on a
             forget a: 0-initialize
             order a: 0-finalize",
        );
        lab.passes("a");
        lab.passes("a");
        lab.verdict("r1", "error: copy: not run: b was lost: no contact for 30 s");
    });
}

#[test]
fn everybody_lost() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.leave("a");
        lab.leave("b");
        lab.wait(31);
        lab.verdict("r1", "error: copy: run was lost on a and b (no contact for 30 s)");
    });
}

#[test]
fn a_goodbye_is_no_loss() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.goodbye("b");
        lab.expect("* b away");
        lab.wait(120);
        lab.expect("");
        lab.connect("b");
        lab.expect("* b back");
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", "passed");
    });
}

#[test]
fn a_goodbye_for_ever_is_bounded_by_the_stage() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.stage_ms = 60_000;
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.goodbye("b");
        lab.passes("a");
        lab.skip();
        lab.wait(94);
        lab.expect("");
        lab.wait(7);
        lab.expect(
            "* b lost: it has not reported the end of copy / run after 1 min 35 s
             * 0-run b lost (it has not reported the end of copy / run after 1 min 35 s), output incomplete
             * 0-finalize begins on a
             order a: 0-finalize",
        );
    });
}

#[test]
fn a_boot_during_the_run_is_a_loss() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.reboot("b");
        lab.expect(
            "* b lost: it was booted again
             * 0-run b lost (it was booted again), output incomplete
             forget b: 0-run",
        );
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", "error: copy: run was lost on b (it was booted again)");
    });
}

#[test]
fn a_boot_before_the_run_is_not() {
    scenario(|lab| {
        lab.hypervisor("hv1", crate::common::ability(100, false));
        lab.submit("r1", &pair());
        lab.made("r1.0");
        lab.connect("a");
        lab.reboot("a");
        lab.skip();
        lab.connect("b");
        lab.expect(
            "* b connected, boot 0
             * r1.0 active
             * suite-initialize begins on a, b
             order a: suite-initialize
             order b: suite-initialize",
        );
    });
}

#[test]
fn the_hypervisor_knows_that_a_machine_is_gone() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        let host = "b".to_owned();
        let detail = "the guest panicked".to_owned();
        lab.says("r1.0", InstanceReport::MachineGone { host, detail });
        lab.expect(
            "* b lost: the guest panicked
             * 0-run b lost (the guest panicked), output incomplete
             end b: 0-run, cancelled: the guest panicked",
        );
    });
}

#[test]
fn a_host_without_scripts_is_missed_as_well() {
    scenario(|lab| {
        let mut plan = suite(&[cluster("pair", 1, &["a", "b"])]);
        plan.machines = vec!["a".to_owned()];
        plan.cases = vec![case("copy", &plan.machines)];
        lab.up(&plan);
        let host = "b".to_owned();
        let detail = "powered off".to_owned();
        lab.says("r1.0", InstanceReport::MachineGone { host, detail });
        lab.passes("a");
        lab.passes("a");
        lab.verdict("r1", "error: b was lost: powered off");
    });
}

#[test]
fn a_lost_supervisor_costs_the_case_and_not_the_machine() {
    scenario(|lab| {
        let mut plan = pair();
        plan.cases.push(case("look", &plan.machines));
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.ends("a", Outcome::Lost, None);
        lab.passes("b");
        lab.pass_until("1-run");
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", "error: copy: run was lost on a");
    });
}

#[test]
fn a_lost_machine_that_comes_back_is_told_to_stop() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.leave("b");
        lab.wait(31);
        lab.skip();
        lab.connect("b");
        lab.expect("end b: 0-run, cancelled: nobody waits for it any more");
        lab.obeys("b");
        lab.expect("forget b: 0-run");
    });
}

#[test]
fn an_agent_that_says_nothing_does_not_hang_the_run() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.stage_ms = 10_000;
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.passes("a");
        let silent = lab.attempt("b");
        lab.report(&silent, StageReport::Accepted);
        lab.skip();
        lab.wait(16);
        lab.expect("end b: 0-run, timed out: stage limit of 10 s");
        lab.wait(40);
        lab.expect(
            "* b lost: it has not reported the end of copy / run after 45.0 s
             * 0-run b lost (it has not reported the end of copy / run after 45.0 s), output incomplete
             * 0-finalize begins on a
             order a: 0-finalize",
        );
    });
}
