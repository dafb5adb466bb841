//! What passes and what fails, with everybody in contact.

use xrdtest_model::{Outcome, RunPlan};
use xrdtest_orchestrator::InstanceReport;

use crate::common::{case, cluster, script, suite};
use crate::lab::scenario;

/// Two machines, one case.
pub(crate) fn pair() -> RunPlan {
    let mut plan = suite(&[cluster("pair", 1, &["a", "b"])]);
    plan.cases = vec![case("copy", &plan.machines)];
    plan
}

#[test]
fn everything_passes() {
    scenario(|lab| {
        lab.hypervisor("hv1", crate::common::ability(100, false));
        lab.submit("r1", &pair());
        lab.expect(
            "* r1 queued
             * r1 placed on hv1
             start r1.0 on hv1",
        );
        lab.connect("a");
        lab.made("r1.0");
        lab.expect(
            "* a connected, boot 0
             * r1.0 waits for slaves",
        );
        lab.connect("b");
        lab.expect(
            "* b connected, boot 0
             * r1.0 active
             * suite-initialize begins on a, b
             order a: suite-initialize
             order b: suite-initialize",
        );
        lab.passes("a");
        lab.expect(
            "* suite-initialize a reports passed
             * suite-initialize a passed
             forget a: suite-initialize",
        );
        lab.passes("b");
        lab.expect(
            "* suite-initialize b reports passed
             * suite-initialize b passed
             * 0-initialize begins on a, b
             forget b: suite-initialize
             order a: 0-initialize
             order b: 0-initialize",
        );
        lab.pass_until("suite-finalize");
        lab.passes("b");
        lab.skip();
        lab.passes("a");
        lab.expect(
            "* suite-finalize a reports passed
             * suite-finalize a passed
             * r1 passed
             * r1.0 stopping
             forget a: suite-finalize
             stop r1.0 on hv1",
        );
        assert!(!lab.core.is_idle());
        lab.says("r1.0", InstanceReport::Stopped);
        lab.expect("* r1.0 stopped");
        assert!(lab.core.is_idle());
        lab.verdict("r1", "passed");
    });
}

#[test]
fn suite_initialize_fails_on_one_machine() {
    scenario(|lab| {
        lab.up(&pair());
        lab.fails("a", 3);
        lab.passes("b");
        lab.all_pass();
        lab.results(
            "suite-initialize a failed
             suite-initialize b passed
             suite-finalize a passed
             suite-finalize b passed",
        );
        lab.verdict("r1", "failed: suite initialize failed on a (exit code 3); no case was run");
    });
}

#[test]
fn case_initialize_fails_and_the_next_case_goes_on() {
    scenario(|lab| {
        let mut plan = pair();
        plan.cases.push(case("look", &plan.machines));
        lab.up(&plan);
        lab.pass_until("0-initialize");
        lab.passes("a");
        lab.ends("b", Outcome::Killed, None);
        lab.pass_until("1-initialize");
        for _ in 0..4 {
            lab.all_pass();
        }
        lab.results(
            "suite-initialize a passed
             suite-initialize b passed
             0-initialize a passed
             0-initialize b killed
             0-run a not run (copy / initialize was killed on b (signal 9))
             0-run b not run (copy / initialize was killed on b (signal 9))
             0-finalize a passed
             0-finalize b passed
             case 0 failed: initialize was killed on b (signal 9)
             1-initialize a passed
             1-initialize b passed
             1-run a passed
             1-run b passed
             1-finalize a passed
             1-finalize b passed
             case 1 passed
             suite-finalize a passed
             suite-finalize b passed",
        );
        lab.verdict(
            "r1",
            "failed: 1 of 2 cases did not pass: copy failed: initialize was killed on b (signal 9)",
        );
    });
}

#[test]
fn run_and_finalize_failures_are_told_by_machine() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.fails("a", 1);
        lab.fails("b", 1);
        lab.fails("a", 2);
        lab.passes("b");
        lab.all_pass();
        lab.verdict(
            "r1",
            "failed: copy failed: run failed on a and b (exit code 1); finalize failed on a (exit code 2)",
        );
    });
}

#[test]
fn suite_finalize_that_fails_fails_the_run() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("suite-finalize");
        lab.passes("a");
        lab.ends("b", Outcome::TimedOut, None);
        lab.verdict("r1", "failed: suite finalize timed out on b");
    });
}

#[test]
fn stages_without_script_and_machines_without_part_are_left_out() {
    scenario(|lab| {
        let mut plan = pair();
        plan.cases = vec![case("copy", &["b".to_owned()])];
        plan.cases[0].initialize = None;
        plan.cases[0].finalize = None;
        plan.finalize = None;
        lab.up(&plan);
        lab.all_pass();
        lab.skip();
        lab.passes("b");
        lab.expect(
            "* 0-run b reports passed
             * 0-run b passed
             * case 0 passed
             * r1 passed
             * r1.0 stopping
             forget b: 0-run
             stop r1.0 on hv1",
        );
    });
}

#[test]
fn hosts_without_scripts_are_not_awaited() {
    scenario(|lab| {
        let mut plan = pair();
        plan.machines = vec!["b".to_owned()];
        plan.cases = vec![case("copy", &plan.machines)];
        lab.hypervisor("hv1", crate::common::ability(100, false));
        lab.submit("r1", &plan);
        lab.made("r1.0");
        lab.skip();
        lab.connect("b");
        lab.expect(
            "* b connected, boot 0
             * r1.0 active
             * suite-initialize begins on b
             order b: suite-initialize",
        );
    });
}

#[test]
fn a_run_in_which_nothing_ran_is_not_passed() {
    scenario(|lab| {
        lab.up(&suite(&[cluster("pair", 1, &["a", "b"])]));
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", "error: no case was run");
    });
}

#[test]
fn an_impossible_plan_ends_at_once() {
    scenario(|lab| {
        let mut plan = pair();
        plan.machines.push("c".to_owned());
        lab.submit("r1", &plan);
        lab.verdict("r1", "error: no cluster of the suite has a host c");
        assert!(lab.core.is_idle());
    });
}

#[test]
fn an_order_says_all_that_the_machine_needs() {
    scenario(|lab| {
        let mut plan = pair();
        plan.tags.insert("dataset".to_owned(), "/data".to_owned());
        plan.logs.push("/var/log/@slavename@.log".to_owned());
        plan.cases[0].run = script("tc/copy/run.sh");
        lab.up(&plan);
        lab.pass_until("0-run");
        let order = lab.order("b");
        assert_eq!(order.attempt.folder_name(), "r1.0-run.1");
        assert_eq!((order.suite.as_str(), order.case.as_deref()), ("suite", Some("copy")));
        assert_eq!(order.script.origin, "tc/copy/run.sh");
        assert_eq!((order.tags, order.logs), (plan.tags, plan.logs));
        assert_eq!(order.timeout_ms, plan.limits.stage_ms);
        assert_eq!((order.output_limit, order.log_limit), (plan.limits.output_bytes, plan.limits.log_bytes));
    });
}
