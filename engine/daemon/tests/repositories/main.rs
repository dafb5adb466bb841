//! Repositories: what a change of theirs does to the catalogue, and what goes wrong with them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test helpers are not marked as tests"
)]

mod folder;
mod remote;
mod support;
