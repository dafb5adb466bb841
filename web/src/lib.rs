//! The engine over HTTP: `/api/v1` for programs. See [`engine::Engine`] for what it needs.

pub mod engine;
