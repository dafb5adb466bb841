//! A load that reuses what an earlier one left finds exactly what a load from nothing finds.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::{Repository, SUITE, fixtures};
use xrdtest_definitions::{Bounds, LoadOptions, Reuse, load, load_as_written};
use xrdtest_model::definition::Source;

fn compare(repository: &Repository, options: &LoadOptions, step: &str) {
    compare_at(repository.path(), options, step);
}

fn compare_at(root: &Path, options: &LoadOptions, step: &str) {
    let anew = LoadOptions { reuse: None, ..options.clone() };
    let fresh = load(root, &anew);
    let written = format!("{:#?}", load_as_written(root, &anew));
    for round in 0..2 {
        let reused = load(root, options);
        let reused_as_written = load_as_written(root, options);
        assert_eq!(format!("{reused_as_written:#?}"), written, "{step}, {round}");
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

/// The number of findings by a rule, after [`compare`].
fn found(repository: &Repository, options: &LoadOptions, code: &str) -> usize {
    let catalogue = load(repository.path(), options);
    catalogue.diagnostics.iter().filter(|finding| finding.code == code).count()
}

#[test]
fn what_is_found_without_evaluation_is_found_again() {
    let repository = Repository::base();
    let options = LoadOptions { reuse: Some(Reuse::default()), ..LoadOptions::default() };
    let helper = "fn name() { \"lab\" }\n";
    repository.write("lib/names.rhai", helper);
    let cluster = fs::read_to_string(repository.path().join(support::CLUSTER)).expect("the cluster");
    repository.write(support::CLUSTER, format!("import \"/lib/names\" as names;\n{cluster}"));
    compare(&repository, &options, "as it is");
    // Nothing is found there when they are evaluated, so they are kept; the comments suppress nothing.
    repository.write("lib/names.rhai", format!("{helper}// xrdtest: ignore XT1009\n"));
    repository.write(support::CLUSTER, format!("// xrdtest: ignore-file XT2001\n{cluster}"));
    compare(&repository, &options, "suppressions of nothing");
    assert_eq!(found(&repository, &options, "XT0014"), 2);
    let mistake = "fn never(host) { let cluster = Cluster(\"c\"); cluster.nam = host; }\n";
    repository.write("lib/names.rhai", format!("{helper}{mistake}"));
    compare(&repository, &options, "a mistake that nothing reaches");
    assert_eq!(found(&repository, &options, "XT0016"), 1);
    repository.write("lib/names.rhai", format!("{helper}// xrdtest: ignore XT0016\n{mistake}"));
    compare(&repository, &options, "a suppressed mistake");
    assert_eq!(found(&repository, &options, "XT0016"), 0);
    let script = "suites/ts_base/suite_init.sh";
    repository.write(script, "#!/bin/sh\ncurl -O http://x/downloadScript/lib/data.sh\n. lib/more.sh\n");
    compare(&repository, &options, "files that are not there");
    assert_eq!((found(&repository, &options, "XT5004"), found(&repository, &options, "XT5005")), (1, 1));
    repository.write("lib/data.sh", "true\n").write("lib/more.sh", "true\n");
    compare(&repository, &options, "they are there");
    assert_eq!((found(&repository, &options, "XT5004"), found(&repository, &options, "XT5005")), (0, 0));
    repository.add_lines(SUITE, "    ts.tags = #{ port: \"1\" };\n");
    repository.write(script, "#!/bin/sh\necho @prot@\n");
    compare(&repository, &options, "a tag that the suite does not have");
    let calls = "#!/bin/bash\n. /etc/XrdTest/utils/functions.sh\nrole ds2 && fetch lib/none\n";
    repository.write(script, calls);
    compare(&repository, &options, "a machine and a file that are not there");
    assert_eq!((found(&repository, &options, "XT5007"), found(&repository, &options, "XT5008")), (1, 1));
    repository.write("lib/none", "").write(support::CLUSTER, cluster.replace("ds1", "ds2"));
    compare(&repository, &options, "now they are");
    assert_eq!((found(&repository, &options, "XT5007"), found(&repository, &options, "XT5008")), (0, 0));
}

/// Its files have not changed for long, so that they are known by what they look like.
#[test]
fn what_looks_as_before_means_the_same() {
    let options = LoadOptions { reuse: Some(Reuse::default()), ..LoadOptions::default() };
    compare_at(&fixtures().join("base"), &options, "once");
    compare_at(&fixtures().join("base"), &options, "again");
}

#[test]
fn what_can_t_be_evaluated_is_known_by_name() {
    let repository = Repository::base();
    let options = LoadOptions { reuse: Some(Reuse::default()), ..LoadOptions::default() };
    let known = load(repository.path(), &options);
    assert!(known.unreadable_suites.is_empty() && known.unreadable_clusters.is_empty());
    repository
        .write(SUITE, "fn getTestSuite() { <<<<")
        .write(support::CLUSTER, "fn getCluster() { throw 1; }");
    let torn = load(repository.path(), &options);
    assert!(torn.suites.is_empty() && torn.clusters.is_empty());
    let files = |torn: &BTreeMap<String, Source>| -> Vec<String> {
        assert!(torn.values().all(|source| source.broken));
        torn.values().map(|source| source.file.to_string()).collect()
    };
    assert_eq!(files(&torn.unreadable_suites), [SUITE]);
    assert_eq!(files(&torn.unreadable_clusters), [support::CLUSTER]);
}
