//! The pages for people: the whole route table. One file per page; what they show is what [`api`](mod@crate::api) tells.
//!
//! A page is a function of the present state. While it is open, a stream says when something has changed (`live`), and
//! the browser asks for the page again and takes over what is different. Without JavaScript a page is a page.

mod account;
mod actions;
mod assets;
mod audit;
mod clusters;
mod definitions;
mod documentation;
mod failure;
mod filter;
mod forms;
mod hypervisors;
mod live;
mod login;
mod overview;
mod parts;
mod run;
mod runs;
mod shell;
mod slaves;
mod suites;
mod topology;
mod trends;
mod turned;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use self::failure::PageFailure;
use crate::access::Routes;
use crate::api::Failure;
use crate::engine::Engine;

/// What the browser may load: nothing that is not ours, no scripts or styles in the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The pages of an engine, with nobody before them who looks who asks.
pub(crate) fn pages(engine: Arc<dyn Engine>) -> Router {
    routes()
        .router()
        .fallback(nothing_here)
        .method_not_allowed_fallback(only_get)
        .layer(middleware::map_response(protect))
        .with_state(engine)
}

pub(crate) fn routes() -> Routes {
    Routes::default()
        .route("/", get(overview::page))
        .route("/testsuites", get(suites::list))
        .route("/testsuites/{name}", get(suites::page))
        .route("/testsuites/{name}/latest", get(suites::latest))
        .route("/testsuites/{name}/badge.svg", get(suites::badge))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(run::page))
        .route("/runs/{run}/compare", get(run::compare::with_last_passed))
        .route("/runs/{run}/compare/{other}", get(run::compare::page))
        .route("/runs/{run}/outputs/{stage}/{machine}", get(run::output::page))
        .route("/runs/{run}/outputs/{stage}/{machine}/lines", get(run::follow::lines))
        .route("/clusters", get(clusters::list))
        .route("/clusters/{name}", get(clusters::page))
        .route("/hypervisors", get(hypervisors::list))
        .route("/hypervisors/{name}", get(hypervisors::page))
        .route("/slaves", get(slaves::list))
        .route("/slaves/{*name}", get(slaves::page))
        .route("/definitions", get(definitions::page))
        .route("/documentation", get(documentation::index))
        .route("/documentation/{page}", get(documentation::page))
        .route("/live", get(live::changes))
        .route("/assets/{*path}", get(assets::asset))
        .route("/testsuites/{name}/run", post(actions::run))
        .route("/testsuites/{name}/pause", post(actions::pause_suite))
        .route("/runs/{run}/cancel", post(actions::cancel))
        .route("/runs/{run}/rerun", post(actions::rerun))
        .route("/runs/{run}/pin", post(actions::pin))
        .route("/runs/{run}/delete", post(actions::delete))
        .route("/clusters/{name}/start", post(actions::start_cluster))
        .route("/instances/{instance}/stop", post(actions::stop_instance))
        .route("/queue/pause", post(actions::pause_queue))
        .route("/schedule/pause", post(actions::pause_schedules))
        .route("/hypervisors/{name}/hold", post(actions::hold))
        .route("/action", post(actions::gone))
        .route("/auth", post(actions::gone))
        .route("/update", post(actions::gone))
        .route("/index", get(|| async { Redirect::permanent("/") }))
        .route("/indexRedirect", get(|| async { Redirect::permanent("/") }))
        .route("/login", get(login::page).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/account", get(account::page).post(account::change))
        .route("/audit", get(audit::page))
}

async fn nothing_here(uri: Uri) -> PageFailure {
    PageFailure::not_found(format!("There is no page {}.", uri.path()))
}

async fn only_get(method: Method, uri: Uri) -> PageFailure {
    PageFailure::wrong_method(&method, uri.path())
}

/// A refusal that was given before any page was asked.
pub(crate) fn page_of_failure(failure: Failure) -> Response {
    protected(PageFailure::from(failure).into_response())
}

async fn protect(response: Response) -> Response {
    protected(response)
}

/// What browsers must know of every answer.
fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    response
}
