//! Findings about definitions. How they are shown is the business of `xrdtest-report`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How bad a finding is. Ordered: the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Works, but is probably not what was meant.
    Warning,
    /// What it is about can't be run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A range of text in a file. Lines and columns count from 1; columns count characters; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Span {
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column just behind the last character.
    pub end_column: u32,
}

impl Span {
    /// The beginning of a file, for findings that have no better place.
    pub const START: Self = Self { line: 1, column: 1, end_line: 1, end_column: 1 };

    /// `length` characters of one line.
    pub fn on_line(line: u32, column: u32, length: u32) -> Self {
        Self { line, column, end_line: line, end_column: column.saturating_add(length) }
    }
}

/// One finding about one place in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnostic {
    /// The file, relative to the root of its repository where it lies below it; `/` between folders.
    pub file: Arc<str>,
    /// The place.
    pub span: Span,
    /// The rule's code, as `xrdtest rule CODE` takes it: `XT1001`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What to do about it, in one line.
    pub help: Option<String>,
    /// Other places that belong to it, such as the first of two that have the same name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Related {
    /// Its file, named as that of the finding is.
    pub file: Arc<str>,
    /// The place.
    pub span: Span,
    /// What is there, in one line without a full stop.
    pub message: String,
}

impl Diagnostic {
    /// Whether it keeps its subject from being run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// With other names for its files.
    #[must_use]
    pub fn with_files(mut self, name: impl Fn(&str) -> Arc<str>) -> Self {
        self.file = name(&self.file);
        for related in &mut self.related {
            related.file = name(&related.file);
        }
        self
    }
}
