//! What crashed in a run, with its back-traces.

use maud::{Markup, html};
use xrdtest_model::RunId;
use xrdtest_model::crash::Crash;
use xrdtest_model::document::StageRecord;

use super::view::{self, RunView};

/// Crashes that are shown.
const SHOWN: usize = 100;

/// What crashed, and why nothing could be seen of that; nothing where there is nothing to say.
pub(super) fn crashes(view: &RunView, run: &RunId) -> Markup {
    let stages = || view.record.stages.iter();
    let all: Vec<_> =
        stages().flat_map(|stage| stage.crashes.iter().map(move |crash| (stage, crash))).collect();
    html! {
        @if !all.is_empty() {
            section.panel.failed #crashes {
                h2 { "Crashed" }
                ul.plain { @for (stage, crash) in all.iter().take(SHOWN) { (one(view, run, stage, crash)) } }
                @if all.len() > SHOWN { p.quiet { "and " (all.len() - SHOWN) " more" } }
            }
        }
        @for (machines, why) in xrdtest_report::no_cores(&view.record) {
            p.quiet { "No core dumps from " (machines) ": " (why) }
        }
    }
}

fn one(view: &RunView, run: &RunId, stage: &StageRecord, crash: &Crash) -> Markup {
    let folder = view.folder_of(stage).unwrap_or_default();
    let address =
        |kind: &str, path: &str| format!("/api/v1/runs/{run}/{kind}/{folder}/{}{path}", stage.machine);
    let words = if crash.text.ends_with(".log") { "the kernel's log" } else { "back-trace" };
    html! {
        li {
            strong { (crash.title()) }
            @if !crash.function.is_empty() { " in " code { (crash.function) } }
            " " span.quiet { "on " (stage.machine) " in " (view::stage_title(stage)) }
            @if !crash.text.is_empty() { " · " a href=(address("logs", &crash.text)) { (words) } }
            @if !crash.core.is_empty() { " · " a href=(address("artifacts", &crash.core)) { "core dump" } }
            @if !crash.note.is_empty() { p.reason { (crash.note) } }
        }
    }
}
