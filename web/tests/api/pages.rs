//! The pages for people, and what of the API their address gives.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use xrdtest_model::{Outcome, StageId, Verdict};
use xrdtest_store::conformance::story::Story;

use crate::reading::Reading;
use crate::support::{TestEngine, soon};

async fn ask(engine: &Arc<TestEngine>, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
    let status = response.status();
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn page(engine: &Arc<TestEngine>, path: &str) -> String {
    let (status, body) = ask(engine, Method::GET, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

fn holds(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "{word:?} is not in: {page}");
    }
}

/// A run that failed on its first machine, with what that wrote.
async fn with_failure() -> (Arc<TestEngine>, Story) {
    let engine = TestEngine::start().await;
    let story = Story::new("bad", "ts_copy", 2);
    engine.happen(story.beginning()).await;
    engine.happen([story.begun(StageId::SUITE_INITIALIZE)]).await;
    let output = b"copying <all>\n\x1b[31mERROR\x1b[0m 3011\n";
    engine.write(&story, "outputs/01-suite-initialize/ds1.xrd.test.log", output);
    engine.happen(story.done(StageId::SUITE_INITIALIZE, Outcome::Failed)).await;
    engine.happen([story.over(Verdict::Failed, "suite initialize failed on ds1.xrd.test")]).await;
    (engine, story)
}

#[tokio::test]
async fn a_failure_is_seen_without_a_click() {
    let (engine, _) = with_failure().await;
    let overview = page(&engine, "/").await;
    holds(&overview, &["ts_copy", "href=\"/runs/bad\"", "aria-current=\"page\">Overview"]);
    let run = page(&engine, "/runs/bad").await;
    holds(
        &run,
        &[
            "suite initialize failed on ds1.xrd.test",
            "<details open><summary>ds1.xrd.test",
            "copying &lt;all&gt;",
            "<span class=\"c1\">ERROR</span> 3011",
            "href=\"/runs/bad/outputs/01-suite-initialize/ds1.xrd.test\"",
        ],
    );
    assert!(!run.contains("sse-connect"), "a run that is over does not change");
    let runs = page(&engine, "/runs?verdict=failed").await;
    holds(&runs, &["/runs/bad", "selected>failed"]);
    assert!(!page(&engine, "/runs?verdict=passed").await.contains("/runs/bad"));
}

#[tokio::test]
async fn an_output_is_shown_line_by_line() {
    let (engine, _) = with_failure().await;
    let address = "/runs/bad/outputs/01-suite-initialize/ds1.xrd.test";
    let whole = page(&engine, address).await;
    holds(&whole, &["id=\"L1\"", "id=\"L2\"", "2 lines", "copying &lt;all&gt;"]);
    let errors = page(&engine, &format!("{address}?level=errors")).await;
    assert!(errors.contains("id=\"L2\"") && !errors.contains("id=\"L1\""), "{errors}");
    let (status, words) = ask(&engine, Method::GET, "/runs/bad/outputs/01-suite-initialize/none").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    holds(&words, &["none does not take part"]);
}

#[tokio::test]
async fn every_page_is_there() {
    let (engine, _) = with_failure().await;
    for path in [
        "/",
        "/testsuites",
        "/testsuites/ts_copy",
        "/runs",
        "/clusters",
        "/hypervisors",
        "/slaves",
        "/definitions",
        "/documentation",
        "/documentation/engine",
    ] {
        holds(&page(&engine, path).await, &["<main", "</html>", "<nav aria-label=\"Areas\">"]);
    }
    let badge = page(&engine, "/testsuites/ts_copy/badge.svg").await;
    holds(&badge, &["<svg", "ts_copy", "failed"]);
}

#[tokio::test]
async fn what_is_not_there_is_said_on_a_page() {
    let engine = TestEngine::start().await;
    for path in
        ["/nothing", "/runs/x", "/testsuites/x", "/clusters/x", "/hypervisors/x", "/slaves/x/y", "/assets/x"]
    {
        let (status, body) = ask(&engine, Method::GET, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        holds(&body, &["404", "<main"]);
    }
    let mut request = Request::post("/clusters").body(Body::empty()).unwrap();
    request.extensions_mut().insert(xrdtest_web::Caller { name: "alice".to_owned() });
    let response = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    holds(std::str::from_utf8(&body).unwrap(), &["/clusters does not take POST"]);
    for old in ["/index", "/indexRedirect"] {
        assert_eq!(ask(&engine, Method::GET, old).await.0, StatusCode::PERMANENT_REDIRECT);
    }
}

#[tokio::test]
async fn browsers_are_told_to_load_nothing_else() {
    let engine = TestEngine::start().await;
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    holds(&policy, &["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]);
    let body = page(&engine, "/").await;
    assert!(!body.contains("http://") && !body.contains("https://"), "{body}");
    assert!(!body.contains(" style=") && !body.contains("onclick"), "{body}");
    for address in body.split('"').filter(|text| text.starts_with("/assets/")) {
        let request = Request::get(address).body(Body::empty()).unwrap();
        let asset = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
        assert_eq!(asset.status(), StatusCode::OK, "{address}");
        assert!(asset.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    }
}

#[tokio::test]
async fn an_open_page_hears_of_changes() {
    let engine = TestEngine::start().await;
    let (story, other) = (Story::new("going", "ts_copy", 1), Story::new("other", "ts_other", 1));
    engine.happen(story.beginning()).await;
    let body = page(&engine, "/runs/going").await;
    let stream =
        body.split("sse-connect=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(stream.ends_with("&run=going"), "{stream}");
    let request = Request::get(&stream).body(Body::empty()).unwrap();
    let response = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
    let mut reading = Reading::new(response);
    assert!(reading.is_waiting());
    engine.happen(other.beginning()).await;
    assert!(reading.is_waiting(), "another run's events are told");
    engine.happen([story.begun(StageId::SUITE_INITIALIZE)]).await;
    reading.until("event: change").await;
    engine.end();
    assert!(reading.end().await);
}

#[tokio::test]
async fn an_open_output_hears_of_what_is_written() {
    let engine = TestEngine::start().await;
    let story = Story::new("going", "ts_copy", 1);
    engine.happen(story.beginning()).await;
    engine.happen([story.begun(StageId::SUITE_INITIALIZE)]).await;
    engine.write(&story, "outputs/01-suite-initialize/ds1.xrd.test.log", b"one\n");
    let address = "/runs/going/outputs/01-suite-initialize/ds1.xrd.test";
    let body = page(&engine, address).await;
    holds(&body, &["id=\"L1\""]);
    let stream =
        body.split("sse-connect=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let request = Request::get(&stream).body(Body::empty()).unwrap();
    let response = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
    let mut reading = Reading::new(response);
    assert!(reading.is_waiting());
    engine.write(&story, "outputs/01-suite-initialize/ds1.xrd.test.log", b"two\n");
    reading.until("event: change").await;
    holds(&page(&engine, address).await, &["id=\"L2\""]);
}
