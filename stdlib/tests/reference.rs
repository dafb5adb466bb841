//! `docs/stdlib.md` is made from the comments of modules and functions; XRDTEST_WRITE_GOLDEN=1 writes it anew.

use std::fmt::Write;
use std::path::Path;

use xrdtest_stdlib::modules::{ALL, Module};
use xrdtest_stdlib::shell::FUNCTIONS;

const HEAD: &str = "\
# The standard library

Made from the comments in `stdlib/`: what definitions bring in with `import \"std/NAME\" as NAME;`
([definitions.md](definitions.md#imports)), and what scripts have after `source /etc/XrdTest/utils/functions.sh`
([scripts.md](scripts.md#functions)).

In a definition a wrong argument is an error where the function is called, and says what was expected. A shell function
that is used wrongly ends the script with code 2, as any command does that fails.
";

/// A call and the text about it, line by line.
#[derive(Debug)]
struct Entry {
    call: String,
    text: Vec<String>,
}

/// The functions of a module that others may call, each with its comment.
fn functions_of(module: &Module) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut text = Vec::new();
    for line in module.source.lines() {
        if let Some(comment) = line.strip_prefix("///") {
            text.push(comment.strip_prefix(' ').unwrap_or(comment).to_owned());
        } else if let Some(function) = line.strip_prefix("fn ") {
            let signature = function.trim_end_matches(" {");
            let call = format!("{}::{signature}", module.name);
            assert!(!text.is_empty(), "{call} has no comment");
            entries.push(Entry { call, text: std::mem::take(&mut text) });
        } else {
            assert!(text.is_empty(), "std/{}: a comment belongs to no function: {text:?}", module.name);
        }
    }
    entries
}

/// The shell functions, each with its comment.
fn functions_of_scripts() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut comment: Vec<String> = Vec::new();
    for line in FUNCTIONS.lines() {
        if let Some(text) = line.strip_prefix("##") {
            comment.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
        } else if let Some((name, _)) = line.split_once("() {") {
            if name.starts_with("_xrdtest") {
                continue;
            }
            assert!(comment.len() > 2 && comment[1].is_empty(), "{name} has no comment: {comment:?}");
            let mut text = std::mem::take(&mut comment);
            let call = text.remove(0);
            text.remove(0);
            assert_eq!(call.split(' ').next(), Some(name));
            entries.push(Entry { call, text: fenced(text) });
        } else {
            assert!(comment.is_empty(), "a comment belongs to no function: {comment:?}");
        }
    }
    entries
}

/// Indented lines as blocks of code.
fn fenced(text: Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = false;
    for line in text {
        let code = line.strip_prefix("    ");
        if code.is_some() != open {
            lines.push(if open { "```" } else { "```bash" }.to_owned());
            open = !open;
        }
        lines.push(code.map_or(line.clone(), str::to_owned));
    }
    if open {
        lines.push("```".to_owned());
    }
    lines
}

fn reference() -> String {
    let mut text = format!("{HEAD}\n## Modules of definitions\n");
    for module in ALL {
        let head = module.source.lines().map_while(|line| line.strip_prefix("//!"));
        let head: Vec<&str> = head.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let _ = write!(text, "\n### std/{}\n\n{}\n", module.name, head.join("\n"));
        for Entry { call, text: lines } in functions_of(module) {
            let _ = write!(text, "\n#### `{call}`\n\n{}\n", lines.join("\n"));
        }
    }
    text.push_str("\n## Functions of scripts\n");
    for Entry { call, text: lines } in functions_of_scripts() {
        let _ = write!(text, "\n### `{call}`\n\n{}\n", lines.join("\n"));
    }
    text
}

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stdlib.md");
    let text = reference();
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/stdlib.md is stale; XRDTEST_WRITE_GOLDEN=1 cargo test -p xrdtest-stdlib --test reference writes it"
    );
    for line in text.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}

#[test]
fn all_functions_are_in_it() {
    let calls: Vec<String> = functions_of_scripts().into_iter().map(|entry| entry.call).collect();
    let names: Vec<&str> = calls.iter().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(
        names,
        [
            "log",
            "stamp",
            "run",
            "assert_fail",
            "wait_for",
            "role",
            "fetch",
            "get_ca_certificate",
            "get_signed_certificate",
            "get_sss_keytable",
            "artifact",
            "metric",
            "expect_reboot"
        ]
    );
    for module in ALL {
        assert!(functions_of(module).len() >= 5, "std/{}", module.name);
    }
}
