//! `/runs/RUN`: what a run did on which machine, and what it says.

mod ansi;
pub(super) mod compare;
mod crashes;
pub(super) mod follow;
mod index;
mod lines;
mod matrix;
pub(super) mod output;
mod timeline;
mod view;

use axum::extract::{Path, State};
use maud::{Markup, html};
use xrdtest_model::RunId;
use xrdtest_model::api::RunSummary;
use xrdtest_model::document::{LogRecord, StageRecord};
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::{human, utc};
use xrdtest_report::findings::plural;

use super::failure::PageAnswer;
use super::forms;
use super::parts::{self, ago, suite_link};
use super::shell::Shell;
use crate::api::{Shared, runs};
use view::RunView;

/// Failing stages whose output is shown at once.
const SHOWN: usize = 5;

pub(super) async fn page(State(engine): State<Shared>, Path(run): Path<RunId>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let summary = runs::summary_of(&engine, &run).await?;
    let view = RunView::read(&engine, &run).await?;
    let content = html! {
        (head(&summary, &view))
        (forms::of_run(&summary))
        (failures(&view))
        (crashes::crashes(&view, &run))
        section.panel { h2 { "Stages" } (matrix::table(&view)) }
        section.panel { h2 { "Time line" } (timeline::drawing(&view)) }
        (metrics(&view))
        (evidence(&view, &run))
        (facts(&summary, &view))
    };
    let title = format!("{} · {run}", summary.suite);
    let shell = Shell::new(&title).area("/runs");
    let shell = if view.is_over() { shell } else { shell.live(last_event, Some(&run)) };
    Ok(shell.render(&content))
}

fn head(summary: &RunSummary, view: &RunView) -> Markup {
    let waits = summary.started.is_none() && summary.verdict.is_none();
    html! {
        header.title {
            h1 { (suite_link(&summary.suite)) }
            (parts::verdict(summary.verdict, waits))
            p.quiet {
                span.id { (summary.run) } " · asked for by " (summary.trigger) " " (ago(summary.queued))
                " · " (human(std::time::Duration::from_millis(view.record.duration_ms)))
            }
            @if !view.record.reason.is_empty() { p.reason { (view.record.reason) } }
            @if let Some(phase) = &view.record.phase { p { (phase) } }
            p { a.button href={ "/runs/" (summary.run) "/compare" } { "Compare with the last run that passed" } }
        }
    }
}

/// The last words of what did not pass, by stage: those of the first machine at once, those of the others at a click.
fn failures(view: &RunView) -> Markup {
    let bad: Vec<&StageRecord> = view.record.stages.iter().filter(|stage| view::is_bad(stage)).collect();
    html! {
        @for stages in bad.chunk_by(same_stage).take(SHOWN) {
            section.panel.failed {
                h2 { (view::stage_title(stages[0])) }
                @for (index, stage) in stages.iter().enumerate() {
                    details open[index == 0] { summary { (failed_on(stage)) } (last_words(view, stage)) }
                }
            }
        }
        @if bad.chunk_by(same_stage).count() > SHOWN { p.quiet { "More did not pass; see below." } }
    }
}

fn failed_on(stage: &StageRecord) -> Markup {
    html! {
        (stage.machine) " " (parts::outcome(stage.outcome))
        @if let Some(code) = stage.exit_code { " " span.quiet { "code " (code) } }
        @if let Some(signal) = stage.signal { " " span.quiet { "signal " (signal) } }
    }
}

fn last_words(view: &RunView, stage: &StageRecord) -> Markup {
    html! {
        @if !stage.reason.is_empty() { p.reason { (stage.reason) } }
        @if stage.output.is_empty() {
            p.quiet { "It wrote nothing." }
        } @else {
            pre.output { (output::lines_of(&stage.output)) }
        }
        @if let Some(address) = view.output_address(stage) { p { a href=(address) { "Whole output" } } }
    }
}

