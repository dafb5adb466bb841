//! What webhooks are told, and in which words.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use xrdtest_model::crash::{Crash, CrashKind};
use xrdtest_model::document::{CaseRecord, RunRecord, RunsDocument};
use xrdtest_model::webhook::{Change, MOST_CASES, MOST_CRASHES, WebhookDocument};
use xrdtest_model::{Event, EventBody, Outcome, RunPlan, Timestamp, Verdict};
use xrdtest_report::webhook::{
    About, Before, Happened, Occasion, Rendered, Shape, Told, Wishes, document, rendered, test_document,
};

const LINK: &str = "https://xrdtest.example.org:20443";
const AT: Timestamp = Timestamp::from_millis(1_795_342_500_000);
const FAILED: Happened = Happened::Ended(About::Run, Verdict::Failed);
const PASSED: Happened = Happened::Ended(About::Run, Verdict::Passed);

fn record() -> RunRecord {
    let text = include_str!("../../model/tests/golden/run-1.json");
    serde_json::from_str::<RunsDocument>(text).unwrap().runs.remove(0)
}

fn passed() -> RunRecord {
    let mut record = record();
    (record.verdict, record.reason) = (Some(Verdict::Passed), String::new());
    for case in &mut record.cases {
        (case.verdict, case.reason) = (Some(Verdict::Passed), String::new());
    }
    for stage in &mut record.stages {
        (stage.outcome, stage.exit_code, stage.signal) = (Outcome::Passed, Some(0), None);
    }
    record
}

fn plan() -> RunPlan {
    let events = include_str!("../../model/tests/golden/events-1.jsonl");
    let event: Event = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    let EventBody::RunQueued { plan, .. } = event.body else { unreachable!("the first is a run") };
    let case = plan.cases[0].clone();
    RunPlan { cases: vec![case; 6], ..*plan }
}

fn all() -> Wishes {
    use Occasion::{Cancelled, CaseFailure, CaseSuccess, Failure, Started, Success};
    Wishes { on: [Started, Success, Failure, Cancelled, CaseSuccess, CaseFailure].into(), most_per_run: 10 }
}

fn told(record: &RunRecord, before: &Before, happened: Happened, wishes: &Wishes) -> Option<WebhookDocument> {
    document(Told { plan: &plan(), record, before, at: AT }, happened, wishes, LINK)
}

/// All shapes of a document, to be looked at.
fn shown(document: &WebhookDocument) -> String {
    let shapes = [Shape::Xrdtest, Shape::Slack, Shape::Mattermost, Shape::Github, Shape::Gitlab];
    let shown = shapes.map(|shape| match rendered(shape, document) {
        Some(Rendered { body, commit }) => {
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let commit = commit.map(|commit| format!(" of {commit}")).unwrap_or_default();
            format!("{shape:?}{commit}:\n{}\n", serde_json::to_string_pretty(&body).unwrap())
        }
        None => format!("{shape:?}: nothing\n"),
    });
    shown.join("\n")
}

#[test]
fn a_run_starts() {
    let mut record = record();
    (record.verdict, record.reason) = (None, String::new());
    record.cases.iter_mut().for_each(|case| case.verdict = None);
    record.stages.clear();
    let document = told(&record, &Before::default(), Happened::Started, &all()).unwrap();
    insta::assert_snapshot!(shown(&document));
}

#[test]
fn a_run_ends_in_an_error() {
    let mut before = Before { run: Some(Verdict::Failed), ..Before::default() };
    before.cases.insert("copy_to".to_owned(), Verdict::Passed);
    let happened = Happened::Ended(About::Run, Verdict::Error);
    insta::assert_snapshot!(shown(&told(&record(), &before, happened, &all()).unwrap()));
}

#[test]
fn a_run_fails_for_the_first_time() {
    let mut record = record();
    (record.verdict, record.reason) = (Some(Verdict::Failed), "1 of 2 cases did not pass".to_owned());
    let document = told(&record, &Before::default(), FAILED, &all()).unwrap();
    assert_eq!(document.change, Some(Change::NewFailure));
    for (shape, expected) in [(Shape::Github, "failure"), (Shape::Gitlab, "failed")] {
        let body: serde_json::Value =
            serde_json::from_str(&rendered(shape, &document).unwrap().body).unwrap();
        assert_eq!(body["state"], expected);
    }
    let Rendered { body, .. } = rendered(Shape::Slack, &document).unwrap();
    assert!(body.contains("failed (new failure)"), "{body}");
}

#[test]
fn a_run_passes_again() {
    let before = Before { run: Some(Verdict::Error), ..Before::default() };
    insta::assert_snapshot!(shown(&told(&passed(), &before, PASSED, &all()).unwrap()));
}

#[test]
fn a_case_fails() {
    let mut record = record();
    (record.verdict, record.reason) = (None, String::new());
    let happened = Happened::Ended(About::Case(0), Verdict::Failed);
    insta::assert_snapshot!(shown(&told(&record, &Before::default(), happened, &all()).unwrap()));
}

