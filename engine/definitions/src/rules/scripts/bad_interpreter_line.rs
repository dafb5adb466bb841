//! ## What it does
//! Reports a script that does not begin with `#!` and the path of its interpreter, and one whose first line ends with a
//! carriage return.
//!
//! ## Why is this bad?
//! Scripts are executed as written. Without an interpreter the kernel refuses them, and with a carriage return it looks
//! for one called `bash\r`. The stage fails with code 126 or 127.
//!
//! ## Example
//! A `run.sh` that begins with `source /etc/XrdTest/utils/functions.sh`, or was saved with Windows line ends.
//!
//! ## How to fix
//! Begin with `#!/bin/bash`, and save the file with Unix line ends.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4007", "bad-interpreter-line", Severity::Warning, include_str!("bad_interpreter_line.rs"));

pub(crate) fn check(findings: &mut Findings, place: &Place, origin: &str, text: &str) {
    let first = text.split('\n').next().unwrap_or_default();
    let (message, help) = if first.ends_with('\r') {
        (
            format!("the first line of `{origin}` ends with a carriage return"),
            "save the file with Unix line ends",
        )
    } else if !first.strip_prefix("#!").is_some_and(|interpreter| interpreter.trim_start().starts_with('/')) {
        (
            format!("`{origin}` does not begin with `#!` and the path of an interpreter"),
            "begin it with `#!/bin/bash`",
        )
    } else {
        return;
    };
    findings.add_with_help(&RULE, place, message, help);
}
