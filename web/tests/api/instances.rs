//! Instances, and clusters that are started by hand.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use xrdtest_model::EventBody;
use xrdtest_model::event::InstanceState;
use xrdtest_store::conformance::story::Story;

use crate::reading::Reading;
use crate::support::{TestEngine, json};

#[tokio::test]
async fn a_cluster_by_hand_from_start_to_end() {
    let engine = TestEngine::start().await;
    let (status, started) =
        engine.post("/instances", r#"{"cluster": "cluster_ds", "keep_ms": 5, "hypervisor": "big"}"#).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&started["instance"], &started["run"]), (&"hand.0".into(), &serde_json::Value::Null));
    assert_eq!(started["owner"], serde_json::json!({"kind": "hand", "by": "alice"}));
    let listed = engine.good("/instances").await;
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|entry| &entry["instance"]).collect();
    assert_eq!(names, ["going.0", "hand.0"]);
    let shown = engine.good("/instances/hand.0").await;
    assert_eq!(shown["state"]["constant"], "S_ACTIVE", "as its events tell");
    assert_eq!(shown["until"], 1_795_428_900_000_u64);
    assert_eq!(shown["machines"][0]["name"], "hand.0/ds1.xrd.test");
    assert_eq!(shown["machines"][0]["state"]["constant"], "S_CONNECTED_IDLE");
    let log: Vec<_> =
        shown["history"].as_array().unwrap().iter().map(|it| &it["state"]["constant"]).collect();
    assert_eq!(log, ["S_ACTIVE", "S_WAITING_SLAVES", "S_DEFINITION_SENT"]);
    let (status, stopped) = json(engine.send(Method::DELETE, "/instances/hand.0", None).await).await;
    assert_eq!((status, &stopped["instance"]), (StatusCode::ACCEPTED, &"hand.0".into()));
    let asked = engine.asked.lock().unwrap().join("; ");
    assert_eq!(asked, "alice starts cluster_ds for Some(5) on big; alice stops hand.0");
}

#[tokio::test]
async fn what_can_not_be_done_is_said() {
    let engine = TestEngine::start().await;
    for (body, status, words) in [
        (r#"{"cluster": "nosuch"}"#, StatusCode::NOT_FOUND, "there is no cluster `nosuch`"),
        (r#"{"cluster": "busy"}"#, StatusCode::CONFLICT, "no place now"),
        (r#"{"cluster": "a", "hours": 3}"#, StatusCode::UNPROCESSABLE_ENTITY, "unknown field `hours`"),
    ] {
        let (answered, problem) = engine.post("/instances", body).await;
        assert_eq!(answered, status, "{body}: {problem}");
        assert!(problem["error"].as_str().unwrap().contains(words), "{body}: {problem}");
    }
    for (path, status) in
        [("/instances/x", StatusCode::NOT_FOUND), ("/instances/going.0", StatusCode::CONFLICT)]
    {
        assert_eq!(engine.send(Method::DELETE, path, None).await.status(), status, "{path}");
    }
}

/// The events of an instance that was started by hand go on until nothing of it is left.
#[tokio::test]
async fn its_events_as_they_happen() {
    let engine = TestEngine::start().await;
    engine.post("/instances", r#"{"cluster": "cluster_ds"}"#).await;
    let events = engine.good("/instances/hand.0/events").await;
    assert_eq!(events[0]["body"]["event"], "cluster_ordered");
    let request = Request::get("/api/v1/instances/hand.0/events").header("accept", "text/event-stream");
    let mut reading = Reading::new(engine.request(request.body(Body::empty()).unwrap()).await);
    reading.until("\"active\"").await;
    assert!(reading.is_waiting());
    let story = Story::new("hand", "s", 1);
    let stopping = EventBody::InstanceChanged {
        instance: story.instance.clone(),
        state: InstanceState::Stopping,
        detail: "stopped by alice".to_owned(),
        step: None,
    };
    engine.happen([stopping, story.instance(InstanceState::Stopped)]).await;
    assert!(reading.end().await);
    assert!(reading.read.contains("event: end"), "{}", reading.read);
    // Of one that belongs to a run it is the run's events.
    engine.happen(Story::new("going", "s", 1).beginning()).await;
    assert_eq!(engine.good("/instances/going.0/events").await[0]["body"]["event"], "run_queued");
}
