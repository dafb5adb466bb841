//! `/`: what runs, what waits and why, how the suites have done.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use maud::{Markup, html};
use xrdtest_model::api::{QueueEntry, RunProgress, RunSummary, SchedulesInfo, SuiteInfo};
use xrdtest_model::{RunId, Verdict};
use xrdtest_store::RunFilter;

use super::failure::PageAnswer;
use super::parts::{self, ago, run_link, suite_link, verdict};
use super::shell::Shell;
use super::turned;
use super::visit::Visit;
use crate::api::{Shared, now, suites};

/// Runs that are told of those that go on, and of those that wait; the others are counted.
const GOING_ON: usize = 20;

/// Starts that are told.
const NEXT: usize = 5;

pub(super) async fn page(
    State(engine): State<Shared>,
    headers: HeaderMap,
) -> PageAnswer<([(header::HeaderName, HeaderValue); 1], Markup)> {
    let visit = Visit::read(&headers, now());
    let last_event = *engine.last_event().borrow();
    let filter = RunFilter { over: Some(false), limit: 200, ..RunFilter::default() };
    let unfinished = engine.store().runs(filter).await?;
    let queue = engine.queue();
    let running: Vec<RunSummary> =
        unfinished.into_iter().filter(|run| !queue.iter().any(|entry| entry.run == run.run)).collect();
    let suites = suites::all(&engine, parts::STRIP).await?;
    let content = html! {
        h1.hidden { "Overview" }
        (figures(&engine, &suites))
        div.columns {
            section.panel {
                h2 { "Running" }
                (running_now(&running, &engine.phases(), &engine.progress()))
            }
            section.panel {
                h2 { "Waiting" }
                (waiting(&queue))
            }
            section.panel {
                h2 { "Next starts" }
                (next_starts(&engine.schedules(1)))
            }
        }
        (turned::panel(&suites, visit))
        section.panel {
            h2 { "Suites" }
            (suite_strips(&suites))
        }
    };
    let page = Shell::new("Overview").area("/").live(last_event, None).render(&content);
    Ok(([(header::SET_COOKIE, visit.cookie())], page))
}

fn figures(engine: &Shared, suites: &[SuiteInfo]) -> Markup {
    let info = engine.info();
    let latest = |run: &&SuiteInfo| run.runs.iter().find_map(|run| run.verdict);
    let judged = suites.iter().filter(|suite| latest(suite).is_some()).count();
    let red = suites.iter().filter(|suite| latest(suite).is_some_and(|it| it != Verdict::Passed)).count();
    let errors = info.definitions.diagnostics.len();
    let figure = |number: usize, what: &str, address: &str, tone: &str| {
        html! { a class={ "figure " (tone) } href=(address) { strong { (number) } span { (what) } } }
    };
    html! {
        div.figures {
            (figure(info.runs_running as usize, "running", "/runs?over=false", ""))
            (figure(info.runs_waiting as usize, "waiting", "/runs?over=false", ""))
            (figure(judged - red, "suites passed last", "/testsuites", "good"))
            (figure(red, "suites did not pass", "/testsuites", if red > 0 { "bad" } else { "" }))
            (figure(info.hypervisors as usize, "hypervisors in contact", "/hypervisors",
                if info.hypervisors == 0 { "bad" } else { "" }))
            (figure(info.slaves as usize, "slaves in contact", "/slaves", ""))
            (figure(errors, "findings in definitions", "/definitions", if errors > 0 { "warn" } else { "" }))
        }
    }
}

fn running_now(
    running: &[RunSummary],
    phases: &[(RunId, String)],
    progress: &[(RunId, RunProgress)],
) -> Markup {
    if running.is_empty() {
        return parts::empty("Nothing runs at the moment.", "Start one: xrdtest run SUITE");
    }
    html! {
        ul.cards {
            @for run in running.iter().take(GOING_ON) {
                @let progress = progress.iter().find(|(other, _)| *other == run.run).map(|(_, progress)| progress);
                @let phase = phases.iter().find(|(other, _)| *other == run.run).map(|(_, phase)| phase.as_str());
                li.card {
                    (verdict(run.verdict, false)) " " strong { (suite_link(&run.suite)) }
                    @if let Some(progress) = progress.filter(|progress| progress.begun) { (parts::progress(progress)) }
                    p { (phase.unwrap_or("is being ended")) }
                    p.quiet { (run_link(&run.run)) ", asked for by " (run.trigger) ", " (ago(run.queued)) }
                }
            }
        }
        (and_more(running.len()))
    }
}

/// What is not told of a list.
fn and_more(all: usize) -> Markup {
    html! {
        @if all > GOING_ON { p { a href="/runs?over=false" { "and " (all - GOING_ON) " more" } } }
    }
}

fn waiting(queue: &[QueueEntry]) -> Markup {
    if queue.is_empty() {
        return parts::empty("No run waits.", "A run waits where no hypervisor has room for its clusters.");
    }
    html! {
        ol.cards {
            @for entry in queue.iter().take(GOING_ON) {
                li.card {
                    strong { (entry.position) ". " (suite_link(&entry.suite)) }
                    p { (entry.reason) }
                    p.quiet { (run_link(&entry.run)) ", asked for by " (entry.trigger) ", " (ago(entry.queued)) }
                }
            }
        }
        (and_more(queue.len()))
    }
}

/// The suites that start by themselves, the next one first.
fn next_starts(schedules: &SchedulesInfo) -> Markup {
    let mut coming: Vec<_> =
        schedules.suites.iter().filter_map(|suite| Some((suite, suite.next.first()?))).collect();
    coming.sort_by_key(|(_, start)| start.at);
    html! {
        @if !schedules.enabled {
            p.quiet { "Schedules are off ([schedule] in the engine's configuration)." }
        } @else if let Some(who) = &schedules.paused {
            p.quiet { "Schedules are paused by " (who) "." }
        }
        @if coming.is_empty() {
            (parts::empty("No suite starts by itself.", "A suite with a `schedule` does."))
        } @else {
            ol.cards {
                @for (suite, start) in coming.iter().take(NEXT) {
                    li.card {
                        strong { (suite_link(&suite.suite)) } " " (start.local)
                        p.quiet { (suite.words) @if !suite.held.is_empty() { "; " (suite.held) } }
                    }
                }
            }
        }
    }
}

fn suite_strips(suites: &[SuiteInfo]) -> Markup {
    if suites.is_empty() {
        return parts::empty(
            "There are no suites.",
            "They are suites/NAME.rhai in the repositories of the engine.",
        );
    }
    // Hundreds of suites are on this page: each has few bytes.
    html! {
        ul.plain.suites {
            @for suite in suites {
                li {
                    a href={ "/testsuites/" (suite.name) } { (suite.name) (parts::small_strip(&suite.runs)) }
                    @if let Some(latest) = suite.runs.first() {
                        (parts::verdict_link(latest)) (parts::short_ago(latest.queued))
                    } @else {
                        span.quiet { "never run" }
                    }
                }
            }
        }
    }
}
