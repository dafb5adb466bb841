//! Limits that bite.

use xrdtest_model::Outcome;

use crate::common::{ability, case};
use crate::lab::scenario;
use crate::outcomes::pair;

#[test]
fn the_runs_own_limit() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.run_ms = 60_000;
        plan.cases.push(case("never", &plan.machines));
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.wait(60);
        lab.expect(
            "* r1 timed out
             end a: 0-run, timed out: run limit of 1 min
             end b: 0-run, timed out: run limit of 1 min",
        );
        lab.obeys("a");
        lab.obeys("b");
        lab.all_pass();
        lab.all_pass();
        lab.results(
            "suite-initialize a passed
             suite-initialize b passed
             0-initialize a passed
             0-initialize b passed
             0-run a timed out (run limit of 1 min)
             0-run b timed out (run limit of 1 min)
             0-finalize a passed
             0-finalize b passed
             case 0 timed out: run timed out on a and b (run limit of 1 min)
             suite-finalize a passed
             suite-finalize b passed",
        );
        lab.verdict("r1", "timed out: run limit of 1 min");
    });
}

#[test]
fn the_runs_own_limit_lets_finalize_go_on() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.run_ms = 60_000;
        lab.up(&plan);
        lab.pass_until("suite-finalize");
        lab.wait(60);
        lab.expect("* r1 timed out");
        lab.all_pass();
        lab.verdict("r1", "timed out: run limit of 1 min");
    });
}

#[test]
fn a_cancel_after_the_limit_prevails() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.run_ms = 60_000;
        lab.up(&plan);
        lab.wait(60);
        lab.cancel("r1", false);
        lab.obeys("a");
        lab.obeys("b");
        lab.all_pass();
        lab.verdict("r1", "cancelled: cancelled by alice: wrong branch");
    });
}

#[test]
fn a_stage_limit_is_the_machines_duty() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.ends("a", Outcome::TimedOut, None);
        lab.passes("b");
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", "failed: copy timed out: run timed out on a");
    });
}

#[test]
fn a_machine_that_neglects_it_is_reminded() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.stage_ms = 2000;
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.passes("b");
        lab.skip();
        lab.wait(6);
        lab.expect("");
        lab.wait(1);
        lab.expect("end a: 0-run, timed out: stage limit of 2 s");
        lab.obeys("a");
        lab.expect(
            "* 0-run a timed out (stage limit of 2 s)
             * 0-finalize begins on a, b
             forget a: 0-run
             order a: 0-finalize
             order b: 0-finalize",
        );
    });
}

#[test]
fn an_order_that_is_repeated_has_its_whole_time() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.stage_ms = 60_000;
        lab.up(&plan);
        lab.passes("a");
        lab.leave("b");
        lab.loses_order("b");
        lab.wait(25);
        lab.skip();
        lab.connect("b");
        lab.expect("* b back\norder b: suite-initialize");
        lab.wait(64);
        lab.expect("");
        lab.wait(1);
        lab.expect("end b: suite-initialize, timed out: stage limit of 1 min");
    });
}

#[test]
fn the_queue() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.queue_wait_ms = 600_000;
        lab.submit("r1", &plan);
        lab.skip();
        lab.wait(600);
        lab.expect("* r1 error: waited 10 min in the queue: no hypervisor is connected");
        assert!(lab.core.is_idle());
    });
}

#[test]
fn the_start_of_the_cluster() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.made("r1.0");
        lab.connect("b");
        lab.skip();
        lab.wait(600);
        lab.expect(
            "* r1 error: cluster pair did not come up within 10 min: no contact with a
             * r1.0 stopping
             stop r1.0 on hv1",
        );
    });
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.wait(600);
        lab.verdict("r1", "error: cluster pair did not come up within 10 min: hv1 has not made pair");
    });
}
