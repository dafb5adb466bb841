//! The engine over HTTP: `/api/v1` for programs. See [`engine::Engine`] for what it needs of the engine, and
//! [`api`](mod@api) for the routes.
//!
//! Who listens says who asks: the request's extensions hold a [`Caller`].

pub mod api;
pub mod engine;

pub use api::files::FileEvidence;
pub use api::{Caller, api};
