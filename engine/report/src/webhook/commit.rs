//! The status of the commit that a run was made from, as GitHub and GitLab have it.

use std::time::Duration;

use serde_json::json;
use xrdtest_model::Verdict;
use xrdtest_model::time::human;
use xrdtest_model::webhook::{WebhookDocument, WebhookEvent};

use super::Rendered;
use super::document::cut;
use crate::findings::plural;
use crate::text::readable;

/// Characters of a description.
const DESCRIPTION: usize = 140;

pub(super) fn github(document: &WebhookDocument) -> Option<Rendered> {
    let state = match status(document)? {
        None => "pending",
        Some(Verdict::Passed) => "success",
        Some(Verdict::Failed | Verdict::TimedOut) => "failure",
        Some(Verdict::Error | Verdict::Cancelled) => "error",
    };
    rendered(document, state, "context")
}

pub(super) fn gitlab(document: &WebhookDocument) -> Option<Rendered> {
    let state = match status(document)? {
        None => "running",
        Some(Verdict::Passed) => "success",
        Some(Verdict::Failed | Verdict::TimedOut | Verdict::Error) => "failed",
        Some(Verdict::Cancelled) => "canceled",
    };
    rendered(document, state, "name")
}

/// What the run amounts to, inside, where it is over; `None` where nothing is said of a run.
fn status(document: &WebhookDocument) -> Option<Option<Verdict>> {
    match document.event {
        WebhookEvent::RunStarted => Some(None),
        WebhookEvent::RunFinished => Some(document.run.verdict),
        WebhookEvent::CaseFinished | WebhookEvent::Test => None,
    }
}

fn rendered(document: &WebhookDocument, state: &str, named: &str) -> Option<Rendered> {
    let commit = document.run.origin.as_ref()?.commit.clone()?;
    // It becomes part of an address.
    if commit.is_empty() || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let mut body = json!({
        "state": state,
        named: format!("xrdtest/{}", document.run.suite),
        "description": cut(&description(document), DESCRIPTION),
    });
    if let (Some(link), Some(fields)) = (&document.run.link, body.as_object_mut()) {
        fields.insert("target_url".to_owned(), link.clone().into());
    }
    Some(Rendered { body: body.to_string(), commit: Some(commit.to_ascii_lowercase()) })
}

/// `failed (new failure): 1 of 5 cases did not pass; copy_to / run on client1.xrd.test`.
fn description(document: &WebhookDocument) -> String {
    let cases = plural(usize::try_from(document.cases_in_all).unwrap_or(usize::MAX), "case");
    let Some(verdict) = document.run.verdict else { return format!("runs {cases}") };
    let took = human(Duration::from_millis(document.run.duration_ms));
    if verdict == Verdict::Passed {
        return format!("passed: {cases} in {took}");
    }
    let mut words = verdict.to_string();
    if let Some(change) = document.change {
        words.push_str(&format!(" ({})", change.words()));
    }
    if document.cases_not_passed > 0 {
        words.push_str(&format!(": {} of {cases} did not pass", document.cases_not_passed));
    } else if !document.run.reason.is_empty() {
        words.push_str(&format!(": {}", document.run.reason.replace('\n', " ")));
    }
    if let Some(first) = document.endings.first() {
        words.push_str(&format!("; {} on {}", first.title, first.machine));
    }
    readable(&words)
}