/// Consoles, artifacts and collected logs.
fn evidence(view: &RunView, run: &RunId) -> Markup {
    let kept = |stage: &&StageRecord| !stage.logs.is_empty() || !stage.artifacts.is_empty();
    let stages: Vec<_> = view.record.stages.iter().filter(kept).collect();
    if stages.is_empty() && view.record.consoles.is_empty() {
        return html! {};
    }
    html! {
        section.panel {
            h2 { "Collected" }
            @if !view.record.consoles.is_empty() { ul.plain {
                @for console in &view.record.consoles {
                    li {
                        a href={ "/api/v1/runs/" (run) "/consoles/" (console.machine) } { "Console of " (console.machine) }
                        " " span.quiet { (human_bytes(console.length)) }
                    }
                }
            } }
            @for stages in stages.chunk_by(same_stage) {
                @let files = || stages.iter().flat_map(|stage| stage.artifacts.iter().chain(&stage.logs));
                details {
                    summary {
                        (view::stage_title(stages[0])) " "
                        span.quiet {
                            (plural(files().count(), "file")) ", " (human_bytes(files().map(|file| file.length).sum()))
                        }
                    }
                    ul.plain {
                        @for stage in stages {
                            @let folder = view.folder_of(stage).unwrap_or_default();
                            @for file in &stage.artifacts { (kept_file(run, "artifacts", &folder, stage, file)) }
                            @for file in &stage.logs { (kept_file(run, "logs", &folder, stage, file)) }
                        }
                    }
                }
            }
        }
    }
}

fn same_stage(a: &&StageRecord, b: &&StageRecord) -> bool {
    view::stage_id(a) == view::stage_id(b)
}

/// A file that a stage left; `kind`: in the API's words.
fn kept_file(run: &RunId, kind: &str, folder: &str, stage: &StageRecord, file: &LogRecord) -> Markup {
    html! {
        li {
            a href={ "/api/v1/runs/" (run) "/" (kind) "/" (folder) "/" (stage.machine) (file.path) } { (file.path) }
            " " span.quiet {
                @if kind == "artifacts" { "kept by " (view::stage_title(stage)) " on " (stage.machine) }
                @else { "of " (stage.machine) " after " (view::stage_title(stage)) }
                ", " (human_bytes(file.length)) @if !file.note.is_empty() { ", " (file.note) }
            }
        }
    }
}

/// Numbers that scripts stated.
fn metrics(view: &RunView) -> Markup {
    let stages: Vec<_> = view.record.stages.iter().filter(|stage| !stage.metrics.is_empty()).collect();
    html! {
        @if !stages.is_empty() {
            section.panel {
                h2 { "Metrics" }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { th { "Name" } th.number { "Value" } th { "Unit" } th { "Stage" } th { "Machine" } } }
                        tbody {
                            @for stage in stages {
                                @for metric in &stage.metrics {
                                    tr {
                                        td { (metric.name) }
                                        td.number { (metric.value) }
                                        td { (metric.unit) }
                                        td { (view::stage_title(stage)) }
                                        td { (stage.machine) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Tags that had another value than the definition says.
fn tags(view: &RunView) -> Markup {
    html! {
        @for name in &view.plan.overridden {
            code { "@" (name) "@" } " " (view.plan.tags.get(name).map_or("", String::as_str)) br;
        }
    }
}

fn facts(summary: &RunSummary, view: &RunView) -> Markup {
    html! {
        section.panel {
            h2 { "This run" }
            dl.facts {
                dt { "Asked for" } dd { (utc(summary.queued)) " by " (summary.trigger) }
                @if let Some(started) = summary.started { dt { "Began" } dd { (utc(started)) } }
                @if let Some(finished) = summary.finished { dt { "Ended" } dd { (utc(finished)) } }
                @if !view.plan.overridden.is_empty() { dt { "Tags" } dd { (tags(view)) } }
                dt { "Repository" } dd { (view.plan.repository) }
                @if let Some(origin) = &view.plan.origin { dt { "Files of" } dd.words { (origin) } }
                @for image in &view.record.images { dt { "Image" } dd.words { (image.name) " " code { (image.digest) } } }
                @if let Some(folder) = &view.record.directory { dt { "Files" } dd.words { (folder) } }
                dt { "Again" } dd { (forms::command_again(&summary.run)) }
            }
        }
    }
}
