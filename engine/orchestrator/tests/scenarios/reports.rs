//! Reports and outputs: in any order, doubled, late, contradictory.

use xrdtest_model::{Outcome, StageReport};

use crate::common::report;
use crate::lab::scenario;
use crate::outcomes::pair;

fn passed(output: u64) -> StageReport {
    StageReport::Finished(Box::new(report(Outcome::Passed, Some(0), output)))
}

#[test]
fn output_first() {
    scenario(|lab| {
        lab.up(&pair());
        let attempt = lab.attempt("a");
        lab.output(&attempt, 10);
        lab.expect("");
        lab.report(&attempt, passed(10));
        lab.expect(
            "* suite-initialize a passed
             forget a: suite-initialize",
        );
    });
}

#[test]
fn no_output_at_all() {
    scenario(|lab| {
        lab.up(&pair());
        let attempt = lab.attempt("a");
        lab.report(&attempt, passed(0));
        lab.expect(
            "* suite-initialize a passed
             forget a: suite-initialize",
        );
    });
}

#[test]
fn output_that_never_comes() {
    scenario(|lab| {
        lab.up(&pair());
        let attempt = lab.attempt("a");
        lab.report(&attempt, passed(10));
        lab.expect("* suite-initialize a reports passed");
        lab.wait(25);
        lab.output(&attempt, 9);
        lab.wait(29);
        lab.expect("");
        lab.wait(1);
        lab.expect(
            "* suite-initialize a passed, output incomplete
             forget a: suite-initialize",
        );
    });
}

#[test]
fn output_of_a_machine_that_is_away() {
    scenario(|lab| {
        lab.up(&pair());
        let attempt = lab.reports("a", Outcome::Passed, Some(0));
        lab.wait(20);
        lab.leave("a");
        lab.wait(20);
        lab.connect("a");
        lab.wait(20);
        lab.skip();
        lab.output(&attempt, 10);
        lab.expect(
            "* suite-initialize a passed
             forget a: suite-initialize",
        );
    });
    scenario(|lab| {
        lab.up(&pair());
        lab.reports("a", Outcome::Failed, Some(3));
        lab.leave("a");
        lab.skip();
        lab.wait(31);
        lab.expect(
            "* a late
             * a lost: no contact for 30 s
             * suite-initialize a failed, output incomplete",
        );
    });
}

#[test]
fn an_end_that_is_reported_after_the_contact_is_back() {
    scenario(|lab| {
        lab.up(&pair());
        lab.leave("a");
        let attempt = lab.attempt("a");
        lab.report(&attempt, passed(0));
        lab.skip();
        lab.connect("a");
        lab.expect(
            "* suite-initialize a passed
             forget a: suite-initialize",
        );
    });
}

#[test]
fn doubled_late_and_foreign_reports() {
    scenario(|lab| {
        lab.up(&pair());
        let first = lab.reports("a", Outcome::Passed, Some(0));
        lab.skip();
        lab.report(&first, StageReport::Finished(Box::new(report(Outcome::Failed, Some(1), 10))));
        lab.report(&first, StageReport::Accepted);
        lab.report(&first, StageReport::Unknown);
        lab.expect("");
        lab.output(&first, 10);
        lab.passes("b");
        lab.skip();
        lab.report(&first, passed(10));
        lab.expect("forget a: suite-initialize");
        lab.output(&first, 11);
        lab.expect("");
        let mut stranger = first.clone();
        stranger.run = "r0".into();
        lab.report(&stranger, StageReport::Accepted);
        lab.expect("end a: suite-initialize, cancelled: nobody waits for it any more");
        lab.report(&stranger, passed(10));
        lab.expect("forget a: suite-initialize");
        let mut second = lab.attempt("a");
        second.number = 2;
        lab.report(&second, passed(0));
        lab.expect("forget a: 0-initialize");
    });
}

#[test]
fn an_order_that_never_arrived_is_repeated() {
    scenario(|lab| {
        lab.up(&pair());
        lab.leave("a");
        lab.loses_order("a");
        lab.wait(3);
        lab.connect("a");
        lab.expect("order a: suite-initialize");
        lab.leave("a");
        lab.connect("a");
        lab.expect("");
    });
}

#[test]
fn an_order_that_the_agent_denies_is_repeated_once() {
    scenario(|lab| {
        lab.up(&pair());
        let attempt = lab.attempt("a");
        lab.loses_order("a");
        if lab.is_restarting() {
            return;
        }
        lab.report(&attempt, StageReport::Unknown);
        lab.expect("order a: suite-initialize");
        lab.loses_order("a");
        lab.report(&attempt, StageReport::Unknown);
        lab.expect("");
        lab.wait(15 * 60 + 5);
        lab.skip();
        lab.wait(40);
        lab.passes("b");
        assert!(lab.core.run(&"r1".into()).is_some());
    });
}

#[test]
fn reports_that_contradict_themselves_are_not_believed() {
    scenario(|lab| {
        lab.up(&pair());
        lab.ends("a", Outcome::Passed, Some(1));
        lab.ends("b", Outcome::Cancelled, None);
        lab.results(
            "suite-initialize a lost (the machine reports passed without exit code 0)
             suite-initialize b lost (the machine reports a cancel that nobody asked for)",
        );
        lab.all_pass();
        lab.verdict(
            "r1",
            "error: suite initialize was lost on b (the machine reports a cancel that nobody asked for), \
             was lost on a (the machine reports passed without exit code 0); no case was run",
        );
    });
}
