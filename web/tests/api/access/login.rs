//! Logging in, and what ends it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use futures::StreamExt;
use xrdtest_model::api::Role;
use xrdtest_store::conformance::story::Story;
use xrdtest_web::access::Settings;

use super::{Client, PASSWORD, add, closed, closed_with, form_of, text};
use crate::support::{json, soon};

#[tokio::test]
async fn a_session_is_a_cookie_for_this_host_over_https_only() {
    let engine = closed().await;
    let client = Client::nobody(&engine);
    let answer = client.log_in("viewer", PASSWORD, "/runs?suite=a").await;
    assert_eq!(
        (answer.status(), answer.headers()["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/runs?suite=a")
    );
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-xrdtest="), "{cookie}");
    for flag in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=604800"] {
        assert!(cookie.split("; ").any(|part| part == flag), "{flag}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let viewer = Client::logged_in(&engine, "viewer").await;
    let page = text(viewer.get("/").await).await;
    assert!(page.contains("Log out") && page.contains(">viewer<") && !page.contains("Audit log"), "{page}");
    let answer = viewer.get("/login?next=/runs").await;
    assert_eq!(answer.headers()["location"], "/runs", "who is in need not log in");
}

#[tokio::test]
async fn a_cookie_that_somebody_has_changed_is_nobodys() {
    let engine = closed().await;
    let mut client = Client::logged_in(&engine, "admin").await;
    let good = client.cookie.clone().unwrap();
    let flip = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(bytes).unwrap()
    };
    for bad in [flip(20), flip(good.len() - 1), good[..good.len() - 2].to_owned(), good[..79].to_owned()] {
        client.cookie = Some(bad.clone());
        assert_eq!(client.get("/api/v1/status").await.status(), StatusCode::UNAUTHORIZED, "{bad}");
    }
    client.cookie = Some(good);
    assert_eq!(client.get("/api/v1/status").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same() {
    let engine = closed().await;
    let client = Client::nobody(&engine);
    let wrong = client.log_in("admin", "correct horsf", "/").await;
    let unknown = client.log_in("nimda", "correct horsf", "/").await;
    assert_eq!((wrong.status(), unknown.status()), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert!(!wrong.headers().contains_key(header::SET_COOKIE));
    let pages = (text(wrong).await, text(unknown).await.replace("nimda", "admin"));
    assert_eq!(pages.0, pages.1);
    assert!(pages.0.contains("do not belong together") && !pages.0.contains("horsf"), "{}", pages.0);
}

#[tokio::test]
async fn after_five_failures_one_has_to_wait() {
    let engine = closed().await;
    let mut client = Client::nobody(&engine);
    for host in 1..=5 {
        client.address.set_ip([192, 0, 2, host].into());
        assert_eq!(client.log_in("admin", "no", "/").await.status(), StatusCode::UNAUTHORIZED);
    }
    client.address.set_ip([192, 0, 2, 99].into());
    let answer = client.log_in("admin", PASSWORD, "/").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "the account, from anywhere");
    assert!(answer.headers().contains_key("retry-after"));
    assert!(text(answer).await.contains("tried too often"));
    assert_eq!(
        client.log_in("viewer", PASSWORD, "/").await.status(),
        StatusCode::SEE_OTHER,
        "others are free"
    );
    client.address.set_ip([198, 51, 100, 1].into());
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(client.log_in(name, "no", "/").await.status(), StatusCode::UNAUTHORIZED);
    }
    let answer = client.log_in("operator", PASSWORD, "/").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "the address, for any account");
}

#[tokio::test]
async fn a_link_from_elsewhere_leads_nowhere_else() {
    let engine = closed().await;
    let client = Client::nobody(&engine);
    for next in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "/\r\nSet-Cookie: a=b", "/login"]
    {
        let answer = client.log_in("viewer", PASSWORD, next).await;
        assert_eq!(answer.headers()["location"], "/", "{next:?}");
        assert_eq!(answer.headers().get_all(header::SET_COOKIE).iter().count(), 1);
    }
    let page = text(client.get("/login?next=//evil.example").await).await;
    assert!(!page.contains("evil"), "{page}");
    let foreign = form_of(Request::post("/login")).header("sec-fetch-site", "cross-site");
    let answer = client.send(foreign, format!("name=viewer&password={PASSWORD}")).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "nobody is logged in by another site's page");
}

