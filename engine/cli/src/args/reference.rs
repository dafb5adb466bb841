//! `docs/reference-commands.md`: what `--help` says of every command and option, from clap's own definitions. For tests:
//! each program keeps its own section up to date with [`check`].

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};

/// The programs in the order of the page.
const PROGRAMS: [&str; 4] = ["xrdtest", "xrdtest-engine", "xrdtest-hypervisor", "xrdtest-slave"];

const BEGINNING: &str = "\
# Reference of commands

Every command and option. The programs themselves write this page, from what `--help` shows. How commands are used is in
[running.md](running.md), [check.md](check.md), [plan.md](plan.md) and, with an engine, [client.md](client.md).

";

/// Compares a program's section of the page with what it is; writes it where `XRDTEST_WRITE_GOLDEN` is set.
pub(crate) fn check(command: Command) {
    let program = command.get_name().to_owned();
    // Each of the programs is two folders below the root.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference-commands.md");
    let page = fs::read_to_string(&file).unwrap_or_default();
    let is = section(command);
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        let sections = PROGRAMS.map(|name| if name == program { is.clone() } else { written(&page, name) });
        let links = PROGRAMS.map(|name| format!("- [{name}](#{name})")).join("\n");
        let text = format!("{BEGINNING}{links}\n\n{}", sections.concat());
        fs::write(&file, format!("{}\n", text.trim_end())).expect("the page is written");
        return;
    }
    assert!(
        written(&page, &program).trim_end() == is.trim_end(),
        "docs/reference-commands.md is stale: write it with XRDTEST_WRITE_GOLDEN=1 cargo test -p {} --bin {program} \
         reference",
        env!("CARGO_PKG_NAME"),
    );
}

/// A program's section as it stands in the page.
fn written(page: &str, program: &str) -> String {
    let mut lines = page.lines().skip_while(|line| *line != format!("## {program}"));
    let first = lines.next().map(str::to_owned);
    let rest = lines.take_while(|line| !line.starts_with("## ")).map(str::to_owned);
    first.into_iter().chain(rest).map(|line| line + "\n").collect()
}

fn section(mut command: Command) -> String {
    command.build();
    let mut text = String::new();
    describe(&mut text, &mut command, 2);
    text
}

fn describe(text: &mut String, command: &mut Command, depth: usize) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let _ = writeln!(text, "{} {name}\n", "#".repeat(depth.min(4)));
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        let about = about.to_string();
        let _ = writeln!(text, "{}.\n", about.trim_end_matches('.'));
    }
    let usage = command.render_usage().to_string();
    let _ = writeln!(text, "```text\n{}\n```\n", usage.trim_start_matches("Usage: "));
    let shown = |arg: &&Arg| {
        let of_clap = matches!(arg.get_id().as_str(), "help" | "version");
        // What holds everywhere stands at the program only.
        !of_clap && !arg.is_hide_set() && (depth == 2 || !arg.is_global_set())
    };
    let args: Vec<_> = command.get_arguments().filter(shown).collect();
    if !args.is_empty() {
        text.push_str("| option | meaning |\n|---|---|\n");
        for arg in args {
            let _ = writeln!(text, "| {} | {} |", head(arg), meaning(arg));
        }
        text.push('\n');
    }
    if let Some(more) = command.get_after_help() {
        let _ = writeln!(text, "```text\n{more}\n```\n");
    }
    for child in command.get_subcommands_mut() {
        if !child.is_hide_set() && child.get_name() != "help" {
            describe(text, child, depth + 1);
        }
    }
}

/// `-f`, `--format FORMAT`, `PATH…`.
fn head(arg: &Arg) -> String {
    let mut values = String::new();
    if arg.get_action().takes_values() {
        let names = arg.get_value_names().unwrap_or_default();
        values = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        if arg.get_num_args().is_some_and(|range| range.max_values() > 1) {
            values.push('…');
        }
    }
    let mut heads: Vec<_> = arg.get_short().map(|short| format!("-{short}")).into_iter().collect();
    heads.extend(arg.get_long().map(|long| format!("--{long}")));
    let head = match (heads.pop(), values.as_str()) {
        (None, values) => values.to_owned(),
        (Some(last), "") => last,
        (Some(last), values) => format!("{last} {values}"),
    };
    heads.push(head);
    let heads: Vec<_> = heads.iter().map(|head| format!("`{}`", head.replace('|', "\\|"))).collect();
    heads.join(", ")
}

/// Help, values, default, variable of the environment.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut parts = vec![help.trim_end_matches('.').replace('\n', " ")];
    let values = arg.get_possible_values();
    if arg.get_action().takes_values() && !values.is_empty() {
        let values = values.iter().filter(|value| !value.is_hide_set()).map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({help})", value.get_name()),
            None => format!("`{}`", value.get_name()),
        });
        parts.push(format!("one of {}", values.collect::<Vec<_>>().join(", ")));
    }
    if !arg.is_hide_default_value_set() && arg.get_action().takes_values() {
        let defaults = arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
        let defaults: Vec<_> = defaults.collect();
        if !defaults.is_empty() {
            parts.push(format!("default: {}", defaults.join(", ")));
        }
    }
    if let Some(variable) = arg.get_env() {
        parts.push(format!("variable `{}`", variable.to_string_lossy()));
    }
    if arg.is_required_set() {
        parts.push("mandatory".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ").replace('|', "\\|")
}