#[test]
fn a_run_is_cancelled() {
    let mut record = record();
    (record.verdict, record.reason) = (Some(Verdict::Cancelled), "alice: enough".to_owned());
    let happened = Happened::Ended(About::Run, Verdict::Cancelled);
    insta::assert_snapshot!(shown(&told(&record, &Before::default(), happened, &all()).unwrap()));
}

/// The words of Slack and Mattermost.
fn chat(document: &WebhookDocument) -> [String; 2] {
    let words = |shape| serde_json::from_str(&rendered(shape, document).unwrap().body).unwrap();
    let (slack, mattermost): (serde_json::Value, serde_json::Value) =
        (words(Shape::Slack), words(Shape::Mattermost));
    let slack = &slack["attachments"][0]["blocks"][0]["text"]["text"];
    let mattermost = &mattermost["attachments"][0]["text"];
    [slack.as_str().unwrap().to_owned(), mattermost.as_str().unwrap().to_owned()]
}

#[test]
fn a_crash_in_a_stage_that_passed_is_told() {
    let mut record = passed();
    let (kind, signal) = (CrashKind::Process, Some(11));
    let crash = Crash { kind, signal, subject: "xr*otd".to_owned(), ..Crash::default() };
    record.stages[2].crashes = vec![crash.clone()];
    let document = told(&record, &Before::default(), PASSED, &all()).unwrap();
    let [told_of] = document.crashes.as_slice() else { panic!("{:?}", document.crashes) };
    assert_eq!(
        (told_of.outcome, told_of.kind, told_of.words.as_str()),
        (Outcome::Passed, kind, "xr*otd (SIGSEGV)")
    );
    assert_eq!(Some(told_of.machine.as_str()), Some(record.stages[2].machine.as_str()));
    assert!(told_of.link.as_ref().unwrap().ends_with(&told_of.machine), "{told_of:?}");
    for (words, name) in chat(&document).iter().zip(["xr*otd", r"xr\*otd"]) {
        assert!(words.contains(&format!(": passed, but crashed: {name} (SIGSEGV)")), "{words}");
    }
    // Nobody is told who did not ask: it is no occasion.
    let wishes = Wishes { on: [Occasion::Failure].into(), most_per_run: 10 };
    assert_eq!(told(&record, &Before::default(), PASSED, &wishes), None);
    // Many are counted, and what did not pass says it once.
    record.stages[2].crashes = vec![crash; 30];
    let many = told(&record, &Before::default(), PASSED, &all()).unwrap();
    assert_eq!((many.crashes.len(), many.crashes_left_out), (MOST_CRASHES, 10));
    assert!(chat(&many).iter().all(|words| words.contains("\nand 27 more crashes")), "{:?}", chat(&many));
    record.stages[2].crashes.truncate(1);
    (record.stages[2].outcome, record.stages[2].exit_code) = (Outcome::Failed, Some(3));
    let failed = told(&record, &Before::default(), PASSED, &all()).unwrap();
    assert_eq!(failed.crashes.len(), 1);
    let words = &chat(&failed)[0];
    assert!(words.contains("failed, exit code 3") && words.matches("crashed").count() == 1, "{words}");
}

#[test]
fn nothing_happens() {
    insta::assert_snapshot!(shown(&test_document("test.1", AT, "engine1")));
}

#[test]
fn one_is_told_what_one_asks_for() {
    use Occasion::{Cancelled, CaseFailure, CaseSuccess, Failure, Fixed, NewFailure, Started, Success};
    let run = |verdict| Happened::Ended(About::Run, verdict);
    let case = |verdict| Happened::Ended(About::Case(0), verdict);
    let (new, still, fixed) = (Some(Change::NewFailure), Some(Change::StillFailing), Some(Change::Fixed));
    for (happened, change, by) in [
        (Happened::Started, None, vec![Started]),
        (run(Verdict::Passed), None, vec![Success]),
        (run(Verdict::Passed), fixed, vec![Success, Fixed]),
        (run(Verdict::Failed), new, vec![Failure, NewFailure]),
        (run(Verdict::TimedOut), still, vec![Failure]),
        (run(Verdict::Error), new, vec![Failure, NewFailure]),
        (run(Verdict::Cancelled), None, vec![Cancelled]),
        (case(Verdict::Passed), fixed, vec![CaseSuccess]),
        (case(Verdict::Failed), new, vec![CaseFailure]),
        (case(Verdict::TimedOut), still, vec![CaseFailure]),
        (case(Verdict::Error), new, vec![CaseFailure]),
        (case(Verdict::Cancelled), None, vec![]),
    ] {
        let occasions = [Started, Success, Failure, Fixed, NewFailure, Cancelled, CaseSuccess, CaseFailure];
        for occasion in occasions {
            let wishes = Wishes { on: BTreeSet::from([occasion]), most_per_run: 10 };
            let asked = wishes.ask_for(happened, change);
            assert_eq!(asked, by.contains(&occasion), "{happened:?} {change:?} {occasion:?}");
            assert!(!asked || wishes.may_ask_for(happened), "{happened:?} {occasion:?}");
        }
    }
    for shape in [Shape::Slack, Shape::Mattermost] {
        assert_eq!(shape.usual(), [Failure, Fixed].into());
    }
}

