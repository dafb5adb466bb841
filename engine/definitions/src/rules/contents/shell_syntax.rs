//! ## What it does
//! Reports a script for `bash`, `sh` or `dash` that these can't read: its syntax is wrong.
//!
//! ## Why is this bad?
//! The shell runs such a script up to the mistake and gives up there, with exit code 2: the machines are left half set up.
//!
//! ## Example
//! ```bash
//! if [ -e /data ]; then
//!     rm -rf /data/*
//! ```
//!
//! ## How to fix
//! Correct the script; `bash -n FILE` says more. What is nested very deeply is not looked at.

use std::io::Cursor;
use std::panic::catch_unwind;
use std::sync::Arc;

use brush_parser::{ParseError, Parser, ParserOptions};
use xrdtest_model::{Severity, Span};

use super::unclosed;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT5003", "shell-syntax", Severity::Warning, include_str!("shell_syntax.rs"));

/// The parser takes stack and time by how deep a script is nested, by some powers of two. Deeper scripts are left to it
/// that runs them.
const DEEPEST: usize = 30;
const DEEPEST_PARENTHESES: usize = 10;
const DEEPEST_CASES: usize = 6;
/// Longer scripts are mostly data.
const LONGEST: usize = 64 << 10;

pub(super) fn check(findings: &mut Findings, file: &Arc<str>, text: &str) {
    // Carriage returns are the cause then, and reported by themselves.
    if text.contains("\r\n") || is_beyond_the_parser(text) {
        return;
    }
    // A mistake of the parser must not keep the definitions from loading.
    let parsed = catch_unwind(|| {
        Parser::new(Cursor::new(text.as_bytes()), &ParserOptions::default()).parse_program().map(drop)
    });
    let Ok(Err(problem)) = parsed else { return };
    // What is not closed is shown where it begins; the end, where the shell notices it, tells nothing.
    let (span, message) = match problem {
        ParseError::ParsingNear(position) => (
            word_at(text, position.line, position.column),
            "the shell can't read on from about here".to_owned(),
        ),
        ParseError::ParsingAtEndOfInput => unclosed::at_end(text).unwrap_or_else(|| {
            (end_of(text), "the script ends within a command: something is not closed".to_owned())
        }),
        ParseError::Tokenizing { inner, .. } => unclosed::of_words(text, &inner)
            .unwrap_or_else(|| (end_of(text), format!("the shell can't read the script: {inner}"))),
    };
    findings.add_with_help(
        &RULE,
        &Place { file: Arc::clone(file), span },
        message,
        "`bash -n FILE` says more",
    );
}

/// Whether a script is too long or nested too deeply to be looked at.
pub(super) fn is_beyond_the_parser(text: &str) -> bool {
    text.len() > LONGEST || Nesting::of(text).is_beyond_the_parser()
}

/// The word at a line and column of the parser; the whole line where that is its end: the mistake is what stands before.
fn word_at(text: &str, line: usize, column: usize) -> Span {
    let Some(content) = text.lines().nth(line.saturating_sub(1)) else { return end_of(text) };
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let line = small(line.max(1));
    let column = column.max(1);
    if column > content.trim_end().chars().count() {
        return whole(line, content);
    }
    let word = content.chars().skip(column - 1).take_while(|c| !c.is_whitespace()).count();
    Span::on_line(line, small(column), small(word.max(1)))
}

