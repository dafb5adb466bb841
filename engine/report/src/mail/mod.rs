//! Mail about a run: who gets one about what, and what it says.
//!
//! A mail is about one thing that happened: a case is over, or the run is. The suite's policies say which of them are
//! told (manual 6.1.1, "Getting email alerts"); a run's mails are one thread.

mod body;
mod html;
mod text;

use serde::{Deserialize, Serialize};
use xrdtest_model::definition::AlertPolicy;
use xrdtest_model::document::RunRecord;
use xrdtest_model::plan::Alerts;
use xrdtest_model::{RunPlan, Verdict};

use self::body::Body;
pub use crate::news::{About, Before};
use crate::news::{singly, whole_headline};

/// Characters of a subject.
const SUBJECT: usize = 200;

/// What all mails of an engine have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// The part of message ids behind the `@`.
    pub domain: String,
    /// Where the dashboard is reached, without a slash at its end; empty: there are no links.
    pub link: String,
    /// So many mails about single cases a run has at most; the other cases are told in the mail about the run.
    pub most_per_run: u32,
}

/// A mail; who it is from, and to which of the addresses it goes, is the sender's business. Kept on the disk as
/// JSON until it is sent: fields are only ever added, with a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// In one line.
    pub subject: String,
    /// All of it as text.
    pub text: String,
    /// All of it as HTML.
    pub html: String,
    /// Its id, with angle brackets.
    pub message_id: String,
    /// The id of the run's first mail; `None` for that one.
    #[serde(default)]
    pub in_reply_to: Option<String>,
}

/// Whether the policies ask for a mail about something that ended so. What was cancelled is told to nobody: somebody did
/// that, and knows.
pub fn is_asked_for(alerts: &Alerts, about: About, verdict: Verdict) -> bool {
    let policy = match verdict {
        Verdict::Passed => alerts.success,
        Verdict::Failed | Verdict::TimedOut | Verdict::Error => alerts.failure,
        Verdict::Cancelled => AlertPolicy::None,
    };
    !alerts.emails.is_empty()
        && match policy {
            AlertPolicy::Case => true,
            AlertPolicy::Suite => about == About::Run,
            AlertPolicy::None => false,
        }
}

/// The mail about something, where there is one. The record may be of a later time; of a case it tells the same.
pub fn mail(
    plan: &RunPlan,
    record: &RunRecord,
    about: About,
    before: &Before,
    common: &Common,
) -> Option<Mail> {
    let (singly, together) =
        singly(record, common.most_per_run, |about, verdict| is_asked_for(&plan.alerts, about, verdict));
    let asked_for = match about {
        About::Case(index) => singly.contains(&index),
        About::Run => {
            !together.is_empty()
                || record.verdict.is_some_and(|verdict| is_asked_for(&plan.alerts, about, verdict))
        }
    };
    if !asked_for || plan.alerts.emails.is_empty() {
        return None;
    }
    let first = singly.first().map_or(About::Run, |index| About::Case(*index));
    let body = Body::new(plan, record, about, before, &together, common);
    Some(Mail {
        subject: subject(record, about, before),
        text: text::text(&body),
        html: html::html(&body),
        message_id: message_id(record, about, common),
        in_reply_to: (first != about).then(|| message_id(record, first, common)),
    })
}

/// `[xrdtest] ts_copy failed (new failure): 2 of 5 cases did not pass`, `[xrdtest] ts_copy / copy_to passed (fixed)`.
fn subject(record: &RunRecord, about: About, before: &Before) -> String {
    let subject = format!("[xrdtest] {}", whole_headline(record, about, before));
    subject.chars().take(SUBJECT).collect()
}

fn message_id(record: &RunRecord, about: About, common: &Common) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let run: String = record.id.chars().map(plain).collect();
    format!("<{run}.{}@{}>", about.name(), common.domain)
}
