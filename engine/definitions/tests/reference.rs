//! `docs/reference-definitions.md` is what the program says, and what it says of defaults is true.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::fs;
use std::path::Path;

use support::{CLUSTER, Repository, SUITE, render};
use xrdtest_definitions::reference;
use xrdtest_model::definition::{Catalogue, ClusterDefinition, SuiteDefinition};
use xrdtest_model::limits::Limits;

#[test]
fn the_page_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference-definitions.md");
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        fs::write(&file, reference()).expect("written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == reference(),
        "docs/reference-definitions.md is stale: write it with XRDTEST_WRITE_GOLDEN=1 cargo test -p xrdtest-definitions \
         --test reference"
    );
}

/// Class, field and default of every field whose default is a value of the language.
fn defaults() -> Vec<(String, String, String)> {
    let page = reference();
    let mut defaults = Vec::new();
    for section in page.split("\n### ").skip(1) {
        let (heading, body) = section.split_once('\n').expect("a heading");
        let (class, field) = heading.split_once('.').expect("class and field");
        let Some((_, rest)) = body.split_once(" · default: `") else { continue };
        let (value, _) = rest.split_once('`').expect("the end of a value");
        if value.starts_with('"') || value.parse::<u32>().is_ok() || matches!(value, "true" | "false") {
            defaults.push((class.to_owned(), field.to_owned(), value.to_owned()));
        }
    }
    defaults
}

/// What a definition says, without the places at which it does.
fn said(repository: &Repository) -> String {
    let catalogue: Catalogue = repository.load();
    let mut suites: Vec<SuiteDefinition> = catalogue.suites.values().map(|suite| (**suite).clone()).collect();
    let clusters: Vec<ClusterDefinition> =
        catalogue.clusters.values().map(|cluster| (**cluster).clone()).collect();
    let limits = Limits::default();
    for suite in &mut suites {
        // These two are told apart from their defaults up to the start of a run.
        suite.timeout_ms.get_or_insert(limits.run_ms);
        suite.stage_timeout_ms.get_or_insert(limits.stage_ms);
    }
    let root = repository.path().display().to_string();
    format!("{suites:#?}\n{clusters:#?}").replace(&root, "ROOT")
}

#[test]
fn a_default_that_is_written_changes_nothing() {
    let defaults = defaults();
    assert!(defaults.len() > 10, "{defaults:?}");
    for (class, field, value) in defaults {
        let (file, object) = match class.as_str() {
            "TestSuite" => (SUITE, "ts"),
            "Cluster" => (CLUSTER, "cluster"),
            "Network" => (CLUSTER, "cluster.network"),
            "Host" => (CLUSTER, "cluster.hosts[0]"),
            "Disk" => (CLUSTER, "disk"),
            other => panic!("no default of a {other} is tried"),
        };
        let repository = Repository::base();
        let prepare = match class.as_str() {
            "Disk" => {
                "let disk = Disk(#{ name: \"other\", size: \"1G\" });\ncluster.hosts[0].disks = [disk];\n"
            }
            // Else these have no effect, and are reported.
            "TestSuite" => "ts.schedule = \"0 3 * * *\";\n",
            _ => "",
        };
        let unset = format!("{prepare}{object}.{field} = ();\n");
        let set = format!("{prepare}{object}.{field} = {value};\n");
        repository.add_lines(file, &unset);
        let other = Repository::base();
        other.add_lines(file, &set);
        assert_eq!(render(other.path(), &other.load().diagnostics), "", "{class}.{field} = {value}");
        assert_eq!(said(&repository), said(&other), "{class}.{field} = {value}");
    }
}
