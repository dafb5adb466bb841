//! A cancel at every point of a run.

use xrdtest_model::Outcome;

use crate::common::{ability, case};
use crate::lab::scenario;
use crate::outcomes::pair;

const VERDICT: &str = "cancelled: cancelled by alice: wrong branch";

#[test]
fn while_it_waits() {
    scenario(|lab| {
        lab.submit("r1", &pair());
        lab.skip();
        lab.cancel("r1", false);
        lab.expect(
            "* r1 cancelled by alice
             * r1 cancelled: cancelled by alice: wrong branch",
        );
        assert!(lab.core.is_idle());
        lab.cancel("r1", false);
        lab.expect("");
    });
}

#[test]
fn while_its_cluster_starts() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &pair());
        lab.connect("a");
        lab.skip();
        lab.cancel("r1", false);
        lab.expect(
            "* r1 cancelled by alice
             * r1 cancelled: cancelled by alice: wrong branch
             * r1.0 stopping
             stop r1.0 on hv1",
        );
    });
}

#[test]
fn in_suite_initialize() {
    scenario(|lab| {
        lab.up(&pair());
        lab.passes("a");
        lab.skip();
        lab.cancel("r1", false);
        lab.expect(
            "* r1 cancelled by alice
             end b: suite-initialize, cancelled: cancelled by alice: wrong branch",
        );
        lab.obeys("b");
        lab.expect(
            "* suite-initialize b cancelled (cancelled by alice: wrong branch)
             * suite-finalize begins on a, b
             forget b: suite-initialize
             order a: suite-finalize
             order b: suite-finalize",
        );
        lab.all_pass();
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn in_case_initialize() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-initialize");
        lab.cancel("r1", false);
        lab.obeys("a");
        lab.obeys("b");
        lab.all_pass();
        lab.all_pass();
        lab.results(
            "suite-initialize a passed
             suite-initialize b passed
             0-initialize a cancelled (cancelled by alice: wrong branch)
             0-initialize b cancelled (cancelled by alice: wrong branch)
             0-run a not run (copy / initialize was cancelled on a and b (cancelled by alice: wrong branch))
             0-run b not run (copy / initialize was cancelled on a and b (cancelled by alice: wrong branch))
             0-finalize a passed
             0-finalize b passed
             case 0 cancelled: cancelled by alice: wrong branch
             suite-finalize a passed
             suite-finalize b passed",
        );
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn in_case_initialize_that_passes_nevertheless() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-initialize");
        lab.cancel("r1", false);
        lab.all_pass();
        lab.all_pass();
        lab.all_pass();
        lab.results(
            "suite-initialize a passed
             suite-initialize b passed
             0-initialize a passed
             0-initialize b passed
             0-run a not run (cancelled by alice: wrong branch)
             0-run b not run (cancelled by alice: wrong branch)
             0-finalize a passed
             0-finalize b passed
             case 0 cancelled: cancelled by alice: wrong branch
             suite-finalize a passed
             suite-finalize b passed",
        );
    });
}

#[test]
fn in_run() {
    scenario(|lab| {
        let mut plan = pair();
        plan.cases.push(case("never", &plan.machines));
        lab.up(&plan);
        lab.pass_until("0-run");
        lab.passes("a");
        lab.cancel("r1", false);
        lab.skip();
        lab.obeys("b");
        lab.expect(
            "* 0-run b cancelled (cancelled by alice: wrong branch)
             * 0-finalize begins on a, b
             forget b: 0-run
             order a: 0-finalize
             order b: 0-finalize",
        );
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn in_case_finalize_which_goes_on() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-finalize");
        lab.cancel("r1", false);
        lab.expect("* r1 cancelled by alice");
        lab.all_pass();
        lab.expect(
            "* 0-finalize a reports passed
             * 0-finalize a passed
             forget a: 0-finalize
             * 0-finalize b reports passed
             * 0-finalize b passed
             * case 0 passed
             * suite-finalize begins on a, b
             forget b: 0-finalize
             order a: suite-finalize
             order b: suite-finalize",
        );
        lab.all_pass();
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn in_suite_finalize_which_goes_on() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("suite-finalize");
        lab.cancel("r1", false);
        lab.expect("* r1 cancelled by alice");
        lab.all_pass();
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn with_force() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        let reported = lab.reports("a", Outcome::Passed, Some(0));
        lab.output(&reported, 4);
        lab.skip();
        lab.cancel("r1", true);
        lab.expect(
            "* r1 cancelled by alice with force
             * 0-run a passed, output incomplete
             * 0-run b cancelled (cancelled by alice: wrong branch), output incomplete
             * case 0 cancelled: cancelled by alice: wrong branch
             * r1 cancelled: cancelled by alice: wrong branch
             * r1.0 stopping
             forget a: 0-run
             end b: 0-run, cancelled: cancelled by alice: wrong branch
             stop r1.0 on hv1",
        );
    });
}

#[test]
fn with_force_after_all() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("suite-finalize");
        lab.cancel("r1", false);
        lab.skip();
        lab.cancel("r1", false);
        lab.expect("");
        lab.cancel("r1", true);
        lab.expect(
            "* r1 cancelled by alice with force
             * suite-finalize a cancelled (cancelled by alice: wrong branch), output incomplete
             * suite-finalize b cancelled (cancelled by alice: wrong branch), output incomplete
             * r1 cancelled: cancelled by alice: wrong branch
             * r1.0 stopping
             end a: suite-finalize, cancelled: cancelled by alice: wrong branch
             end b: suite-finalize, cancelled: cancelled by alice: wrong branch
             stop r1.0 on hv1",
        );
    });
}

#[test]
fn of_a_machine_that_is_away_and_back() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        lab.passes("a");
        lab.leave("b");
        lab.cancel("r1", false);
        lab.wait(10);
        lab.skip();
        lab.connect("b");
        lab.expect(
            "* b back
             end b: 0-run, cancelled: cancelled by alice: wrong branch",
        );
    });
}

#[test]
fn before_the_order_reached_the_machine() {
    scenario(|lab| {
        lab.up(&pair());
        lab.passes("a");
        lab.leave("b");
        lab.loses_order("b");
        lab.cancel("r1", false);
        lab.skip();
        lab.connect("b");
        lab.expect(
            "* suite-initialize b cancelled (cancelled by alice: wrong branch, before the order reached the machine)
             * suite-finalize begins on a, b
             forget b: suite-initialize
             order a: suite-finalize
             order b: suite-finalize",
        );
    });
}
