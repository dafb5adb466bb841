//! ## What it does
//! Reports a script that is written in none of the forms that scripts have.
//!
//! ## Why is this bad?
//! There is no telling where the script is.
//!
//! ## Example
//! ```rhai
//! ts.initialize = "suite_init.sh";
//! ```
//!
//! ## How to fix
//! Write `"file://suite_init.sh"` (relative to the suite's folder), `"file:///absolute/path"`, `"https://…"`, or the
//! script itself, which begins with `#!`.

use xrdtest_model::Severity;

use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT4004", "bad-script-reference", Severity::Error, include_str!("bad_script_reference.rs"));

pub(crate) fn check(findings: &mut Findings, script: &Located<String>, exists: bool) {
    let text = script.value.lines().next().unwrap_or_default();
    let help = if exists {
        format!("write `\"file://{text}\"`")
    } else {
        "write `file://` and a path relative to the suite's folder, a URL, or a script that begins with `#!`"
            .to_owned()
    };
    findings.add_with_help(&RULE, &script.place, format!("`{text}` names no script"), help);
}
