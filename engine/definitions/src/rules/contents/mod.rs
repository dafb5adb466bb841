//! What is inside of scripts: `XT5`. Nothing found there is worse than a warning: only a run can tell for sure.

pub(crate) mod calls;
pub(super) mod carriage_returns;
mod library;
pub(super) mod missing_download;
pub(crate) mod missing_fetch;
pub(super) mod missing_source;
pub(super) mod shell_syntax;
pub(crate) mod shellcheck;
mod tokens;
mod unclosed;
pub(crate) mod unknown_role;
pub(super) mod unknown_tag;

use std::sync::Arc;

use xrdtest_model::Span;

use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::place::Place;
use crate::rules::evaluation::internal_error;
use crate::suppress::{Comments, Suppressions};

pub(crate) use self::library::Library;

/// A script of the repository.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) contents: Arc<Contents>,
    /// What was found by a look at other files of the repository.
    findings: Findings,
}

/// What is known about the text of a script, whatever other files there are; the text itself is not kept.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) file: Arc<str>,
    /// The first line.
    pub(crate) head: String,
    /// What may be tags. Which tags there are depends on the suite.
    pub(crate) tags: Vec<unknown_tag::Used>,
    /// What it gives to `role` and `fetch`. Which machines there are depends on the suite.
    pub(crate) calls: Vec<calls::Argument>,
    downloads: Vec<Mention>,
    sources: Vec<Mention>,
    findings: Findings,
    suppressions: Suppressions,
}

/// A path of another file in a script.
#[derive(Debug)]
struct Mention {
    path: String,
    span: Span,
}

impl Script {
    /// Looks for the other files that a script needs.
    fn new(contents: Arc<Contents>, files: &Files) -> Self {
        let mut findings = Findings::default();
        missing_download::check(&mut findings, &contents.file, &contents.downloads, files);
        missing_source::check(&mut findings, &contents.file, &contents.sources, files);
        Self { contents, findings }
    }

    /// One that could not be looked into because of a mistake here.
    fn failed(file: Arc<str>) -> Self {
        let mut findings = Findings::default();
        internal_error::report(&mut findings, &Place::start_of(&file));
        let contents = Contents {
            head: "#!/bin/sh".to_owned(),
            tags: Vec::new(),
            calls: Vec::new(),
            downloads: Vec::new(),
            sources: Vec::new(),
            findings: Findings::default(),
            suppressions: Suppressions::default(),
            file,
        };
        Self { contents: Arc::new(contents), findings }
    }
}

impl Contents {
    /// Looks into the text of a script.
    fn new(file: Arc<str>, text: &str) -> Self {
        let (mut findings, mut suppressions) = (Findings::default(), Suppressions::default());
        suppressions.read(&file, text, Comments::Script);
        carriage_returns::check(&mut findings, &file, text);
        let downloads = missing_download::mentioned(text);
        let head = text.split('\n').next().unwrap_or_default().to_owned();
        let (mut sources, mut calls) = (Vec::new(), Vec::new());
        if is_shell(&head) {
            calls = calls::arguments(text);
            sources = missing_source::mentioned(text);
            shell_syntax::check(&mut findings, &file, text);
        }
        Self { head, tags: unknown_tag::used(text), calls, downloads, sources, findings, suppressions, file }
    }
}

/// Whether a first line names a shell that bash understands.
pub(crate) fn is_shell(head: &str) -> bool {
    let mut words = head.strip_prefix("#!").unwrap_or_default().split_whitespace();
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut interpreter = words.next().map(name).unwrap_or_default();
    if interpreter == "env" {
        interpreter = words.find(|word| !word.starts_with('-')).map(name).unwrap_or_default();
    }
    ["sh", "bash", "dash"].contains(&interpreter.as_str())
}

/// Lines of code with their numbers: no comments, no empty lines.
fn code_lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let lines = (1..).zip(text.lines());
    lines.filter(|(_, line)| !matches!(line.trim_start().chars().next(), None | Some('#')))
}

/// A number of characters.
fn chars(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}
