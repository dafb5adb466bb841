//! Findings of the program `shellcheck`, and what becomes of them.

#![allow(clippy::expect_used, reason = "tests")]

mod support;

use support::{Repository, render};
use xrdtest_definitions::{CheckOptions, check};

fn found(repository: &Repository) -> String {
    let options = CheckOptions { shellcheck: true, ..CheckOptions::default() };
    let checked = check(&[repository.path().to_owned()], &options).expect("shellcheck works");
    render(repository.path(), &checked[0].diagnostics)
}

#[test]
fn findings_have_their_place_and_code() {
    let repository = Repository::base();
    repository.write("suites/ts_base/tc/copy_to/run.sh", "#!/bin/bash\ntrue; rm $1\n");
    let script = "#!/bin/bash\necho $1 # xrdtest: ignore XT5006\n# shellcheck disable=SC2086\necho $2\n";
    repository.write("suites/ts_base/tc/copy_from/run.sh", script);
    // Not for shells, whatever it looks like.
    repository.write("suites/ts_base/suite_init.sh", "#!/usr/bin/python3\nrm $1\n");
    insta::assert_snapshot!(found(&repository), @r"
    suites/ts_base/tc/copy_to/run.sh:2:10 warning XT5006
        SC2086: Double quote to prevent globbing and word splitting
        help: https://www.shellcheck.net/wiki/SC2086 explains it
        | true; rm $1
        |          ^^
    ");
}

/// The product's own file is there only where scripts run; what else can't be followed may be a mistake.
#[test]
fn only_the_functions_may_be_out_of_reach() {
    let repository = Repository::base();
    let script = "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\n. /etc/XrdTest/utils/functions.sh.old\nset +e\n";
    repository.write("suites/ts_base/suite_init.sh", script);
    let found = found(&repository);
    assert_eq!(found.matches("XT5006").count(), 1, "{found}");
    assert!(found.contains("suite_init.sh:3:3 warning XT5006\n    SC1091: Not following: /etc/"), "{found}");
}

#[test]
fn suppressions_of_its_findings_are_unused_only_where_it_ran() {
    let repository = Repository::base();
    let script = "#!/bin/bash\necho \"$1\" # xrdtest: ignore XT5006\n";
    repository.write("suites/ts_base/tc/copy_from/run.sh", script);
    assert_eq!(render(repository.path(), &repository.load().diagnostics), "");
    assert!(found(&repository).contains("warning XT0014"));
}

/// More names than one command line holds.
#[test]
fn thousands_of_scripts_are_checked_in_batches() {
    let repository = Repository::base();
    let mut cases = String::new();
    for number in 0..450 {
        let name = format!("case_{number:04}_{}", "x".repeat(50));
        cases += &format!("\"{name}\", ");
        for script in ["init.sh", "run.sh", "finalize.sh"] {
            repository.write(format!("suites/ts_base/tc/{name}/{script}"), "#!/bin/bash\necho $1\n");
        }
    }
    let lines = format!("    ts.tests = [{cases}\"copy_to\", \"copy_from\"];\n");
    repository.add_lines(support::SUITE, &lines);
    assert_eq!(found(&repository).matches("XT5006").count(), 1350);
}
