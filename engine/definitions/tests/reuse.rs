//! A load that reuses what an earlier one left finds exactly what a load from nothing finds.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::fs;

use support::Repository;
use xrdtest_definitions::{Bounds, LoadOptions, Reuse, load};

fn compare(repository: &Repository, options: &LoadOptions, step: &str) {
    let fresh = load(repository.path(), &LoadOptions { reuse: None, ..options.clone() });
    for round in 0..2 {
        let reused = load(repository.path(), options);
        assert_eq!(reused.diagnostics, fresh.diagnostics, "{step}, {round}");
        assert_eq!(reused.suites, fresh.suites, "{step}, {round}");
        assert_eq!(reused.clusters, fresh.clusters, "{step}, {round}");
    }
}

#[test]
fn whatever_changes_is_seen() {
    let repository = Repository::base();
    repository.write("lib/inner.rhai", "fn name() { \"inner\" }");
    repository.write("lib/outer.rhai", "import \"/lib/inner\" as inner; fn name() { inner::name() }");
    let cluster = |name: &str| {
        format!(
            "import \"/lib/outer\" as outer;\nfn getCluster() {{\n    let c = Cluster(\"{name}\");\n    \
             c.external = true;\n    c.network.name = outer::name();\n    c.addHost(Host(\"m.xrd.test\"));\n    c\n}}\n"
        )
    };
    repository.write("clusters/reused.rhai", cluster("reused"));
    let options = LoadOptions { reuse: Some(Reuse::default()), ..LoadOptions::default() };
    compare(&repository, &options, "as it is");
    repository.write("lib/inner.rhai", "fn name() { \"changed\" }");
    compare(&repository, &options, "a helper of a helper");
    repository.write("lib/inner.rhai", "fn name() { let x = ; }");
    compare(&repository, &options, "broken");
    repository.write("lib/inner.rhai", "fn name() { \"changed\" }");
    compare(&repository, &options, "repaired");
    repository.write("lib/inner.rhai", "fn name() { 1 }");
    compare(&repository, &options, "a wrong type");
    fs::remove_file(repository.path().join("lib/inner.rhai")).expect("it is there");
    compare(&repository, &options, "gone");
    repository.write("lib/inner.rhai", "\u{feff}fn name() { \"back\" }");
    compare(&repository, &options, "back, with a mark");
    repository.write("clusters/reused.rhai", cluster("other"));
    compare(&repository, &options, "another name than its file's");
    repository.write("clusters/reused.rhai", cluster("reused"));
    fs::rename(repository.path().join("clusters/reused.rhai"), repository.path().join("clusters/moved.rhai"))
        .expect("it is there");
    compare(&repository, &options, "under another name");
    let narrow = LoadOptions { bounds: Bounds { operations: 1000, ..Bounds::default() }, ..options.clone() };
    compare(&repository, &narrow, "other bounds");
    compare(&repository, &options, "the bounds of before");
}
