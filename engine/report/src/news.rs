//! What is new about something that happened to a run, as mails and webhooks tell it: which thing it is, how it went
//! before, and which cases are told by themselves.

use std::collections::BTreeMap;

use xrdtest_model::Verdict;
use xrdtest_model::document::RunRecord;
use xrdtest_model::webhook::Change;

use crate::summary::case_title;
use crate::text::readable;

/// What of a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A case is over: its position.
    Case(u32),
    /// The run is over.
    Run,
}

impl About {
    /// Its name within the run: `case-3`, `run`.
    pub fn name(self) -> String {
        match self {
            Self::Case(index) => format!("case-{index}"),
            Self::Run => "run".to_owned(),
        }
    }
}

/// How it went before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// What the suite's last run amounted to that was not cancelled.
    pub run: Option<Verdict>,
    /// What its cases amounted to, by title, each in the last run where it was not cancelled.
    pub cases: BTreeMap<String, Verdict>,
}

impl Before {
    /// What is new about the verdict of a case.
    pub(crate) fn change_of_case(&self, title: &str, now: Option<Verdict>) -> Option<Change> {
        change(self.cases.get(title), now)
    }

    /// What is new about something of a run.
    pub(crate) fn change(&self, record: &RunRecord, about: About) -> Option<Change> {
        match about {
            About::Case(index) => self.change_of_case(&case_title(record, index), verdict_of(record, about)),
            About::Run => change(self.run.as_ref(), record.verdict),
        }
    }
}

/// The cases that are told by themselves, of those that somebody asks to be told of: the first so many; and the others,
/// which are told together, with the run.
pub(crate) fn singly(
    record: &RunRecord,
    most: u32,
    asked_for: impl Fn(About, Verdict) -> bool,
) -> (Vec<u32>, Vec<u32>) {
    let cases = record
        .cases
        .iter()
        .filter(|case| case.verdict.is_some_and(|verdict| asked_for(About::Case(case.index), verdict)));
    let mut singly: Vec<u32> = cases.map(|case| case.index).collect();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let together = singly.split_off(singly.len().min(most));
    (singly, together)
}

/// `ts_copy failed (new failure): 2 of 5 cases did not pass`, `ts_copy / copy_to passed (fixed)`.
pub(crate) fn whole_headline(record: &RunRecord, about: About, before: &Before) -> String {
    let mut line = headline(record, about, before);
    if about == About::Run && record.verdict != Some(Verdict::Passed) {
        let bad = record.cases.iter().filter(|case| case.verdict != Some(Verdict::Passed)).count();
        if bad > 0 {
            line.push_str(&format!(": {bad} of {} cases did not pass", record.cases.len()));
        }
    }
    readable(&line.replace('\n', " "))
}

/// `ts_copy failed (new failure)`.
pub(crate) fn headline(record: &RunRecord, about: About, before: &Before) -> String {
    let name = match about {
        About::Case(index) => format!("{} / {}", record.suite, case_title(record, index)),
        About::Run => record.suite.clone(),
    };
    let ended = match verdict_of(record, about) {
        Some(Verdict::Error) => "ended in an error".to_owned(),
        Some(Verdict::Cancelled) => "was cancelled".to_owned(),
        Some(verdict) => verdict.to_string(),
        None => "goes on".to_owned(),
    };
    match before.change(record, about) {
        None => format!("{name} {ended}"),
        Some(change) => format!("{name} {ended} ({})", change.words()),
    }
}

/// What it amounts to.
pub(crate) fn verdict_of(record: &RunRecord, about: About) -> Option<Verdict> {
    match about {
        About::Case(index) => {
            record.cases.iter().find(|case| case.index == index).and_then(|case| case.verdict)
        }
        About::Run => record.verdict,
    }
}

/// What is new about a verdict.
fn change(before: Option<&Verdict>, now: Option<Verdict>) -> Option<Change> {
    match (before, now) {
        (_, None | Some(Verdict::Cancelled)) | (None | Some(Verdict::Passed), Some(Verdict::Passed)) => None,
        (Some(_), Some(Verdict::Passed)) => Some(Change::Fixed),
        (None | Some(Verdict::Passed), Some(_)) => Some(Change::NewFailure),
        (Some(_), Some(_)) => Some(Change::StillFailing),
    }
}
