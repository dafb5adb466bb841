//! What is said about a run, or about definitions. Everything here is text made from the model's types; files and
//! terminals are the caller's business.

mod clean;
pub mod ctest;
pub mod events;
pub mod findings;
mod formats;
pub mod html;
pub mod junit;
pub mod mail;
mod news;
mod noted;
pub mod plan;
mod points;
pub mod record;
pub mod summary;
pub mod tap;
pub mod text;
pub mod webhook;

pub use formats::{ReportError, render};
pub use noted::no_cores;
pub use record::{Evidence, RunRecorder};
