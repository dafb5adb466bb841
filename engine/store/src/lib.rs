//! What the engine keeps: the journal, records of runs, an index of their outputs, states, join tokens, which starts were
//! considered.
//!
//! [`Store`] is the interface; [`sqlite`] is the back-end, and [`conformance`] says what any back-end has to do.
//! Outputs themselves are append-only files beside it; [`retention`] decides how long they and the records stay.

pub mod conformance;
mod interface;
pub mod retention;
pub mod sqlite;

pub use interface::{
    Answer, CaseVerdict, LastStart, Measured, RunFilter, ScheduleRecord, Store, StoreError, TokenPrefix,
    TokenRecord,
};
pub use retention::{RetentionAction, RetentionPolicy};
pub use sqlite::SqliteStore;
