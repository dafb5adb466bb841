//! TAP 14: a test point per case and per suite stage, each with a subtest of its stages on their machines.

use std::fmt::Write;

use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::{Outcome, Verdict};

use crate::clean::clean;
use crate::points::{Point, points, properties};
use crate::summary::{ending, stage_title};
use crate::text::{last_lines, readable};

/// Lines of output that are repeated of a stage that did not pass.
const TAIL_LINES: usize = 15;

/// A run as a TAP document.
pub fn tap(run: &RunRecord) -> String {
    let run = &clean(run);
    let points = points(run);
    let mut text = format!("TAP version 14\n1..{}\n", points.len());
    let _ = writeln!(text, "# {} {}", plain(&run.suite), plain(&run.id));
    for (name, value) in properties(run) {
        let _ = writeln!(text, "# {}: {}", plain(&name), plain(&value));
    }
    for (number, point) in (1..).zip(&points) {
        subtest(&mut text, run, point);
        top(&mut text, number, point);
    }
    if run.verdict == Some(Verdict::Error) {
        let _ = writeln!(text, "Bail out! {}", plain(&run.reason));
    }
    text
}

fn top(text: &mut String, number: usize, point: &Point<'_>) {
    let directive = match point.verdict {
        None => format!(" # SKIP {}", escaped(&point.reason)),
        Some(_) => String::new(),
    };
    let ok = matches!(point.verdict, None | Some(Verdict::Passed));
    let _ = writeln!(text, "{} {number} - {}{directive}", word(ok), escaped(&point.name));
    let Some(verdict) = point.verdict else { return };
    let (_, duration) = point.span();
    let mut notes = vec![("duration_ms", duration.to_string())];
    if !ok {
        notes.insert(0, ("message", quoted(&point.reason)));
        notes.insert(1, ("verdict", quoted(verdict.as_str())));
    }
    diagnostics(text, "", &notes, &[]);
}

fn subtest(text: &mut String, run: &RunRecord, point: &Point<'_>) {
    if point.stages.is_empty() {
        return;
    }
    let _ = writeln!(text, "# Subtest: {}\n    1..{}", plain(&point.name), point.stages.len());
    for (number, stage) in (1..).zip(&point.stages) {
        let name = escaped(&format!("{} on {}", stage_title(run, stage), stage.machine));
        if stage.outcome == Outcome::NotRun {
            let _ = writeln!(text, "    ok {number} - {name} # SKIP {}", escaped(&stage.reason));
            continue;
        }
        let passed = stage.outcome == Outcome::Passed;
        let _ = writeln!(text, "    {} {number} - {name}", word(passed));
        if passed {
            diagnostics(text, "    ", &[("duration_ms", stage.duration_ms.to_string())], &[]);
        } else {
            diagnostics(text, "    ", &notes(stage), &last_lines(&stage.output, TAIL_LINES));
        }
    }
}

fn notes(stage: &StageRecord) -> Vec<(&'static str, String)> {
    let mut notes = vec![("message", quoted(&ending(stage))), ("outcome", quoted(stage.outcome.as_str()))];
    notes.extend(stage.exit_code.map(|code| ("exit_code", code.to_string())));
    notes.extend(stage.signal.map(|signal| ("signal", signal.to_string())));
    notes.push(("duration_ms", stage.duration_ms.to_string()));
    notes
}

/// A block of YAML below a test point.
fn diagnostics(text: &mut String, indent: &str, notes: &[(&str, String)], output: &[String]) {
    let _ = writeln!(text, "{indent}  ---");
    for (name, value) in notes {
        let _ = writeln!(text, "{indent}  {name}: {value}");
    }
    if !output.is_empty() {
        let _ = writeln!(text, "{indent}  output:");
    }
    for line in output {
        let _ = writeln!(text, "{indent}    - {}", quoted(line));
    }
    let _ = writeln!(text, "{indent}  ...");
}

fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "not ok" }
}

/// A line without what would end it.
fn plain(text: &str) -> String {
    let words: Vec<String> = text.lines().map(readable).collect();
    words.join(" ")
}

/// A description or reason: `#` would begin a directive.
fn escaped(text: &str) -> String {
    plain(text).replace('\\', r"\\").replace('#', r"\#")
}

/// A string of YAML, spelled as JSON spells it, which YAML takes.
fn quoted(text: &str) -> String {
    // A byte order mark in the middle of a text is none that YAML lets stand.
    serde_json::Value::from(plain(text).replace('\u{feff}', "")).to_string()
}
