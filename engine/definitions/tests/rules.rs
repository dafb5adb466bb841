//! Every rule has a manual page, a fixture that breaks it, and a snapshot of what is then said.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::{Repository, fixtures, render};
use xrdtest_definitions::rules;

/// Rules that no file of one repository can break, and the one that takes another program: `shellcheck.rs` tests it.
const WITHOUT_FIXTURE: [&str; 3] = ["XT0009", "XT0107", "XT5006"];

#[test]
fn every_rule_has_a_page() {
    for rule in rules::all() {
        let page = rule.page();
        assert!(page.starts_with(&format!("# {} ({})", rule.name, rule.code)), "{}", rule.code);
        for heading in ["## What it does", "## Why is this bad?", "## Example", "## How to fix"] {
            assert!(page.contains(heading), "{} says {heading}", rule.code);
        }
    }
}

#[test]
fn codes_and_names_are_unique_and_found() {
    let codes: BTreeSet<_> = rules::all().iter().map(|rule| rule.code).collect();
    let names: BTreeSet<_> = rules::all().iter().map(|rule| rule.name).collect();
    assert!(codes.len() >= 40, "{} rules", codes.len());
    assert_eq!(codes.len(), rules::all().len());
    assert_eq!(names.len(), rules::all().len());
    assert!(rules::all().is_sorted_by_key(|rule| rule.code));
    for rule in rules::all() {
        assert_eq!(rules::find(rule.code).map(|found| found.code), Some(rule.code));
        assert_eq!(rules::find(rule.name).map(|found| found.code), Some(rule.code));
    }
    assert!(rules::find("XT9999").is_none());
}

#[test]
fn the_base_of_all_fixtures_is_valid() {
    let repository = Repository::base();
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "");
}

#[test]
fn every_rule_has_a_fixture() {
    let folder = fixtures().join("rules");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("fixtures") {
        let path = entry.expect("a fixture").path();
        let code = path.file_stem().and_then(|stem| stem.to_str()).expect("a code").to_owned();
        assert!(rules::find(&code).is_some(), "{code} is a rule");
        let repository = Repository::base();
        repository.apply(&fs::read_to_string(&path).expect("a fixture"));
        let catalogue = repository.load();
        assert!(
            catalogue.diagnostics.iter().any(|finding| finding.code == code),
            "{code} is reported: {:#?}",
            catalogue.diagnostics
        );
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            insta::assert_snapshot!(code.as_str(), render(repository.path(), &catalogue.diagnostics));
        });
        found.insert(code);
    }
    for entry in fs::read_dir(fixtures().join("../snapshots")).expect("snapshots") {
        let path = entry.expect("a snapshot").path();
        let code = path.file_stem().and_then(|stem| stem.to_str()).expect("a code");
        assert!(found.contains(code.trim_end_matches(".snap")), "{code} is the snapshot of a fixture");
    }
    for rule in rules::all() {
        assert_ne!(found.contains(rule.code), WITHOUT_FIXTURE.contains(&rule.code), "{}", rule.code);
    }
}
