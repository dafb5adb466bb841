//! Events as arrays and as streams.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use xrdtest_model::event::InstanceState;
use xrdtest_model::{Event, Verdict};
use xrdtest_store::conformance::story::Story;

use crate::reading::Reading;
use crate::support::TestEngine;

async fn stream(engine: &std::sync::Arc<TestEngine>, path: &str, last: Option<&str>) -> Reading {
    let mut request = Request::get(format!("/api/v1{path}")).header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    Reading::new(engine.request(request.body(Body::empty()).unwrap()).await)
}

/// The numbers of the events in a stream.
fn ids(text: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect()
}

#[tokio::test]
async fn arrays_have_pages() {
    let engine = TestEngine::start().await;
    let (one, two) = (Story::new("one", "a", 1), Story::new("two", "a", 1));
    engine.happen([one.queued(), two.queued(), one.placed()]).await;
    engine.happen(one.up()).await;
    let numbers = |events: serde_json::Value| -> Vec<u64> {
        events.as_array().unwrap().iter().map(|event| event["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(engine.good("/events").await), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(engine.good("/events?after=2&limit=2").await), [3, 4]);
    // With those of its instance and machines.
    assert_eq!(numbers(engine.good("/runs/one/events").await), [1, 3, 4, 5, 6]);
    assert_eq!(numbers(engine.good("/runs/two/events?after=2").await), [0; 0]);
    let events: Vec<Event> = serde_json::from_value(engine.good("/events?limit=1").await).unwrap();
    assert_eq!(events[0].body, one.queued());
    assert_eq!(engine.get("/events?limit=100000").await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_run_is_told_to_its_end() {
    let engine = TestEngine::start().await;
    let (run, other) = (Story::new("run", "a", 3), Story::new("other", "a", 1));
    engine.happen([run.queued()]).await;
    let mut reading = stream(&engine, "/runs/run/events", None).await;
    reading.until("event: run_queued\n").await;
    reading.until("\n\n").await;
    assert!(reading.is_waiting());
    engine.happen(other.beginning()).await;
    engine.happen([run.placed()]).await;
    engine.happen(run.up()).await;
    engine.happen(run.middle()).await;
    engine.happen([run.over(Verdict::Passed, "")]).await;
    reading.until("event: run_finished\n").await;
    // Its machines are still being taken away.
    assert!(!reading.read.contains("event: end"));
    engine.happen([run.instance(InstanceState::Stopped)]).await;
    assert!(reading.end().await);
    assert!(reading.read.ends_with("event: end\ndata: {}\n\n"), "{}", reading.read);
    let data =
        reading.read.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "{}");
    let told: Vec<Event> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let expected: Vec<_> = [vec![run.queued(), run.placed()], run.up(), run.middle()].concat();
    assert_eq!(told[..expected.len()].iter().map(|event| event.body.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(told.iter().map(|event| event.number).collect::<Vec<_>>(), ids(&reading.read));
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let engine = TestEngine::start().await;
    let run = Story::new("run", "a", 2);
    engine.happen(run.whole()).await;
    let mut all = stream(&engine, "/runs/run/events", None).await;
    assert!(all.end().await);
    let all = ids(&all.read);
    for seen in [0, 1, all.len() / 2, all.len() - 1, all.len()] {
        let last = if seen == 0 { 0 } else { all[seen - 1] };
        let mut by_header = stream(&engine, "/runs/run/events?after=1", Some(&last.to_string())).await;
        let mut by_query = stream(&engine, &format!("/runs/run/events?after={last}"), None).await;
        for reading in [&mut by_header, &mut by_query] {
            assert!(reading.end().await);
            assert_eq!(ids(&reading.read), all[seen..], "after {last}");
            assert!(reading.read.ends_with("event: end\ndata: {}\n\n"));
        }
    }
    let request = Request::get("/api/v1/events").header("accept", "text/event-stream");
    let wrong = engine.request(request.header("last-event-id", "x").body(Body::empty()).unwrap()).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_run_that_never_had_a_place_ends_too() {
    let engine = TestEngine::start().await;
    let run = Story::new("run", "a", 1);
    engine.happen([run.queued(), run.over(Verdict::Cancelled, "removed")]).await;
    let mut reading = stream(&engine, "/runs/run/events", None).await;
    assert!(reading.end().await);
    assert_eq!(ids(&reading.read), [1, 2]);
    assert!(reading.read.ends_with("event: end\ndata: {}\n\n"));
}

#[tokio::test]
async fn all_events_go_on_until_the_engine_ends() {
    let engine = TestEngine::start().await;
    let mut reading = stream(&engine, "/events", None).await;
    // More than are read at once.
    for index in 0..40 {
        engine.happen(Story::new(&format!("run{index}"), "a", 1).beginning()).await;
    }
    let last = 40 * 5;
    reading.until(&format!("id: {last}\n")).await;
    engine.end();
    assert!(reading.end().await);
    assert_eq!(ids(&reading.read), (1..=last).collect::<Vec<_>>());
    assert!(!reading.read.contains("event: end"), "an engine that stops is no end of what is told");
}
