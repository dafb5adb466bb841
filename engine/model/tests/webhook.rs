//! What webhooks are sent, held against a file that is kept for ever: within a version fields are only ever added, and an
//! engine understands what one of an earlier release kept.

use serde_json::Value;
use xrdtest_model::webhook::{Change, SCHEMA, WebhookDocument, WebhookEvent};

const GOLDEN: &str = include_str!("golden/webhook-1.json");
/// Of a run that passed, in which something crashed.
const CRASHED: &str = include_str!("golden/webhook-1-crashed.json");

#[test]
fn the_document_is_as_it_was() {
    for (golden, crashes) in [(GOLDEN, 0), (CRASHED, 2)] {
        let document: WebhookDocument = serde_json::from_str(golden).unwrap();
        assert_eq!((document.schema.as_str(), document.event), (SCHEMA, WebhookEvent::RunFinished));
        assert_eq!(document.crashes.len(), crashes);
        assert_eq!(
            serde_json::to_value(&document).unwrap(),
            serde_json::from_str::<Value>(golden).unwrap(),
            "a field has gone or changed"
        );
    }
}

/// With no more than the first version had to write.
#[test]
fn what_is_kept_can_always_be_read() {
    let kept = r#"{"schema":"xrdtest.webhook/1","id":"r.started","event":"run_started","at":"2026-11-22T10:15:00.000Z",
        "headline":"s started","run":{"id":"r","suite":"s","trigger":"t","verdict":null,
        "started":"2026-11-22T10:15:00.000Z","duration_ms":0},"cases_in_all":1,"cases_not_passed":0}"#;
    let document: WebhookDocument = serde_json::from_str(kept).unwrap();
    assert_eq!((document.id.as_str(), document.run.link, document.cases.len()), ("r.started", None, 0));
}

#[test]
fn words_are_spelled_as_documented() {
    for (event, word) in [
        (WebhookEvent::RunStarted, "run_started"),
        (WebhookEvent::CaseFinished, "case_finished"),
        (WebhookEvent::RunFinished, "run_finished"),
        (WebhookEvent::Test, "test"),
    ] {
        assert_eq!((event.as_str(), serde_json::to_value(event).unwrap()), (word, word.into()));
    }
    for (change, word) in [
        (Change::NewFailure, "new_failure"),
        (Change::StillFailing, "still_failing"),
        (Change::Fixed, "fixed"),
    ] {
        assert_eq!(serde_json::to_value(change).unwrap(), word);
        assert_eq!(change.words(), word.replace('_', " "));
    }
}
