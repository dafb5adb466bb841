//! Runs: asked for, listed, told, given up.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;
use xrdtest_model::Outcome;
use xrdtest_model::StageId;
use xrdtest_store::conformance::story::Story;

use crate::support::{TestEngine, json};

#[tokio::test]
async fn a_run_is_asked_for() {
    let engine = TestEngine::start().await;
    let body = r#"{"suite": "ts_copy", "cases": ["copy_to"], "reason": "try"}"#;
    let answer = engine.send(Method::POST, "/runs", Some(body)).await;
    assert_eq!(answer.headers()[header::LOCATION], "/api/v1/runs/new");
    let (status, created) = json(answer).await;
    assert_eq!((status, &created["run"]), (StatusCode::CREATED, &Value::from("new")));
    assert_eq!(*engine.asked.lock().unwrap(), [r#"alice submits ts_copy ["copy_to"] try"#]);
    assert_eq!(engine.good("/runs/new").await["runs"][0]["suite"], "ts_copy");
    for (suite, status) in [
        ("nosuch", StatusCode::NOT_FOUND),
        ("broken", StatusCode::UNPROCESSABLE_ENTITY),
        ("stopping", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let (answered, problem) = engine.post("/runs", &format!(r#"{{"suite": "{suite}"}}"#)).await;
        assert_eq!(answered, status, "{suite}: {problem}");
        assert_eq!(problem["diagnostics"].is_array(), suite == "broken", "{problem}");
    }
}

#[tokio::test]
async fn who_asks_need_not_be_known() {
    let engine = TestEngine::start().await;
    let request = Request::post("/api/v1/runs").header(header::CONTENT_TYPE, "application/json");
    let answer = engine.request(request.body(Body::from(r#"{"suite": "a"}"#)).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(engine.asked.lock().unwrap()[0].starts_with("somebody submits a"));
}

#[tokio::test]
async fn runs_are_listed_and_told() {
    let engine = TestEngine::start().await;
    let (over, going) = (Story::new("over", "ts_copy", 2), Story::new("going", "ts_other", 1));
    engine.happen(over.whole()).await;
    engine.write(&over, "outputs/01-suite-initialize/ds1.xrd.test.log", b"hello\n");
    engine.happen(going.beginning()).await;
    engine.happen([going.begun(StageId::SUITE_INITIALIZE)]).await;
    engine.happen(going.done(StageId::SUITE_INITIALIZE, Outcome::Passed)).await;

    let ids = |list: Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(engine.good("/runs").await), ["going", "over"]);
    assert_eq!(ids(engine.good("/runs?suite=ts_copy").await), ["over"]);
    assert_eq!(ids(engine.good("/runs?verdict=passed").await), ["over"]);
    assert_eq!(ids(engine.good("/runs?over=false").await), ["going"]);
    assert_eq!(ids(engine.good("/runs?limit=1").await), ["going"]);
    let queued = &engine.good("/runs?limit=1").await[0]["queued"];
    assert_eq!(ids(engine.good(&format!("/runs?before={queued}")).await), ["over"]);

    let told = engine.good("/runs/over").await;
    let run = &told["runs"][0];
    assert!(run["directory"].as_str().unwrap().ends_with("/runs/over"), "{run}");
    assert_eq!((&run["verdict"], &run["phase"]), (&Value::from("passed"), &Value::Null));
    assert_eq!(run["stages"].as_array().unwrap().len(), 2 * 5);
    assert_eq!(run["stages"][0]["output"], "hello\n");
    let mut stage = run["stages"][0].clone();
    stage["offset_ms"] = 0.into();
    insta::assert_json_snapshot!(stage);

    let told = engine.good("/runs/going").await;
    let run = &told["runs"][0];
    assert_eq!((&run["verdict"], &run["phase"]), (&Value::Null, &Value::from("copy_to / run")));
    assert_eq!(run["stages"].as_array().unwrap().len(), 1);
    assert!(run["duration_ms"].as_u64().is_some() && run["directory"].is_null(), "{run}");

    let plan = engine.good("/runs/over/plan").await;
    assert_eq!((&plan["suite"], &plan["cases"][0]["run"]["origin"]), (&"ts_copy".into(), &"run.sh".into()));
    insta::assert_json_snapshot!(engine.good("/runs?suite=ts_copy").await);
}

#[tokio::test]
async fn runs_are_given_up() {
    let engine = TestEngine::start().await;
    engine.happen(Story::new("going", "ts_copy", 1).beginning()).await;
    engine.happen(Story::new("over", "ts_copy", 1).whole()).await;
    engine.happen([Story::new("waits", "ts_copy", 1).queued()]).await;
    let (status, run) = engine.post("/runs/going/cancel", r#"{"reason": "enough", "force": true}"#).await;
    assert_eq!((status, &run["run"]), (StatusCode::ACCEPTED, &Value::from("going")));
    let without_body = engine.send(Method::POST, "/runs/going/cancel", None).await;
    assert_eq!(without_body.status(), StatusCode::ACCEPTED);
    assert_eq!(engine.post("/runs/over/cancel", "{}").await.0, StatusCode::CONFLICT);
    assert_eq!(engine.post("/runs/nosuch/cancel", "{}").await.0, StatusCode::NOT_FOUND);
    let removed = engine.send(Method::DELETE, "/queue/waits?reason=not%20needed", None).await;
    assert_eq!(removed.status(), StatusCode::OK);
    let placed = engine.send(Method::DELETE, "/queue/going", None).await;
    assert_eq!(placed.status(), StatusCode::CONFLICT);
    assert_eq!(
        *engine.asked.lock().unwrap(),
        [
            r#"alice cancels going because "enough", force: true"#,
            r#"alice cancels going because "", force: false"#,
            r#"alice cancels over because "", force: false"#,
            r#"alice cancels nosuch because "", force: false"#,
            r#"alice removes waits because "not needed""#,
            r#"alice removes going because """#,
        ]
    );
}

#[tokio::test]
async fn runs_are_pinned_and_archived() {
    let engine = TestEngine::start().await;
    engine.happen(Story::new("over", "ts_copy", 1).whole()).await;
    for pinned in [true, false] {
        let body = format!(r#"{{"pinned": {pinned}}}"#);
        let (status, run) = json(engine.send(Method::PUT, "/runs/over/pin", Some(&body)).await).await;
        assert_eq!((status, &run["pinned"]), (StatusCode::OK, &Value::from(pinned)));
        let unknown = engine.send(Method::PUT, "/runs/nosuch/pin", Some(&body)).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    }
    let (status, archived) = engine.post("/runs/archive", r#"{"runs": ["over"]}"#).await;
    assert_eq!(
        (status, &archived["archived"]["over"]),
        (StatusCode::OK, &Value::from("/archive/over.tar.zst"))
    );
    assert_eq!(engine.post("/runs/archive", "{}").await.0, StatusCode::UNPROCESSABLE_ENTITY);
}
