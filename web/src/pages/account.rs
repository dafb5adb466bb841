//! `/account`: one's own role and password.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use xrdtest_model::api::Role;
use xrdtest_model::time::human;

use super::failure::PageAnswer;
use super::shell::Shell;
use crate::access::login::{Changed, From, change_password, field};
use crate::access::{Visitor, form};
use crate::api::Shared;

/// Where those are sent who are nobody yet.
const LOG_IN: &str = "/login?next=/account";

pub(super) async fn page() -> Response {
    match Visitor::current() {
        Visitor { name: Some(name), role: Some(role), .. } => shown(&name, role, "").into_response(),
        _ => Redirect::to(LOG_IN).into_response(),
    }
}

/// `wrong`: why the password was not changed.
fn shown(name: &str, role: Role, wrong: &str) -> Markup {
    let fields = html! {
        input type="hidden" name="username" value=(name) autocomplete="username";
        label {
            "Present password"
            input type="password" name="password" autocomplete="current-password" required;
        }
        label {
            "New password, of at least ten characters"
            input type="password" name="new" autocomplete="new-password" minlength="10" required;
        }
        label {
            "New password, again"
            input type="password" name="again" autocomplete="new-password" minlength="10" required;
        }
        button.first { "Change password" }
    };
    Shell::new("Account").render(&html! {
        section.panel.login {
            h1 { (name) }
            p.quiet { "Role: " (role) }
            @if !wrong.is_empty() { p.wrong role="alert" { (wrong) } }
            (form(Role::Viewer, "/account", &fields))
            p.quiet { "All other sessions of this account end with that; tokens of programs stay." }
        }
    })
}

/// Another password for who knows the present one; the sender stays logged in.
pub(super) async fn change(
    State(engine): State<Shared>,
    Extension(From(from)): Extension<From>,
    body: Bytes,
) -> PageAnswer<Response> {
    let Visitor { name: Some(name), role: Some(role), .. } = Visitor::current() else {
        return Ok(Redirect::to(LOG_IN).into_response());
    };
    let said = |field_name: &str| field(&body, field_name).unwrap_or_default();
    if said("new") != said("again") {
        let wrong = "The new password was not written the same twice.";
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&name, role, wrong)).into_response());
    }
    let (status, wrong) = match change_password(&engine, name.clone(), said("password"), said("new"), from)
        .await?
    {
        Changed::Good(cookie) => {
            let mut response = Redirect::to("/").into_response();
            response.headers_mut().insert(SET_COOKIE, cookie);
            return Ok(response);
        }
        Changed::Unfit(words) => (StatusCode::UNPROCESSABLE_ENTITY, words),
        Changed::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, "This is not the present password.".to_owned()),
        Changed::Wait(wait) => {
            let words = format!("This was tried too often. Try again in {}.", human(wait));
            let answer = (StatusCode::TOO_MANY_REQUESTS, shown(&name, role, &words));
            let mut response = answer.into_response();
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            return Ok(response);
        }
        Changed::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many log in at once. Try again.".to_owned()),
    };
    Ok((status, shown(&name, role, &wrong)).into_response())
}
