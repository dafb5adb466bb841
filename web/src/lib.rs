//! The engine over HTTP: `/api/v1` for programs, pages for people. See [`engine::Engine`] for what it needs of the
//! engine, [`api`](mod@api) and `pages` for the routes.
//!
//! Who may do what is decided in [`access`], before anything else.

pub mod access;
mod actions;
pub mod api;
pub mod engine;
pub mod metrics;
mod pages;

use std::sync::Arc;

use axum::Router;

pub use api::Caller;
pub use api::files::FileEvidence;

use self::access::gate::guard;
use self::engine::Engine;

/// What people's browsers reach, and programs from elsewhere: the pages and the API.
pub fn dashboard(engine: Arc<dyn Engine>) -> Router {
    let routes = pages::pages(engine.clone()).merge(api::api(engine.clone()));
    guard(routes.merge(metrics::metrics(engine.clone())), engine)
}

/// The API of an engine, under `/api/v1`, and its numbers at `/metrics`.
///
/// Streams (server-sent events, outputs that are followed) end when the engine drops the senders behind
/// [`Engine::last_event`] and [`Engine::output_arrived`].
pub fn api(engine: Arc<dyn Engine>) -> Router {
    guard(api::api(engine.clone()).merge(metrics::metrics(engine.clone())), engine)
}

/// The paths of all routes of [`dashboard`], as they are written in its tables.
pub fn paths() -> Vec<String> {
    let api = api::routes();
    let api = api.paths().iter().map(|path| format!("/api/v1{path}"));
    let (pages, metrics) = (pages::routes(), metrics::routes());
    let others = pages.paths().iter().chain(metrics.paths()).map(|path| (*path).to_owned());
    others.chain(api).collect()
}

/// What needs another role than usual: method, path and role of the table; no role: it is for everybody.
pub fn exceptions()
-> impl Iterator<Item = (axum::http::Method, &'static str, Option<xrdtest_model::api::Role>)> {
    access::table::TABLE.iter().map(|(method, path, role)| (method.clone(), *path, *role))
}