#[tokio::test]
async fn logging_out_ends_the_session_itself() {
    let engine = closed().await;
    let client = Client::logged_in(&engine, "viewer").await;
    let elsewhere = Client::logged_in(&engine, "viewer").await;
    let answer = client.send(form_of(Request::post("/logout")), "").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "without the form's token");
    let form = format!("form_token={}", client.form_token().await);
    let answer = client.send(form_of(Request::post("/logout")), form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(answer.headers()[header::SET_COOKIE].to_str().unwrap().ends_with("Max-Age=0"));
    assert_eq!(
        client.get("/api/v1/status").await.status(),
        StatusCode::UNAUTHORIZED,
        "also for who kept the cookie"
    );
    assert_eq!(elsewhere.get("/api/v1/status").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_session_that_is_over_is_over() {
    let engine = closed_with(Settings { idle: Duration::ZERO, ..Settings::default() }).await;
    let client = Client::logged_in(&engine, "viewer").await;
    assert_eq!(client.get("/api/v1/status").await.status(), StatusCode::UNAUTHORIZED, "idle");
    let engine = closed_with(Settings { longest: Duration::ZERO, ..Settings::default() }).await;
    let client = Client::logged_in(&engine, "viewer").await;
    assert_eq!(client.get("/api/v1/status").await.status(), StatusCode::UNAUTHORIZED, "old");
}

#[tokio::test]
async fn a_stream_ends_with_the_session_or_token_that_it_was_asked_for_with() {
    let look_again = Duration::from_millis(20);
    let engine = closed_with(Settings { look_again, ..Settings::default() }).await;
    let session = Client::logged_in(&engine, "viewer").await;
    let program = Client::program(&engine, Role::Viewer).await;
    let stream = |client: Client| async move {
        let request = Request::get("/api/v1/events").header(header::ACCEPT, "text/event-stream");
        let answer = client.send(request, Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().into_data_stream()
    };
    let (mut by_session, mut by_token) = (stream(session.clone()).await, stream(program).await);
    let mut stays = stream(Client::logged_in(&engine, "viewer").await).await;
    let form = format!("form_token={}", session.form_token().await);
    session.send(form_of(Request::post("/logout")), form).await;
    while soon(by_session.next()).await.is_some() {}
    let (_, tokens) = engine.get("/tokens").await;
    let id = tokens.as_array().unwrap().iter().find_map(|token| token["id"].as_str()).unwrap();
    let (status, _) = json(engine.send(Method::DELETE, &format!("/tokens/{id}"), None).await).await;
    assert_eq!(status, StatusCode::OK);
    while soon(by_token.next()).await.is_some() {}
    // The other session goes on: what happens is still told.
    engine.happen(Story::new("r", "ts_copy", 1).whole()).await;
    assert!(soon(stays.next()).await.is_some());
}

#[tokio::test]
async fn people_change_their_own_password() {
    let engine = closed().await;
    let mut client = Client::logged_in(&engine, "operator").await;
    let elsewhere = Client::logged_in(&engine, "operator").await;
    let page = text(client.get("/account").await).await;
    assert!(page.contains("Role: operator"), "{page}");
    let token = client.form_token().await;
    let form = |password: &str, new: &str, again: &str| {
        format!("form_token={token}&password={password}&new={new}&again={again}")
    };
    let good = PASSWORD.replace(' ', "+");
    for (form, status, words) in [
        (
            form("wrong+horse", "battery-staple", "battery-staple"),
            StatusCode::UNPROCESSABLE_ENTITY,
            "not the present",
        ),
        (form(&good, "battery-staple", "battery-stable"), StatusCode::UNPROCESSABLE_ENTITY, "same twice"),
        (form(&good, "short", "short"), StatusCode::UNPROCESSABLE_ENTITY, "at least 10"),
    ] {
        let answer = client.send(form_of(Request::post("/account")), form).await;
        assert_eq!(answer.status(), status, "{words}");
        let page = text(answer).await;
        assert!(page.contains(words), "{words}: {page}");
    }
    let form = form(&good, "battery-staple", "battery-staple");
    let answer = client.send(form_of(Request::post("/account")), form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    client.take_cookie(&answer);
    assert_eq!(client.get("/api/v1/status").await.status(), StatusCode::OK);
    assert_eq!(elsewhere.get("/api/v1/status").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(client.log_in("operator", PASSWORD, "/").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(client.log_in("operator", "battery-staple", "/").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(Client::nobody(&engine).get("/account").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_page_that_is_open_when_its_session_ends_goes_to_the_login() {
    let engine = closed().await;
    let client = Client::nobody(&engine);
    let answer = client.send(Request::get("/runs").header("hx-request", "true"), Body::empty()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["hx-redirect"], "/login");
    assert!(answer.headers().contains_key(header::CONTENT_SECURITY_POLICY));
    let page = text(client.get("/login").await).await;
    for address in page.split('"').filter(|text| text.starts_with("/assets/")) {
        assert_eq!(
            client.get(address).await.status(),
            StatusCode::OK,
            "{address} of the page for logging in"
        );
    }
}

#[tokio::test]
async fn proxies_are_believed_where_they_are_named() {
    let trusted = vec!["192.0.2.1".parse().unwrap()];
    let engine = closed_with(Settings { trusted_proxies: trusted, ..Settings::default() }).await;
    add(&engine, "bob", Role::Viewer).await;
    let client = Client::nobody(&engine);
    let from = async |said: &str| {
        let request = form_of(Request::post("/login")).header("x-forwarded-for", said);
        client.send(request, "name=bob&password=correct+horse").await.status()
    };
    assert_eq!(from("6.6.6.6, 198.51.100.1").await, StatusCode::SEE_OTHER);
    let (_, noted) = engine.get("/audit").await;
    assert_eq!(noted[0]["address"], "198.51.100.1");
}
