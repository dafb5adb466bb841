//! What several pages show: times, verdicts, states, links.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};
use xrdtest_model::api::{RevocationInfo, RunProgress, RunSummary};
use xrdtest_model::chronicle::{StateWord, Transition};
use xrdtest_model::time::{human, utc};
use xrdtest_model::{Outcome, RunId, Timestamp, Verdict};

use crate::api::{now, turns};

/// Runs in a strip; those that tell what turned red.
pub(super) const STRIP: usize = turns::RUNS;

/// A point in time: how long ago, the exact time beside it for whoever asks. The page's script keeps it true.
pub(super) fn ago(time: Timestamp) -> Markup {
    let since = now().since(time);
    html! { time datetime=(rfc3339(time)) title=(utc(time)) data-ago { (human(since)) " ago" } }
}

/// The same in the format of `<time>`.
fn rfc3339(time: Timestamp) -> String {
    let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// The verdict of a run, or that there is none yet.
pub(super) fn verdict(verdict: Option<Verdict>, waits: bool) -> Markup {
    let word = verdict_word(verdict, waits);
    html! { span class={ "badge " (word) } { (word.replace('_', " ")) } }
}

/// How a stage ended on a machine.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    html! { span class={ "badge " (outcome.as_str()) } { (outcome.as_str().replace('_', " ")) } }
}

fn verdict_word(verdict: Option<Verdict>, waits: bool) -> &'static str {
    match verdict {
        Some(verdict) => verdict.as_str(),
        None if waits => "waiting",
        None => "running",
    }
}

/// A state in the manual's words.
pub(super) fn state(word: &StateWord) -> Markup {
    html! { span class={ "state " (tone(word)) } title=(word.constant) { (word.text) } }
}

/// How a state feels: fine, busy, bad, or nothing of that.
fn tone(word: &StateWord) -> &'static str {
    let constant = &*word.constant;
    let has = |words: &[&str]| words.iter().any(|word| constant.contains(word));
    if word.code < 0 || has(&["ERROR", "NOT_CONNECTED"]) {
        "bad"
    } else if has(&["_IDLE", "_ACTIVE", "_CONNECTED"]) {
        "fine"
    } else if has(&["_STOPPED", "_FINALIZED", "_DEFINED"]) {
        "rest"
    } else {
        "busy"
    }
}

pub(super) fn suite_link(name: &str) -> Markup {
    html! { a href={ "/testsuites/" (name) } { (name) } }
}

pub(super) fn cluster_link(name: &str) -> Markup {
    html! { a href={ "/clusters/" (name) } { (name) } }
}

pub(super) fn hypervisor_link(name: &str) -> Markup {
    html! { a href={ "/hypervisors/" (name) } { (name) } }
}

pub(super) fn run_link(run: &RunId) -> Markup {
    html! { a.id href={ "/runs/" (run) } { (run) } }
}

/// How long a run took, or has taken so far.
pub(super) fn duration(run: &RunSummary) -> Markup {
    let Some(started) = run.started else { return html! { "–" } };
    html! { (human(run.finished.unwrap_or_else(now).since(started))) }
}

/// The latest runs of a suite as a strip of bars, the newest at the right. `runs`: newest first.
pub(super) fn strip(runs: &[RunSummary]) -> Markup {
    let shown = &runs[..runs.len().min(STRIP)];
    html! {
        span.strip {
            @for _ in shown.len()..STRIP { span.none {} }
            @for run in shown.iter().rev() {
                @let word = verdict_word(run.verdict, run.started.is_none());
                a class=(word) href={ "/runs/" (run.run) } title={ (word.replace('_', " ")) ", " (utc(run.queued)) } {
                    span.hidden { (word) }
                }
            }
        }
    }
}

