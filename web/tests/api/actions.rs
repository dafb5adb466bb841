//! What can be done, by programs and by the forms of pages.

use std::sync::Arc;

use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use xrdtest_model::{EventBody, Verdict};
use xrdtest_store::conformance::story::Story;

use crate::access::{Client, closed, form_of, text};
use crate::support::{TestEngine, json as body_of};

/// A run of two cases, of which the second did not pass.
async fn with_failure() -> Arc<TestEngine> {
    let engine = closed().await;
    let mut story = Story::new("bad", "ts_copy", 1);
    story.plan.cases.extend(story.plan.cases.clone());
    story.plan.cases[1].name = "copy_from".to_owned();
    story.plan.tags = [("version".to_owned(), "5.8".to_owned())].into();
    story.plan.overridden = ["version".to_owned()].into();
    let case = |case, verdict| EventBody::CaseFinished {
        run: story.run.clone(),
        case,
        verdict,
        reason: String::new(),
    };
    engine.happen([story.queued(), story.placed()]).await;
    engine.happen([case(0, Verdict::Passed), case(1, Verdict::Failed)]).await;
    engine.happen(story.end()[1..].to_vec()).await;
    engine.happen([story.over(Verdict::Failed, "copy_from failed")]).await;
    engine
}

fn asked(engine: &TestEngine) -> Vec<String> {
    std::mem::take(&mut engine.asked.lock().unwrap())
}

async fn put(engine: &Arc<TestEngine>, path: &str, body: &str) -> (StatusCode, Value) {
    body_of(engine.send(Method::PUT, path, Some(body)).await).await
}

