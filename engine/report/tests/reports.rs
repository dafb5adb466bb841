//! What people and programs read about one run, from the golden run document of the model.
#![expect(clippy::unwrap_used, reason = "tests")]

use xrdtest_model::api::ReportFormat;
use xrdtest_model::crash::{Crash, CrashKind};
use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_model::{Event, Outcome};
use xrdtest_report::{junit, render, summary};

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

fn with_crashes() -> RunRecord {
    let mut run = run();
    let crash = Crash {
        kind: CrashKind::Process,
        subject: "xrootd".to_owned(),
        pid: Some(77),
        signal: Some(11),
        function: "XrdLink::Recv".to_owned(),
        core: "/crash/core.xrootd.77.zst".to_owned(),
        text: "/crash/backtrace.xrootd.77.txt".to_owned(),
        note: String::new(),
    };
    let memory =
        Crash { kind: CrashKind::OutOfMemory, note: "1 process was killed".to_owned(), ..Crash::default() };
    let stages = &mut run.stages;
    stages[0].no_cores = "kernel.core_pattern is empty".to_owned();
    stages[0].crashes = vec![crash.clone(), memory];
    stages[1].no_cores = stages[0].no_cores.clone();
    stages[1].crashes = vec![Crash { subject: "\u{1b}[2Jevil".to_owned(), ..crash }];
    run
}

#[test]
fn what_crashed_is_said_in_all_reports() {
    let run = with_crashes();
    let text = plain(&summary::summary(&run, 100, ""));
    assert!(!text.contains('\u{1b}'), "{text:?}");
    insta::assert_snapshot!(text);
    for format in [ReportFormat::Junit, ReportFormat::Tap, ReportFormat::Html, ReportFormat::Ctest] {
        let text = render(format, &run, &[]).unwrap();
        assert!(text.contains("xrootd (SIGSEGV) in XrdLink::Recv"), "{format:?}: {text}");
        assert!(!text.contains('\u{1b}') && text.contains("1 process was killed"), "{format:?}: {text}");
    }
}

#[test]
fn a_stage_that_failed_for_a_crash_alone_says_so_once() {
    let mut run = with_crashes();
    let stage = &mut run.stages[0];
    stage.crashes.truncate(1);
    (stage.outcome, stage.exit_code) = (Outcome::Failed, Some(0));
    stage.reason = "crashed: xrootd (SIGSEGV) in XrdLink::Recv".to_owned();
    assert_eq!(summary::ending(stage), "failed: crashed: xrootd (SIGSEGV) in XrdLink::Recv");
    (stage.exit_code, stage.reason) = (Some(3), String::new());
    assert_eq!(summary::ending(stage), "failed, exit code 3; crashed: xrootd (SIGSEGV) in XrdLink::Recv");
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

#[test]
fn tap_has_a_point_per_case_and_a_subtest_of_its_stages() {
    insta::assert_snapshot!(render(ReportFormat::Tap, &run(), &[]).unwrap());
}

#[test]
fn html_is_one_file() {
    let text = render(ReportFormat::Html, &run(), &[]).unwrap();
    for outside in ["<script", "http", "src=", "href=", "url(", "@import"] {
        assert!(!text.contains(outside), "{outside}: {text}");
    }
    insta::assert_snapshot!(text.replace("><", ">\n<"));
}

#[test]
fn ctest_has_a_test_per_case() {
    insta::assert_snapshot!(render(ReportFormat::Ctest, &run(), &[]).unwrap());
}

#[test]
fn each_line_of_events_stands_by_itself() {
    let golden = include_str!("../../model/tests/golden/events-1.jsonl");
    let events: Vec<Event> = golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = render(ReportFormat::Jsonl, &run(), &events).unwrap();
    assert_eq!(text.lines().count(), events.len());
    for (line, event) in text.lines().zip(&events) {
        assert!(line.starts_with(r#"{"schema":"xrdtest.event/1","number":"#), "{line}");
        assert_eq!(serde_json::from_str::<Event>(line).unwrap(), *event);
    }
}

/// What scripts, people and repositories may say.
fn nasty() -> RunRecord {
    let word = "a\u{0}\u{1b}[31m<b>&\"'\u{85}\u{fffe}]]> # TODO \\\nBail out! x\r\n1..9\t\u{2028}";
    let mut run = run();
    run.suite = "s<&\"".to_owned();
    run.reason = word.to_owned();
    run.trigger = word.to_owned();
    run.tags.insert("t".to_owned(), word.to_owned());
    run.cases[0].name = word.to_owned();
    run.cases[0].reason = word.to_owned();
    for stage in &mut run.stages {
        stage.reason = word.to_owned();
        stage.output = format!("{word}\n...\n---\nok 1 - no\n    not ok 2\n");
    }
    run
}

#[test]
fn nothing_that_was_said_becomes_markup() {
    let run = nasty();
    for format in ReportFormat::ALL {
        let text = render(format, &run, &[]).unwrap();
        let odd = |c: &char| (c.is_control() && !matches!(c, '\n')) || *c == '\u{fffe}';
        let odd = text.chars().find(odd);
        assert!(odd.is_none() || format == ReportFormat::Json, "{format}: {odd:?} in {text}");
        assert!(
            !text.contains("<b>") || matches!(format, ReportFormat::Tap | ReportFormat::Json),
            "{format}: {text}"
        );
    }
    let tap = render(ReportFormat::Tap, &run, &[]).unwrap();
    let begins = |word: &str| tap.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((begins("1.."), begins("Bail out!"), begins("ok ") + begins("not ok ")), (1, 1, 3), "{tap}");
    assert!(tap.contains(r"\# TODO \\"), "{tap}");
}

#[test]
fn what_no_stage_tells_is_not_green() {
    let base = run();
    let mut run = RunRecord { cases: Vec::new(), stages: Vec::new(), ..base };
    let tap = render(ReportFormat::Tap, &run, &[]).unwrap();
    assert!(
        tap.contains("\nnot ok 1 - run\n") && tap.ends_with("Bail out! copy_to: client1.xrd.test is lost\n"),
        "{tap}"
    );
    (run.verdict, run.reason) = (None, String::new());
    let tap = render(ReportFormat::Tap, &run, &[]).unwrap();
    assert!(tap.contains("\nok 1 - run # SKIP it is not over\n"), "{tap}");
    assert!(
        render(ReportFormat::Junit, &run, &[]).unwrap().contains("<skipped message=\"it is not over\"/>")
    );
}
