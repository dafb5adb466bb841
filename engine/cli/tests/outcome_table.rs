//! The outcome table through the real agents: each row is a case of a suite, run on a sandbox machine.

mod common;
#[path = "../../../agents/slave/tests/outcome_table/mod.rs"]
mod outcome_table;

use std::collections::BTreeMap;

use common::{Repository, output_of};
use outcome_table::Case;

/// Rows by time limit, as that is the suite's. What a suite can't set is left to the supervisor's own test: a limit
/// of output, and a cancel in the middle (of which `interrupt.rs` has one).
fn rows() -> BTreeMap<u64, Vec<Case>> {
    let mut rows: BTreeMap<u64, Vec<Case>> = BTreeMap::new();
    let mine = |case: &Case| case.output_limit.is_none() && case.cancel_at.is_none();
    for case in Case::all().into_iter().filter(mine) {
        rows.entry(case.timeout_ms).or_default().push(case);
    }
    rows
}

fn suite_of(repository: &Repository, name: &str, timeout_ms: u64, cases: &[Case]) {
    let scripts: Vec<_> = cases.iter().map(|case| (case.name, case.script)).collect();
    // The fixed tags are not the suite's to set; that they win all the same is tested where tags are replaced.
    let tags: Vec<_> = cases
        .iter()
        .flat_map(|case| case.tags)
        .filter(|(tag, _)| *tag != "slavename")
        .map(|(tag, value)| format!("{tag}: \"{value}\""))
        .collect();
    let more = format!("ts.stage_timeout = \"{timeout_ms}ms\"; ts.tags = #{{ {} }};", tags.join(", "));
    repository.suite(name, "#!/bin/sh\ntrue\n", &scripts, &more);
}

#[test]
fn every_row_has_its_outcome_verdict_and_text() {
    let repository = Repository::new(1);
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (timeout_ms, cases) in rows() {
        let name = format!("table_{timeout_ms}");
        suite_of(&repository, &name, timeout_ms, &cases);
        let ran = repository.run(&[&name]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        for (case, record) in cases.iter().zip(&ran.record().cases) {
            assert_eq!(case.name, record.name);
            let stage = ran.stage(Some(case.name), "run", "m1.xrd.test");
            let end =
                case.check_end(stage.outcome, stage.exit_code, stage.signal, &stage.reason, &stage.leftovers);
            let output = case.check_output(&output_of(ran.record(), stage));
            let verdict = if record.verdict == Some(case.case_verdict()) {
                Ok(())
            } else {
                Err(format!("the case's verdict is {:?}", record.verdict))
            };
            let problems = [end, output, verdict].into_iter().filter_map(Result::err);
            wrong.extend(problems.map(|problem| format!("{}: {problem}", case.name)));
            assert!(stage.output_complete, "{}", case.name);
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 30, "only {checked} rows");
}

#[test]
fn a_run_has_the_verdict_of_its_only_case() {
    let repository = Repository::new(1);
    let case_named = |name: &str| Case::all().into_iter().find(|case| case.name == name).unwrap();
    for name in ["exit_0", "exit_3", "signal_kill", "too_long", "interpreter_missing"] {
        let case = case_named(name);
        suite_of(&repository, name, case.timeout_ms, &[case]);
        let ran = repository.run(&[name]);
        assert_eq!(ran.record().verdict, Some(case.run_verdict()), "{name}: {}", ran.stderr);
        assert_eq!(ran.code, Some(i32::from(name != "exit_0")), "{name}");
    }
}
