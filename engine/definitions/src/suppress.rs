//! Suppression comments: `// xrdtest: ignore XT1009` in definitions, `# xrdtest: ignore XT5001` in scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xrdtest_model::{Diagnostic, Span};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::evaluation::{bad_suppression, unused_suppression};
use crate::rules::filter::prefix_of;

/// Codes that are read in one comment.
const MOST_CODES: usize = 100;
/// Lines with suppressions that are read in one file.
const MOST: usize = 1000;

const MARK: &str = "xrdtest:";

/// How comments begin in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comments {
    /// `//`
    Rhai,
    /// `#`
    Script,
}

impl Comments {
    fn sign(self) -> &'static str {
        match self {
            Self::Rhai => "//",
            Self::Script => "#",
        }
    }
}

/// One code of one comment.
#[derive(Clone, Debug)]
struct Suppression {
    /// The beginning of the codes that are meant.
    prefix: String,
    /// As written.
    code: String,
    place: Place,
    scope: Scope,
}

#[derive(Clone, Debug)]
enum Scope {
    File,
    /// The comment's own line, and the next one where it stands alone.
    Lines(u32, u32),
}

/// The suppressions of some files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suppressions {
    by_file: BTreeMap<Arc<str>, Vec<Suppression>>,
    /// What is wrong about them.
    pub(crate) findings: Findings,
}

/// Which of the suppressed findings are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Warnings only: what a run is refused for must be known.
    Errors,
    Nothing,
}

impl Suppressions {
    /// Reads the comments of a file.
    pub(crate) fn read(&mut self, file: &Arc<str>, text: &str, comments: Comments) {
        if !text.contains(MARK) {
            return;
        }
        let mut at_top = true;
        // Alone on their lines, waiting for the line that they are for.
        let mut waiting = Vec::new();
        let mut left = MOST;
        for (line, number) in text.lines().zip(1_u32..) {
            let code = line.trim_start();
            let is_comment = code.starts_with(comments.sign());
            at_top &= is_comment || code.is_empty();
            left -= usize::from(left > 0 && line.contains(MARK));
            let mut found =
                if left > 0 { self.comment(file, line, number, comments, at_top) } else { Vec::new() };
            if is_comment && !found.is_empty() {
                waiting.append(&mut found);
                continue;
            }
            for suppression in &mut waiting {
                if let Scope::Lines(_, next) = &mut suppression.scope {
                    *next = number;
                }
            }
            found.append(&mut waiting);
            self.add(file, found);
        }
        self.add(file, waiting);
    }

    fn add(&mut self, file: &Arc<str>, found: Vec<Suppression>) {
        if !found.is_empty() {
            self.by_file.entry(Arc::clone(file)).or_default().extend(found);
        }
    }

    /// Takes over those of other files.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.by_file.extend(other.by_file);
        self.findings.absorb(other.findings);
    }

    fn comment(
        &mut self,
        file: &Arc<str>,
        line: &str,
        number: u32,
        comments: Comments,
        at_top: bool,
    ) -> Vec<Suppression> {
        let Some((start, rest)) = directive(line, comments.sign()) else {
            return Vec::new();
        };
        let place = |from: usize, text: &str| {
            let column = chars(&line[..from]) + 1;
            Place { file: Arc::clone(file), span: Span::on_line(number, column, chars(text)) }
        };
        let mut words = words(line, line.len() - rest.len());
        let Some((_, verb)) = words.next() else { return Vec::new() };
        let scope = match verb {
            "ignore" => Scope::Lines(number, number),
            "ignore-file" if at_top => Scope::File,
            "ignore-file" => {
                bad_suppression::not_at_the_beginning(&mut self.findings, &place(start, &line[start..]));
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let mut found = Vec::new();
        let mut named = false;
        for (at, code) in words.take_while(|(_, word)| !word.starts_with("--")).take(MOST_CODES) {
            named = true;
            match prefix_of(code) {
                Ok(prefix) => {
                    let (place, scope) = (place(at, code), scope.clone());
                    found.push(Suppression { prefix, code: code.to_owned(), place, scope });
                }
                Err(unknown) => bad_suppression::unknown(&mut self.findings, &place(at, code), &unknown),
            }
        }
        if !named {
            bad_suppression::names_no_rule(&mut self.findings, &place(start, line[start..].trim_end()));
        }
        found
    }

    /// Leaves out what is suppressed, and adds a finding for each code that suppressed nothing. `untried`: codes of what was
    /// not looked for, which might be suppressed all the same.
    pub(crate) fn apply(self, diagnostics: Vec<Diagnostic>, keep: Keep, untried: &[&str]) -> Vec<Diagnostic> {
        let mut used: BTreeSet<(Arc<str>, usize)> = BTreeSet::new();
        let mut broken: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut left: Vec<_> = diagnostics
            .into_iter()
            .filter(|finding| {
                let of_file = self.by_file.get(&finding.file).map_or(&[][..], Vec::as_slice);
                let mut suppressed = false;
                for (index, _) in of_file.iter().enumerate().filter(|(_, one)| one.covers(finding)) {
                    used.insert((Arc::clone(&finding.file), index));
                    suppressed = true;
                }
                if !suppressed && finding.is_error() {
                    broken.insert(Arc::clone(&finding.file));
                }
                !suppressed || (keep == Keep::Errors && finding.is_error())
            })
            .collect();
        let mut findings = self.findings;
        // Where an error ended the evaluation early, what would have been found is not known.
        for (file, suppressions) in self.by_file.iter().filter(|(file, _)| !broken.contains(*file)) {
            for (index, one) in suppressions.iter().enumerate() {
                let tried = !untried.iter().any(|code| code.starts_with(&one.prefix));
                if tried && !used.contains(&(Arc::clone(file), index)) {
                    unused_suppression::report(&mut findings, &one.place, &one.code);
                }
            }
        }
        left.extend(findings.into_sorted());
        left.sort();
        left
    }
}

impl Suppression {
    fn covers(&self, finding: &Diagnostic) -> bool {
        let here = match self.scope {
            Scope::File => true,
            Scope::Lines(own, next) => finding.span.line == own || finding.span.line == next,
        };
        here && finding.code.starts_with(&self.prefix)
    }
}

/// Where the comment with a directive begins, and what stands behind the mark.
fn directive<'a>(line: &'a str, sign: &str) -> Option<(usize, &'a str)> {
    let mark = line.find(MARK)?;
    let before = line[..mark].trim_end();
    let start = before.strip_suffix(sign)?.len();
    Some((start, &line[mark + MARK.len()..]))
}

