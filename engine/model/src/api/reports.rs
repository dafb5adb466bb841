//! The formats in which a run is told to other programs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A format of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// JUnit XML: a test suite per run, a test case per case.
    Junit,
    /// TAP 14: a test point per case, a subtest of its stages on its machines.
    Tap,
    /// One HTML file for people, complete in itself.
    Html,
    /// `Test.xml` of CTest, as CDash takes it.
    Ctest,
    /// JSON lines: the events, each with its schema `xrdtest.event/1`.
    Jsonl,
    /// The run document `xrdtest.run/1`.
    Json,
}

/// A word that is no format of reports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no report format `{0}`: it is one of {all}", all = ReportFormat::words())]
pub struct UnknownFormat(String);

impl ReportFormat {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Junit, Self::Tap, Self::Html, Self::Ctest, Self::Jsonl, Self::Json];

    /// Its name in addresses, options and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Html => "html",
            Self::Ctest => "ctest",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
        }
    }

    /// What follows the run's id in the name of a file, without the first dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Junit => "junit.xml",
            Self::Ctest => "Test.xml",
            other => other.as_str(),
        }
    }

    /// The media type of an HTTP answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Junit | Self::Ctest => "application/xml",
            Self::Tap => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Jsonl => "application/jsonl",
            Self::Json => "application/json",
        }
    }

    /// `junit, tap, …`
    fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_everywhere() {
        for format in ReportFormat::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
            assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{format}\""));
        }
        let error = "xml".parse::<ReportFormat>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no report format `xml`: it is one of junit, tap, html, ctest, jsonl, json"
        );
    }
}
