//! `/api/v1`: the whole route table. One file per resource; the JSON is [`xrdtest_model::api`]'s.
//!
//! Every answer that is not good is a [`xrdtest_model::api::Problem`]: 400 malformed, 401 nobody known, 403 not allowed, 404 unknown, 405 wrong method,
//! 409 not in the present state, 410 removed, 413 too large, 415 not JSON, 422 can't be done as asked, 503 the engine
//! or its store can't.

mod audit;
pub(crate) mod clusters;
pub(crate) mod comparison;
mod engine;
mod etag;
mod events;
mod extract;
pub(crate) mod files;
pub(crate) mod follow;
pub(crate) mod hypervisors;
pub(crate) mod instances;
pub(crate) mod journal;
mod openapi;
pub(crate) mod outputs;
mod paging;
mod problem;
mod queue;
mod report;
mod repositories;
mod revocations;
pub(crate) mod runs;
mod schedule;
pub(crate) mod slaves;
mod states;
pub(crate) mod suites;
mod tokens;
pub(crate) mod trends;
pub(crate) mod turns;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::{Method, StatusCode};
use axum::middleware;
use axum::routing::{delete, get, post, put};

pub use self::extract::Caller;
pub(crate) use self::extract::{Params, now};
pub(crate) use self::problem::{Answer, Failure};
pub(crate) use self::schedule::STARTS;
use crate::access::Routes;
use crate::engine::Engine;

/// What handlers share.
pub(crate) type Shared = Arc<dyn Engine>;

/// Bytes of a request's body, at most: requests are names and reasons.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;

/// The API of an engine, with nobody before it who looks who asks.
pub(crate) fn api(engine: Arc<dyn Engine>) -> Router {
    let routes = routes().router().fallback(unknown_path).method_not_allowed_fallback(wrong_method);
    let routes = routes.layer(middleware::from_fn(etag::tag));
    Router::new().nest("/api/v1", routes.layer(DefaultBodyLimit::max(BODY_LIMIT))).with_state(engine)
}

pub(crate) fn routes() -> Routes {
    Routes::default()
        .route("/openapi.json", get(openapi::openapi))
        .route("/status", get(engine::status))
        .route("/definitions", get(engine::definitions))
        .route("/reload", post(engine::reload))
        .route("/repositories", get(repositories::list))
        .route("/repositories/{name}", get(repositories::show))
        .route("/repositories/{name}/fetch", post(repositories::fetch))
        .route("/stop", post(engine::stop))
        .route("/log-level", get(engine::log_level).put(engine::set_log_level))
        .route("/events", get(events::all))
        .route("/queue", get(queue::list))
        .route("/queue/pause", get(queue::paused).put(queue::pause))
        .route("/queue/{run}", delete(queue::remove))
        .route("/runs", get(runs::list).post(runs::create))
        .route("/runs/archive", post(runs::archive))
        .route("/runs/{run}", get(runs::show).delete(runs::delete))
        .route("/runs/{run}/plan", get(runs::plan))
        .route("/runs/{run}/report", get(report::report))
        .route("/runs/{run}/comparison", get(comparison::show))
        .route("/runs/{run}/cancel", post(runs::cancel))
        .route("/runs/{run}/rerun", post(runs::rerun))
        .route("/runs/{run}/pin", put(runs::pin))
        .route("/runs/{run}/events", get(events::of_run))
        .route("/runs/{run}/outputs", get(outputs::index))
        .route("/runs/{run}/outputs/{stage}/{machine}", get(outputs::output))
        .route("/runs/{run}/logs/{stage}/{machine}/{*path}", get(outputs::log))
        .route("/runs/{run}/artifacts/{stage}/{machine}/{*path}", get(outputs::artifact))
        .route("/runs/{run}/consoles/{host}", get(outputs::console))
        .route("/suites", get(suites::list))
        .route("/suites/{name}", get(suites::show))
        .route("/suites/{name}/trends", get(trends::show))
        .route("/suites/{name}/schedule", put(schedule::pause))
        .route("/turns", get(turns::list))
        .route("/schedule", get(schedule::show).put(schedule::pause_all))
        .route("/clusters", get(clusters::list))
        .route("/clusters/{name}", get(clusters::show))
        .route("/instances", get(instances::list).post(instances::create))
        .route("/instances/{instance}", get(instances::show).delete(instances::remove))
        .route("/instances/{instance}/events", get(events::of_instance))
        .route("/hypervisors", get(hypervisors::list))
        .route("/hypervisors/{name}", get(hypervisors::show))
        .route("/hypervisors/{name}/hold", put(hypervisors::hold))
        .route("/slaves", get(slaves::list))
        .route("/slaves/{*name}", get(slaves::show))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/api", post(tokens::create_api))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/revocations", get(revocations::list).post(revocations::create))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{name}", put(users::change).delete(users::remove))
        .route("/audit", get(audit::list))
}

async fn unknown_path(OriginalUri(uri): OriginalUri) -> Failure {
    Failure::not_found(format!("there is no {}", uri.path())).help("the API's paths begin with /api/v1/")
}

async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}
