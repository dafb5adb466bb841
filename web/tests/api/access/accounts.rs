//! Accounts, by the API.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{Client, PASSWORD, closed};
use crate::support;

#[tokio::test]
async fn accounts_are_made_changed_and_removed() {
    let engine = closed().await;
    let (status, made) =
        engine.post("/users", r#"{"name": "bob", "role": "operator", "password": "a long password"}"#).await;
    assert_eq!((status, &made["name"], &made["by"]), (StatusCode::CREATED, &json!("bob"), &json!("alice")));
    assert!(!made.to_string().contains("argon2"), "{made}");
    for (body, expected) in [
        (r#"{"name": "bob", "role": "admin", "password": "a long password"}"#, StatusCode::CONFLICT),
        (
            r#"{"name": "b b", "role": "admin", "password": "a long password"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (r#"{"name": "eve", "role": "admin", "password": "short"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (
            r#"{"name": "eve", "role": "root", "password": "a long password"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        assert_eq!(engine.post("/users", body).await.0, expected, "{body}");
    }
    let answer = Client::nobody(&engine).log_in("bob", "a long password", "/").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let bob = {
        let mut client = Client::nobody(&engine);
        client.take_cookie(&answer);
        client
    };
    let (_, all) = engine.get("/users").await;
    let sessions = all.as_array().unwrap().iter().find(|user| user["name"] == "bob").unwrap();
    assert_eq!(sessions["sessions"], 1);

    let put =
        async |body: &str| support::json(engine.send(Method::PUT, "/users/bob", Some(body)).await).await;
    assert_eq!(put(r#"{"role": "admin"}"#).await.1["role"], "admin");
    assert_eq!(bob.get("/api/v1/users").await.status(), StatusCode::OK, "a role changes at once");
    assert_eq!(put(r#"{"role": "viewer"}"#).await.0, StatusCode::OK);
    assert_eq!(bob.get("/api/v1/users").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(put(r#"{"password": "another password"}"#).await.0, StatusCode::OK);
    assert_eq!(bob.get("/api/v1/status").await.status(), StatusCode::UNAUTHORIZED, "its sessions are over");
    let old = Client::nobody(&engine).log_in("bob", "a long password", "/").await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_is_removed_is_out() {
    let engine = closed().await;
    let operator = Client::logged_in(&engine, "operator").await;
    assert_eq!(operator.get("/api/v1/status").await.status(), StatusCode::OK);
    let remove = async || engine.send(Method::DELETE, "/users/operator", None).await.status();
    assert_eq!(remove().await, StatusCode::OK);
    assert_eq!(operator.get("/api/v1/status").await.status(), StatusCode::UNAUTHORIZED);
    let answer = Client::nobody(&engine).log_in("operator", PASSWORD, "/").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(remove().await, StatusCode::NOT_FOUND);
}
