//! `xrdtest plan` as a user and a pipeline meet it: what may be named, formats, revisions, exit codes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use git2::{Repository, Signature};
use tempfile::TempDir;

const SUITE: &str = "fn getTestSuite() {\n    let ts = TestSuite(\"s\");\n    ts.clusters = [\"c\"];\n    \
                     ts.tests = [\"one\"];\n    ts.initialize = \"#!/bin/sh\\ntrue\\n\";\n    ts\n}\n";

/// A sound repository of a suite and a cluster, in the folder `tests` of a git repository.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "tests/clusters/c.rhai",
        "fn getCluster() {\n    let cluster = Cluster(\"c\");\n    let net = cluster.network;\n    \
         net.ip = \"192.168.200.1\";\n    net.netmask = \"255.255.255.0\";\n    \
         net.DHCPRange = [\"192.168.200.2\", \"192.168.200.254\"];\n    \
         let m1 = Host(\"m1.xrd.test\", \"192.168.200.11\");\n    m1.disks = [Disk(\"d1\", \"20G\", \"vda\", \"/data\")];\n    \
         net.addHost(m1);\n    cluster.addHost(m1);\n    cluster\n}\n",
    );
    write(folder.path(), "tests/suites/s/s.rhai", SUITE);
    write(folder.path(), "tests/suites/s/tc/one/run.sh", "#!/bin/sh\ntrue\n");
    Repository::init(folder.path()).unwrap();
    commit(folder.path());
    folder
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Commits all files as they are.
fn commit(root: &Path) {
    let repository = Repository::open(root).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["*"], None).unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    index.write().unwrap();
    let author = Signature::new("A", "a@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
    let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &author, &author, "change", &tree, &parents).unwrap();
}

/// Exit code, standard output and standard error of `plan` in a folder.
fn said(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest"));
    command.arg("plan").args(arguments).current_dir(folder).env("XRDTEST_SOCKET", "/nowhere/engine.sock");
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
    let (code, out, err) = said(folder, &[arguments, &["--format", "json"]].concat());
    assert_ne!(out, "", "{err}");
    (code, serde_json::from_str(&out).unwrap())
}

#[test]
fn names_and_paths() {
    let folder = repository();
    let (above, root) = (folder.path(), folder.path().join("tests"));
    for (place, arguments, kind) in [
        (&*root, &["s"][..], "suite"),
        (&*root, &["c"], "cluster"),
        (&*root, &["suites/s/s.rhai"], "suite"),
        (&*root, &["suites/s"], "suite"),
        (&*root, &["clusters/c.rhai"], "cluster"),
        (&*root.join("suites/s/tc"), &["s"], "suite"),
        (above, &["s", "--definitions", "tests"], "suite"),
        (above, &["tests/suites/s"], "suite"),
        (above, &["suites/s", "--definitions", "tests"], "suite"),
    ] {
        let (code, document) = json(place, arguments);
        assert_eq!(code, Some(0), "{arguments:?}");
        assert_eq!(document["schema"], "xrdtest.plan/1");
        assert_eq!(document["kind"], kind, "{arguments:?}");
        assert_eq!(document["clusters"][0]["hosts"][0]["disks"][0]["size"], "20G", "as written");
        assert_eq!(document["effective"]["clusters"][0]["hosts"][0]["disks"][0]["bytes"], 20_u64 << 30);
        assert_eq!(document["effective"]["placement"]["asked"], false);
        assert_eq!(document["diagnostics"].as_array().unwrap().len(), 0);
    }
    let (code, out, _) = said(&root, &["s"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("not asked: no engine listens on /nowhere/engine.sock"), "{out}");
}

#[test]
fn what_can_t_be_told_of() {
    let folder = repository();
    let root = folder.path().join("tests");
    let (code, out, err) = said(&root, &["sx"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("there is no suite or cluster `sx`: did you mean `s`?"), "{err}");
    for arguments in [&["s"][..], &["s", "--definitions", "nowhere"], &["gone/s.rhai"], &[]] {
        assert_eq!(said(folder.path(), arguments).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn errors_are_bad_news_and_the_rest_is_told() {
    let folder = repository();
    let root = folder.path().join("tests");
    write(&root, "suites/s/s.rhai", &SUITE.replace("    ts\n", "    ts.tiemout = \"1h\";\n    ts\n"));
    let (code, document) = json(&root, &["s"]);
    assert_eq!((code, &document["runnable"]), (Some(1), &serde_json::Value::Bool(false)));
    assert_eq!(document["suite"]["tests"][0], "one");
    assert_eq!(document["diagnostics"][0]["file"], "suites/s/s.rhai");
    assert_eq!(document["diagnostics"][0]["line"], 6);
    let (code, out, _) = said(&root, &["s"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("it can't be run: 1 error") && out.contains("ts.tiemout"), "{out}");
    assert_eq!(said(&root, &["c"]).0, Some(0), "the cluster has no errors");
}

#[test]
fn what_a_change_alters() {
    let folder = repository();
    let root = folder.path().join("tests");
    let (code, out, _) = said(&root, &["--diff", "HEAD"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("nothing changes"), "{out}");
    write(&root, "suites/s/tc/one/run.sh", "#!/bin/sh\nfalse\n");
    write(&root, "suites/s/s.rhai", &SUITE.replace("    ts\n", "    ts.timeout = \"2h\";\n    ts\n"));
    commit(folder.path());
    write(folder.path(), "elsewhere", "no business of definitions\n");
    for revision in ["HEAD~1", "HEAD^"] {
        let (code, diff) = json(&root, &["--diff", revision]);
        assert_eq!((code, &diff["schema"]), (Some(0), &"xrdtest.plan-diff/1".into()));
        let suite = &diff["suites"][0];
        assert_eq!((&suite["name"], &suite["change"]), (&"s".into(), &"changed".into()));
        let field = &suite["fields"][0];
        assert_eq!(
            (&field["field"], &field["old"], &field["new"]),
            (&"timeout".into(), &().into(), &"2h".into())
        );
        assert_eq!(suite["files"][0]["stages"][0], "one / run");
        assert_ne!(suite["files"][0]["old"], suite["files"][0]["new"]);
        assert_eq!(diff["commit"].as_str().unwrap().len(), 40);
    }
    let (_, one) = json(&root, &["c", "--diff", "HEAD~1"]);
    assert_eq!(one["suites"].as_array().unwrap().len() + one["clusters"].as_array().unwrap().len(), 0);
}

#[test]
fn revisions() {
    let folder = repository();
    let root = folder.path().join("tests");
    let (code, _, err) = said(&root, &["--diff", "nosuch"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("git knows no revision `nosuch`"), "{err}");
    fs::remove_dir_all(root.join("suites/s")).unwrap();
    let (code, out, _) = said(&root, &["s", "--diff", "HEAD"]);
    assert_eq!(code, Some(0), "what is gone can still be named: {out}");
    assert!(out.contains("- suite s  gone"), "{out}");
    write(&root, "suites/s/s.rhai", "fn getTestSuite() {");
    assert_eq!(said(&root, &["--diff", "HEAD"]).0, Some(1), "errors are bad news");
    fs::remove_dir_all(folder.path().join(".git")).unwrap();
    let (code, _, err) = said(&root, &["--diff", "HEAD"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("is in no git repository"), "{err}");
}
