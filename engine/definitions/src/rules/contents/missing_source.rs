//! ## What it does
//! Reports `source FILE` (or `. FILE`) with a relative path of which the repository has no file, and which the script does
//! not mention elsewhere.
//!
//! ## Why is this bad?
//! Scripts begin in an empty folder: what they source must have been downloaded or written there before. Where the
//! repository has no such file, there is nothing to download.
//!
//! ## Example
//! ```bash
//! source common.hs
//! ```
//!
//! ## How to fix
//! Correct the name; or add the file, and download it first:
//! `curl -sSf -O @proto@://master.xrd.test:@port@/downloadScript/lib/common.sh`.

use std::sync::Arc;

use xrdtest_model::{Severity, Span};

use super::Mention;
use crate::evaluate::files::{Files, within};
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT5004", "missing-source", Severity::Warning, include_str!("missing_source.rs"));

/// The files that a script sources and does not name elsewhere: one that names the file twice downloads or writes it.
pub(super) fn mentioned(text: &str) -> Vec<Mention> {
    let sourced = super::code_lines(text).filter_map(|(number, line)| Some((number, sourced(line)?)));
    let once = sourced.take(MOST).filter(|(_, (_, path))| text.matches(name_of(path)).count() <= 1);
    let mention = |(number, (column, path)): (u32, (u32, &str))| Mention {
        path: path.to_owned(),
        span: Span::on_line(number, column, super::chars(path)),
    };
    once.map(mention).collect()
}

pub(super) fn check(findings: &mut Findings, file: &Arc<str>, mentioned: &[Mention], files: &Files) {
    for Mention { path, span } in mentioned {
        if is_in_repository(file, path, name_of(path), files) {
            continue;
        }
        let place = Place { file: Arc::clone(file), span: *span };
        let message = format!("the repository has no file `{path}` that could be sourced");
        findings.add_with_help(&RULE, &place, message, "add it, and download it before it is sourced");
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Lines that are looked at: each is searched for in the whole script.
const MOST: usize = 100;

/// The relative path that a line sources, and its column. Paths with variables or tags are not looked at.
fn sourced(line: &str) -> Option<(u32, &str)> {
    let command = line.trim_start();
    let rest = command.strip_prefix("source ").or_else(|| command.strip_prefix(". "))?.trim_start();
    let rest = rest.trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| c.is_whitespace() || ";&|\"')".contains(c)).unwrap_or(rest.len());
    let path = &rest[..end];
    let is_plain = path.chars().all(|c| c.is_alphanumeric() || "._-+/".contains(c));
    let column = super::chars(&line[..line.len() - rest.len()]) + 1;
    (is_plain && !path.is_empty() && !path.starts_with('/')).then_some((column, path))
}

/// Wherever a script's author may have it from: the root, `lib`, the folder of the script and those above it.
fn is_in_repository(script: &str, path: &str, name: &str, files: &Files) -> bool {
    let mut folder = script;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        let there = [path, name].into_iter().filter_map(|path| within(folder, path));
        if there.into_iter().any(|path| files.exists(&path)) {
            return true;
        }
    }
    let at_root = [within("", path), Some(format!("lib/{name}"))];
    at_root.into_iter().flatten().any(|path| files.exists(&path))
}
