//! Who gets mail about what, and what it says.
#![expect(clippy::unwrap_used, reason = "tests")]

use xrdtest_model::crash::{Crash, CrashKind};
use xrdtest_model::definition::AlertPolicy::{self, Case, None as Nothing, Suite};
use xrdtest_model::document::{CaseRecord, RunRecord, RunsDocument};
use xrdtest_model::plan::Alerts;
use xrdtest_model::{Event, EventBody, Outcome, RunPlan, Verdict};
use xrdtest_report::mail::{About, Before, Common, Mail, is_asked_for, mail};

fn record() -> RunRecord {
    let text = include_str!("../../model/tests/golden/run-1.json");
    serde_json::from_str::<RunsDocument>(text).unwrap().runs.remove(0)
}

/// The plan of that run, with mail as the policies say.
fn plan(success: AlertPolicy, failure: AlertPolicy, cases: usize) -> RunPlan {
    let events = include_str!("../../model/tests/golden/events-1.jsonl");
    let event: Event = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    let EventBody::RunQueued { plan, .. } = event.body else { unreachable!("the first is a run") };
    let case = plan.cases[0].clone();
    let emails = vec!["ops@example.org".to_owned()];
    RunPlan { cases: vec![case; cases], alerts: Alerts { emails, success, failure }, ..*plan }
}

fn common() -> Common {
    let link = "https://xrdtest.example.org:20443".to_owned();
    Common { domain: "example.org".to_owned(), link, most_per_run: 10 }
}

fn shown(mail: &Mail) -> String {
    let reply = mail.in_reply_to.as_deref().unwrap_or("nothing");
    format!(
        "subject: {}\nid: {}\nin reply to: {reply}\n\n{}\n{}\n",
        mail.subject,
        mail.message_id,
        mail.text,
        mail.html.replace("><", ">\n<")
    )
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

#[test]
fn the_policies_say_what_is_told() {
    let all = [Nothing, Suite, Case];
    let verdicts = [Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::Error, Verdict::Cancelled];
    for (success, failure) in all.into_iter().flat_map(|success| all.map(|failure| (success, failure))) {
        let alerts = plan(success, failure, 1).alerts;
        for verdict in verdicts {
            let policy = match verdict {
                Verdict::Passed => success,
                Verdict::Cancelled => Nothing,
                _ => failure,
            };
            let told = |about| is_asked_for(&alerts, about, verdict);
            assert_eq!((told(About::Case(0)), told(About::Run)), (policy == Case, policy != Nothing));
            assert!(!is_asked_for(&Alerts { emails: Vec::new(), ..alerts.clone() }, About::Run, verdict));
        }
    }
}

#[test]
fn a_crash_has_a_line() {
    let mut record = passed();
    record.stages[0].crashes = vec![Crash {
        kind: CrashKind::Process,
        subject: "xrootd".to_owned(),
        signal: Some(6),
        ..Crash::default()
    }];
    let mail = mail(&plan(Suite, Case, 2), &record, About::Run, &Before::default(), &common()).unwrap();
    let stage = &record.stages[0];
    let line = format!("xrootd (SIGABRT) on {} in suite {}", stage.machine, stage.stage);
    assert!(mail.text.contains(&line) && mail.html.contains(&line), "{}", mail.text);
}

#[test]
fn a_case_fails() {
    let mut record = record();
    // The run goes on.
    (record.verdict, record.reason) = (None, String::new());
    let plan = plan(Suite, Case, 2);
    let mail = mail(&plan, &record, About::Case(0), &Before::default(), &common()).unwrap();
    insta::assert_snapshot!(shown(&mail));
}

#[test]
fn a_run_ends_in_an_error() {
    let mut before = Before { run: Some(Verdict::Failed), ..Before::default() };
    before.cases.insert("copy_to".to_owned(), Verdict::Passed);
    let mail = mail(&plan(Suite, Case, 2), &record(), About::Run, &before, &common()).unwrap();
    insta::assert_snapshot!(shown(&mail));
}

#[test]
fn a_run_times_out() {
    let mut record = record();
    (record.verdict, record.reason) = (Some(Verdict::TimedOut), "the run's limit of 1 h was over".to_owned());
    record.cases[0].verdict = Some(Verdict::TimedOut);
    record.origin = None;
    let common = Common { link: String::new(), ..common() };
    let mail = mail(&plan(Nothing, Suite, 2), &record, About::Run, &Before::default(), &common).unwrap();
    insta::assert_snapshot!(shown(&mail));
}

#[test]
fn a_run_passes_again() {
    let plan = plan(Suite, Case, 2);
    let before = Before { run: Some(Verdict::Error), ..Before::default() };
    insta::assert_snapshot!(shown(&mail(&plan, &passed(), About::Run, &before, &common()).unwrap()));
    let before = Before { run: Some(Verdict::Passed), ..Before::default() };
    let usual = mail(&plan, &passed(), About::Run, &before, &common()).unwrap();
    assert_eq!(usual.subject, "[xrdtest] ts_copy passed");
    assert!(mail(&plan, &passed(), About::Case(0), &before, &common()).is_none());
}

#[test]
fn a_case_passes_again() {
    let mut before = Before::default();
    before.cases.insert("copy_from".to_owned(), Verdict::Failed);
    let mail = mail(&plan(Case, Nothing, 2), &passed(), About::Case(1), &before, &common()).unwrap();
    insta::assert_snapshot!(shown(&mail));
}

#[test]
fn too_many_cases_are_told_together() {
    let mut record = record();
    let case = |index| CaseRecord {
        index,
        name: format!("case_{index}"),
        verdict: Some(if index == 1 { Verdict::Passed } else { Verdict::Failed }),
        reason: "client1.xrd.test failed in its run".to_owned(),
    };
    record.cases = (0..6).map(case).collect();
    record.stages.clear();
    (record.verdict, record.reason) = (Some(Verdict::Cancelled), "alice: enough".to_owned());
    let common = Common { most_per_run: 2, ..common() };
    let plan = plan(Suite, Case, 6);
    let told = |about| mail(&plan, &record, about, &Before::default(), &common);
    let singly: Vec<u32> = (0..6).filter(|index| told(About::Case(*index)).is_some()).collect();
    assert_eq!(singly, [0, 2]);
    // The policies would not ask for a mail about a run that was cancelled, but the rest has to be told.
    insta::assert_snapshot!(shown(&told(About::Run).unwrap()));
}

#[test]
fn nothing_in_a_name_or_output_does_harm() {
    let mut record = record();
    record.suite = "evil\r\nBcc: all@example.org <b>".to_owned();
    record.stages[3].output = "<script>alert(1)</script>\u{1b}[2J\n-- \n".to_owned();
    let mail = mail(&plan(Suite, Case, 2), &record, About::Run, &Before::default(), &common()).unwrap();
    assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
    assert!(!mail.html.contains("<script") && mail.html.contains("&lt;script"), "{}", mail.html);
    assert!(mail.text.contains("  | <script>alert(1)</script>\n  | --\n"), "{}", mail.text);
}

/// Of an engine of the first version with mail, which was killed before it was sent.
#[test]
fn what_is_kept_can_always_be_read() {
    let kept =
        r#"{"subject":"s","text":"t","html":"h","message_id":"<r.run@d>","in_reply_to":"<r.case-0@d>"}"#;
    let mail: Mail = serde_json::from_str(kept).unwrap();
    assert_eq!((mail.subject.as_str(), mail.in_reply_to.as_deref()), ("s", Some("<r.case-0@d>")));
    assert_eq!(serde_json::to_string(&mail).unwrap(), kept);
}
