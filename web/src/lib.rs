//! The engine over HTTP: `/api/v1` for programs, pages for people. See [`engine::Engine`] for what it needs of the
//! engine, [`api`](mod@api) and `pages` for the routes.
//!
//! Who listens says who asks: the request's extensions hold a [`Caller`].

pub mod access;
mod actions;
pub mod api;
pub mod engine;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

pub use api::files::FileEvidence;
pub use api::{Caller, api};

use self::api::Failure;
use self::engine::Engine;

/// What people's browsers reach: the pages, and of the API what only reads.
pub fn dashboard(engine: Arc<dyn Engine>) -> Router {
    pages::pages(engine.clone()).merge(api(engine).layer(middleware::from_fn(only_reading)))
}

/// Over the network nobody is known yet, so nobody changes anything, or sees who may join.
async fn only_reading(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && !request.uri().path().starts_with("/api/v1/tokens") {
        return next.run(request).await;
    }
    let words = "the dashboard's address only shows what is; it changes nothing, and tells no tokens";
    let help = "ask on the engine's machine: `xrdtest`, or the Unix socket /run/xrdtest/engine.sock";
    Failure::new(StatusCode::FORBIDDEN, words).help(help).into_response()
}
