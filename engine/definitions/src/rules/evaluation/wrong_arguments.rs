//! ## What it does
//! Reports a constructor or a method that is called with arguments which it does not take.
//!
//! ## Why is this bad?
//! The arguments can't be used, so the object is not what was meant.
//!
//! ## Example
//! ```rhai
//! Disk("disk1", "20G", 8);         // the device is a string
//! cluster.addHost("ds1");         // a Host object is needed
//! ```
//!
//! ## How to fix
//! Give the arguments in the order of the signature in the help line. Any number of them may be left out from the
//! right, and the rest may follow as one object map: `Disk("disk1", "20G", #{ mountPoint: "/data" })`.

use xrdtest_model::Severity;

use crate::language::class::{Class, Field};
use crate::language::session::Session;
use crate::place::Place;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT0012", "wrong-arguments", Severity::Error, include_str!("wrong_arguments.rs"));

fn signature(class: &Class) -> String {
    format!("the signature is `{}`; the rest may follow as one object map", class.signature())
}

pub(crate) fn too_many(session: &mut Session, class: &Class, place: &Place, count: usize) {
    let most = class.parameters.len();
    let plural = if most == 1 { "" } else { "s" };
    let message = format!("`{}` takes at most {most} argument{plural}, not {count}", class.name);
    session.findings.push(&RULE, place, message, Some(signature(class)));
}

pub(crate) fn wrong_type(session: &mut Session, class: &Class, field: &Field, place: &Place, found: &str) {
    let message = format!(
        "argument `{}` of `{}` must be {}, not {found}",
        field.name,
        class.name,
        field.kind.describe()
    );
    session.findings.push(&RULE, place, message, Some(signature(class)));
}

pub(crate) fn no_host(session: &mut Session, method: &str, place: &Place, found: &str) {
    let message = format!("`{method}` takes a Host object or an array of them, not {found}");
    session.findings.push(&RULE, place, message, None);
}

pub(crate) fn no_such_method(session: &mut Session, class: &Class, method: &str, place: &Place) {
    let methods: Vec<_> = class.methods.iter().map(|method| method.name).collect();
    let help =
        (!methods.is_empty()).then(|| format!("a {} has {}", class.name, crate::suggest::list(&methods)));
    let message = format!("a {} has no method `{method}`", class.name);
    session.findings.push(&RULE, place, message, help);
}
