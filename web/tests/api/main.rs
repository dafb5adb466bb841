//! `/api/v1` against a real store. The engine behind it is a small one: it does what it is told by writing the events
//! that a core would write.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod actions;
mod agents;
mod events;
mod history;
mod instances;
mod metrics;
mod openapi;
mod outputs;
mod pages;
mod reading;
mod reports;
mod repositories;
mod routes;
mod runs;
mod schedules;
mod support;
