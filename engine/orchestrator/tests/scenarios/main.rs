//! Runs told by hand, in virtual time. Each is told twice: as it is, with every effect held against what is expected;
//! and with the core thrown away and restored from its journal after every input, where only what is recorded counts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test helpers are not marked as tests"
)]

#[path = "../common/mod.rs"]
mod common;

mod agents;
mod boots;
mod cancels;
mod clusters;
mod contact;
mod crashes;
mod evidence;
mod external;
mod holds;
mod lab;
mod limits;
mod outcomes;
mod placement;
mod reports;
mod restarts;
mod silence;
mod standing;
mod survey;
mod torn;
mod trace;
