//! The words of xrdtest as types: ids, outcomes, verdicts, definitions, plans, events, documents.
//!
//! This crate knows no other crate of the workspace and does no I/O. Spellings here are the ones of code, JSON,
//! API and page. What is written to disk or sent to programs is versioned; see [`document`] and [`event`].

pub mod api;
pub mod cause;
pub mod chronicle;
pub mod crash;
pub mod definition;
pub mod diagnostic;
pub mod document;
pub mod event;
pub mod hold;
pub mod ids;
pub mod limits;
pub mod metric;
pub mod order;
pub mod origin;
pub mod outcome;
pub mod plan;
pub mod plan_diff;
pub mod plan_document;
pub mod room;
pub mod size;
pub mod stage;
pub mod tag;
pub mod time;
pub mod webhook;

pub use cause::with_causes;
pub use crash::Crash;
pub use diagnostic::{Diagnostic, Related, Severity, Span};
pub use event::{Event, EventBody};
pub use hold::{Held, Hold};
pub use ids::{AgentName, AttemptId, HypervisorName, InstanceId, MachineId, RunId};
pub use limits::Limits;
pub use metric::Metric;
pub use order::{EndCause, FinishedReport, StageOrder, StageReport};
pub use origin::Origin;
pub use outcome::{Outcome, Verdict};
pub use plan::{ClusterPlan, RunPlan};
pub use stage::{StageId, StageKind};
pub use time::Timestamp;
