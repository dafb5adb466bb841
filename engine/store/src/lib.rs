//! What the engine keeps: the journal, records of runs, an index of their outputs, states, join tokens, which starts were
//! considered, who may do what and has done what, deliveries that are not made yet.
//!
//! [`Store`] is the interface; [`sqlite`] is the back-end, and [`conformance`] says what any back-end has to do.
//! Outputs themselves are append-only files beside it; [`retention`] decides how long they and the records stay.

pub mod access;
pub mod conformance;
mod interface;
pub mod outbox;
pub mod retention;
pub mod sqlite;

pub use access::AccessStore;
pub use interface::{
    Answer, CaseVerdict, LastStart, Measured, Revocation, RunFilter, ScheduleRecord, Store, StoreError,
    TokenPrefix, TokenRecord,
};
pub use outbox::Outbox;
pub use retention::{RetentionAction, RetentionPolicy};
pub use sqlite::SqliteStore;
