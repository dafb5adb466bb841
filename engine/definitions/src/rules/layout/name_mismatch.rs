//! ## What it does
//! Reports a suite or a cluster whose `name` is not the name of its file.
//!
//! ## Why is this bad?
//! Other definitions, the schedule and the command line know it by one name only (manual 6.1.1).
//!
//! ## Example
//! ```rhai
//! // suites/ts_002_frm/ts_002_frm.rhai
//! ts.name = "ts_001_mm";
//! ```
//!
//! ## How to fix
//! Give `name` the name of the file without `.rhai`; after copying a definition that is easily forgotten.

use xrdtest_model::Severity;

use crate::draft::DefinitionFile;
use crate::findings::Findings;
use crate::place::Located;
use crate::rules::Rule;
use crate::rules::layout::malformed_name;

pub(crate) const RULE: Rule =
    Rule::new("XT0103", "name-mismatch", Severity::Error, include_str!("name_mismatch.rs"));

/// Looks at the name of a suite or a cluster; `what` says which.
pub(crate) fn check(
    findings: &mut Findings,
    what: &str,
    file: &DefinitionFile,
    name: Option<&Located<String>>,
) {
    let Some(name) = name.filter(|name| name.value != file.stem) else {
        return malformed_name::check(findings, what, name);
    };
    findings.add_with_help(
        &RULE,
        &name.place,
        format!("the name `{}` is not the name of the file, `{}`", name.value, file.stem),
        format!("write `{}`, or rename the file and its folder", file.stem),
    );
}
