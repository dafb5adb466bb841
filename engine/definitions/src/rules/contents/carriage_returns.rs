//! ## What it does
//! Reports a script of which lines end with a carriage return, the first line excepted: that is `XT4007`.
//!
//! ## Why is this bad?
//! Shells take the carriage return for a part of the last word: a file is called `data\r`, and `fi\r` ends nothing.
//!
//! ## Example
//! A `run.sh` into which lines of a mail or of a file from Windows were pasted.
//!
//! ## How to fix
//! Save the file with Unix line ends: `sed -i 's/\r$//' run.sh`.

use std::sync::Arc;

use xrdtest_model::{Severity, Span};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT5002", "carriage-returns", Severity::Warning, include_str!("carriage_returns.rs"));

pub(super) fn check(findings: &mut Findings, file: &Arc<str>, text: &str) {
    if !text.contains("\r\n") {
        return;
    }
    let mut lines = (1_u32..).zip(text.split('\n')).filter(|(_, line)| line.ends_with('\r'));
    // The kernel does not even find the interpreter then.
    let Some((number, line)) = lines.next().filter(|(number, _)| *number > 1) else {
        return;
    };
    let place = Place { file: Arc::clone(file), span: Span::on_line(number, super::chars(line), 1) };
    let message = match lines.count() {
        0 => "this line ends with a carriage return".to_owned(),
        more => format!("this line and {more} more end with a carriage return"),
    };
    findings.add_with_help(&RULE, &place, message, "save the file with Unix line ends");
}
