//! Where findings gather while definitions are read.

use std::collections::BTreeSet;

use xrdtest_model::{Diagnostic, Related, Severity};

use crate::place::Place;
use crate::rules::Rule;

/// Findings, in order of discovery, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Diagnostic>,
    seen: BTreeSet<Diagnostic>,
    /// Errors so far.
    errors: usize,
}

impl Findings {
    /// Adds a finding. One that was made before at the same place is dropped: a loop makes the same mistake often.
    pub(crate) fn add(&mut self, rule: &Rule, place: &Place, message: impl Into<String>) {
        self.push(rule, place, message.into(), None);
    }

    /// Adds a finding with a line that says what to do about it.
    pub(crate) fn add_with_help(
        &mut self,
        rule: &Rule,
        place: &Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(rule, place, message.into(), Some(help.into()));
    }

    /// Adds a finding, with help where there is some.
    pub(crate) fn push(&mut self, rule: &Rule, place: &Place, message: String, help: Option<String>) {
        self.add_all(rule, place, message, help, Vec::new());
    }

    /// Adds a finding with help and another place, and with what is there.
    pub(crate) fn add_related(
        &mut self,
        rule: &Rule,
        place: &Place,
        message: String,
        help: &str,
        (other, what): (&Place, &str),
    ) {
        let related = Related { file: other.file.clone(), span: other.span, message: one_line(what) };
        self.add_all(rule, place, message, Some(help.to_owned()), vec![related]);
    }

    fn add_all(
        &mut self,
        rule: &Rule,
        place: &Place,
        message: String,
        help: Option<String>,
        related: Vec<Related>,
    ) {
        let diagnostic = Diagnostic {
            file: place.file.clone(),
            span: place.span,
            code: rule.code.to_owned(),
            severity: rule.severity,
            message: one_line(&message),
            help: help.as_deref().map(one_line),
            related,
        };
        // One that is not new still breaks the definition that is looked at now: helpers are used by several.
        self.errors += usize::from(rule.severity == Severity::Error);
        self.insert(diagnostic);
    }

    /// Adds all findings of another collection.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.errors += other.errors;
        for diagnostic in other.found {
            self.insert(diagnostic);
        }
    }

    /// Adds the findings of another collection that are at places where nothing was found so far.
    pub(crate) fn absorb_elsewhere(&mut self, other: Self) {
        if other.found.is_empty() {
            return;
        }
        let begin = |finding: &Diagnostic| (finding.file.clone(), finding.span.line, finding.span.column);
        let taken: BTreeSet<_> = self.found.iter().map(begin).collect();
        for diagnostic in other.found.into_iter().filter(|finding| !taken.contains(&begin(finding))) {
            self.insert(diagnostic);
        }
    }

    fn insert(&mut self, diagnostic: Diagnostic) {
        if self.seen.len() < MOST && self.seen.insert(diagnostic.clone()) {
            self.found.push(diagnostic);
        }
    }

    /// What was found, in order of discovery.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Errors so far; when it grows while a definition is looked at, that definition is broken.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Everything found, by file and place.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort();
        self.found
    }
}

/// Definitions can put anything into a message: control characters are shown as such, and a long text is cut.
fn one_line(text: &str) -> String {
    const MOST: usize = 400;
    let mut line = String::with_capacity(text.len().min(MOST));
    for c in text.chars() {
        if line.len() > MOST {
            line.push('…');
            break;
        }
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// More findings than this help nobody, and a loop can make them by the thousand.
const MOST: usize = 10_000;