/// The same in few bytes, without a link for each run: for pages with hundreds of them.
pub(super) fn small_strip(runs: &[RunSummary]) -> Markup {
    const STEP: usize = 9;
    let shown: Vec<_> = runs.iter().take(STRIP).rev().collect();
    let begin = STRIP - shown.len();
    let mut paths: BTreeMap<&str, String> = BTreeMap::new();
    let mut at = 0;
    let word = |run: &&RunSummary| verdict_word(run.verdict, run.started.is_none());
    for group in shown.chunk_by(|a, b| word(a) == word(b)) {
        // One line with gaps; see `stroke-dasharray` in the style sheet.
        let path = paths.entry(word(&group[0])).or_default();
        let _ = write!(path, "M{} 10h{}", (begin + at) * STEP, group.len() * STEP - 2);
        at += group.len();
    }
    let passed = shown.iter().filter(|run| run.verdict == Some(Verdict::Passed)).count();
    html! {
        svg viewBox="0 0 268 20" role="img" aria-label={ (passed) " of " (shown.len()) " passed" } {
            @for (word, path) in &paths { path class=(word) d=(path) {} }
        }
    }
}

/// The verdict of a run, which leads to it.
pub(super) fn verdict_link(run: &RunSummary) -> Markup {
    let word = verdict_word(run.verdict, run.started.is_none());
    html! { a class={ "badge " (word) } href={ "/runs/" (run.run) } { (word.replace('_', " ")) } }
}

/// As [`ago`], in few bytes.
pub(super) fn short_ago(time: Timestamp) -> Markup {
    let exact = rfc3339(Timestamp::from_millis(time.as_millis() / 1000 * 1000));
    html! { time datetime=(exact.replace(".000", "")) data-ago { (human(now().since(time))) " ago" } }
}

/// How far a run is.
pub(super) fn progress(progress: &RunProgress) -> Markup {
    html! {
        div.progress {
            progress max=(progress.stages) value=(progress.done) {}
            span.quiet { (progress.done) " of " (progress.stages) " stages" }
        }
    }
}

/// A list of runs, newest first. `with_suite`: the list is not of one suite.
pub(super) fn run_table(runs: &[RunSummary], with_suite: bool) -> Markup {
    html! {
        div.scroll {
            table.runs {
                thead {
                    tr {
                        th { "Verdict" }
                        @if with_suite { th { "Suite" } }
                        th { "Run" } th { "Asked for" } th.number { "Took" } th { "By" } th { "Why" }
                    }
                }
                tbody {
                    @for run in runs {
                        tr {
                            td { (verdict(run.verdict, run.started.is_none())) }
                            @if with_suite { td { (suite_link(&run.suite)) } }
                            td { (run_link(&run.run)) @if run.pinned { " " span.pin title="Kept for good" { "pinned" } } }
                            td { (ago(run.queued)) }
                            td.number { (duration(run)) }
                            td { (run.trigger) }
                            td.words { (run.reason) }
                        }
                    }
                }
            }
        }
    }
}

/// States of something, newest first.
pub(super) fn activity(history: &[Transition]) -> Markup {
    html! {
        @if history.is_empty() {
            p.quiet { "Nothing has happened yet." }
        } @else {
            ol.activity {
                @for step in history {
                    li {
                        (ago(step.at)) " " (state(&step.state))
                        @if !step.detail.is_empty() { " " span.words { (step.detail) } }
                        @if let Some(run) = &step.run { " " (run_link(run)) }
                    }
                }
            }
        }
    }
}

/// Who refuses an agent; nothing where nobody does.
pub(super) fn revoked(revoked: Option<&RevocationInfo>) -> Markup {
    html! {
        @if let Some(revoked) = revoked {
            p.held { "Revoked " (revoked.by_whom()) ", " (ago(revoked.at)) ": it is refused until it joins anew." }
        }
    }
}

/// What stands in the place of an empty list, with what would fill it.
pub(super) fn empty(what: &str, how: &str) -> Markup {
    html! { div.empty { p { (what) } p.quiet { (how) } } }
}
