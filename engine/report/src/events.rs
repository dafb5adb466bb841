//! JSON lines: events as they are in the journal, each with its schema, so that a line stands by itself.

use serde::Serialize;
use xrdtest_model::Event;
use xrdtest_model::event::SCHEMA;

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(flatten)]
    event: &'a Event,
}

/// One event as a line, with its line break.
///
/// # Errors
/// Where it can't be told as JSON.
pub fn line(event: &Event) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(&Line { schema: SCHEMA, event })? + "\n")
}
