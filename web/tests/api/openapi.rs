//! The API's own document, and what holds for all answers.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use xrdtest_store::conformance::story::Story;

use crate::support::{TestEngine, json as body_of};

/// `get /runs/{run}` of every route in the table of `api/mod.rs`.
fn routes() -> BTreeSet<String> {
    let source = include_str!("../../src/api/mod.rs");
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix(".route(\""));
    let mut routes = BTreeSet::new();
    for line in lines {
        let (path, methods) = line.split_once("\", ").expect("a path and its methods");
        for method in ["get", "post", "put", "delete", "patch"] {
            if methods.starts_with(&format!("{method}(")) || methods.contains(&format!(".{method}(")) {
                routes.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(routes.len() > 40, "{routes:?}");
    routes
}

#[tokio::test]
async fn every_route_is_in_the_document() {
    let document = TestEngine::start().await.good("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    let told = paths.iter().flat_map(|(path, methods)| {
        let path = path.strip_prefix("/api/v1").expect("absolute paths").to_owned();
        methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
    });
    let routes = routes().into_iter().map(|route| route.replace("{*", "{"));
    assert_eq!(told.collect::<BTreeSet<_>>(), routes.collect());
}

/// Everything in a document, however deep.
fn each(value: &Value, visit: &mut impl FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(all) => all.iter().for_each(|value| each(value, visit)),
        Value::Object(all) => all.values().for_each(|value| each(value, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_holds_together() {
    let document = TestEngine::start().await.good("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = 0;
    each(&document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            references += 1;
            let pointer = reference.strip_prefix('#').expect("a reference into the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    });
    assert!(references > 100, "{references}");
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|code| code.starts_with('2')), "{method} {path}");
            assert!(answers.contains_key("503"), "{method} {path}");
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let parameters = operation["parameters"].as_array().unwrap();
                let found = parameters.iter().any(|it| it["in"] == "path" && it["name"] == part);
                assert!(found, "{part} of {method} {path}");
            }
        }
    }
    let request = &document["components"]["schemas"]["RunRequest"];
    assert_eq!(request["required"], serde_json::json!(["suite"]), "{request}");
    let runs = document["paths"]["/api/v1/runs"]["get"]["parameters"].as_array().unwrap();
    let names: BTreeSet<&str> = runs.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["suite", "verdict", "over", "since", "before", "limit"]));
}

#[tokio::test]
async fn problems_are_problems_of_rfc_9457() {
    let engine = TestEngine::start().await;
    let response = engine.send(Method::GET, "/runs/none", None).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let (status, problem) = body_of(response).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for (name, value) in [
        ("schema", "xrdtest.problem/1"),
        ("type", "about:blank"),
        ("title", "Not Found"),
        ("detail", "there is no run `none`"),
        ("error", "there is no run `none`"),
        ("help", "`xrdtest runs` lists runs (GET /api/v1/runs)"),
    ] {
        assert_eq!(problem[name], value, "{problem}");
    }
    assert_eq!(problem["status"], 404);
}

async fn if_none_match(engine: &std::sync::Arc<TestEngine>, path: &str, tag: &str) -> Response {
    let request = Request::builder().uri(format!("/api/v1{path}")).header(header::IF_NONE_MATCH, tag);
    engine.request(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_document_that_is_known_is_not_sent_again() {
    let engine = TestEngine::start().await;
    let (one, two) = (Story::new("r1", "ts_copy", 1), Story::new("r2", "ts_copy", 1));
    engine.happen(one.whole()).await;
    let first = engine.send(Method::GET, "/runs", None).await;
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    let same = if_none_match(&engine, "/runs", &tag).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.headers()[header::ETAG].to_str().unwrap(), tag);
    assert!(axum::body::to_bytes(same.into_body(), 1).await.unwrap().is_empty());
    engine.happen(two.whole()).await;
    let other = if_none_match(&engine, "/runs", &tag).await;
    assert_eq!(other.status(), StatusCode::OK);
    assert_ne!(other.headers()[header::ETAG].to_str().unwrap(), tag);
    // Neither problems nor what is no document has one.
    for path in ["/runs/none", "/runs/r1/outputs/01-suite-initialize/ds1.xrd.test"] {
        assert!(!engine.send(Method::GET, path, None).await.headers().contains_key(header::ETAG), "{path}");
    }
}

#[tokio::test]
async fn long_lists_lead_to_their_next_part() {
    let engine = TestEngine::start().await;
    for run in ["r1", "r2", "r3"] {
        engine.happen(Story::new(run, "ts_copy", 1).whole()).await;
    }
    let mut path = "/runs?suite=ts_copy&limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let response = engine.send(Method::GET, &path, None).await;
        let link = response.headers().get(header::LINK).map(|link| link.to_str().unwrap().to_owned());
        let (_, runs) = body_of(response).await;
        seen.extend(runs.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()));
        let Some(link) = link else { break };
        let next =
            link.strip_prefix("</api/v1").and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
        path = next.to_owned();
    }
    assert_eq!(seen, ["r3", "r2", "r1"]);
    let events = engine.send(Method::GET, "/events?limit=1", None).await;
    assert_eq!(events.headers()[header::LINK], "</api/v1/events?limit=1&after=1>; rel=\"next\"");
}
