//! What is noted of who has done what.

use axum::http::{Method, Request, StatusCode};
use serde_json::Value;
use xrdtest_model::api::Role;

use super::{Client, closed, form_of, text};

/// who, role, via, action, target, reason, status: the newest first.
fn lines(noted: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let names = ["who", "role", "via", "action", "target", "reason", "status"];
    let line = |entry: &Value| names.map(|name| word(&entry[name])).join("|");
    noted.as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn every_change_leaves_a_line() {
    let engine = closed().await;
    engine.post("/runs", r#"{"suite": "ts_copy", "reason": "by hand"}"#).await;
    engine.post("/runs", r#"{"suite": "nosuch"}"#).await;
    engine.get("/runs").await;
    let viewer = Client::program(&engine, Role::Viewer).await;
    assert_eq!(viewer.garbage(&Method::POST, "/api/v1/stop").await.status(), StatusCode::FORBIDDEN);
    Client::nobody(&engine).garbage(&Method::POST, "/api/v1/stop").await;
    Client::nobody(&engine).log_in("admin", "wrong password", "/").await;
    Client::nobody(&engine).log_in("my secret password", "", "/").await;
    let operator = Client::logged_in(&engine, "operator").await;
    let header = Request::post("/api/v1/runs/new/cancel").header("content-type", "application/json");
    let header = header.header("x-xrdtest-form-token", operator.form_token().await);
    let cancelled = operator.send(header, r#"{"reason": "too late", "force": true}"#).await;
    assert!(cancelled.status().is_success(), "{cancelled:?}");
    let forged = operator.send(form_of(Request::post("/logout")), "").await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let noted = engine.good("/audit").await;
    let expected = [
        "operator|operator|session|POST /logout|||403",
        "operator|operator|session|POST /api/v1/runs/new/cancel|new force=true|too late|202",
        "operator|operator|session|POST /login|operator||303",
        "|null|nobody|POST /login|||401",
        "|null|nobody|POST /login|admin||401",
        "ci-viewer|viewer|token|POST /api/v1/stop|||403",
        "alice|admin|socket|POST /api/v1/tokens/api|ci-viewer role=viewer||201",
        "alice|admin|socket|POST /api/v1/runs|nosuch||404",
        "alice|admin|socket|POST /api/v1/runs|ts_copy|by hand|201",
    ];
    assert_eq!(lines(&noted), expected);
    assert!(!noted.to_string().contains("secret"), "{noted}");
    assert_eq!(noted[3]["address"], "192.0.2.1");
    let of_alice = engine.good("/audit?who=alice&limit=1").await;
    assert_eq!(lines(&of_alice), expected[6..7]);
    let before = of_alice[0]["id"].as_u64().unwrap();
    assert_eq!(lines(&engine.good(&format!("/audit?who=alice&before={before}")).await), expected[7..]);
}

#[tokio::test]
async fn administrators_read_it_as_a_page() {
    let engine = closed().await;
    engine.post("/runs", r#"{"suite": "ts_copy", "reason": "<b>"}"#).await;
    let admin = Client::logged_in(&engine, "admin").await;
    let page = text(admin.get("/audit").await).await;
    for word in ["POST /api/v1/runs", "ts_copy", "&lt;b&gt;", "alice", "201", "href=\"/audit\""] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let operator = Client::logged_in(&engine, "operator").await;
    assert_eq!(operator.get("/audit").await.status(), StatusCode::FORBIDDEN);
}

/// Who goes away before the answer has changed it all the same, and it is noted.
#[tokio::test]
async fn who_does_not_wait_for_the_answer_is_noted() {
    use futures::FutureExt;
    use tower::ServiceExt;

    let engine = closed().await;
    let mut request = Request::post("/api/v1/runs")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(r#"{"suite": "ts_copy"}"#))
        .unwrap();
    request.extensions_mut().insert(xrdtest_web::Caller { name: "hasty".to_owned() });
    let answer = xrdtest_web::dashboard(engine.clone()).oneshot(request).now_or_never();
    assert!(answer.is_none(), "it was answered before it could be noted");
    crate::support::soon(async {
        while lines(&engine.good("/audit").await).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let noted = lines(&engine.good("/audit").await);
    assert_eq!(noted, ["hasty|admin|socket|POST /api/v1/runs|ts_copy||201"]);
}
