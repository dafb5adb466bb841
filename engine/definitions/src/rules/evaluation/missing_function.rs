//! ## What it does
//! Reports a definition file without the function that makes its definition: `getTestSuite()` below `suites/`,
//! `getCluster()` below `clusters/`.
//!
//! ## Why is this bad?
//! The function is how a file hands over its definition; without it the file defines nothing.
//!
//! ## Example
//! ```rhai
//! let ts = TestSuite("ts_001_mm");
//! ts
//! ```
//!
//! ## How to fix
//! ```rhai
//! fn getTestSuite() {
//!     let ts = TestSuite("ts_001_mm");
//!     ts
//! }
//! ```

use xrdtest_model::{Severity, Span};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0003", "missing-function", Severity::Error, include_str!("missing_function.rs"));

pub(crate) fn report(findings: &mut Findings, place: &Place, function: &str, empty: bool) {
    let message = if empty {
        format!("this file is empty: it must define a function `{function}()`")
    } else if place.span == Span::START {
        format!("this file defines no function `{function}()`")
    } else {
        format!("`{function}` must have no parameters")
    };
    let help = format!("add `fn {function}() {{ … }}` without parameters, which returns the definition");
    findings.add_with_help(&RULE, place, message, help);
}
