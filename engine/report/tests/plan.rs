//! Plans as people and programs read them: of the example definitions, of a broken suite, and of a change.
#![expect(clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xrdtest_definitions::plan::{Compared, PlanOptions, diff, find, plan};
use xrdtest_definitions::{LoadOptions, Loaded, SnapshotOptions, load_as_written};
use xrdtest_model::Timestamp;
use xrdtest_model::plan_diff::PlanDiff;
use xrdtest_model::plan_document::PlanDocument;
use xrdtest_report::plan as report;

/// 2026-11-27 12:00 UTC.
const NOW: Timestamp = Timestamp::from_millis(1_795_780_800_000);

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(root: &Path, name: &str) -> PlanDocument {
    let loaded = load_as_written(root, &LoadOptions::default());
    let options = PlanOptions { snapshot: SnapshotOptions::default(), now: NOW };
    let subject = find(&loaded.catalogue, name, None).expect("it is there");
    let mut document = plan(&loaded, root, &subject, &options);
    document.repository = "/repository".to_owned();
    document.effective.placement.engine = "no engine listens".to_owned();
    document
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Scripts of the examples change more often than plans do.
fn without_digests(check: impl FnOnce()) {
    let filters = [
        (r#"\b[0-9a-f]{64}\b"#, "DIGEST"),
        (r"\b[0-9a-f]{12}\b", "DIGEST______"),
        (r#""bytes": \d+"#, r#""bytes": 0"#),
    ];
    insta::with_settings!({ filters => filters.to_vec() }, { check() });
}

/// A repository with a cluster and a suite, to which files can be added.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().expect("a folder"));
        repository.write(
            "clusters/c.rhai",
            "fn getCluster() {\n    let cluster = Cluster(\"c\");\n    cluster.defaultHost.ramSize = 524288;\n    \
             let net = cluster.network;\n    net.ip = \"192.168.200.1\";\n    net.netmask = \"255.255.255.0\";\n    \
             net.DHCPRange = [\"192.168.200.2\", \"192.168.200.254\"];\n    \
             let m1 = Host(\"m1.xrd.test\", \"192.168.200.11\", #{ aliases: [\"www.xrd.test\"] });\n    \
             m1.disks = [Disk(\"d1\", \"20G\", \"vda\", \"/data\")];\n    \
             let m2 = Host(\"m2.xrd.test\", \"192.168.200.12\");\n    net.addHosts([m1, m2]);\n    \
             cluster.addHosts([m1, m2]);\n    cluster\n}\n",
        );
        repository.suite(
            "    ts.tags = #{ size: \"20M\" };\n    ts.schedule = \"30 2 * * mon-fri\";\n    \
            ts.timezone = \"Europe/Zurich\";\n    ts.missed = \"once\";\n    ts.jitter = \"5m\";\n    \
            ts.alert_emails = [\"ops@example.org\"];\n",
        );
        repository.write("suites/s/init.sh", "#!/bin/sh\n@diskmounts@\n");
        repository.write("suites/s/tc/one/run.sh", "#!/bin/sh\necho @slavename@ @size@ @sise@\n");
        repository.write("suites/s/tc/one/finalize.sh", "#!/bin/sh\n");
        repository
    }

    fn suite(&self, more: &str) {
        let text = format!(
            "fn getTestSuite() {{\n    let ts = TestSuite(\"s\");\n    ts.descName = \"One of everything\";\n    \
             ts.clusters = [\"c\"];\n    let two = TestCase(\"two\");\n    two.machines = [\"m2\"];\n    \
             two.run = \"#!/bin/sh\\ntrue\\n\";\n    ts.tests = [\"one\", two];\n    \
             ts.initialize = \"file://init.sh\";\n    ts.stage_timeout = \"90s\";\n{more}    ts\n}}\n"
        );
        self.write("suites/s/s.rhai", &text);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.path().join(path)).expect("text");
        assert!(text.contains(from), "{from} is in {path}");
        self.write(path, &text.replace(from, to));
    }

    fn loaded(&self) -> Loaded {
        load_as_written(self.0.path(), &LoadOptions::default())
    }
}

#[test]
fn the_examples() {
    for name in ["ts_001_mm", "ts_002_frm", "ts_003_copy", "ts_004_sss", "ts_005_gsi"] {
        let document = document(&examples(), name);
        assert!(document.runnable, "{name}: {:?}", document.diagnostics);
        without_digests(|| insta::assert_snapshot!(name, plain(&report::text(&document, 80))));
    }
    for name in
        ["cluster_001_mm", "cluster_002_frm", "cluster_003_copy", "cluster_004_sss", "cluster_005_gsi"]
    {
        let document = document(&examples(), name);
        assert!(document.runnable, "{name}: {:?}", document.diagnostics);
        insta::assert_snapshot!(name, plain(&report::text(&document, 120)));
    }
    let json = report::json(&document(&examples(), "ts_003_copy"));
    without_digests(|| insta::assert_snapshot!("ts_003_copy_json", json));
}

#[test]
fn everything_at_once() {
    let repository = Repository::new();
    let document = document(repository.0.path(), "s");
    insta::assert_snapshot!("everything_120", plain(&report::text(&document, 120)));
    insta::assert_snapshot!("everything_80", plain(&report::text(&document, 80)));
}

