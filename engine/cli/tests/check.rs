//! `xrdtest check` as a user and a pipeline meet it: formats, selection, exit codes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A repository with one error (XT0010) and one warning (XT4007).
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "clusters/c.rhai",
        "fn getCluster() {\n    let cluster = Cluster(\"c\");\n    let net = cluster.network;\n    \
         net.ip = \"192.168.200.1\";\n    net.netmask = \"255.255.255.0\";\n    \
         net.DHCPRange = [\"192.168.200.2\", \"192.168.200.254\"];\n    \
         let m1 = Host(\"m1.xrd.test\", \"192.168.200.11\");\n    net.addHost(m1);\n    \
         cluster.addHost(m1);\n    cluster\n}\n",
    );
    suite(folder.path(), "    ts.alert_emial = [];\n", "echo no interpreter\n");
    folder
}

fn suite(root: &Path, more: &str, run: &str) {
    write(
        root,
        "suites/s/s.rhai",
        &format!(
            "fn getTestSuite() {{\n    let ts = TestSuite(\"s\");\n    ts.clusters = [\"c\"];\n    \
             ts.tests = [\"one\"];\n    ts.initialize = \"#!/bin/sh\\ntrue\\n\";\n{more}    ts\n}}\n"
        ),
    );
    write(root, "suites/s/tc/one/run.sh", run);
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn check(root: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_xrdtest");
    Command::new(program).arg("check").args(arguments).current_dir(root).output().unwrap()
}

/// Exit code and standard output.
fn said(root: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = check(root, arguments);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn formats_for_the_programs_of_others() {
    let folder = repository();
    let (code, text) = said(folder.path(), &["--format", "github"]);
    assert_eq!(code, Some(1));
    let start = "::warning title=XT4007,file=suites/s/s.rhai,line=4,endLine=4,col=17,endColumn=22::";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("\n::error title=XT0010,file=suites/s/s.rhai,line=6,"), "{text}");

    let (code, text) = said(folder.path(), &["--format", "sarif"]);
    assert_eq!(code, Some(1));
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    assert_eq!(run["results"][0]["ruleId"], "XT4007");
    let rules: Vec<_> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["name"]).collect();
    assert_eq!(rules, ["unknown-field", "bad-interpreter-line"]);

    let (code, text) = said(folder.path(), &["--format", "junit"]);
    assert_eq!(code, Some(1));
    assert!(text.contains(r#"tests="2" skipped="1" errors="0" failures="1""#), "{text}");
}

#[test]
fn exit_codes_follow_what_is_selected_and_denied() {
    let folder = repository();
    for (arguments, expect, lines) in [
        (&[][..], 1, 2),
        (&["--select", "XT4"], 0, 1),
        (&["--select", "XT4", "--deny", "warnings"], 1, 1),
        (&["--ignore", "XT0010"], 0, 1),
        (&["--ignore", "unknown-field,XT4"], 0, 0),
        (&["--ignore", "XT0", "--ignore", "XT4", "--deny", "warnings"], 0, 0),
        (&["--select", "XT0010", "--ignore", "XT"], 1, 1),
        (&["clusters"], 0, 0),
    ] {
        let (code, text) = said(folder.path(), &[&["--format", "concise"], arguments].concat());
        assert_eq!((code, text.lines().count()), (Some(expect), lines), "{arguments:?}: {text}");
    }
    let (_, text) = said(folder.path(), &["--format", "concise", "--select", "XT4", "--deny", "warnings"]);
    assert!(text.contains("error[XT4007]"), "a denied warning is an error in every format: {text}");
}

#[test]
fn what_can_not_be_done_is_no_bad_news() {
    let folder = repository();
    for (arguments, says) in [
        (&["--select", "XT99"][..], "there is no rule `XT99`"),
        (&["--ignore", "unknown-feild"], "did you mean `unknown-field`?"),
        (&["--deny", "everything"], "invalid value"),
        (&["nowhere"], "nowhere"),
    ] {
        let output = check(folder.path(), arguments);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {talk}");
        assert!(talk.contains(says), "{arguments:?}: {talk}");
    }
}

#[test]
fn comments_suppress_what_they_name_and_shellcheck_is_named_where_it_is_missing() {
    let folder = repository();
    let (root, concise) = (folder.path(), ["--format", "concise"]);
    let more = "    ts.alert_emial = []; // xrdtest: ignore XT0010 -- of a newer version\n";
    suite(root, more, "#!/bin/bash\necho $1 @nothing@ # xrdtest: ignore XT5001\n");
    assert_eq!(said(root, &concise), (Some(0), String::new()));
    let (code, text) = said(root, &[&concise[..], &["--shellcheck", "--deny", "warnings"]].concat());
    assert_eq!(code, Some(1));
    assert!(text.starts_with("suites/s/tc/one/run.sh:2:6: error[XT5006]: SC2086: "), "{text}");

    let program = env!("CARGO_BIN_EXE_xrdtest");
    let mut without = Command::new(program);
    let output =
        without.args(["check", "--shellcheck"]).current_dir(root).env("PATH", root).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{talk}");
    assert!(talk.contains("install the package `shellcheck`"), "{talk}");
}

#[test]
fn names_that_two_repositories_have_are_found_where_both_are_given() {
    let (one, two) = (repository(), repository());
    let path = |folder: &tempfile::TempDir| folder.path().canonicalize().unwrap().display().to_string();
    let (first, second) = (path(&one), path(&two));
    let said =
        |paths: &[&str]| said(one.path(), &[&["--format", "concise", "--select", "XT01"], paths].concat());
    assert_eq!(said(&[&second]), (Some(0), String::new()));
    let (code, text) = said(&[&first, &second]);
    assert_eq!((code, text.lines().count()), (Some(1), 2), "{text}");
    let start =
        format!("{second}/clusters/c.rhai:1:1: error[XT0107]: cluster `c` is defined in another repository");
    assert!(text.starts_with(&start) && text.contains("(clusters/c.rhai:1:1: this cluster counts"), "{text}");
    // Shown for the paths only, and the order is that of the paths.
    let (_, text) = said(&[&second, &format!("{first}/suites")]);
    assert!(text.starts_with("suites/s/s.rhai:1:1: error[XT0107]") && text.lines().count() == 1, "{text}");
    let file = two.path().join("clusters/c.rhai");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("// xrdtest: ignore-file XT0107 -- a copy\n{text}")).unwrap();
    assert!(!said(&[&first, &second]).1.contains("c.rhai"), "it is suppressed");
    assert_eq!(
        said(&[&second]),
        (Some(0), String::new()),
        "and no comment is unused where that is not looked for"
    );
}
