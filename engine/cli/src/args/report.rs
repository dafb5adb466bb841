//! `xrdtest report`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use xrdtest_model::api::ReportFormat;

use super::remote::SOCKET;

/// Tells a run to other programs: as JUnit XML, TAP, HTML, CTest's Test.xml or JSON lines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Formats: junit (JUnit XML), tap (TAP 14), html (one file for people), ctest (Test.xml for CDash), jsonl
(the events as JSON lines), json (the run document). Of a run that is not over it is what there is to
tell by now. Unlike those of `show`, its exit code does not depend on the verdict.

Examples:
  xrdtest report latest --format tap
  xrdtest report ts_001_mm/latest --format junit --output report.xml")]
pub(crate) struct ReportArgs {
    /// The run; see `xrdtest show --help`
    pub(crate) run: String,
    /// In which format
    #[arg(long, value_parser = format())]
    pub(crate) format: ReportFormat,
    /// Write it to FILE instead of standard output; what is there is replaced when the report is whole
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The engine's socket
    #[arg(long, value_name = "PATH", env = "XRDTEST_SOCKET", hide_env_values = true, default_value = SOCKET)]
    pub(crate) socket: PathBuf,
}

fn format() -> impl TypedValueParser<Value = ReportFormat> {
    PossibleValuesParser::new(ReportFormat::ALL.map(ReportFormat::as_str))
        .try_map(|word| word.parse::<ReportFormat>())
}
