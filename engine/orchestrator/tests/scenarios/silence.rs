//! Machines in contact that never report the end of a stage, because the supervisor there does not answer: they are
//! given up 35 s (kill grace and loss) after they were to end it, whatever made them end it, and nobody has to ask.

use xrdtest_model::StageReport;
use xrdtest_orchestrator::Input;

use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

const VERDICT: &str = "cancelled: cancelled by alice: wrong branch";

/// Both machines run the case's script and will say no more. Nothing has happened in it for 79 s, by default limits.
fn begun(lab: &mut Lab) {
    lab.up(&pair());
    lab.pass_until("0-run");
    accepted(lab);
    lab.wait(79);
    lab.expect("");
}

fn accepted(lab: &mut Lab) {
    for machine in ["a", "b"] {
        let attempt = lab.attempt(machine);
        lab.report(&attempt, StageReport::Accepted);
    }
}

fn lost(lab: &Lab) -> usize {
    lab.journal.iter().filter(|event| format!("{event:?}").contains("MachineLost")).count()
}

#[test]
fn after_a_cancel() {
    scenario(|lab| {
        begun(lab);
        lab.cancel("r1", false);
        lab.skip();
        lab.wait(34);
        lab.expect("");
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        lab.expect(
            "* a lost: it has not reported the end of copy / run after 1 min 54 s
             * b lost: it has not reported the end of copy / run after 1 min 54 s
             * 0-run a lost (it has not reported the end of copy / run after 1 min 54 s), output incomplete
             * 0-run b lost (it has not reported the end of copy / run after 1 min 54 s), output incomplete
             * case 0 error: run was lost on a and b (it has not reported the end of copy / run after 1 min 54 s)
             * r1 cancelled: cancelled by alice: wrong branch
             * r1.0 stopping
             stop r1.0 on hv1",
        );
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn after_the_cancel_of_one_that_is_not_alone() {
    scenario(|lab| {
        begun(lab);
        lab.cancel("r1", false);
        lab.wait(10);
        lab.obeys("a");
        // Where the core was restored upon that, it has been watching since then.
        let since = if lab.is_restarting() { 35 } else { 25 };
        lab.skip();
        lab.wait(since - 1);
        lab.expect("");
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        lab.expect(
            "* b lost: it has not reported the end of copy / run after 1 min 54 s
             * 0-run b lost (it has not reported the end of copy / run after 1 min 54 s), output incomplete
             * 0-finalize begins on a
             order a: 0-finalize",
        );
        lab.all_pass();
        lab.all_pass();
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn output_is_no_report() {
    scenario(|lab| {
        begun(lab);
        lab.cancel("r1", false);
        lab.skip();
        let (a, b) = (lab.attempt("a"), lab.attempt("b"));
        for second in 1..=34 {
            lab.wait(1);
            lab.output(&a, second);
            lab.output(&b, 100 * second);
            lab.input(Input::Tick);
        }
        lab.expect("");
        assert_eq!(lost(lab), 0);
        lab.wait(if lab.is_restarting() { 35 } else { 1 });
        assert_eq!(lost(lab), 2);
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn after_a_restart() {
    scenario(|lab| {
        begun(lab);
        lab.cancel("r1", false);
        lab.wait(20);
        lab.restart();
        lab.skip();
        lab.wait(34);
        lab.expect("");
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        assert_eq!(lost(lab), 2);
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn force_does_not_wait_for_them() {
    scenario(|lab| {
        begun(lab);
        lab.cancel("r1", false);
        lab.wait(10);
        lab.skip();
        lab.cancel("r1", true);
        lab.expect(
            "* r1 cancelled by alice with force
             * 0-run a cancelled (cancelled by alice: wrong branch), output incomplete
             * 0-run b cancelled (cancelled by alice: wrong branch), output incomplete
             * case 0 cancelled: cancelled by alice: wrong branch
             * r1 cancelled: cancelled by alice: wrong branch
             * r1.0 stopping
             stop r1.0 on hv1",
        );
        lab.verdict("r1", VERDICT);
    });
}

#[test]
fn after_the_runs_limit() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.run_ms = 60_000;
        lab.up(&plan);
        lab.pass_until("0-run");
        accepted(lab);
        lab.wait(94);
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        assert_eq!(lost(lab), 2);
        let words = "it has not reported the end of copy / run after 1 min 35 s";
        lab.verdict("r1", &format!("error: copy: run was lost on a and b ({words})"));
    });
}

#[test]
fn after_the_stages_limit() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        accepted(lab);
        lab.wait(15 * 60 + 34);
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        assert_eq!(lost(lab), 2);
        let words = "it has not reported the end of copy / run after 15 min 35 s";
        lab.verdict("r1", &format!("error: copy: run was lost on a and b ({words})"));
    });
}

#[test]
fn a_cancel_shortly_before_the_stages_limit() {
    scenario(|lab| {
        lab.up(&pair());
        lab.pass_until("0-run");
        accepted(lab);
        lab.wait(15 * 60 - 10);
        lab.cancel("r1", false);
        lab.wait(34);
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        assert_eq!(lost(lab), 2);
        lab.verdict("r1", VERDICT);
    });
}

/// A finalize stage is not cut off, so its own limit counts.
#[test]
fn in_finalize_after_a_cancel() {
    scenario(|lab| {
        let mut plan = pair();
        plan.limits.stage_ms = 60_000;
        lab.up(&plan);
        lab.pass_until("0-finalize");
        accepted(lab);
        lab.cancel("r1", false);
        lab.skip();
        lab.wait(65);
        lab.expect(
            "end a: 0-finalize, timed out: stage limit of 1 min
             end b: 0-finalize, timed out: stage limit of 1 min",
        );
        lab.wait(29);
        assert_eq!(lost(lab), 0);
        lab.wait(1);
        assert_eq!(lost(lab), 2);
        lab.verdict("r1", VERDICT);
    });
}