#[test]
fn too_many_cases_are_told_together() {
    let mut record = record();
    let case = |index| CaseRecord {
        index,
        name: format!("case_{index}"),
        verdict: Some(if index == 1 { Verdict::Passed } else { Verdict::Failed }),
        reason: String::new(),
    };
    record.cases = (0..6).map(case).collect();
    record.stages.clear();
    record.verdict = Some(Verdict::Failed);
    let wishes = Wishes { on: [Occasion::CaseFailure].into(), most_per_run: 2 };
    let told = |happened| told(&record, &Before::default(), happened, &wishes);
    let singly = |index: &u32| told(Happened::Ended(About::Case(*index), Verdict::Failed)).is_some();
    assert_eq!((0..6).filter(singly).collect::<Vec<_>>(), [0, 2]);
    // Nobody asks for the run, but the rest has to be told.
    let rest = told(FAILED).unwrap();
    assert_eq!((rest.cases.len(), rest.cases_not_passed, rest.cases_in_all), (6, 5, 6));
}

#[test]
fn a_status_is_of_a_commit() {
    let mut record = passed();
    let document = |record: &RunRecord| told(record, &Before::default(), PASSED, &all()).unwrap();
    for (commit, good) in [
        (Some("3FA29C01D2AB00112233445566778899AABBCCDD"), true),
        (Some("../../../users"), false),
        (Some(""), false),
        (None, false),
    ] {
        record.origin.as_mut().unwrap().commit = commit.map(str::to_owned);
        let status = rendered(Shape::Github, &document(&record));
        let expected = commit.filter(|_| good).map(str::to_lowercase);
        assert_eq!(status.and_then(|status| status.commit), expected, "{commit:?}");
    }
    record.origin = None;
    assert_eq!(rendered(Shape::Gitlab, &document(&record)), None);
}

#[test]
fn nothing_in_a_name_or_output_does_harm() {
    let mut record = record();
    record.suite = "evil\r\n<!channel> @all *b* [x](http://y)".to_owned();
    record.reason = "<script> & ``` @here\nmore".to_owned();
    record.stages[3].output = "```\n<!here> @channel \u{1b}[2J\n".to_owned();
    let happened = Happened::Ended(About::Run, Verdict::Error);
    let document = told(&record, &Before::default(), happened, &all()).unwrap();
    let slack = rendered(Shape::Slack, &document).unwrap().body;
    let slack = slack.replace(&document.headline, "");
    assert!(!slack.contains("<!") && slack.contains("&lt;!here&gt;"), "{slack}");
    let body = rendered(Shape::Mattermost, &document).unwrap().body;
    let mattermost: serde_json::Value = serde_json::from_str(&body).unwrap();
    let text = mattermost["text"].as_str().unwrap();
    assert!(text.contains(r"\<!channel\> @") && !text.contains("@all") && text.contains(r"\*b\*"), "{text}");
    let text = mattermost["attachments"][0]["text"].as_str().unwrap();
    // A block of code begins and ends, and what is in it does not end it.
    assert_eq!(text.lines().filter(|line| line.trim() == "```").count() % 2, 0, "{text}");
    assert!(!text.contains("@here") && text.contains("'''"), "{text}");
}

#[test]
fn what_is_sent_is_bounded() {
    let mut record = record();
    let case = |index| CaseRecord {
        index,
        name: format!("case_{index}_{}", "n".repeat(100)),
        verdict: Some(if index % 2 == 0 { Verdict::Passed } else { Verdict::Failed }),
        reason: "why ".repeat(10_000),
    };
    record.cases = (0..2000).map(case).collect();
    let stage = record.stages[3].clone();
    let line = "a long line ".repeat(100) + "\n";
    record.stages = (0..100).map(|_| stage.clone()).collect();
    record.stages.iter_mut().for_each(|stage| stage.output = line.repeat(20));
    record.tags.insert("large".to_owned(), "x".repeat(100_000));
    record.reason = "r".repeat(100_000);
    record.verdict = Some(Verdict::Failed);
    let document = told(&record, &Before::default(), FAILED, &all()).unwrap();
    assert!(document.cases.len() <= MOST_CASES && document.cases.iter().all(|case| case.index % 2 == 1));
    assert_eq!((document.cases_in_all, document.endings.len(), document.endings_left_out), (2000, 20, 80));
    for (shape, most) in [(Shape::Xrdtest, 256 << 10), (Shape::Slack, 8000), (Shape::Mattermost, 8000)] {
        let length = rendered(shape, &document).unwrap().body.len();
        assert!(length <= most, "{shape:?}: {length}");
    }
    let status: serde_json::Value =
        serde_json::from_str(&rendered(Shape::Github, &document).unwrap().body).unwrap();
    assert_eq!(status["description"].as_str().unwrap().chars().count(), 140, "{status}");
}
