//! What was found, and how it is told.

use std::fmt;

use serde::Serialize;
use xrdtest_report::findings::plural;

/// How it is with something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// It was not looked at; why is in words.
    Unseen,
    /// It works, but not for long, or not as somebody might think.
    Warning,
    /// It does not work.
    Problem,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Unseen => "unseen",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: &'static str,
    /// How it is.
    pub grade: Grade,
    /// A file, an address, a name.
    pub place: String,
    /// What was found.
    pub what: String,
    /// Why it is so, or why it matters; may be empty.
    pub why: String,
    /// What to do about it; may be empty.
    pub next: String,
}

impl Finding {
    fn new(check: &'static str, grade: Grade, place: impl fmt::Display, what: impl Into<String>) -> Self {
        let (why, next) = (String::new(), String::new());
        Self { check, grade, place: place.to_string(), what: what.into(), why, next }
    }

    pub(super) fn ok(check: &'static str, place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self::new(check, Grade::Ok, place, what)
    }

    pub(super) fn unseen(check: &'static str, place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self::new(check, Grade::Unseen, place, what)
    }

    pub(super) fn warning(check: &'static str, place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self::new(check, Grade::Warning, place, what)
    }

    pub(super) fn problem(check: &'static str, place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self::new(check, Grade::Problem, place, what)
    }

    #[must_use]
    pub(super) fn because(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    #[must_use]
    pub(super) fn next(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }
}

/// Everything that was found: the document `xrdtest.doctor/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Examination {
    schema: &'static str,
    /// Nothing is a problem.
    pub healthy: bool,
    /// In the order in which an engine needs it.
    pub findings: Vec<Finding>,
}

impl Examination {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        let healthy = findings.iter().all(|finding| finding.grade != Grade::Problem);
        Self { schema: "xrdtest.doctor/1", healthy, findings }
    }
}

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, grade, place, what, why, next } in &self.findings {
            writeln!(f, "{grade:8} {check:14} {place}: {what}")?;
            for (word, text) in [("because", why), ("next", next)] {
                if !text.is_empty() {
                    writeln!(f, "{:8} {:14} {word}: {text}", "", "")?;
                }
            }
        }
        let count = |grade| self.findings.iter().filter(|finding| finding.grade == grade).count();
        let [problems, warnings, unseen, good] =
            [Grade::Problem, Grade::Warning, Grade::Unseen, Grade::Ok].map(count);
        let (problems, warnings) = (plural(problems, "problem"), plural(warnings, "warning"));
        writeln!(f, "{problems}, {warnings}, {unseen} not looked at, {good} as it should be")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examination() -> Examination {
        Examination::new(vec![
            Finding::ok("store", "/s", "it is whole"),
            Finding::problem("ports", "0.0.0.0:1 (UDP)", "taken").because("another has it").next("end it"),
        ])
    }

    #[test]
    fn for_people() {
        let text = "ok       store          /s: it is whole\n\
                    problem  ports          0.0.0.0:1 (UDP): taken\n                        because: another has it\n\
                    \x20                       next: end it\n\
                    1 problem, 0 warnings, 0 not looked at, 1 as it should be\n";
        assert_eq!(examination().to_string(), text);
    }

    /// The golden document of version 1: it is only extended.
    #[test]
    fn for_programs() {
        let golden = r#"{"schema":"xrdtest.doctor/1","healthy":false,"findings":[{"check":"store","grade":"ok","place":"/s","what":"it is whole","why":"","next":""},{"check":"ports","grade":"problem","place":"0.0.0.0:1 (UDP)","what":"taken","why":"another has it","next":"end it"}]}"#;
        assert_eq!(serde_json::to_string(&examination()).unwrap(), golden);
    }
}
