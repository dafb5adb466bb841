//! From a run's record to the document that is sent.

use xrdtest_model::crash::Crash;
use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::webhook::{
    MOST_CASES, MOST_CRASHES, MOST_ENDINGS, SCHEMA, WebhookCase, WebhookCrash, WebhookDocument,
    WebhookEnding, WebhookEvent, WebhookRun,
};
use xrdtest_model::{Outcome, RunPlan, StageId, Timestamp, Verdict};

use super::{About, Before, Happened, Wishes};
use crate::news::{singly, whole_headline};
use crate::record::rfc3339;
use crate::summary::{case_title, ending, stage_title};
use crate::text::{last_lines, readable};

/// Lines of an output.
const LINES: usize = 15;
/// Characters of a line, and of a reason.
const WIDTH: usize = 300;
const REASON: usize = 2000;
/// Bytes of a document.
const BYTES: usize = 256 << 10;

/// What is told, whoever it is told to.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The run's plan.
    pub plan: &'a RunPlan,
    /// The run, as of then or later.
    pub record: &'a RunRecord,
    /// How it went before.
    pub before: &'a Before,
    /// When it happened.
    pub at: Timestamp,
}

/// The document about something that happened, where somebody wishes to be told. `link` is where the dashboard is
/// reached, without a slash at its end; empty: there are no links.
pub fn document(told: Told<'_>, happened: Happened, wishes: &Wishes, link: &str) -> Option<WebhookDocument> {
    let Told { record, before, .. } = told;
    let (alone, together) = singly(record, wishes.most_per_run, |about, verdict| {
        wishes.ask_for(Happened::Ended(about, verdict), None)
    });
    let change = match happened {
        Happened::Started => None,
        Happened::Ended(about, _) => before.change(record, about),
    };
    let asked_for = match happened {
        Happened::Ended(About::Case(index), _) => alone.contains(&index),
        Happened::Ended(About::Run, _) => !together.is_empty() || wishes.ask_for(happened, change),
        Happened::Started => wishes.ask_for(happened, change),
    };
    if !asked_for {
        return None;
    }
    let (headline, about) = match happened {
        Happened::Started => (readable(&format!("{} started", record.suite.replace('\n', " "))), None),
        Happened::Ended(about, _) => (whole_headline(record, about, before), Some(about)),
    };
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    // Of a run that is over those that were not begun did not pass either.
    let over = about == Some(About::Run);
    let not_passed = |verdict: Option<Verdict>| verdict.map_or(over, |verdict| verdict != Verdict::Passed);
    let (endings, left_out) = endings(told, about, link);
    let (crashes, crashes_left_out) = crashes(told, about, link);
    let document = WebhookDocument {
        schema: SCHEMA.to_owned(),
        id: format!("{}.{}", record.id, happened.name()),
        event: happened.event(),
        at: rfc3339(told.at),
        headline,
        change,
        run: run(record, about, link),
        case: match about {
            Some(About::Case(index)) => Some(index),
            _ => None,
        },
        cases_in_all: count(record.cases.len()),
        cases_not_passed: count(record.cases.iter().filter(|case| not_passed(case.verdict)).count()),
        cases: about.map(|about| cases(record, about, before)).unwrap_or_default(),
        endings,
        endings_left_out: count(left_out),
        crashes,
        crashes_left_out: count(crashes_left_out),
    };
    Some(bounded(document))
}

/// A document that says that nothing happened.
pub fn test_document(id: &str, at: Timestamp, from: &str) -> WebhookDocument {
    WebhookDocument {
        schema: SCHEMA.to_owned(),
        id: id.to_owned(),
        event: WebhookEvent::Test,
        at: rfc3339(at),
        headline: readable(&format!("This is a test from the test engine on {from}")),
        change: None,
        run: WebhookRun { started: rfc3339(at), ..WebhookRun::default() },
        case: None,
        cases_in_all: 0,
        cases_not_passed: 0,
        cases: Vec::new(),
        endings: Vec::new(),
        endings_left_out: 0,
        crashes: Vec::new(),
        crashes_left_out: 0,
    }
}

fn run(record: &RunRecord, about: Option<About>, link: &str) -> WebhookRun {
    // The record may be of a later time: what is told of a start, or of a case, is of a run that goes on.
    let over = about == Some(About::Run);
    WebhookRun {
        id: record.id.clone(),
        suite: record.suite.clone(),
        trigger: record.trigger.clone(),
        verdict: record.verdict.filter(|_| over),
        reason: if over { cut(&record.reason, REASON) } else { String::new() },
        started: record.started.clone(),
        duration_ms: record.duration_ms,
        link: (!link.is_empty()).then(|| format!("{link}/runs/{}", record.id)),
        origin: record.origin.clone(),
        clusters: record.clusters.clone(),
        tags: record.tags.clone(),
    }
}

