//! Paths, methods, bodies.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use crate::support::{TestEngine, json};

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let engine = TestEngine::start().await;
    for path in ["/nothing", "/runs/a/b/c", "/Runs", "//runs"] {
        let (status, body) = engine.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(body["error"], format!("there is no /api/v1{path}"));
    }
    let (status, body) = json(engine.send(Method::DELETE, "/runs", None).await).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(body["error"], "/api/v1/runs does not take DELETE");
    for path in ["/runs/x", "/runs/x/plan", "/runs/x/events", "/runs/x/outputs", "/suites/x", "/clusters/x"] {
        assert_eq!(engine.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        "/hypervisors/x",
        "/slaves/x",
        "/slaves/x/y",
        "/runs/x/logs/a/b/c",
        "/instances/x",
        "/instances/x/events",
    ] {
        assert_eq!(engine.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_the_place() {
    let engine = TestEngine::start().await;
    for (body, status, words) in [
        (r#"{"suite": "a", "case": "b"}"#, StatusCode::UNPROCESSABLE_ENTITY, "unknown field `case`"),
        (r#"{"suite": 7}"#, StatusCode::UNPROCESSABLE_ENTITY, "suite: invalid type"),
        (r#"{"suite": "a","#, StatusCode::BAD_REQUEST, "line 1 column"),
        ("{}", StatusCode::UNPROCESSABLE_ENTITY, "missing field `suite`"),
    ] {
        let (answered, problem) = engine.post("/runs", body).await;
        assert_eq!(answered, status, "{body}: {problem}");
        assert!(problem["error"].as_str().unwrap().contains(words), "{body}: {problem}");
    }
    let huge = format!(r#"{{"suite": "{}"}}"#, "x".repeat(300 * 1024));
    assert_eq!(engine.post("/runs", &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let plain = Request::post("/api/v1/runs").body(Body::from(r#"{"suite": "a"}"#)).unwrap();
    assert_eq!(json(engine.request(plain).await).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for query in ["limit=0", "limit=1001", "limit=x", "colour=red", "verdict=good"] {
        let (status, problem) = engine.get(&format!("/runs?{query}")).await;
        assert!(status.is_client_error() && problem["error"].is_string(), "{query}: {status} {problem}");
    }
    assert!(engine.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_engine_itself() {
    let engine = TestEngine::start().await;
    assert_eq!(engine.good("/status").await["agents_address"], "127.0.0.1:4444");
    assert_eq!(engine.good("/definitions").await["generation"], 1);
    assert_eq!(engine.good("/log-level").await["log_level"], "info");
    assert_eq!(engine.good("/queue").await, serde_json::json!([]));
    assert_eq!(engine.post("/reload", "{}").await.0, StatusCode::OK);
    assert_eq!(engine.post("/stop", "{}").await.0, StatusCode::ACCEPTED);
    let put = |level: &str| format!(r#"{{"log_level": "{level}"}}"#);
    let good = engine.send(Method::PUT, "/log-level", Some(&put("debug"))).await;
    let bad = engine.send(Method::PUT, "/log-level", Some(&put("loud"))).await;
    assert_eq!((good.status(), bad.status()), (StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY));
    assert_eq!(*engine.asked.lock().unwrap(), ["reload", "stop", "log debug", "log loud"]);
}

#[tokio::test]
async fn repositories() {
    let engine = TestEngine::start().await;
    let all = engine.good("/repositories").await;
    assert_eq!((&all[0]["name"], &all[0]["state"]), (&"suites".into(), &"failing".into()));
    assert_eq!(engine.good("/repositories/suites").await, all[0]);
    assert_eq!(engine.get("/repositories/none").await.0, StatusCode::NOT_FOUND);
    let (status, fetched) = engine.post("/repositories/suites/fetch", "{}").await;
    assert_eq!((status, &fetched), (StatusCode::OK, &all[0]));
    assert_eq!(engine.post("/repositories/none/fetch", "{}").await.0, StatusCode::NOT_FOUND);
    assert_eq!(*engine.asked.lock().unwrap(), ["fetch suites", "fetch none"]);
}
