//! One door to all formats of reports.

use xrdtest_model::Event;
use xrdtest_model::api::ReportFormat;
use xrdtest_model::document::{RunRecord, RunsDocument};

use crate::{ctest, events, html, junit, tap};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The XML can't be made.
    #[error("the JUnit report can't be made: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// The JSON can't be made.
    #[error("the JSON can't be made: {0}")]
    Json(#[from] serde_json::Error),
}

/// A run in a format. Only JSON lines are made from `events`, which are then all of the run.
///
/// # Errors
/// [`ReportError`] where the text can't be made.
pub fn render(format: ReportFormat, run: &RunRecord, events: &[Event]) -> Result<String, ReportError> {
    Ok(match format {
        ReportFormat::Junit => junit::junit(std::slice::from_ref(run))?,
        ReportFormat::Tap => tap::tap(run),
        ReportFormat::Html => html::html(run),
        ReportFormat::Ctest => ctest::ctest(run),
        ReportFormat::Jsonl => events.iter().map(events::line).collect::<Result<_, _>>()?,
        ReportFormat::Json => serde_json::to_string_pretty(&RunsDocument::new(vec![run.clone()]))? + "\n",
    })
}