/// The last line with something on it.
fn end_of(text: &str) -> Span {
    let lines = (1_u32..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (number, line) = lines.last().unwrap_or((1, ""));
    whole(number, line)
}

/// A line without the blanks around it.
fn whole(number: u32, line: &str) -> Span {
    let blank = super::chars(line) - super::chars(line.trim_start());
    Span::on_line(number, blank + 1, super::chars(line.trim()).max(1))
}

/// How deep a script is nested at most, roughly: words in strings and comments count as well.
#[derive(Debug, Default)]
struct Nesting {
    deepest: usize,
    parentheses: usize,
    cases: usize,
    /// `case` within parentheses, as in `$(case … esac)`: the parser takes the `)` of a pattern for theirs.
    case_within: bool,
}

impl Nesting {
    fn of(text: &str) -> Self {
        let mut most = Self::default();
        let (mut depth, mut parentheses, mut cases) = (0_usize, 0_usize, 0_usize);
        let is_gap = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-');
        for part in text.split_inclusive(is_gap) {
            let word = part.trim_end_matches(is_gap);
            match word {
                "if" | "while" | "until" | "for" | "select" | "coproc" => depth += 1,
                "case" => {
                    cases += 1;
                    depth += 1;
                    most.case_within |= parentheses > 0;
                }
                "esac" => {
                    cases = cases.saturating_sub(1);
                    depth = depth.saturating_sub(1);
                }
                "fi" | "done" => depth = depth.saturating_sub(1),
                _ => {}
            }
            match part[word.len()..].chars().next() {
                Some('(') => {
                    parentheses += 1;
                    depth += 1;
                }
                Some('{' | '`' | '[') => depth += 1,
                Some(')') => {
                    parentheses = parentheses.saturating_sub(1);
                    depth = depth.saturating_sub(1);
                }
                Some('}' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            most.deepest = most.deepest.max(depth);
            most.parentheses = most.parentheses.max(parentheses);
            most.cases = most.cases.max(cases);
        }
        most
    }

    fn is_beyond_the_parser(&self) -> bool {
        self.deepest > DEEPEST
            || self.parentheses > DEEPEST_PARENTHESES
            || self.cases > DEEPEST_CASES
            || self.case_within
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::evaluate::bounds::STACK_BYTES;

    fn found(text: &str) -> Vec<(u32, u32)> {
        let mut findings = Findings::default();
        check(&mut findings, &Arc::from("x.sh"), text);
        findings.iter().map(|finding| (finding.span.line, finding.span.column)).collect()
    }

    #[test]
    fn syntax_of_bash() {
        for (text, expect) in [
            ("#!/bin/bash\na=(1 2); [[ $x =~ ^a ]] && echo ${a[@]/b/c} <<< x > >(cat)\n", &[][..]),
            ("#!/bin/bash\nx=$(case $a in b) echo c ;; esac)\n", &[]),
            ("#!/bin/bash\ncat <<EOF\n(if @diskmounts@\nEOF\n@diskmounts@\n", &[]),
            ("#!/bin/bash\n", &[]),
            ("#!/bin/bash\necho ä; fi; done\n", &[(2, 11)]),
        ] {
            assert_eq!(found(text), expect, "{text}");
        }
    }

    /// The shell itself notices these at the end only.
    #[test]
    fn what_is_not_closed_is_shown_where_it_begins() {
        for (text, expect) in [
            ("if true; then\n    echo x\n\n", (2, 1, "`if` is not closed: the script ends before its `fi`")),
            ("x\nif a; then if b; then x; fi\n", (3, 1, "its `fi`")),
            ("f() {\n    for x in 'if' (; do x; done\n", (3, 19, "the shell can't read on")),
            ("f() {\n    for x in if; do x; done\n", (2, 5, "its `}`")),
            ("function f {\n    while x; do x;\n", (3, 5, "its `done`")),
            ("(\n echo x; x=(a b)\n", (2, 1, "`(` is not closed")),
            ("x; y=(a\n'b'\n", (2, 6, "its `)`")),
            ("case x in\n(a) x ;;\nb) x ;;\n", (2, 1, "its `esac`")),
            ("x; [[ -n ä\n", (2, 4, "its `]]`")),
            ("true &&\n# nothing\n", (2, 6, "behind `&&` a command is missing")),
            ("echo 'x\n", (2, 6, "a single quote is never closed")),
            ("echo ä \"$(x)\n\nx\n", (2, 8, "a double quote is never closed")),
            ("echo `x\nx\n", (2, 6, "a backquote is never closed")),
            ("x\necho $'x\n", (3, 7, "a quote `$'` is never closed")),
            ("ä=\"$(a) ${b}\"; x=$(c\nd\n", (2, 18, "`$(` is never closed")),
            ("x=${a\ny=${b}\n", (2, 3, "`${` is never closed")),
            ("cat <<EOF\n(if\n", (2, 7, "no line `EOF` ends this text")),
        ] {
            let mut findings = Findings::default();
            check(&mut findings, &Arc::from("x.sh"), &format!("#!/bin/bash\n{text}"));
            let found: Vec<_> = findings.iter().collect();
            let [found] = found[..] else { panic!("{text}: {found:?}") };
            let (line, column, words) = expect;
            assert_eq!((found.span.line, found.span.column), (line, column), "{text}: {}", found.message);
            assert!(found.message.contains(words), "{text}: {}", found.message);
        }
    }

    /// Of what is nested deeply, nothing takes long or much stack.
    #[test]
    fn nesting_is_bounded() {
        let all = || {
            let parts = [
                "(",
                "( ",
                "$(",
                "{ ",
                "if ",
                "case x in a) ",
                "f() { ",
                "`",
                "[[ ( ",
                "${a:-",
                "\"$(",
                "! ",
                "&& ",
                "coproc ",
                "a[",
                "$[",
                "<(",
            ];
            for (part, other) in parts.iter().flat_map(|part| parts.map(|other| (part, other))) {
                for count in [8, 14, 30, 5000] {
                    let text = format!("#!/bin/bash\n{}", format!("{part}{other}").repeat(count / 2));
                    let start = Instant::now();
                    found(&text);
                    assert!(start.elapsed().as_secs() < 2, "{part}{other} {count}");
                }
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(all).expect("a thread");
        thread.join().expect("nothing takes long");
    }
}
