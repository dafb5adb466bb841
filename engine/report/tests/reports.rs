//! What people and programs read about one run, from the golden run document of the model.
#![expect(clippy::unwrap_used, reason = "tests")]

use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_report::{junit, summary};

fn run() -> RunRecord {
    let text = include_str!("../../model/tests/golden/run-1.json");
    serde_json::from_str::<RunsDocument>(text).unwrap().runs.remove(0)
}

/// Without ANSI sequences, as on a terminal that has none.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn the_summary_fits_the_terminal() {
    let text = plain(&summary::summary(&run(), 100, "xrdtest run ts_copy --local --case copy_to"));
    assert!(text.lines().all(|line| line == line.trim_end()), "blanks at the end of a line: {text}");
    insta::assert_snapshot!(text);
    insta::assert_snapshot!(plain(&summary::summary(&run(), 40, "")));
}

#[test]
fn an_output_can_not_move_the_cursor_and_a_case_is_told_from_its_repeat() {
    let mut run = run();
    run.stages[3].output = "\u{1b}[2Jgone\rback\u{8}\ttab\n".to_owned();
    run.cases[1].name = "copy_to".to_owned();
    let text = plain(&summary::summary(&run, 100, ""));
    assert!(text.contains("| back tab\n"), "{text:?}");
    assert!(text.contains("copy_to (2)"), "{text}");
    assert!(junit::junit(&[run]).unwrap().contains("name=\"copy_to (2)\""));
}

#[test]
fn a_run_that_goes_on_has_a_summary_too() {
    let mut run = run();
    (run.verdict, run.reason, run.phase) = (None, String::new(), Some("copy_to / finalize".to_owned()));
    let text = plain(&summary::summary(&run, 100, "xrdtest run ts_copy"));
    assert!(text.starts_with("ts_copy goes on since 2.5 s: copy_to / finalize\n"), "{text}");
    assert!(!text.contains("not begun") && !text.contains("run again"), "{text}");
}

#[test]
fn junit_tells_failures_from_errors() {
    insta::assert_snapshot!(junit::junit(&[run()]).unwrap());
}

#[test]
fn who_asked_for_a_run_is_said() {
    let run = run();
    assert_eq!(plain(&summary::asked_for_by(&run)), "asked for by     schedule: 2026-11-22 11:15:00 CET\n");
    let unknown = RunRecord { trigger: String::new(), ..run };
    assert_eq!(summary::asked_for_by(&unknown), "");
}
