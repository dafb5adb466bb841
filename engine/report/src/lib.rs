//! What is said about a run, or about definitions. Everything here is text made from the model's types; files and
//! terminals are the caller's business.

pub mod findings;
pub mod junit;
pub mod mail;
mod noted;
pub mod plan;
pub mod record;
pub mod summary;
pub mod text;

pub use record::{Evidence, RunRecorder};
