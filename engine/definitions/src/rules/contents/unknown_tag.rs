//! ## What it does
//! Reports `@name@` in a script where the suite has no tag of that name.
//!
//! ## Why is this bad?
//! What is no known tag stays in the script as it is. Mostly the name is misspelt, or the tag was forgotten in the suite.
//!
//! ## Example
//! ```bash
//! hostname | grep -q @slavenam@
//! ```
//!
//! ## How to fix
//! Correct the name, or define the tag: `ts.tags = #{ name: "value" };`. Every script has `@slavename@`, `@proto@`,
//! `@port@` and `@diskmounts@`.

use xrdtest_model::{Severity, Span};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;
use crate::rules::suite::bad_tag::{RESERVED, is_tag};
use crate::suggest::Suggestions;

pub(crate) const RULE: Rule =
    Rule::new("XT5001", "unknown-tag", Severity::Warning, include_str!("unknown_tag.rs"));

/// More than this in one script are no tags.
const MOST: usize = 100;

/// What looks like a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// Without the `@`.
    pub(crate) name: String,
    pub(crate) span: Span,
}

/// Everything in a script that looks like a tag and stands for itself: not the `@` of a mail address.
pub(crate) fn used(text: &str) -> Vec<Used> {
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1_u32..).filter(|(line, _)| line.contains('@')) {
        let mut from = 0;
        while let Some(at) = line[from..].find('@').map(|at| from + at) {
            from = at + 1;
            let Some(end) = line[from..].find('@').map(|end| from + end) else { break };
            let name = &line[from..end];
            let stands_alone = !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_@[{$".contains(c));
            if is_tag(name) && stands_alone {
                let column = super::chars(&line[..at]) + 1;
                let span = Span::on_line(number, column, super::chars(name) + 2);
                found.push(Used { name: name.to_owned(), span });
                from = end + 1;
            }
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

pub(crate) fn check(
    findings: &mut Findings,
    place: &Place,
    name: &str,
    tags: &[&str],
    suggestions: &mut Suggestions,
) {
    if RESERVED.contains(&name) || tags.contains(&name) {
        return;
    }
    let known = tags.iter().copied().chain(RESERVED);
    let near = suggestions.nearest(name, known);
    let help = match near {
        Some(near) => format!("did you mean `@{near}@`?"),
        None => format!("define it in the suite: `ts.tags = #{{ {name}: \"…\" }};`"),
    };
    findings.add_with_help(&RULE, place, format!("the suite has no tag `@{name}@`"), help);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_tag() {
        for (text, expect) in [
            ("echo @slavename@ @a@b@", &["slavename", "a"][..]),
            ("mail a@b.c d@e.f; echo ${x[@]} \"$@\" \"$@\"", &[]),
            ("sed s@foo@bar@ x; user@host@x", &[]),
            ("\"@a_1@\"@b@", &["a_1", "b"]),
            ("@1a@ @@ @ä@", &[]),
        ] {
            let names: Vec<_> = used(text).into_iter().map(|used| used.name).collect();
            assert_eq!(names, expect, "{text}");
        }
        assert_eq!(used("ä\nä @t@")[0].span, Span::on_line(2, 3, 3));
    }
}
