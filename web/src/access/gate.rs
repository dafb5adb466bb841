//! What stands before every route.

use std::net::IpAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use futures::StreamExt;
use xrdtest_model::api::{AuditEntry, Role, Via};

use super::identity::{self, Known, Proof, SessionDigest};
use super::{audit, origin, table};
use crate::api::{BODY_LIMIT, Caller, Failure, Shared, now};
use crate::pages::page_of_failure;

/// Where a request came from, for whoever counts; `None`: a socket of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From(pub(crate) Option<IpAddr>);

/// Marks an answer whose request was noted by whoever answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted;

/// Puts the gate before all routes, and before what answers where there is none.
pub(crate) fn guard(router: Router, engine: Shared) -> Router {
    router.layer(middleware::from_fn_with_state(engine, gate))
}

async fn gate(State(engine): State<Shared>, request: Request, next: Next) -> Response {
    let access = engine.access();
    let (mut parts, body) = request.into_parts();
    let from = super::address::of(&parts, &access.settings.trusted_proxies);
    let known = match identity::of(&parts, &access, &*engine.store(), now()).await {
        Ok(known) => known,
        Err(failure) => return refusal(&parts, failure),
    };
    let route = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let asked = Asked { engine, known, route, from };
    if let Some(role) = table::need(&parts.method, asked.route.as_deref())
        && !asked.known.visitor.may(role)
    {
        return asked.forbid(&parts, role).await;
    }
    parts.extensions.insert(From(from));
    if let Some(name) = &asked.known.visitor.name {
        parts.extensions.insert(Caller { name: name.clone() });
    }
    if let Some(Proof::Session(digest)) = &asked.known.proof {
        parts.extensions.insert(SessionDigest(digest.clone()));
    }
    if table::reads(&parts.method) {
        let Asked { engine, known: Known { visitor, proof, .. }, .. } = asked;
        let response = visitor.during(next.run(Request::from_parts(parts, body))).await;
        return match proof {
            Some(proof) if streams(&response) => while_it_holds(engine, proof, response),
            _ => response,
        };
    }
    asked.change(parts, body, next).await
}

fn streams(response: &Response) -> bool {
    let media = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    media.is_some_and(|media| media.starts_with(b"text/event-stream"))
}

