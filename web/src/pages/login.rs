//! `/login`, `/logout`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use xrdtest_model::time::human;

use super::failure::PageAnswer;
use super::shell::Shell;
use crate::access::Visitor;
use crate::access::login::{From, Login, Noted, SessionDigest, field, local, log_in, log_out};
use crate::api::{Params, Shared};

#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    next: String,
}

pub(super) async fn page(Params(Wish { next }): Params<Wish>) -> Response {
    let next = local(&next);
    if Visitor::current().name.is_some() {
        return Redirect::to(next).into_response();
    }
    shown(next, "", "").into_response()
}

/// `name`: what was tried; `wrong`: why it did not do.
fn shown(next: &str, name: &str, wrong: &str) -> Markup {
    Shell::new("Log in").render(&html! {
        section.panel.login {
            h1 { "Log in" }
            @if !wrong.is_empty() { p.wrong role="alert" { (wrong) } }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                label {
                    "Name"
                    input name="name" value=(name) autocomplete="username" autocapitalize="none" spellcheck="false"
                        required autofocus[name.is_empty()];
                }
                label {
                    "Password"
                    input type="password" name="password" autocomplete="current-password" required
                        autofocus[!name.is_empty()];
                }
                button.first { "Log in" }
            }
            p.quiet {
                "An administrator makes accounts on the engine's machine: "
                code { "xrdtest-engine user add NAME --role ROLE" }
            }
        }
    })
}

pub(super) async fn enter(
    State(engine): State<Shared>,
    Extension(From(from)): Extension<From>,
    body: Bytes,
) -> PageAnswer<Response> {
    let said = |name: &str| field(&body, name).unwrap_or_default();
    let (name, next) = (said("name"), said("next"));
    let next = local(&next);
    let (status, wrong) = match log_in(&engine, name.clone(), said("password"), from).await? {
        Login::Good(cookie) => {
            let mut response = Redirect::to(next).into_response();
            response.headers_mut().insert(SET_COOKIE, cookie);
            response.extensions_mut().insert(Noted);
            return Ok(response);
        }
        Login::Wrong => (StatusCode::UNAUTHORIZED, "Name and password do not belong together.".to_owned()),
        Login::Wait(wait) => {
            let words = format!("This was tried too often. Try again in {}.", human(wait));
            let mut response = (StatusCode::TOO_MANY_REQUESTS, shown(next, &name, &words)).into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            response.extensions_mut().insert(Noted);
            return Ok(response);
        }
        Login::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many log in at once. Try again.".to_owned()),
    };
    let mut response = (status, shown(next, &name, &wrong)).into_response();
    response.extensions_mut().insert(Noted);
    Ok(response)
}

pub(super) async fn leave(
    State(engine): State<Shared>,
    session: Option<Extension<SessionDigest>>,
) -> PageAnswer<Response> {
    let cookie = log_out(&engine, session.map(|Extension(session)| session)).await?;
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}
