//! Suites that start by themselves.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use xrdtest_model::api::{LastStart, ScheduledStart, ScheduledSuite, SchedulesInfo};
use xrdtest_model::{RunId, Timestamp};
use xrdtest_store::conformance::story::Story;

use crate::support::{TestEngine, json as body_of};

/// Those of the engine: one, of `ts_copy`.
pub(crate) fn all(starts: usize) -> SchedulesInfo {
    let start = |day: u64| ScheduledStart {
        at: Timestamp::from_millis(86_400_000 * day),
        local: format!("1970-01-{:02} 00:00:00 UTC", day + 1),
    };
    let suite = ScheduledSuite {
        suite: "ts_copy".to_owned(),
        words: "every day at 00:00".to_owned(),
        timezone: "UTC".to_owned(),
        paused: None,
        held: String::new(),
        next: (1..).map(start).take(starts).collect(),
        last: Some(LastStart { start: start(0), run: Some(RunId::new("r")), reason: String::new() }),
    };
    SchedulesInfo { enabled: true, paused: None, suites: vec![suite] }
}

#[tokio::test]
async fn suites_tell_their_next_starts() {
    let engine = TestEngine::start().await;
    engine.happen(Story::new("r", "ts_copy", 1).whole()).await;
    engine.happen(Story::new("q", "ts_other", 1).whole()).await;
    let suite = engine.good("/suites/ts_copy").await;
    assert_eq!(suite["schedule"]["next"].as_array().unwrap().len(), 10, "{suite}");
    assert_eq!(suite["schedule"]["last"]["run"], "r");
    assert_eq!(engine.good("/suites/ts_other").await["schedule"], Value::Null);
    let list = engine.good("/schedule").await;
    assert_eq!((&list["enabled"], &list["paused"]), (&json!(true), &Value::Null));
    assert_eq!(list["suites"][0]["next"][0], json!({"at": 86_400_000, "local": "1970-01-02 00:00:00 UTC"}));
    assert_eq!(list["suites"][0]["next"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn schedules_are_paused() {
    let engine = TestEngine::start().await;
    for (path, paused, expected) in [
        ("/schedule", r#"{"paused": true}"#, StatusCode::OK),
        ("/suites/ts_copy/schedule", r#"{"paused": false}"#, StatusCode::OK),
        ("/suites/unscheduled/schedule", r#"{"paused": true}"#, StatusCode::NOT_FOUND),
        ("/schedule", r#"{"pause": true}"#, StatusCode::UNPROCESSABLE_ENTITY),
        ("/schedule", "{}", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (status, answer) = body_of(engine.send(Method::PUT, path, Some(paused)).await).await;
        assert_eq!(status, expected, "{path} {paused}: {answer}");
        assert_eq!(answer["suites"].is_array(), status.is_success(), "{answer}");
    }
    let asked = ["alice pauses ``", "alice resumes `ts_copy`", "alice pauses `unscheduled`"];
    assert_eq!(*engine.asked.lock().unwrap(), asked);
    assert_eq!(
        engine.send(Method::POST, "/schedule", Some("{}")).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}
