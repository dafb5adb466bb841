//! Every route there is, asked for by everybody there is.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use xrdtest_model::api::Role;

use super::{Client, closed, form_of, problem};

const CHANGING: [Method; 4] = [Method::POST, Method::PUT, Method::DELETE, Method::PATCH];

/// An address of a route.
fn address(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn all_methods() -> impl Iterator<Item = Method> {
    [Method::GET].into_iter().chain(CHANGING)
}

/// Every method and path that somebody answers: asked as who may everything, it is not "wrong method". The bodies are
/// garbage, so what needs one does nothing.
async fn routes() -> Vec<(Method, String)> {
    let engine = closed().await;
    let admin = Client::program(&engine, Role::Admin).await;
    let mut routes = Vec::new();
    for path in xrdtest_web::paths() {
        for method in all_methods() {
            let status = admin.garbage(&method, &address(&path)).await.status();
            if status != StatusCode::METHOD_NOT_ALLOWED {
                routes.push((method, path.clone()));
            }
        }
    }
    routes
}

/// The role that the table says; changing routes have to be in it.
fn needed(method: &Method, path: &str) -> Option<Role> {
    let entry = xrdtest_web::exceptions().find(|(known, at, _)| known == method && *at == path);
    match entry {
        Some((_, _, role)) => role,
        None if *method == Method::GET => Some(Role::Viewer),
        None => panic!("{method} {path} changes something: say in web/src/access/table.rs who may"),
    }
}

#[tokio::test]
async fn each_route_is_for_those_whom_the_table_names() {
    let routes = routes().await;
    assert!(routes.len() > 60, "{routes:?}");
    for (method, path, _) in xrdtest_web::exceptions() {
        assert!(routes.contains(&(method.clone(), path.to_owned())), "{method} {path} is in the table only");
    }
    let engine = closed().await;
    let nobody = Client::nobody(&engine);
    let mut by_role = Vec::new();
    for role in Role::ALL {
        by_role.push((
            role,
            Client::program(&engine, role).await,
            Client::logged_in(&engine, role.as_str()).await,
        ));
    }
    for (method, path) in &routes {
        let (needed, at) = (needed(method, path), address(path));
        let place = format!("{method} {path}");
        let Some(needed) = needed else { continue };
        // Nobody gets anywhere, and hears nothing of what is wrong with their path or body.
        let answer = nobody.garbage(method, &at).await;
        if *method == Method::GET && !path.starts_with("/api/") {
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{place}");
            assert!(answer.headers()["location"].to_str().unwrap().starts_with("/login?next=%2F"), "{place}");
        } else {
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{place}");
        }
        for (role, program, person) in &by_role {
            for (client, is_person) in [(program, false), (person, true)] {
                let (place, status) =
                    (format!("{place} as {role}"), client.garbage(method, &at).await.status());
                if *role < needed || (is_person && *method != Method::GET) {
                    // A session without the form's token changes nothing, whoever's it is.
                    assert_eq!(status, StatusCode::FORBIDDEN, "{place}");
                } else {
                    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
                    assert!(!refused, "{place}: {status}");
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_has_changed_anything() {
    let engine = closed().await;
    let viewer = Client::program(&engine, Role::Viewer).await;
    let session = Client::logged_in(&engine, "admin").await;
    for path in xrdtest_web::paths() {
        for method in CHANGING {
            for client in [&Client::nobody(&engine), &viewer, &session] {
                client.garbage(&method, &address(&path)).await;
                let request = Request::builder().method(&method).uri(address(&path));
                client.send(form_of(request), "suite=a&form_token=guessed").await;
            }
        }
    }
    assert!(engine.asked.lock().unwrap().is_empty(), "{:?}", engine.asked);
}

#[tokio::test]
async fn who_asks_is_looked_at_before_what_they_ask() {
    let engine = closed().await;
    let nobody = Client::nobody(&engine);
    for path in ["/api/v1/nothing", "/api/v1/runs/%ff%fe", "/api/v1/runs?limit=garbage", "/api/%00"] {
        assert_eq!(nobody.get(path).await.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(nobody.garbage(&Method::POST, path).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let huge = "x".repeat(300 * 1024);
    let answer = nobody.send(Request::post("/api/v1/runs"), huge.clone()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.garbage(&Method::POST, "/nothing").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.get("/nothing").await.status(), StatusCode::SEE_OTHER);
    let program = Client::program(&engine, Role::Admin).await;
    assert_eq!(program.get("/api/v1/nothing").await.status(), StatusCode::NOT_FOUND);
    let answer = program.send(Request::post("/api/v1/runs"), huge).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn operators_run_suites_by_token_or_by_form_token() {
    let engine = closed().await;
    let json = |request: axum::http::request::Builder| request.header("content-type", "application/json");
    let wish = r#"{"suite": "ts_copy", "reason": "a try"}"#;
    let program = Client::program(&engine, Role::Operator).await;
    let answer = program.send(json(Request::post("/api/v1/runs")), wish).await;
    assert_eq!(answer.status(), StatusCode::CREATED);

    let person = Client::logged_in(&engine, "operator").await;
    let other = Client::logged_in(&engine, "operator").await;
    let (token, others) = (person.form_token().await, other.form_token().await);
    assert_ne!(token, others, "each session has its own");
    let header = "x-xrdtest-form-token";
    for bad in ["", "x", others.as_str()] {
        let answer = person.send(json(Request::post("/api/v1/runs")).header(header, bad), wish).await;
        let (status, error) = problem(answer).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(error.contains("form token"), "{error}");
    }
    let foreign =
        json(Request::post("/api/v1/runs")).header(header, &token).header("sec-fetch-site", "cross-site");
    let (status, error) = problem(person.send(foreign, wish).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(error.contains("another site"), "{error}");
    let good =
        json(Request::post("/api/v1/runs")).header(header, &token).header("sec-fetch-site", "same-origin");
    assert_eq!(person.send(good, wish).await.status(), StatusCode::CREATED);
    let asked = engine.asked.lock().unwrap().clone();
    let words = |who: &str| format!("{who} submits ts_copy [] a try");
    assert_eq!(asked, [words("ci-operator"), words("operator")]);
}

#[tokio::test]
async fn a_bad_token_is_refused_also_where_anybody_may_read() {
    let engine = crate::support::TestEngine::start().await;
    let nobody = Client::nobody(&engine);
    assert_eq!(nobody.get("/api/v1/status").await.status(), StatusCode::OK);
    assert_eq!(nobody.get("/api/v1/tokens").await.status(), StatusCode::UNAUTHORIZED);
    let program = Client::program(&engine, Role::Viewer).await;
    let known = program.get("/api/v1/tokens").await;
    assert_eq!(known.status(), StatusCode::FORBIDDEN, "it is known, and may not");
    // That is noted after the use of the token, and waited for.
    assert_eq!(program.garbage(&Method::POST, "/api/v1/stop").await.status(), StatusCode::FORBIDDEN);
    let (_, tokens) = engine.get("/tokens").await;
    assert_eq!((&tokens[0]["identity"], &tokens[0]["role"]), (&"api/ci-viewer".into(), &"viewer".into()));
    assert!(tokens[0]["used"].is_number(), "{tokens}");
    let id = tokens[0]["id"].as_str().unwrap();
    let revoked = engine.send(Method::DELETE, &format!("/tokens/{id}"), None).await;
    assert_eq!(revoked.status(), StatusCode::OK);
    let (status, error) = problem(program.get("/api/v1/status").await).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(error.contains("unknown, expired or revoked"), "{error}");
    let basic = Request::get("/api/v1/status").header("authorization", "Basic YTpi");
    assert_eq!(nobody.send(basic, Body::empty()).await.status(), StatusCode::UNAUTHORIZED);
}
