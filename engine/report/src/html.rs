//! One HTML file about a run: complete in itself, without scripts, and nothing in it comes from anywhere else.

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use xrdtest_model::crash::crashed;
use xrdtest_model::definition::short_name;
use xrdtest_model::document::RunRecord;
use xrdtest_model::time::human;
use xrdtest_model::{Outcome, Verdict};

use crate::clean::clean;
use crate::points::{points, properties};
use crate::summary::{ending, machines, rows, stage_title};
use crate::text::last_lines;

/// What the file may do, for whoever serves it: nothing but its own styles.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// Lines of output that are repeated of a stage that did not pass.
const TAIL_LINES: usize = 50;
/// Height of a row of the time line, and its width, in pixels of the drawing.
const ROW: usize = 18;
const WIDE: u64 = 1000;

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin-bottom:.25rem}\
table{border-collapse:collapse}th,td{text-align:left;padding:.2rem .7rem;border-bottom:1px solid #8886;vertical-align:top}\
.scroll{overflow-x:auto}pre{overflow-x:auto;padding:.6rem;background:#8882}\
.passed{color:#156f3b}.failed{color:#b3261e}.other{color:#6b6b6b}\
@media(prefers-color-scheme:dark){.passed{color:#6fd39a}.failed{color:#ff9d94}.other{color:#aaa}}\
svg{display:block;width:100%;min-width:40rem}svg text{font:11px system-ui,sans-serif;fill:currentColor}svg rect{fill:currentColor}";

/// A run as an HTML document.
pub fn html(run: &RunRecord) -> String {
    let run = &clean(run);
    let title = format!("{} {}", run.suite, verdict_words(run.verdict));
    markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · xrdtest" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (run.suite) " " span class=(verdict_class(run.verdict)) { (verdict_words(run.verdict)) } }
                p {
                    "Began " (run.started) ", took " (time(run.duration_ms)) "."
                    @if !run.reason.is_empty() { " " (run.reason) "." }
                }
                (cases(run))
                (matrix(run))
                (time_line(run))
                (endings(run))
                (consoles(run))
                h2 { "Properties" }
                div.scroll { table { @for (name, value) in properties(run) { tr { th scope="row" { (name) } td { (value) } } } } }
            }
        }
    }
    .into_string()
}

fn time(millis: u64) -> String {
    human(Duration::from_millis(millis))
}

fn verdict_words(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(|| "is not over".to_owned(), |verdict| verdict.to_string())
}

fn verdict_class(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "passed",
        Some(Verdict::Failed | Verdict::TimedOut | Verdict::Error) => "failed",
        Some(Verdict::Cancelled) | None => "other",
    }
}

fn outcome_class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::NotRun | Outcome::Cancelled => "other",
        Outcome::Failed | Outcome::Killed | Outcome::TimedOut | Outcome::Lost => "failed",
    }
}

fn cases(run: &RunRecord) -> Markup {
    markup! {
        h2 { "Cases" }
        div.scroll { table {
            thead { tr { th { "Case" } th { "Verdict" } th { "Time" } th { "Why" } } }
            tbody { @for point in points(run) { tr {
                th scope="row" { (point.name) }
                td class=(verdict_class(point.verdict)) {
                    @match point.verdict { Some(verdict) => (verdict), None => "–" }
                }
                td { @if !point.stages.is_empty() { (time(point.span().1)) } }
                td { (point.reason) }
            } } }
        } }
    }
}

fn matrix(run: &RunRecord) -> Markup {
    let machines = machines(run);
    markup! {
        @if !machines.is_empty() {
            h2 { "Stages and machines" }
            div.scroll { table {
                thead { tr { th { "Stage" } @for machine in &machines { th title=(machine) { (short_name(machine)) } } } }
                tbody { @for row in rows(run) { tr {
                    th scope="row" { (stage_title(run, &row[0])) }
                    @for machine in &machines { td {
                        @if let Some(stage) = row.iter().find(|stage| stage.machine == **machine) {
                            span class=(outcome_class(stage.outcome)) title=(ending(stage)) { (stage.outcome) }
                            @if !stage.crashes.is_empty() { " " span.failed { (crashed(&stage.crashes)) } }
                        }
                    } }
                } } }
            } }
        }
    }
}

/// When each machine was busy with what: a row per stage and machine, from the run's begin to its end.
fn time_line(run: &RunRecord) -> Markup {
    let ran: Vec<_> = run.stages.iter().filter(|stage| stage.outcome != Outcome::NotRun).collect();
    let whole = ran.iter().map(|stage| stage.offset_ms + stage.duration_ms).max().unwrap_or(0).max(1);
    let place = |millis: u64| u128::from(millis) * u128::from(WIDE) / u128::from(whole);
    markup! {
        @if !ran.is_empty() {
            h2 { "Time line" }
            div.scroll {
                svg viewBox=(format!("0 0 {WIDE} {}", ran.len() * ROW)) role="img" aria-label="When each stage ran on each machine" {
                    @for (row, stage) in ran.iter().enumerate() {
                        @let words = format!("{} on {}: {} after {}", stage_title(run, stage), short_name(&stage.machine), stage.outcome, time(stage.duration_ms));
                        g class=(outcome_class(stage.outcome)) {
                            title { (words) }
                            rect x=(place(stage.offset_ms)) y=(row * ROW + 14) width=(place(stage.duration_ms).max(2)) height="3" {}
                            text x="0" y=(row * ROW + 11) { (words) }
                        }
                    }
                }
            }
        }
    }
}

fn endings(run: &RunRecord) -> Markup {
    let bad: Vec<_> = run
        .stages
        .iter()
        .filter(|stage| !matches!(stage.outcome, Outcome::Passed | Outcome::NotRun))
        .collect();
    markup! {
        @if !bad.is_empty() { h2 { "What did not pass" } }
        @for stage in bad {
            h3 { (stage.machine) " in " (stage_title(run, stage)) ": " span class=(outcome_class(stage.outcome)) { (ending(stage)) } }
            (quoted(&stage.output))
        }
    }
}

fn consoles(run: &RunRecord) -> Markup {
    markup! {
        @for console in run.consoles.iter().filter(|console| !console.tail.is_empty()) {
            h3 { (console.machine) ": the end of its console" }
            (quoted(&console.tail))
        }
    }
}

/// The end of an output.
fn quoted(output: &str) -> Markup {
    let lines = last_lines(output, TAIL_LINES);
    markup! { @if lines.is_empty() { p.other { "(no output)" } } @else { pre { (lines.join("\n")) } } }
}
