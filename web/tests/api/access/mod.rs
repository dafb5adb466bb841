//! Who may do what.

mod accounts;
mod login;
mod noted;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use tower::ServiceExt;
use xrdtest_model::api::Role;
use xrdtest_web::access::{Settings, accounts as kept, password};

use crate::support::{TestEngine, json, soon};

pub(crate) const PASSWORD: &str = "correct horse";

/// An engine that lets nobody in who is not known, with an account of each role.
pub(crate) async fn closed() -> Arc<TestEngine> {
    closed_with(Settings::default()).await
}

pub(crate) async fn closed_with(settings: Settings) -> Arc<TestEngine> {
    let engine = TestEngine::start_with(settings).await;
    for role in Role::ALL {
        add(&engine, role.as_str(), role).await;
    }
    engine
}

pub(crate) async fn add(engine: &Arc<TestEngine>, name: &str, role: Role) {
    let hash = password::hash(PASSWORD).unwrap();
    let store = xrdtest_web::engine::Engine::store(&**engine);
    kept::add(&*store, name.to_owned(), role, hash, "root".to_owned(), Default::default()).await.unwrap();
}

/// Somebody at the dashboard's address.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) engine: Arc<TestEngine>,
    pub(crate) cookie: Option<String>,
    pub(crate) bearer: Option<String>,
    pub(crate) address: SocketAddr,
}

impl Client {
    pub(crate) fn nobody(engine: &Arc<TestEngine>) -> Self {
        let address = SocketAddr::from(([192, 0, 2, 1], 40_000));
        Self { engine: engine.clone(), cookie: None, bearer: None, address }
    }

    /// Somebody who has logged in.
    pub(crate) async fn logged_in(engine: &Arc<TestEngine>, name: &str) -> Self {
        let mut client = Self::nobody(engine);
        let answer = client.log_in(name, PASSWORD, "/").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{name}");
        client.take_cookie(&answer);
        client
    }

    /// A program with a token of this role.
    pub(crate) async fn program(engine: &Arc<TestEngine>, role: Role) -> Self {
        let body = format!(r#"{{"name": "ci-{role}", "role": "{role}"}}"#);
        let (status, made) = engine.post("/tokens/api", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let bearer = made["token"].as_str().map(str::to_owned);
        assert!(bearer.as_ref().is_some_and(|token| token.starts_with("xrdt_")), "{made}");
        Self { bearer, ..Self::nobody(engine) }
    }

    pub(crate) fn take_cookie(&mut self, answer: &Response) {
        let set = answer.headers()[header::SET_COOKIE].to_str().unwrap();
        self.cookie = set.split(';').next().map(str::to_owned);
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str, next: &str) -> Response {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let form = format!("name={}&password={}&next={}", encode(name), encode(password), encode(next));
        self.send(form_of(Request::post("/login")), form).await
    }

    pub(crate) async fn send(&self, request: Builder, body: impl Into<Body>) -> Response {
        let mut request = request;
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.address));
        soon(xrdtest_web::dashboard(self.engine.clone()).oneshot(request)).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path), Body::empty()).await
    }

    /// With a body that nobody could understand.
    pub(crate) async fn garbage(&self, method: &Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path);
        self.send(request.header(header::CONTENT_TYPE, "application/json"), "{\"torn").await
    }

    /// What a page of theirs has to bring back.
    pub(crate) async fn form_token(&self) -> String {
        let page = text(self.get("/").await).await;
        let value = page.split("name=\"form_token\" value=\"").nth(1).unwrap();
        value.split('"').next().unwrap().to_owned()
    }
}

pub(crate) fn form_of(request: Builder) -> Builder {
    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

pub(crate) async fn text(response: Response) -> String {
    let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

/// The problem in an answer.
pub(crate) async fn problem(response: Response) -> (StatusCode, String) {
    let (status, body) = json(response).await;
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}
