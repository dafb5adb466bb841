//! `/runs`: all runs, newest first.

use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;
use xrdtest_model::{Timestamp, Verdict};
use xrdtest_store::RunFilter;

use super::failure::PageAnswer;
use super::parts;
use super::shell::Shell;
use crate::api::{Params, Shared};

const VERDICTS: [Verdict; 5] =
    [Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::Error, Verdict::Cancelled];

/// Runs on one page.
const LISTED: u32 = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    suite: String,
    #[serde(default)]
    verdict: String,
    over: Option<bool>,
    before: Option<Timestamp>,
}

pub(super) async fn list(State(engine): State<Shared>, Params(filter): Params<Filter>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let verdict = serde_json::from_value(serde_json::Value::String(filter.verdict.clone())).ok();
    let wanted = RunFilter {
        suite: Some(filter.suite.clone()).filter(|suite| !suite.is_empty()),
        verdict,
        over: filter.over,
        before: filter.before,
        limit: LISTED,
    };
    let runs = engine.store().runs(wanted).await?;
    let content = html! {
        h1 { "Runs" }
        (choice(&filter))
        @if runs.is_empty() {
            (parts::empty("There are no such runs.", "Take fewer conditions, or start one: xrdtest run SUITE"))
        } @else {
            (parts::run_table(&runs, true))
        }
        @if let Some(last) = runs.last().filter(|_| runs.len() == LISTED as usize) {
            p { a.button href=(older(&filter, last.queued)) { "Older" } }
        }
    };
    Ok(Shell::new("Runs").area("/runs").live(last_event, None).render(&content))
}

fn choice(filter: &Filter) -> Markup {
    html! {
        form.choice method="get" {
            label { "Suite " input name="suite" value=(filter.suite); }
            label {
                "Verdict "
                select name="verdict" {
                    option value="" { "any" }
                    @for verdict in VERDICTS {
                        @let word = verdict.as_str();
                        option value=(word) selected[filter.verdict == word] { (word.replace('_', " ")) }
                    }
                }
            }
            button { "Show" }
        }
    }
}

fn older(filter: &Filter, before: Timestamp) -> String {
    let over = filter.over.map(|over| format!("&over={over}")).unwrap_or_default();
    let before = before.as_millis();
    format!("/runs?suite={}&verdict={}{over}&before={before}", filter.suite, filter.verdict)
}