/// Words and where they begin, from a byte of the line on.
fn words(line: &str, from: usize) -> impl Iterator<Item = (usize, &str)> {
    let is_gap = |c: char| c.is_whitespace() || c == ',';
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        let start = at + rest.find(|c| !is_gap(c))?;
        let end = line[start..].find(is_gap).map_or(line.len(), |length| start + length);
        at = end;
        Some((start, &line[start..end]))
    })
}

fn chars(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use xrdtest_model::Severity;

    use super::*;

    /// The codes that are left of findings of `XT1009` on the given lines.
    fn left(text: &str, comments: Comments, lines: &[u32]) -> Vec<(String, u32)> {
        let file: Arc<str> = Arc::from("f");
        let mut suppressions = Suppressions::default();
        suppressions.read(&file, text, comments);
        let finding = |line: &u32| Diagnostic {
            file: Arc::clone(&file),
            span: Span::on_line(*line, 1, 1),
            code: "XT1009".to_owned(),
            severity: Severity::Warning,
            message: String::new(),
            help: None,
            related: Vec::new(),
        };
        let found = suppressions.apply(lines.iter().map(finding).collect(), Keep::Errors, &["XT5006"]);
        found.into_iter().map(|finding| (finding.code, finding.span.line)).collect()
    }

    #[test]
    fn a_comment_is_for_its_line_or_the_next() {
        use Comments::{Rhai, Script};
        for (text, comments, lines, expect) in [
            ("a // xrdtest: ignore XT1009\nb", Rhai, &[1, 2][..], &[("XT1009", 2)][..]),
            ("// xrdtest: ignore XT1009\nb\nc", Rhai, &[2, 3], &[("XT1009", 3)]),
            ("// xrdtest: ignore XT1009\n// xrdtest: ignore XT1004 -- why\nb", Rhai, &[3], &[("XT0014", 2)]),
            ("# xrdtest: ignore XT1, repeated-entry\nb", Script, &[2], &[]),
            ("# xrdtest: ignore XT1009\nb", Rhai, &[2], &[("XT1009", 2)]),
            ("#!/bin/sh\n# xrdtest: ignore-file XT1009\n\nb\nc", Script, &[4, 5], &[]),
            ("b\n# xrdtest: ignore-file XT1009\n", Script, &[1], &[("XT1009", 1), ("XT0015", 2)]),
            ("b # xrdtest: ignore\n", Script, &[], &[("XT0015", 1)]),
            ("b # xrdtest: ignore XT5006\n", Script, &[], &[]),
            ("// xrdtest: ignore XT1009", Rhai, &[], &[("XT0014", 1)]),
            ("// see xrdtest: it ignores\nlet a = \"xrdtest: ignore\";", Rhai, &[], &[]),
        ] {
            let expect: Vec<_> = expect.iter().map(|(code, line)| ((*code).to_owned(), *line)).collect();
            assert_eq!(left(text, comments, lines), expect, "{text}");
        }
    }
}