/// A stream ends a little after the session or token that it was asked for with; who asks again is told why.
fn while_it_holds(engine: Shared, proof: Proof, response: Response) -> Response {
    let pause = engine.access().settings.look_again;
    let over = async move {
        loop {
            tokio::time::sleep(pause).await;
            if !proof.holds(&*engine.store(), now()).await {
                return;
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

/// Who asks for which route, and from where.
struct Asked {
    engine: Shared,
    known: Known,
    route: Option<String>,
    from: Option<IpAddr>,
}

impl Asked {
    /// Says that this takes somebody else.
    async fn forbid(self, parts: &Parts, role: Role) -> Response {
        let visitor = self.known.visitor.clone();
        if visitor.name.is_none() {
            return log_in_first(parts);
        }
        if !table::reads(&parts.method) {
            self.note(self.entry(parts, &[]), StatusCode::FORBIDDEN).await;
        }
        let has = visitor.role.map(Role::as_str).unwrap_or_default();
        let error = format!("this takes the role {role}, and yours is {has}");
        let failure = Failure::new(StatusCode::FORBIDDEN, error).help("ask an administrator");
        visitor.during(async { refusal(parts, failure) }).await
    }

    /// Lets a request change something where it is what its sender wanted, and notes it.
    async fn change(self, parts: Parts, body: Body, next: Next) -> Response {
        let visitor = self.known.visitor.clone();
        let body = match to_bytes(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(error) => return visitor.during(async { refusal(&parts, unreadable(&error)) }).await,
        };
        let entry = self.entry(&parts, &body);
        if let Err(failure) = self.is_meant(&parts, &body) {
            if visitor.name.is_some() {
                self.note(entry, StatusCode::FORBIDDEN).await;
            }
            return visitor.during(async { refusal(&parts, failure) }).await;
        }
        // To the end, also where nobody waits for the answer any more: what is done is noted.
        let answering = tokio::spawn(async move {
            let request = Request::from_parts(parts, Body::from(body));
            let response = visitor.during(next.run(request)).await;
            if response.extensions().get::<Noted>().is_none() && self.known.via != Via::Nobody {
                self.note(entry, response.status()).await;
            }
            response
        });
        match answering.await {
            Ok(response) => response,
            Err(_) => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the engine could not answer that")
                .help("its log says why")
                .into_response(),
        }
    }

    /// Whether a browser was sent by our own page, and brings what only that page has.
    fn is_meant(&self, parts: &Parts, body: &Bytes) -> Result<(), Failure> {
        let Known { visitor, via, .. } = &self.known;
        if !matches!(via, Via::Session | Via::Nobody) {
            return Ok(());
        }
        if !origin::is_ours(&parts.headers) {
            return Err(Failure::new(StatusCode::FORBIDDEN, "the page of another site has sent this")
                .help("open the page of the engine itself, and try again there"));
        }
        // A page for logging in that was open before somebody logged in has no token of that session.
        if *via == Via::Nobody || self.route.as_deref() == Some("/login") {
            return Ok(());
        }
        let token = origin::form_token(&parts.headers, body).unwrap_or_default();
        if identity::is_form_token(visitor, &token) {
            return Ok(());
        }
        let error = "the form token is missing, or of another session";
        Err(Failure::new(StatusCode::FORBIDDEN, error).help(
            "load the page again, and send its form again; programs use a token (`Authorization: Bearer`), not a cookie",
        ))
    }

    fn entry(&self, parts: &Parts, body: &[u8]) -> AuditEntry {
        let Known { visitor, via, .. } = &self.known;
        audit::entry(parts, self.route.as_deref(), body, visitor, *via, self.from)
    }

    async fn note(&self, entry: AuditEntry, status: StatusCode) {
        note(&self.engine, AuditEntry { status: status.as_u16(), ..entry }).await;
    }
}

/// Notes who has done what. A store that can't ends the engine by itself.
pub(super) async fn note(engine: &Shared, entry: AuditEntry) {
    let what = format!("{} by {}", entry.action, entry.who);
    if let Err(error) = engine.store().note(AuditEntry { at: now(), ..entry }).await {
        tracing::error!(%error, %what, "not noted in the audit log");
    }
}

fn unreadable(error: &axum::Error) -> Failure {
    let words = format!("the body is longer than {} KiB, or ended early: {error}", BODY_LIMIT / 1024);
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, words).help("requests are names and reasons")
}

fn is_api(parts: &Parts) -> bool {
    parts.uri.path().starts_with("/api/")
}

/// A refusal as who asked understands it: a problem for programs, a page for people.
fn refusal(parts: &Parts, failure: Failure) -> Response {
    if is_api(parts) { failure.into_response() } else { page_of_failure(failure) }
}

/// Nobody knows who this is: people are led to the page where they say it.
fn log_in_first(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let wanted: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    let page = format!("/login?next={wanted}");
    let accepts = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let by_script = parts.headers.contains_key("hx-request") || accepts.contains("text/event-stream");
    if !is_api(parts) && table::reads(&parts.method) && !by_script {
        return Redirect::to(&page).into_response();
    }
    let failure = Failure::new(StatusCode::UNAUTHORIZED, "this takes a login or a token")
        .help("people log in at /login; programs send `Authorization: Bearer TOKEN`");
    let mut response = refusal(parts, failure);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    if by_script && let Ok(page) = HeaderValue::try_from("/login") {
        // A page that is open when its session ends goes there.
        response.headers_mut().insert(HeaderName::from_static("hx-redirect"), page);
    }
    response
}
