//! Reports of runs, in all formats.

use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use xrdtest_model::api::ReportFormat;
use xrdtest_store::conformance::story::Story;

use crate::support::TestEngine;

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_run_is_told_in_every_format() {
    let engine = TestEngine::start().await;
    engine.happen(Story::new("over", "ts_copy", 2).whole()).await;
    engine.happen(Story::new("going", "ts_copy", 1).beginning()).await;
    for (format, begin) in [
        (ReportFormat::Junit, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"xrdtest\""),
        (ReportFormat::Tap, "TAP version 14\n1.."),
        (ReportFormat::Html, "<!DOCTYPE html>"),
        (ReportFormat::Ctest, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Site BuildName=\"ts_copy\""),
        (ReportFormat::Jsonl, "{\"schema\":\"xrdtest.event/1\",\"number\":1,"),
        (ReportFormat::Json, "{\n  \"schema\": \"xrdtest.run/1\","),
    ] {
        let answer = engine.send(Method::GET, &format!("/runs/over/report?format={format}"), None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{format}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], format.content_type());
        let policy = answer.headers().get(header::CONTENT_SECURITY_POLICY).is_some();
        assert_eq!(policy, format == ReportFormat::Html);
        let told = text(answer).await;
        assert!(told.starts_with(begin), "{format}: {told}");
        let going = engine.send(Method::GET, &format!("/runs/going/report?format={format}"), None).await;
        assert_eq!(going.status(), StatusCode::OK, "{format}");
        let nobody = engine.send(Method::GET, &format!("/runs/none/report?format={format}"), None).await;
        assert_eq!(nobody.status(), StatusCode::NOT_FOUND, "{format}");
    }
    for query in ["", "?format=xml", "?format=tap&x=1"] {
        let (status, problem) = engine.get(&format!("/runs/over/report{query}")).await;
        assert!(status.is_client_error() && problem["error"].is_string(), "{query}: {status} {problem}");
    }
}

#[tokio::test]
async fn all_events_of_a_run_are_lines() {
    let engine = TestEngine::start().await;
    // More than are read from the store at once.
    let story = Story::new("over", "ts_copy", 40);
    engine.happen(story.whole()).await;
    let expected = story.whole().len();
    assert!(expected > 128, "{expected}");
    let answer = engine.send(Method::GET, "/runs/over/report?format=jsonl", None).await;
    assert_eq!(text(answer).await.lines().count(), expected);
}
