//! Outputs and logs.

use axum::http::{Method, StatusCode, header};
use xrdtest_model::Timestamp;
use xrdtest_model::{Outcome, StageId, Verdict};
use xrdtest_store::conformance::story::Story;
use xrdtest_web::engine::Engine;

use crate::reading::Reading;
use crate::support::{TestEngine, json};

const FILE: &str = "outputs/01-suite-initialize/ds1.xrd.test.log";
const PATH: &str = "/runs/run/outputs/01-suite-initialize/ds1.xrd.test";

/// A run whose suite initialize goes on.
async fn going(engine: &TestEngine) -> Story {
    let story = Story::new("run", "ts_copy", 2);
    engine.happen(story.beginning()).await;
    engine.happen([story.begun(StageId::SUITE_INITIALIZE)]).await;
    story
}

async fn text(engine: &std::sync::Arc<TestEngine>, path: &str) -> String {
    let answer = engine.send(Method::GET, path, None).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8", "{path}");
    let mut reading = Reading::new(answer);
    assert!(reading.end().await);
    reading.read
}

#[tokio::test]
async fn an_output_is_read_while_it_grows_and_afterwards() {
    let engine = TestEngine::start().await;
    let story = going(&engine).await;
    let (status, problem) = engine.get(PATH).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["help"], "add ?follow=true to wait for it");
    engine.write(&story, FILE, b"one\n");
    assert_eq!(text(&engine, PATH).await, "one\n");
    engine.write(&story, FILE, b"two\n");
    engine.happen(story.done(StageId::SUITE_INITIALIZE, Outcome::Passed)).await;
    assert_eq!(text(&engine, PATH).await, "one\ntwo\n");
    assert_eq!(text(&engine, &format!("{PATH}?offset=4&attempt=1")).await, "two\n");
    assert_eq!(text(&engine, &format!("{PATH}?offset=99&follow=true")).await, "");
    let index = engine.good("/runs/run/outputs").await;
    assert_eq!(index[0]["file"], FILE);
}

#[tokio::test]
async fn an_output_is_followed_to_its_last_byte() {
    let engine = TestEngine::start().await;
    let story = Story::new("run", "ts_copy", 2);
    engine.happen([story.queued()]).await;
    let follow = format!("{PATH}?follow=true");
    // Before the stage, before the file, from the middle.
    let mut early = Reading::new(engine.send(Method::GET, &follow, None).await);
    assert!(early.is_waiting());
    engine.happen([story.placed(), story.begun(StageId::SUITE_INITIALIZE)]).await;
    engine.write(&story, FILE, b"one\n");
    early.until("one\n").await;
    let mut late = Reading::new(engine.send(Method::GET, &format!("{follow}&offset=2"), None).await);
    late.until("e\n").await;
    // Larger than one piece.
    let much = "x".repeat(200_000);
    engine.write(&story, FILE, much.as_bytes());
    engine.happen(story.done(StageId::SUITE_INITIALIZE, Outcome::Passed)).await;
    assert!(early.end().await && late.end().await);
    assert_eq!(early.read, format!("one\n{much}"));
    assert_eq!(late.read, format!("e\n{much}"));
}

#[tokio::test]
async fn who_follows_learns_that_the_run_ended_or_the_engine_did() {
    let engine = TestEngine::start().await;
    let story = going(&engine).await;
    let other = "/runs/run/outputs/05-suite-finalize/ds2.xrd.test?follow=true";
    let mut never_run = Reading::new(engine.send(Method::GET, other, None).await);
    engine.happen([story.over(Verdict::Error, "lost")]).await;
    assert!(never_run.end().await);
    assert_eq!(never_run.read, "");
    assert_eq!(engine.get(other).await.0, StatusCode::NOT_FOUND);

    let engine = TestEngine::start().await;
    let story = going(&engine).await;
    engine.write(&story, FILE, b"one\n");
    let mut broken = Reading::new(engine.send(Method::GET, &format!("{PATH}?follow=true"), None).await);
    broken.until("one\n").await;
    engine.end();
    assert!(!broken.end().await, "an output that broke off must not look whole");
}

#[tokio::test]
async fn logs_by_their_path_on_the_machine() {
    let engine = TestEngine::start().await;
    let story = going(&engine).await;
    engine.happen(story.done(StageId::SUITE_INITIALIZE, Outcome::Passed)).await;
    let path = "/runs/run/logs/01-suite-initialize/ds1.xrd.test/var/log/xrootd.log";
    let (status, problem) = engine.get(path).await;
    assert_eq!(status, StatusCode::GONE, "{problem}");
    engine.write(&story, "logs/01-suite-initialize/ds1.xrd.test/var/log/xrootd.log", b"started\n");
    assert_eq!(text(&engine, path).await, "started\n");
    let other = path.replace("xrootd.log", "cmsd.log");
    assert_eq!(engine.get(&other).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_else_can_be_read() {
    let engine = TestEngine::start().await;
    let story = going(&engine).await;
    engine.write(&story, FILE, b"one\n");
    std::fs::write(engine.runs_folder().join("secret"), "secret").unwrap();
    for path in [
        "/runs/run/outputs/../ds1.xrd.test",
        "/runs/run/outputs/%2e%2e/secret",
        "/runs/run/outputs/01-suite-initialize/..%2F..%2F..%2Fsecret",
        "/runs/run/outputs/01-suite-initialize/nobody",
        "/runs/run/outputs/09-nothing/ds1.xrd.test",
        "/runs/run/logs/01-suite-initialize/ds1.xrd.test/../../../../secret",
        "/runs/run/logs/01-suite-initialize/ds1.xrd.test/..%2F..%2F..%2F..%2Fsecret",
        "/runs/..%2Frun/outputs/01-suite-initialize/ds1.xrd.test",
    ] {
        let (status, problem) = engine.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {problem}");
    }
}

#[tokio::test]
async fn what_was_archived_is_said() {
    let engine = TestEngine::start().await;
    let story = Story::new("run", "ts_copy", 1);
    engine.happen(story.whole()).await;
    let archive = Some("/archive/run.tar.zst".to_owned());
    engine.store().evidence_removed(story.run, Timestamp::from_millis(9), archive).await.unwrap();
    let (status, problem) = json(engine.send(Method::GET, PATH, None).await).await;
    assert!(matches!(status, StatusCode::GONE | StatusCode::NOT_FOUND), "{status}");
    assert!(problem["help"].as_str().unwrap().contains("/archive/run.tar.zst"), "{problem}");
}

#[tokio::test]
async fn a_console_is_read_as_far_as_it_goes() {
    let engine = TestEngine::start().await;
    let story = going(&engine).await;
    let path = "/runs/run/consoles/ds1.xrd.test";
    let (status, problem) = engine.get(path).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["error"], "run run has no console of ds1.xrd.test");
    engine.write(&story, "consoles/ds1.xrd.test.log", b"Booting\n");
    assert_eq!(text(&engine, path).await, "Booting\n");
    engine.write(&story, "consoles/ds1.xrd.test.log", b"Kernel panic\n");
    assert_eq!(text(&engine, &format!("{path}?offset=8")).await, "Kernel panic\n");
    assert_eq!(engine.get("/runs/run/consoles/..%2Frun.json").await.0, StatusCode::NOT_FOUND);
}
