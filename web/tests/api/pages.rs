//! The pages for people, and what of the API their address gives.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use xrdtest_model::crash::{Crash, CrashKind};
use xrdtest_model::{EventBody, Metric, Outcome, StageId, Verdict};
use xrdtest_store::conformance::story::{CASE_RUN, Story};

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
async fn what_crashed_is_seen_with_its_back_trace() {
    let engine = TestEngine::start().await;
    let story = Story::new("run", "ts_copy", 1);
    engine.happen(story.beginning()).await;
    engine.happen([story.begun(StageId::SUITE_INITIALIZE)]).await;
    let mut done = story.done(StageId::SUITE_INITIALIZE, Outcome::Passed);
    for body in &mut done {
        if let EventBody::StageFinished { result, .. } = body {
            result.no_cores = "kernel.core_pattern is <empty>".to_owned();
            result.crashes.push(Crash {
                kind: CrashKind::Process,
                subject: "xrd<b>".to_owned(),
                signal: Some(11),
                function: "Read<int>".to_owned(),
                core: "/crash/core.x.7.zst".to_owned(),
                text: "/crash/backtrace.x.7.txt".to_owned(),
                note: "a note".to_owned(),
                ..Crash::default()
            });
        }
    }
    engine.happen(done).await;
    let place = "01-suite-initialize/ds1.xrd.test/crash";
    holds(
        &page(&engine, "/runs/run").await,
        &[
            "xrd&lt;b&gt; (SIGSEGV)",
            "<code>Read&lt;int&gt;</code>",
            &format!("href=\"/api/v1/runs/run/logs/{place}/backtrace.x.7.txt\">back-trace"),
            &format!("href=\"/api/v1/runs/run/artifacts/{place}/core.x.7.zst\">core dump"),
            "a note",
            "No core dumps from ds1: kernel.core_pattern is &lt;empty&gt;",
            "href=\"#crashes\"",
        ],
    );
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
async fn an_open_output_shows_what_is_written() {
    let engine = TestEngine::start().await;
    let story = Story::new("going", "ts_copy", 1);
    engine.happen(story.beginning()).await;
    engine.happen([story.begun(StageId::SUITE_INITIALIZE)]).await;
    let file = "outputs/01-suite-initialize/ds1.xrd.test.log";
    engine.write(&story, file, b"one\nhal");
    let address = "/runs/going/outputs/01-suite-initialize/ds1.xrd.test";
    let body = page(&engine, address).await;
    holds(&body, &["id=\"L1\""]);
    assert!(!body.contains("id=\"L2\""), "half a line is shown: {body}");
    let stream =
        body.split("data-follow=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let follow = |id: Option<&'static str>| {
        let engine = engine.clone();
        let mut request = Request::get(&stream);
        if let Some(id) = id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).unwrap();
        async move { Reading::new(soon(xrdtest_web::dashboard(engine).oneshot(request)).await.unwrap()) }
    };
    let mut reading = follow(None).await;
    assert!(reading.is_waiting());
    engine.write(&story, file, b"f\n<three>\n");
    reading.until("id: 17.4").await;
    holds(&reading.read, &["event: lines", "id=\"L2\"", ">2</a>half", "&lt;three&gt;"]);
    assert!(!reading.read.contains("event: end"));
    engine.write(&story, file, b"last words");
    engine.happen(story.done(StageId::SUITE_INITIALIZE, Outcome::Passed)).await;
    reading.until("event: end").await;
    holds(&reading.read, &["id=\"L4\"", "last words"]);
    assert!(reading.end().await);
    // A browser whose connection broke has these already.
    let mut again = follow(Some("17.4")).await;
    again.until("event: end").await;
    assert!(again.read.contains("id=\"L4\"") && !again.read.contains("id=\"L2\""), "{}", again.read);
}

#[tokio::test]
async fn two_runs_are_compared() {
    let (engine, _) = with_failure().await;
    let good = Story::new("good", "ts_copy", 2);
    engine.happen(good.whole()).await;
    let later = Story::new("later", "ts_copy", 3);
    engine.happen(later.beginning()).await;
    engine.happen(later.done(StageId::SUITE_INITIALIZE, Outcome::Failed)).await;
    engine.happen([later.over(Verdict::Failed, "suite initialize failed")]).await;
    let request = Request::get("/runs/later/compare").body(Body::empty()).unwrap();
    let response = soon(xrdtest_web::dashboard(engine.clone()).oneshot(request)).await.unwrap();
    assert_eq!(response.headers()[header::LOCATION], "/runs/later/compare/good");
    let body = page(&engine, "/runs/later/compare/good").await;
    let address = "/runs/later/outputs/01-suite-initialize/ds1.xrd.test";
    let cell = format!("<s class=\"quiet\">passed</s> <a href=\"{address}\">failed</a>");
    // What a run did not come to has no outcome to be coloured by.
    let not_there = "<td class=\"cell aside\"><s class=\"quiet\">passed</s> –</td>";
    holds(&body, &["machine ds3.xrd.test is new", &cell, not_there]);
    let (status, words) = ask(&engine, Method::GET, "/runs/bad/compare").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    holds(&words, &["was never run before bad"]);
}

#[tokio::test]
async fn a_visitor_is_told_what_turned_red() {
    let engine = TestEngine::start().await;
    for (name, verdict) in [("one", Verdict::Passed), ("two", Verdict::Failed)] {
        let story = Story::new(name, "ts_copy", 1);
        engine.happen(story.beginning()).await;
        engine.happen([story.over(verdict, "copy_to failed")]).await;
    }
    let visit = |cookie: &'static str| {
        let request = Request::get("/").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        let engine = engine.clone();
        async move {
            let response = soon(xrdtest_web::dashboard(engine).oneshot(request)).await.unwrap();
            let set = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
            let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
            (set, String::from_utf8(body.to_vec()).unwrap())
        }
    };
    let (set, body) = visit("xrdtest_visit=0.1000").await;
    assert!(set.starts_with("xrdtest_visit=1000."), "{set}");
    holds(&body, &["since your last visit, 1970", "/runs/two", "copy_to failed"]);
    let (_, body) = visit("xrdtest_visit=0.99999999999999").await;
    holds(&body, &["in the last 24 hours"]);
}

#[tokio::test]
async fn a_suite_tells_how_its_cases_have_done() {
    let engine = TestEngine::start().await;
    for (name, verdict) in [("one", Verdict::Passed), ("two", Verdict::Failed)] {
        let story = Story::new(name, "ts_copy", 1);
        engine.happen(story.beginning()).await;
        let mut done = story.done(CASE_RUN, Outcome::Passed);
        if let Some(EventBody::StageFinished { result, .. }) = done.first_mut() {
            result.metrics = vec![Metric::parse("copy.rate", "81.5", "MB/s").unwrap()];
        }
        engine.happen(done).await;
        let (run, reason) = (story.run.clone(), String::new());
        engine.happen([EventBody::CaseFinished { run, case: 0, verdict, reason }]).await;
        engine.happen([story.over(verdict, "")]).await;
    }
    let body = page(&engine, "/testsuites/ts_copy").await;
    holds(&body, &["50 % (1 of 2)", "copy.rate <strong>81.5 MB/s</strong>", "81.5 to 81.5 MB/s in 2 runs"]);
    let body = page(&engine, "/testsuites/ts_copy?verdict=failed&since=2026-01-01").await;
    assert!(body.contains("selected>failed") && body.contains("value=\"2026-01-01\""), "{body}");
    holds(&page(&engine, "/testsuites/ts_copy?since=2999-01-01").await, &["It has no such runs."]);
}
