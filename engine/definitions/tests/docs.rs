//! The user documentation: every definition in it is valid, every rule and link that it names exists.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{CLUSTER, Repository, SUITE, render};
use xrdtest_definitions::rules;
use xrdtest_model::definition::ScriptRef;

/// The page that is generated from the rules.
const RULES: &str = "rules.md";

const SCRIPT: &str = "#!/bin/sh\ntrue\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Name and text of every document.
fn documents() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("the folder docs");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut documents: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("text"))
        })
        .collect();
    documents.sort();
    assert!(documents.len() >= 4, "{documents:?}");
    documents
}

/// The code blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap_or(rest)).collect()
}

/// The file that a block is, by its first line: `// suites/NAME/NAME.rhai`.
fn file_of(block: &str) -> Option<&str> {
    block.lines().next()?.strip_prefix("// ").filter(|name| name.ends_with(".rhai") && !name.contains(' '))
}

/// Adds what the suites of a repository name: scripts and folders of cases.
fn add_scripts(repository: &Repository) {
    for suite in repository.load().suites.values() {
        let of_cases = suite.tests.iter().flat_map(|case| [&case.initialize, &case.run, &case.finalize]);
        for script in [&suite.initialize, &suite.finalize].into_iter().chain(of_cases).flatten() {
            if let ScriptRef::File(path) = script {
                repository.write(path, SCRIPT);
            }
        }
        for case in suite.tests.iter().filter(|case| case.run.is_none()) {
            repository.write(format!("{}/tc/{}/run.sh", suite.source.folder, case.name), SCRIPT);
        }
    }
}

/// Documents of definitions that are right: the page of the rules shows what is wrong.
fn right() -> impl Iterator<Item = (String, String)> {
    documents().into_iter().filter(|(name, _)| name != RULES)
}

#[test]
fn definitions_are_valid() {
    let repository = Repository::empty();
    let mut definitions = 0;
    for (document, text) in right() {
        for block in blocks(&text, "rhai") {
            let Some(file) = file_of(block) else { continue };
            assert!(!repository.path().join(file).exists(), "{document}: {file} is there twice");
            repository.write(file, block);
            definitions += usize::from(!file.starts_with("lib/"));
        }
    }
    assert!(definitions > 0);
    add_scripts(&repository);
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "");
    assert_eq!(catalogue.suites.len() + catalogue.clusters.len(), definitions);
}

/// Blocks that are no files are lines of a suite (they speak of `ts`, each stands for itself) or of a cluster.
#[test]
fn lines_of_definitions_are_valid() {
    for (document, text) in right() {
        for block in blocks(&text, "rhai").into_iter().filter(|block| file_of(block).is_none()) {
            let of_suite = block.contains("ts.");
            let (file, parts) =
                if of_suite { (SUITE, block.lines().collect()) } else { (CLUSTER, vec![block]) };
            for part in parts {
                let repository = Repository::base();
                repository.add_lines(file, &format!("{part}\n"));
                add_scripts(&repository);
                let found = render(repository.path(), &repository.load().diagnostics);
                assert_eq!(found, "", "{document}: {part}");
            }
        }
    }
}

/// With `XRDTEST_WRITE_GOLDEN=1` it is written anew.
#[test]
fn the_page_of_the_rules_is_up_to_date() {
    let path = folder().join(RULES);
    let expect = page_of_rules();
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        fs::write(&path, &expect).expect("written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expect.lines()).position(|(found, expect)| found != expect);
    assert!(
        found == expect,
        "docs/{RULES} is stale from line {:?} on: run XRDTEST_WRITE_GOLDEN=1 cargo test -p xrdtest-definitions --test docs",
        differs.map(|line| line + 1)
    );
}

/// All rules with a table of them, Markdown.
fn page_of_rules() -> String {
    let mut text =
        "# Rules\n\nWhat [`xrdtest check`](check.md) reports, and what to do about it. `xrdtest rule CODE` \
                    shows the same.\nThis page is generated from the rules.\n\n\
                    | code | name | severity |\n|---|---|---|\n"
            .to_owned();
    for rule in rules::all() {
        let anchor = anchor_of(&heading(rule));
        text += &format!("| [{}](#{anchor}) | {} | {} |\n", rule.code, rule.name, rule.severity);
    }
    for rule in rules::all() {
        text += &format!("\n## {}\n", heading(rule));
        let page = rule.page();
        let mut in_code = false;
        for line in page.lines().skip(1) {
            in_code ^= line.starts_with("```");
            let deeper = if line.starts_with("## ") && !in_code { "#" } else { "" };
            text += &format!("{deeper}{line}\n");
        }
    }
    text
}

fn heading(rule: &rules::Rule) -> String {
    format!("{}: {}", rule.code, rule.name)
}

#[test]
fn rules_exist() {
    for (document, text) in documents() {
        for rest in text.split("XT").skip(1) {
            let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if code.len() == 4 {
                assert!(rules::find(&format!("XT{code}")).is_some(), "{document} speaks of XT{code}");
            }
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let of_root = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|name| {
        let name = format!("../{name}");
        let text = fs::read_to_string(folder().join(&name)).expect("text");
        (name, text)
    });
    for (document, text) in documents().into_iter().chain(of_root) {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = folder().join(&document);
            let path = if path.is_empty() { file } else { file.with_file_name(path) };
            assert!(path.exists(), "{document} links to {target}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(path).expect("text");
                let found = text.lines().any(|line| line.starts_with('#') && anchor_of(line) == anchor);
                assert!(found, "{document} links to {target}");
            }
        }
    }
}

/// The anchor that a heading gets where Markdown is shown.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