#[tokio::test]
async fn several_runs_with_other_tags() {
    let engine = TestEngine::start().await;
    let request = r#"{"suite": "ts_copy", "tags": {"version": "5.8"}, "repeat": 3, "keep_on_failure": true}"#;
    let (status, created) = engine.post("/runs", request).await;
    assert_eq!((status, &created), (StatusCode::CREATED, &json!({"run": "new", "runs": ["new"]})));
    assert_eq!(asked(&engine), [r#"alice submits ts_copy []  {"version": "5.8"} 3 times kept"#]);
}

#[tokio::test]
async fn a_run_is_done_again() {
    let engine = with_failure().await;
    for (body, expected) in [
        ("{}", r#"alice submits ts_copy ["copy_to", "copy_from"] all of bad again {"version": "5.8"}"#),
        (
            r#"{"failed": true, "reason": "fixed"}"#,
            r#"alice submits ts_copy ["copy_from"] what failed in bad again, fixed {"version": "5.8"}"#,
        ),
    ] {
        let (status, created) = engine.post("/runs/bad/rerun", body).await;
        assert_eq!((status, &created["run"]), (StatusCode::CREATED, &json!("new")), "{created}");
        assert_eq!(asked(&engine), [expected]);
    }
    let (status, problem) = engine.post("/runs/new/rerun", "{}").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(problem["error"].as_str().unwrap().contains("is not over"), "{problem}");
    assert_eq!(engine.post("/runs/none/rerun", "{}").await.0, StatusCode::NOT_FOUND);
    engine.happen(Story::new("good", "ts_copy", 1).whole()).await;
    assert_eq!(asked(&engine), Vec::<String>::new());
}

#[tokio::test]
async fn where_all_has_passed_nothing_has_failed() {
    let engine = TestEngine::start().await;
    let story = Story::new("good", "ts_copy", 1);
    engine.happen(story.whole()).await;
    let passed = EventBody::CaseFinished {
        run: story.run.clone(),
        case: 0,
        verdict: Verdict::Passed,
        reason: String::new(),
    };
    engine.happen([passed]).await;
    let (status, problem) = engine.post("/runs/good/rerun", r#"{"failed": true}"#).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(engine.post("/runs/good/rerun", "{}").await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn the_queue_and_hypervisors_are_held() {
    let engine = TestEngine::start().await;
    assert_eq!(engine.good("/queue/pause").await, json!({"paused": null}));
    let (status, pause) = put(&engine, "/queue/pause", r#"{"paused": true, "reason": "new switch"}"#).await;
    assert_eq!(
        (status, &pause["paused"]["by"], &pause["paused"]["reason"]),
        (StatusCode::OK, &json!("alice"), &json!("new switch"))
    );
    assert_eq!(engine.good("/status").await["queue_paused"]["by"], "alice");
    let (status, held) = put(&engine, "/hypervisors/hv1/hold", r#"{"held": true}"#).await;
    assert_eq!((status, &held["held"]["by"]), (StatusCode::OK, &json!("alice")));
    assert_eq!(put(&engine, "/hypervisors/nosuch/hold", r#"{"held": true}"#).await.0, StatusCode::NOT_FOUND);
    let (_, released) = put(&engine, "/hypervisors/hv1/hold", r#"{"held": false}"#).await;
    assert_eq!(released.get("held"), None);
    put(&engine, "/queue/pause", r#"{"paused": false}"#).await;
    assert_eq!(engine.good("/queue/pause").await, json!({"paused": null}));
}

#[tokio::test]
async fn runs_are_deleted() {
    let engine = with_failure().await;
    let delete = |path: &'static str| {
        let engine = engine.clone();
        async move { body_of(engine.send(Method::DELETE, path, None).await).await }
    };
    put(&engine, "/runs/bad/pin", r#"{"pinned": true}"#).await;
    assert_eq!(delete("/runs/bad").await.0, StatusCode::CONFLICT);
    put(&engine, "/runs/bad/pin", r#"{"pinned": false}"#).await;
    let (status, known) = delete("/runs/bad").await;
    assert_eq!((status, &known["run"]), (StatusCode::OK, &json!("bad")));
    assert_eq!(delete("/runs/bad").await.0, StatusCode::NOT_FOUND);
}

/// Sends a form; answers status, where it leads, and the page.
async fn send(who: &Client, path: &str, form: &str) -> (StatusCode, String, String) {
    let response = who.send(form_of(Request::post(path)), form.to_owned()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let place = headers.get(header::LOCATION).map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default();
    (status, place, text(response).await)
}

#[tokio::test]
async fn forms_do_what_the_api_does() {
    let engine = with_failure().await;
    let operator = Client::logged_in(&engine, "operator").await;
    let token = operator.form_token().await;
    for (path, form, place, expected) in [
        (
            "/testsuites/ts_copy/run",
            "case=a&case=b&tag.version=5+8&repeat=2&keep_on_failure=true&reason=+why+",
            "/runs/new",
            r#"operator submits ts_copy ["a", "b"] why {"version": "5 8"} 2 times kept"#,
        ),
        ("/testsuites/ts_copy/pause", "paused=true", "/testsuites/ts_copy", "operator pauses `ts_copy`"),
        ("/schedule/pause", "paused=false", "/", "operator resumes ``"),
        (
            "/runs/bad/cancel",
            "reason=no&force=true",
            "/runs/bad",
            "operator cancels bad because \"no\", force: true",
        ),
        (
            "/runs/bad/rerun",
            "failed=true",
            "/runs/new",
            r#"operator submits ts_copy ["copy_from"] what failed in bad again {"version": "5.8"}"#,
        ),
        (
            "/clusters/c/start",
            "keep=2h&hypervisor=big",
            "/clusters/c",
            "operator starts c for Some(7200000) on big",
        ),
        ("/instances/hand.0/stop", "", "/clusters/cluster_ds", "operator stops hand.0"),
        ("/queue/pause", "paused=true&reason=x", "/", "operator holds queue: Some(\"x\")"),
        (
            "/hypervisors/hv1/hold",
            "held=true",
            "/hypervisors/hv1",
            "operator holds hypervisor/hv1: Some(\"\")",
        ),
        ("/hypervisors/hv1/hold", "held=false", "/hypervisors/hv1", "operator holds hypervisor/hv1: None"),
        ("/runs/bad/delete", "", "/testsuites/ts_copy", "operator deletes bad"),
    ] {
        let form = format!("form_token={token}&{form}");
        let (status, to, page) = send(&operator, path, &form).await;
        assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, place), "{path}: {page}");
        assert_eq!(asked(&engine), [expected]);
    }
}

#[tokio::test]
async fn forms_that_can_t_be_carried_out_say_why_on_a_page() {
    let engine = with_failure().await;
    let operator = Client::logged_in(&engine, "operator").await;
    let token = operator.form_token().await;
    for (path, form, expected, words) in [
        ("/runs/none/rerun", "", StatusCode::NOT_FOUND, "there is no run"),
        ("/runs/over/cancel", "", StatusCode::CONFLICT, "run `over` is over"),
        ("/testsuites/ts_copy/run", "repeat=many", StatusCode::UNPROCESSABLE_ENTITY, "`many` is no number"),
        ("/clusters/c/start", "keep=soon", StatusCode::UNPROCESSABLE_ENTITY, "`soon` is no time"),
        ("/instances/none/stop", "", StatusCode::NOT_FOUND, "there is no instance"),
    ] {
        let (status, _, page) = send(&operator, path, &format!("form_token={token}&{form}")).await;
        assert_eq!(status, expected, "{path} {form}: {page}");
        assert!(page.contains(words) && page.contains("<main"), "{path} {form}: {page}");
    }
    assert_eq!(asked(&engine), ["operator cancels over because \"\", force: false"]);
    let viewer = Client::logged_in(&engine, "viewer").await;
    let own = viewer.form_token().await;
    let nobody = Client::nobody(&engine);
    for (who, path, form, expected, words) in [
        (
            &nobody,
            "/queue/pause",
            format!("form_token={token}&paused=true"),
            StatusCode::UNAUTHORIZED,
            "a login",
        ),
        (
            &viewer,
            "/runs/bad/delete",
            format!("form_token={own}"),
            StatusCode::FORBIDDEN,
            "the role operator",
        ),
        (
            &operator,
            "/queue/pause",
            "paused=true".to_owned(),
            StatusCode::FORBIDDEN,
            "the form token is missing",
        ),
        (
            &operator,
            "/queue/pause",
            format!("form_token={own}"),
            StatusCode::FORBIDDEN,
            "load the page again",
        ),
    ] {
        let (status, _, page) = send(who, path, &form).await;
        assert_eq!(status, expected, "{path} {form}: {page}");
        assert!(page.contains(words) && page.contains("<main"), "{path} {form}: {page}");
    }
    assert!(asked(&engine).is_empty(), "nothing was done");
}

#[tokio::test]
async fn pages_have_forms_for_those_who_may() {
    let engine = with_failure().await;
    let operator = Client::logged_in(&engine, "operator").await;
    let viewer = Client::logged_in(&engine, "viewer").await;
    let page = |who: &Client, path: &'static str| {
        let who = who.clone();
        async move { text(who.get(path).await).await }
    };
    put(&engine, "/hypervisors/hv1/hold", r#"{"held": true, "reason": "new kernel"}"#).await;
    for (path, forms) in [
        ("/testsuites/ts_copy", vec!["/testsuites/ts_copy/pause"]),
        ("/runs/bad", vec!["/runs/bad/rerun", "/runs/bad/pin", "/runs/bad/delete", "Run failed cases again"]),
        ("/", vec!["/queue/pause", "/schedule/pause"]),
        ("/hypervisors/hv1", vec!["/hypervisors/hv1/hold", "Release it"]),
    ] {
        let (mine, theirs) = (page(&operator, path).await, page(&viewer, path).await);
        for form in forms {
            assert!(mine.contains(form), "{form}: {mine}");
            assert!(!theirs.contains(form), "{form}: {theirs}");
        }
    }
    for path in ["/testsuites/ts_copy", "/runs/bad", "/", "/hypervisors/hv1"] {
        let (mine, theirs) = (page(&operator, path).await, page(&viewer, path).await);
        let token = operator.form_token().await;
        assert!(mine.contains(&format!("value=\"{token}\"")), "{path}: {mine}");
        // All that a viewer can send is the good-bye.
        assert_eq!(theirs.matches("<form class=\"action\"").count(), 1, "{path}: {theirs}");
    }
    assert!(page(&viewer, "/hypervisors").await.contains("Held by alice: new kernel"));
    assert!(page(&viewer, "/runs/bad").await.contains("<code>@version@</code> 5.8"));
}

#[tokio::test]
async fn addresses_of_the_past_say_what_takes_their_place() {
    let engine = closed().await;
    let nobody = Client::nobody(&engine);
    let viewer = Client::logged_in(&engine, "viewer").await;
    for (path, words) in [("/action", "/api/v1/runs"), ("/auth", "/login"), ("/update", "/api/v1/events")] {
        let (status, _, page) = send(&nobody, path, "type=runTestSuite").await;
        assert_eq!(status, StatusCode::GONE, "{path}");
        assert!(page.contains(words), "{page}");
        assert_eq!(viewer.get(path).await.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}
