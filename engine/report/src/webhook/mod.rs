//! What webhooks are told about a run, and in which shape.
//!
//! What is told is the same for all: a [`WebhookDocument`], which is also what an engine keeps until it is sent. The
//! shapes make of it what a server understands.

mod chat;
mod commit;
mod document;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xrdtest_model::Verdict;
use xrdtest_model::webhook::{Change, WebhookDocument, WebhookEvent};

pub use self::document::{Told, document, test_document};
pub use crate::news::{About, Before};

/// Whose words a webhook speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Our own: the document as it is.
    #[default]
    Xrdtest,
    /// A message by an incoming webhook of Slack.
    Slack,
    /// A message by an incoming webhook of Mattermost.
    Mattermost,
    /// The status of a commit at GitHub.
    Github,
    /// The status of a commit at GitLab.
    Gitlab,
}

impl Shape {
    /// Whether it sets the status of a commit.
    pub fn is_status(self) -> bool {
        matches!(self, Self::Github | Self::Gitlab)
    }

    /// What is told where nobody says it: programs hear of every run, people of what they want to know.
    pub fn usual(self) -> BTreeSet<Occasion> {
        use Occasion::{Cancelled, Failure, Fixed, Started, Success};
        match self {
            Self::Slack | Self::Mattermost => [Failure, Fixed].into(),
            Self::Xrdtest | Self::Github | Self::Gitlab => [Started, Success, Failure, Cancelled].into(),
        }
    }
}

/// When a webhook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A run got its place.
    Started,
    /// A run passed.
    Success,
    /// A run failed, timed out or ended in an error.
    Failure,
    /// A run passed, and the one before did not.
    Fixed,
    /// A run did not pass, and the one before did, or there was none.
    NewFailure,
    /// A run was cancelled.
    Cancelled,
    /// A case passed.
    CaseSuccess,
    /// A case failed, timed out or ended in an error.
    CaseFailure,
}

/// What somebody wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Of what.
    pub on: BTreeSet<Occasion>,
    /// So many single cases of a run at most; the others are told with the run.
    pub most_per_run: u32,
}

/// What happened to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It got its place.
    Started,
    /// It, or a case of it, is over.
    Ended(About, Verdict),
}

impl Happened {
    /// Its name within the run: `started`, `case-3`, `run`.
    pub fn name(self) -> String {
        match self {
            Self::Started => "started".to_owned(),
            Self::Ended(about, _) => about.name(),
        }
    }

    fn event(self) -> WebhookEvent {
        match self {
            Self::Started => WebhookEvent::RunStarted,
            Self::Ended(About::Case(_), _) => WebhookEvent::CaseFinished,
            Self::Ended(About::Run, _) => WebhookEvent::RunFinished,
        }
    }
}

impl Wishes {
    /// Whether it can be that somebody wants to be told of something that happened; a run may have to tell of its cases.
    pub fn may_ask_for(&self, happened: Happened) -> bool {
        match happened {
            Happened::Ended(About::Run, _) => true,
            happened => self.ask_for(happened, None),
        }
    }

    /// Whether somebody wants to be told of something that happened, with what is new about it.
    pub fn ask_for(&self, happened: Happened, change: Option<Change>) -> bool {
        use Occasion::{Cancelled, CaseFailure, CaseSuccess, Failure, Fixed, NewFailure, Started, Success};
        let on = |occasion| self.on.contains(&occasion);
        match happened {
            Happened::Started => on(Started),
            Happened::Ended(About::Run, Verdict::Passed) => {
                on(Success) || (on(Fixed) && change == Some(Change::Fixed))
            }
            Happened::Ended(About::Run, Verdict::Cancelled) => on(Cancelled),
            Happened::Ended(About::Run, _) => {
                on(Failure) || (on(NewFailure) && change == Some(Change::NewFailure))
            }
            Happened::Ended(About::Case(_), Verdict::Passed) => on(CaseSuccess),
            Happened::Ended(About::Case(_), Verdict::Cancelled) => false,
            Happened::Ended(About::Case(_), _) => on(CaseFailure),
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// JSON.
    pub body: String,
    /// The commit whose status it is, where it is one: lower-case hexadecimal.
    pub commit: Option<String>,
}

/// A document in a shape; `None` where that has no words for it: a status without a commit.
pub fn rendered(shape: Shape, document: &WebhookDocument) -> Option<Rendered> {
    let message = |body: serde_json::Value| Rendered { body: body.to_string(), commit: None };
    match shape {
        Shape::Xrdtest => serde_json::to_string(document).ok().map(|body| Rendered { body, commit: None }),
        Shape::Slack => Some(message(chat::slack(document))),
        Shape::Mattermost => Some(message(chat::mattermost(document))),
        Shape::Github => commit::github(document),
        Shape::Gitlab => commit::gitlab(document),
    }
}
