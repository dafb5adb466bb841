//! Turns `.rhai` text into a catalogue of suites and clusters, and diagnostics; and one suite of a catalogue into the
//! plan of a run.
//!
//! - [`load()`] reads a repository. It never fails: what is wrong becomes a diagnostic at the exact place, and everything
//!   else is loaded. Evaluation is bounded and can't take the process down.
//! - [`snapshot()`] copies what one run of one suite needs, scripts included; [`snapshot_cluster()`] what a cluster needs
//!   that is started by hand.
//! - [`plan`](mod@plan) tells what a suite or a cluster would do, and what changed between two versions of a repository.
//! - [`check()`] does the former for the paths of a command line, [`rules`] explains every diagnostic.
//!
//! A definition's way through this crate: [`layout`](mod@layout) finds its file, [`evaluate`] runs it, [`language`] is
//! what it meets there, [`draft`] is what it says with all places, [`rules`] judge that, the model's types are the
//! result. I/O is confined to `layout`, `evaluate::files`, `script`, `fetch` and `plan::files`.

mod check;
mod draft;
mod evaluate;
mod fetch;
mod findings;
mod known;
mod language;
mod layout;
mod load;
mod parallel;
mod place;
pub mod plan;
mod reference;
mod reuse;
mod root;
pub mod rules;
mod script;
mod shape;
mod snapshot;
mod source;
mod suggest;
mod suppress;

pub use check::{CheckError, CheckOptions, Checked, check};
pub use evaluate::bounds::Bounds;
pub use load::{LoadOptions, Loaded, load, load_as_written};
pub use reference::reference;
pub use reuse::Reuse;
pub use root::{RootError, find_root};
pub use rules::contents::shellcheck::ShellcheckError;
pub use rules::layout::in_two_repositories::in_two_repositories;
pub use script::ScriptPolicy;
pub use snapshot::{Selection, SnapshotError, SnapshotOptions, snapshot, snapshot_cluster};