fn cases(record: &RunRecord, about: About, before: &Before) -> Vec<WebhookCase> {
    let of_this = record.cases.iter().filter(|case| match about {
        About::Case(index) => case.index == index,
        About::Run => true,
    });
    let mut cases: Vec<WebhookCase> = of_this
        .map(|case| {
            let name = case_title(record, case.index);
            let change = before.change_of_case(&name, case.verdict);
            let reason = cut(&case.reason, REASON);
            WebhookCase { index: case.index, name, verdict: case.verdict, reason, change }
        })
        .collect();
    worst(&mut cases, MOST_CASES);
    cases
}

/// Leaves so many cases, those that passed out first.
fn worst(cases: &mut Vec<WebhookCase>, most: usize) {
    cases.sort_by_key(|case| (case.verdict == Some(Verdict::Passed), case.index));
    cases.truncate(most);
    cases.sort_by_key(|case| case.index);
}

/// The stages of what it is about.
fn stages(record: &RunRecord, about: Option<About>) -> impl Iterator<Item = &StageRecord> {
    record.stages.iter().filter(move |stage| match about {
        Some(About::Case(index)) => stage.case_index == Some(index),
        Some(About::Run) => true,
        None => false,
    })
}

/// Whether a stage has an ending to tell.
pub(super) fn is_bad(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Passed | Outcome::NotRun)
}

/// What did not pass, and how much of it is left out.
fn endings(told: Told<'_>, about: Option<About>, link: &str) -> (Vec<WebhookEnding>, usize) {
    let all: Vec<&StageRecord> = stages(told.record, about).filter(|stage| is_bad(stage.outcome)).collect();
    let shown = all.iter().take(MOST_ENDINGS).map(|stage| ending_of(told, stage, link)).collect();
    (shown, all.len().saturating_sub(MOST_ENDINGS))
}

/// What crashed, and how much of it is left out.
fn crashes(told: Told<'_>, about: Option<About>, link: &str) -> (Vec<WebhookCrash>, usize) {
    let all: Vec<_> = stages(told.record, about)
        .flat_map(|stage| stage.crashes.iter().map(move |crash| (stage, crash)))
        .collect();
    let crash_of = |(stage, crash): &(&StageRecord, &Crash)| WebhookCrash {
        case: stage.case_index,
        stage: stage.stage,
        title: stage_title(told.record, stage),
        machine: stage.machine.clone(),
        outcome: stage.outcome,
        kind: crash.kind,
        words: cut(&readable(&crash.to_string().replace('\n', " ")), WIDTH),
        link: page(told, stage, link),
    };
    (all.iter().take(MOST_CRASHES).map(crash_of).collect(), all.len().saturating_sub(MOST_CRASHES))
}

/// The page of a stage's output, where there is a dashboard.
fn page(told: Told<'_>, stage: &StageRecord, link: &str) -> Option<String> {
    let folder = told.plan.stage_folder(StageId { case: stage.case_index, kind: stage.stage });
    let page = || format!("{link}/runs/{}/outputs/{folder}/{}", told.record.id, stage.machine);
    (!link.is_empty()).then(page)
}

fn ending_of(told: Told<'_>, stage: &StageRecord, link: &str) -> WebhookEnding {
    WebhookEnding {
        case: stage.case_index,
        stage: stage.stage,
        title: stage_title(told.record, stage),
        machine: stage.machine.clone(),
        outcome: stage.outcome,
        exit_code: stage.exit_code,
        signal: stage.signal,
        words: cut(&readable(&ending(stage).replace('\n', " ")), REASON),
        link: page(told, stage, link),
        output: last_lines(&stage.output, LINES).iter().map(|line| cut(line, WIDTH)).collect(),
    }
}

/// A document that would be too large goes without outputs, then without tags, then with few cases.
fn bounded(mut document: WebhookDocument) -> WebhookDocument {
    type Less = fn(&mut WebhookDocument);
    let less: [Less; 3] = [
        |document| document.endings.iter_mut().for_each(|ending| ending.output.clear()),
        |document| document.run.tags.clear(),
        |document| worst(&mut document.cases, MOST_CASES / 10),
    ];
    for less in less {
        if serde_json::to_string(&document).map_or(0, |text| text.len()) <= BYTES {
            break;
        }
        less(&mut document);
    }
    document
}

/// The beginning of a text.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
