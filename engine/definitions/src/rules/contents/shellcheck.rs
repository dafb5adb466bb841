//! ## What it does
//! Passes on what the program `shellcheck` finds in scripts, with its own code such as `SC2086`. Only with
//! `xrdtest check --shellcheck`.
//!
//! ## Why is this bad?
//! It depends: `https://www.shellcheck.net/wiki/SC2086` explains the code. Shell scripts fail in odd ways where a variable
//! is empty, a file has a space in its name, or a command in a pipe fails.
//!
//! ## Example
//! ```bash
//! rm -rf $folder/*
//! ```
//!
//! ## How to fix
//! As shellcheck says. That it can't follow `/etc/XrdTest/utils/functions.sh` (`SC1091`) is not passed on. What is meant is suppressed by shellcheck's own comment, `# shellcheck disable=SC2086`, or by a
//! file `.shellcheckrc` in the script's folder or above it.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::Deserialize;
use xrdtest_model::{Diagnostic, Severity, Span};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT5006", "shellcheck", Severity::Warning, include_str!("shellcheck.rs"));

/// The file of functions that scripts source, which is there only where they are run.
const FUNCTIONS: &str = "/etc/XrdTest/utils/functions.sh";
/// `SC1091`: a file that is sourced is not looked into.
const NOT_FOLLOWED: u32 = 1091;

/// Names of so many bytes fit onto a command line, whatever the limits of the machine.
const MOST_BYTES: usize = 100_000;

/// Why scripts could not be checked by shellcheck.
#[derive(Debug, thiserror::Error)]
pub enum ShellcheckError {
    /// It is not there.
    #[error("the program `shellcheck` is not on this machine: install the package `shellcheck`")]
    Missing,
    /// It can't be started, or its output can't be read.
    #[error("the program `shellcheck` can't be run: {0}")]
    Io(#[from] io::Error),
    /// It said something else than it should.
    #[error("the program `shellcheck` failed: {0}")]
    Failed(String),
}

/// The format `json1`.
#[derive(Debug, Deserialize)]
struct Report {
    comments: Vec<Comment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    file: String,
    line: u32,
    end_line: u32,
    column: u32,
    end_column: u32,
    code: u32,
    message: String,
}

impl Comment {
    /// Whether it says that [`FUNCTIONS`] can't be followed: `Not following: /etc/…: …`. Nobody could do anything about it.
    fn is_about_functions(&self) -> bool {
        let mut words = self.message.split_whitespace().map(|word| word.trim_end_matches(':'));
        self.code == NOT_FOLLOWED && words.any(|word| word == FUNCTIONS)
    }
}

/// Runs shellcheck once over all scripts (their paths are relative to the root), or a few times where they are too many
/// for one command line.
pub(crate) fn shellcheck(root: &Path, scripts: &[Arc<str>]) -> Result<Vec<Diagnostic>, ShellcheckError> {
    let mut findings = Findings::default();
    let mut rest = scripts;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |script: &&Arc<str>| {
            bytes += script.len() + 1;
            bytes <= MOST_BYTES
        };
        let (batch, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        let comments = run(root, batch)?;
        for comment in comments.into_iter().filter(|comment| !comment.is_about_functions()) {
            report(&mut findings, batch, &comment);
        }
        rest = others;
    }
    Ok(findings.into_sorted())
}

fn run(root: &Path, scripts: &[Arc<str>]) -> Result<Vec<Comment>, ShellcheckError> {
    let output = Command::new("shellcheck")
        .args(["--format", "json1", "--"])
        .args(scripts.iter().map(|script| &**script))
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ShellcheckError::Missing,
            _ => ShellcheckError::Io(error),
        })?;
    // Its exit code is 1 where it found something, and greater where it failed.
    match serde_json::from_slice::<Report>(&output.stdout) {
        Ok(report) if output.status.code().is_some_and(|code| code < 2) => Ok(report.comments),
        Ok(_) => Err(ShellcheckError::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(problem) => Err(ShellcheckError::Failed(format!("its output can't be read: {problem}"))),
    }
}

fn report(findings: &mut Findings, scripts: &[Arc<str>], comment: &Comment) {
    let Some(file) = scripts.iter().find(|script| ***script == *comment.file) else { return };
    let span = Span {
        line: comment.line.max(1),
        column: comment.column.max(1),
        end_line: comment.end_line.max(1),
        end_column: comment.end_column.max(1),
    };
    let place = Place { file: Arc::clone(file), span };
    let message = format!("SC{}: {}", comment.code, comment.message.trim_end_matches('.'));
    let help = format!("https://www.shellcheck.net/wiki/SC{} explains it", comment.code);
    findings.add_with_help(&RULE, &place, message, help);
}
