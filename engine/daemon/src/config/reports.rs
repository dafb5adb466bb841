//! `[reports]`: files about each run for other programs.

use std::path::PathBuf;

use serde::Deserialize;
use xrdtest_model::api::ReportFormat;

/// Reports that are written at the end of each run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportsSection {
    /// The folder; absent: none are written.
    pub folder: Option<PathBuf>,
    /// In which formats.
    pub formats: Vec<ReportFormat>,
}

impl Default for ReportsSection {
    fn default() -> Self {
        Self { folder: None, formats: vec![ReportFormat::Junit] }
    }
}
