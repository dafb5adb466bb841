//! The rules: every finding belongs to one. A rule is a file below this folder whose leading comment is its manual
//! page, and a line in the table below. Codes: `XT0` reading and layout, `XT1` suites, `XT2` clusters, `XT3`
//! schedules, `XT4` scripts. A code is never used again for something else.

use std::collections::BTreeMap;

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::script::ScriptPolicy;

pub(crate) mod cluster;
pub(crate) mod evaluation;
pub(crate) mod layout;

/// What a suite is compared with.
pub(crate) struct Context<'a> {
    pub(crate) files: &'a Files,
    /// All clusters of the repository by file name; `None` for those that could not be evaluated.
    pub(crate) clusters: &'a BTreeMap<&'a str, Option<&'a Cluster>>,
    pub(crate) scripts: &'a ScriptPolicy,
}

pub(crate) fn check_suite(_: &Suite, _: &Context<'_>, _: &mut Findings) {}

/// A kind of finding.
#[derive(Debug)]
pub struct Rule {
    /// `XT1003`.
    pub code: &'static str,
    /// In a few words with hyphens: `unknown-cluster`.
    pub name: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// The text of the rule's own source file, whose leading comment is its manual page.
    source: &'static str,
}

impl Rule {
    const fn new(code: &'static str, name: &'static str, severity: Severity, source: &'static str) -> Self {
        Self { code, name, severity, source }
    }

    /// The manual page, Markdown: what the rule does, why it matters, an example, and how to fix it.
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        let body: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        format!("# {} ({})\n\n{}\n", self.name, self.code, body.join("\n").trim())
    }
}

/// All rules in the order of their codes.
pub fn all() -> &'static [Rule] {
    &[]
}

/// The rule with a code, in any case: `XT1003`, `xt1003`; or with a name.
pub fn find(code: &str) -> Option<&'static Rule> {
    all().iter().find(|rule| rule.code.eq_ignore_ascii_case(code) || rule.name.eq_ignore_ascii_case(code))
}
