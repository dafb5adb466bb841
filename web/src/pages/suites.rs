//! `/testsuites`, `/testsuites/NAME`, its latest run, its badge.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use xrdtest_model::Verdict;
use xrdtest_model::api::{RunSummary, ScheduledSuite, SuiteInfo};
use xrdtest_model::definition::{AlertPolicy, MissedStart, Overlap, SuiteDefinition, Timing};
use xrdtest_model::time::{human, limit};
use xrdtest_report::findings::plural;
use xrdtest_store::RunFilter;

use super::failure::{PageAnswer, PageFailure};
use super::filter::{History, LISTED};
use super::forms;
use super::parts::{self, cluster_link, suite_link};
use super::shell::Shell;
use super::trends::{failure_rates, plots};
use crate::api::{Params, Shared, suites, trends};

/// States that are told of a suite.
const STATES: u32 = 20;

pub(super) async fn list(State(engine): State<Shared>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let suites = suites::all(&engine, parts::STRIP).await?;
    let content = html! {
        h1 { "Suites" }
        @if suites.is_empty() {
            (parts::empty("There are no suites.", "They are suites/NAME.rhai in the repositories of the engine."))
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "Suite" } th { "State" } th { "Clusters" } th.number { "Cases" } th { "Last runs" } } }
                    tbody { @for suite in &suites { (row(suite)) } }
                }
            }
        }
    };
    Ok(Shell::new("Suites").area("/testsuites").live(last_event, None).render(&content))
}

fn row(suite: &SuiteInfo) -> Markup {
    html! {
        tr {
            td {
                (suite_link(&suite.name))
                @if let Some(title) = &suite.title { br; span.quiet { (title) } }
            }
            td { (parts::state(&suite.state)) (flaws(suite)) }
            td { @for cluster in &suite.clusters { (cluster_link(cluster)) " " } }
            td.number { (suite.cases.len()) }
            td { a href={ "/testsuites/" (suite.name) } { (parts::small_strip(&suite.runs)) } }
        }
    }
}

fn flaws(suite: &SuiteInfo) -> Markup {
    html! {
        @if suite.broken { " " a.badge.error href="/definitions" { "broken" } }
        @if !suite.defined { " " span.badge.cancelled { "not defined any more" } }
    }
}

pub(super) async fn page(
    State(engine): State<Shared>,
    Path(name): Path<String>,
    Params(wanted): Params<History>,
) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let suite = suites::one(&engine, &name, trends::RUNS, STATES).await?;
    let wanted = wanted.of_suite(&name);
    let listed = if wanted.is_whole() { None } else { Some(engine.store().runs(wanted.wanted()).await?) };
    let listed = listed.as_deref().unwrap_or(&suite.runs[..suite.runs.len().min(LISTED as usize)]);
    let trends = trends::of(&engine, &name, &suite.runs).await?;
    let catalogue = engine.catalogue();
    let definition = catalogue.suites.get(&name);
    let text = tokio::fs::read_to_string(&suite.file).await.unwrap_or_default();
    let content = html! {
        header.title {
            h1 { (name) }
            (parts::state(&suite.state)) (flaws(&suite))
            @if let Some(title) = &suite.title { p.quiet { (title) } }
        }
        (forms::of_suite(&name, definition.map(|it| &**it), suite.schedule.as_ref()))
        @if let Some(definition) = definition { (facts(&suite, definition)) }
        section.panel {
            h2 { "Latest runs" }
            @if suite.runs.is_empty() {
                (parts::empty("It has never been run.", &format!("Start it: xrdtest run {name}")))
            } @else {
                div.beside { div { (success(&suite.runs)) } (durations(&suite.runs)) }
            }
        }
        (failure_rates(&trends))
        (plots(&trends))
        @if !suite.runs.is_empty() {
            section.panel {
                h2 { "History" }
                (wanted.form(false))
                @if listed.is_empty() { p.quiet { "It has no such runs." } }
                @else { (parts::run_table(listed, false)) }
                (wanted.older(&format!("/testsuites/{name}"), listed))
            }
        }
        @if !suite.file.is_empty() { (source(&suite.file, &text)) }
        section.panel { h2 { "Activity" } (parts::activity(&suite.history)) }
    };
    Ok(Shell::new(&name).area("/testsuites").live(last_event, None).render(&content))
}

fn facts(suite: &SuiteInfo, definition: &SuiteDefinition) -> Markup {
    let machines = match definition.machines.as_slice() {
        [] => "all hosts of its clusters".to_owned(),
        machines => machines.join(", "),
    };
    let time = |limit_ms: Option<u64>| {
        limit_ms.map_or("the engine's".to_owned(), |ms| limit(std::time::Duration::from_millis(ms)))
    };
    html! {
        section.panel {
            dl.facts {
                dt { "Clusters" } dd { @for cluster in &suite.clusters { (cluster_link(cluster)) " " } }
                dt { "Cases" } dd { (suite.cases.join(", ")) }
                dt { "Machines" } dd { (machines) }
                dt { "Schedule" } dd { (schedule(suite.schedule.as_ref())) }
                dt { "Time limits" } dd { "run: " (time(definition.timeout_ms)) ", stage: " (time(definition.stage_timeout_ms)) }
                @if definition.schedule.is_some() { dt { "Starts" } dd { (policies(&definition.timing)) } }
                @if !definition.alert_emails.is_empty() {
                    dt { "Mail" }
                    dd {
                        (definition.alert_emails.join(", ")) "; about failures: " (mails(definition.alert_failure))
                        ", about success: " (mails(definition.alert_success))
                    }
                }
            }
        }
    }
}