/// The version's golden file: it is extended where fields are added, and what is in it never changes.
#[test]
fn golden() {
    let text = report::json(&document(Repository::new().0.path(), "s"));
    golden_file("plan-1.json", &text);
}

fn golden_file(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("XRDTEST_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, text).expect("written");
    }
    let golden = fs::read_to_string(&file).expect("the golden file; XRDTEST_GOLDEN=1 writes it");
    assert_eq!(text, golden, "{}", file.display());
}

#[test]
fn a_broken_suite_is_told_as_far_as_it_goes() {
    let repository = Repository::new();
    repository.suite("    ts.machines = [\"m1\", \"m7\"];\n    ts.tiemout = \"1h\";\n    ts.finalize = \"file://gone.sh\";\n");
    let mut document = document(repository.0.path(), "s");
    assert!(!document.runnable);
    insta::assert_snapshot!("broken", plain(&report::text(&document, 100)));
    document.effective.clusters.clear();
    insta::assert_snapshot!("broken_json", report::json(&document));
}

#[test]
fn what_was_said_before_the_evaluation_ended_is_there() {
    let repository = Repository::new();
    repository.suite("    ts.logs = [\"/var/log/x\"];\n    throw \"not today\";\n");
    let document = document(repository.0.path(), "s");
    assert!(!document.runnable && document.effective.suite.is_none());
    let written = document.suite.as_ref().expect("what was said");
    assert!(written.field("logs").is_some());
    assert_eq!(document.clusters.len(), 1, "its cluster is known");
    insta::assert_snapshot!("ended_early", plain(&report::text(&document, 100)));
    repository.write("suites/s/s.rhai", "fn getTestSuite() {");
    let document = self::document(repository.0.path(), "s");
    assert!(document.suite.is_none() && document.clusters.is_empty() && !document.runnable);
    assert_eq!(document.diagnostics.len(), 1);
}

/// What `change` alters.
fn altered(change: impl FnOnce(&Repository), only: Option<&str>) -> PlanDiff {
    let (before, now) = (Repository::new(), Repository::new());
    change(&now);
    let (old, new) = (before.loaded(), now.loaded());
    let only = only.map(|name| find(&new.catalogue, name, None).expect("it is there"));
    let before = Compared { loaded: &old, root: before.0.path() };
    let now = Compared { loaded: &new, root: now.0.path() };
    let diff = diff(before, now, only.as_ref());
    let (repository, revision) = ("/repository".to_owned(), "main".to_owned());
    PlanDiff { repository, revision, commit: "0123456789abcdef0123456789abcdef01234567".to_owned(), ..diff }
}

fn many_changes(now: &Repository) {
    now.replace("suites/s/s.rhai", "30 2 * * mon-fri", "30 4 * * *");
    now.replace("suites/s/s.rhai", "ts.missed = \"once\";", "ts.timeout = \"2h\";");
    now.replace(
        "suites/s/s.rhai",
        "ops@example.org",
        "first@example.org\", \"second@example.org\", \"third@example.org",
    );
    now.write("suites/s/init.sh", "#!/bin/sh\nset -e\n@diskmounts@\n");
    now.write("suites/s/tc/one/init.sh", "#!/bin/sh\n");
    now.write("suites/s/data.txt", "data\n");
    now.replace("clusters/c.rhai", "192.168.200.12", "192.168.200.22");
    now.replace("clusters/c.rhai", "20G", "40G");
    now.replace(
        "clusters/c.rhai",
        "net.addHosts([m1, m2]);",
        "let m3 = Host(\"m3.xrd.test\", \"192.168.200.13\");\n    net.addHosts([m1, m2, m3]);",
    );
    now.replace("clusters/c.rhai", "cluster.addHosts([m1, m2]);", "cluster.addHosts([m1, m2, m3]);");
    now.write("lib/helpers.rhai", "fn help() {}\n");
    now.write("suites/t/t.rhai", "fn getTestSuite() { TestSuite(\"t\") }\n");
}

#[test]
fn a_change() {
    let diff = altered(many_changes, None);
    insta::assert_snapshot!("diff_80", plain(&report::diff(&diff, 80)));
    golden_file("plan-diff-1.json", &report::diff_json(&diff));
    let one = altered(many_changes, Some("c"));
    assert!(one.suites.is_empty() && one.files.is_empty());
    assert_eq!(one.clusters.len(), 1);
    let suite = altered(many_changes, Some("s"));
    assert_eq!((suite.suites.len(), suite.clusters.len()), (1, 1), "with its cluster");
    assert_eq!(suite.errors, 0, "those of the other suite do not count");
}

#[test]
fn no_change() {
    let diff = altered(|_| {}, None);
    assert!(diff.is_empty());
    assert_eq!(
        plain(&report::diff(&diff, 80)),
        "all definitions: main (0123456789ab) -> the files as they are now\nnothing changes\n"
    );
}

#[test]
fn removed_and_broken() {
    let diff = altered(|now| fs::remove_dir_all(now.0.path().join("suites/s")).expect("removed"), None);
    insta::assert_snapshot!("diff_removed", plain(&report::diff(&diff, 100)));
    let diff = altered(|now| now.write("suites/s/s.rhai", "fn getTestSuite() {"), None);
    assert_eq!(diff.errors, 1);
    insta::assert_snapshot!("diff_broken", plain(&report::diff(&diff, 100)));
}
