//! ## What it does
//! Reports an address `…/downloadScript/PATH` or `…/showScript/PATH` in a script where the repository has no file
//! `PATH`.
//!
//! ## Why is this bad?
//! The download fails with 404 when the script runs, and what follows works on a file that is not there.
//!
//! ## Example
//! ```bash
//! curl -sSf -O @proto@://master.xrd.test:@port@/downloadScript/clusters/c1/xrootd.cgf
//! ```
//!
//! ## How to fix
//! Correct the path, which is relative to the root of the repository, or add the file. Paths with variables or tags in
//! them are not looked at.

use std::sync::Arc;

use xrdtest_model::{Severity, Span};

use super::Mention;
use crate::evaluate::files::{Files, downward};
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;
use crate::suggest::nearest;

pub(crate) const RULE: Rule =
    Rule::new("XT5005", "missing-download", Severity::Warning, include_str!("missing_download.rs"));

/// Addresses that are looked at, in each script.
const MOST: usize = 100;
/// Longer paths are none. Addresses may stand inside of each other, so that each must not be read to the end of a line.
const LONGEST: usize = 512;

/// The addresses in a script.
pub(super) fn mentioned(text: &str) -> Vec<Mention> {
    if !text.contains("Script/") {
        return Vec::new();
    }
    let lines = super::code_lines(text);
    let addresses =
        lines.flat_map(|(number, line)| paths(line).map(move |(start, path)| (number, line, start, path)));
    let mention = |(number, line, start, path): (u32, &str, usize, &str)| {
        let span = Span::on_line(number, super::chars(&line[..start]) + 1, super::chars(path));
        Mention { path: path.to_owned(), span }
    };
    addresses.take(MOST).map(mention).collect()
}

pub(super) fn check(findings: &mut Findings, file: &Arc<str>, mentioned: &[Mention], files: &Files) {
    for Mention { path, span } in mentioned {
        if downward(path).is_none_or(|path| files.exists(&path)) {
            continue;
        }
        let place = Place { file: Arc::clone(file), span: *span };
        let help = near(path, files).map(|near| format!("did you mean `{near}`?"));
        findings.push(&RULE, &place, format!("the repository has no file `{path}`"), help);
    }
}

/// The paths that a line fetches, and where they begin.
fn paths(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends = ["/downloadScript/", "/showScript/"]
        .into_iter()
        .flat_map(|route| line.match_indices(route).take(MOST).map(|(at, found)| at + found.len()));
    ends.filter_map(|start| Some((start, literal(&line[start..])?)))
}

/// A path at the beginning of a text, unless variables, tags or patterns are part of it.
fn literal(text: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_alphanumeric() || "._-+/".contains(c);
    let mut characters = text.char_indices();
    let end = match characters.by_ref().take(LONGEST).find(|(_, c)| !is_plain(*c)) {
        Some((end, _)) => end,
        None if characters.next().is_some() => return None,
        None => text.len(),
    };
    let goes_on =
        matches!(text[end..].chars().next(), Some('$' | '@' | '{' | '*' | '?' | '[' | '`' | '%' | '<'));
    (end > 0 && !goes_on && !text[..end].ends_with('/')).then(|| text[..end].trim_end_matches('.'))
}

/// The file of the same folder that is nearest to a path.
pub(super) fn near(path: &str, files: &Files) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let names = files.names(folder);
    let near = nearest(name, names.iter().map(String::as_str))?;
    Some(if folder.is_empty() { near.to_owned() } else { format!("{folder}/{near}") })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn paths_that_are_fetched() {
        let long = "x".repeat(LONGEST + 1);
        for (line, expect) in [
            ("curl a/downloadScript/lib/ä.sh | sh", &["lib/ä.sh"][..]),
            ("x /showScript/a.sh. /downloadScript/b", &["b", "a.sh"]),
            ("x /downloadScript/a/$NAME /downloadScript/@a@ /downloadScript/a/", &[]),
            (&format!("x /downloadScript/{long}"), &[]),
        ] {
            let found: Vec<_> = paths(line).map(|(_, path)| path).collect();
            assert_eq!(found, expect, "{line}");
        }
    }

    /// Found by mutations: each of the addresses was read to the end of the line.
    #[test]
    fn addresses_inside_of_addresses_take_no_time() {
        let text = format!("x{}", "/downloadScript/".repeat(60_000));
        let start = Instant::now();
        let file: Arc<str> = Arc::from("x.sh");
        check(&mut Findings::default(), &file, &mentioned(&text), &Files::new("/no/such".into()));
        assert!(start.elapsed().as_secs() < 2);
    }
}