/// What becomes of starts that can't be at their time.
fn policies(timing: &Timing) -> String {
    let missed = match timing.missed {
        MissedStart::Skip => "missed ones are left out",
        MissedStart::Once => "one run makes up for missed ones",
    };
    let overlap = match timing.overlap {
        Overlap::Queue => "one that comes before the last run is over waits",
        Overlap::Skip => "one that comes before the last run is over is left out",
    };
    let jitter = timing.jitter_ms.map(std::time::Duration::from_millis);
    let late = jitter.map(|jitter| format!("; each up to {} late", limit(jitter))).unwrap_or_default();
    format!("{missed}; {overlap}{late}")
}

/// Which mails a policy asks for.
fn mails(policy: AlertPolicy) -> &'static str {
    match policy {
        AlertPolicy::Suite => "one about each run",
        AlertPolicy::Case => "one about each run, and one about each case",
        AlertPolicy::None => "none",
    }
}

/// When it starts by itself, in words, and the next times.
fn schedule(schedule: Option<&ScheduledSuite>) -> Markup {
    let Some(schedule) = schedule else { return html! { "by hand only" } };
    html! {
        (schedule.words) " (" (schedule.timezone) ")"
        @if !schedule.held.is_empty() { " · " (schedule.held) }
        @if !schedule.next.is_empty() {
            details {
                summary { "next: " (schedule.next[0].local) }
                ol { @for start in &schedule.next { li { (start.local) } } }
            }
        }
    }
}

fn success(runs: &[RunSummary]) -> Markup {
    let over: Vec<Verdict> = runs.iter().filter_map(|run| run.verdict).collect();
    let passed = over.iter().filter(|verdict| **verdict == Verdict::Passed).count();
    html! {
        p { (parts::strip(runs)) }
        p.quiet { (passed) " of the last " (plural(over.len(), "run")) " passed." }
    }
}

/// How long the latest runs took, as bars; the oldest at the left.
fn durations(runs: &[RunSummary]) -> Markup {
    const HEIGHT: f64 = 80.0;
    let took = |run: &RunSummary| Some(run.finished?.since(run.started?));
    let bars: Vec<_> = runs.iter().rev().filter_map(|run| Some((run, took(run)?))).collect();
    let Some(longest) = bars.iter().map(|(_, took)| *took).max() else { return html! {} };
    let share =
        |took: std::time::Duration| (HEIGHT * took.as_secs_f64() / longest.as_secs_f64().max(0.001)).max(1.0);
    html! {
        figure.durations {
            svg viewBox={ "0 0 " (bars.len() * 12) " " (HEIGHT) } width=(bars.len() * 12) height=(HEIGHT) role="group"
                preserveAspectRatio="none" aria-label="How long the latest runs took" {
                @for (index, (run, took)) in bars.iter().enumerate() {
                    @let height = share(*took);
                    a href={ "/runs/" (run.run) } {
                        rect class=(run.verdict.map_or("running", Verdict::as_str)) x=(index * 12) width="9"
                            y=(format!("{:.1}", HEIGHT - height)) height=(format!("{height:.1}")) rx="2" {
                            title { (human(*took)) }
                        }
                    }
                }
            }
            figcaption.quiet { "How long they took; the longest " (human(longest)) "." }
        }
    }
}

/// `text`: of the definition's file; empty where it is gone since it was loaded.
fn source(file: &str, text: &str) -> Markup {
    html! {
        section.panel {
            h2 { "Definition" }
            p.quiet { (file) }
            @if !text.is_empty() {
                pre.source tabindex="0" { code { @for line in text.lines() { span.line { (line) "\n" } } } }
            }
        }
    }
}

/// The latest run that is over, or that is not where there is none.
pub(super) async fn latest(State(engine): State<Shared>, Path(name): Path<String>) -> PageAnswer<Redirect> {
    let run = latest_run(&engine, &name).await?;
    let run = run.ok_or_else(|| PageFailure::not_found(format!("{name} has never been run.")))?;
    Ok(Redirect::temporary(&format!("/runs/{}", run.run)))
}

async fn latest_run(engine: &Shared, name: &str) -> PageAnswer<Option<RunSummary>> {
    let of = |over| RunFilter { suite: Some(name.to_owned()), over, limit: 1, ..RunFilter::default() };
    let over = engine.store().runs(of(Some(true))).await?.pop();
    Ok(match over {
        Some(run) => Some(run),
        None => engine.store().runs(of(None)).await?.pop(),
    })
}

/// The latest verdict as a picture, for other pages.
pub(super) async fn badge(State(engine): State<Shared>, Path(name): Path<String>) -> PageAnswer<Response> {
    let run = latest_run(&engine, &name).await?;
    let (word, colour) = match run.map(|run| run.verdict) {
        Some(Some(Verdict::Passed)) => ("passed", "#1a7f4b"),
        Some(Some(Verdict::Cancelled)) => ("cancelled", "#6b7280"),
        Some(Some(verdict)) => (verdict.as_str(), "#c2352b"),
        Some(None) => ("running", "#2563c9"),
        None => ("never run", "#6b7280"),
    };
    let word = word.replace('_', " ");
    let width = |text: &str| 12 + 7 * text.chars().count();
    let (left, right) = (width(&name), width(&word));
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(left + right) height="20" role="img" {
            title { (name) ": " (word) }
            rect width=(left + right) height="20" rx="4" fill=(colour) {}
            rect width=(left) height="20" rx="4" fill="#394150" {}
            rect x=(left - 4) width="4" height="20" fill="#394150" {}
            g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle" {
                text x=(left / 2) y="14" { (name) }
                text x=(left + right / 2) y="14" { (word) }
            }
        }
    };
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, picture.into_string()).into_response())
}
