//! `xrdtest run`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use xrdtest_definitions::{ScriptPolicy, Selection, SnapshotError, SnapshotOptions, snapshot};
use xrdtest_model::RunPlan;
use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_report::{findings, junit, summary};

use super::remote_run;
use crate::args::{LocalProvider, RUNS, RunArgs, RunFormat, STATE};
use crate::exit::{Exit, print, say};
use crate::local::{Local, LocalRun};
use crate::repository::{Repository, name_files, source};

/// Columns where standard output is no terminal.
const DEFAULT_WIDTH: usize = 120;

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    if args.local { run_here(args) } else { remote_run::run(args) }
}

/// `--local`: without an engine.
fn run_here(args: &RunArgs) -> anyhow::Result<Exit> {
    let Some(plans) = plans(args)? else { return Ok(Exit::CouldNot) };
    open_reports(args)?;
    let local = Local::prepare(args)?;
    let runtime = tokio::runtime::Runtime::new().context("no thread for the engine")?;
    let mut records: Vec<RunRecord> = Vec::new();
    let mut exit = Exit::Good;
    for (suite, plan) in plans {
        if exit == Exit::Cancelled {
            say(&format!("{suite}: not run, as the run before it was cancelled"));
            continue;
        }
        let tell = |record: &RunRecord| match args.format {
            RunFormat::Text => {
                print(&(summary::summary(record, width(), &repeat(args, &suite, record)) + "\n"))
            }
            RunFormat::Json => Ok(()),
        };
        let LocalRun { record, interrupted } = runtime.block_on(local.run(plan, tell))?;
        exit = exit.max(record.verdict.map_or(Exit::CouldNot, Exit::from));
        if interrupted {
            exit = Exit::Cancelled;
        }
        records.push(record);
    }
    write_reports(args, records)?;
    Ok(exit)
}

/// Looks whether what is asked for can be written: an hour later would be a bad moment to find out.
pub(super) fn open_reports(args: &RunArgs) -> anyhow::Result<()> {
    if let Some(file) = &args.junit {
        let opened = fs::OpenOptions::new().create(true).append(true).open(file);
        opened.with_context(|| format!("the JUnit report can't be written to {}", file.display()))?;
    }
    Ok(())
}

/// Writes what was asked for.
pub(super) fn write_reports(args: &RunArgs, records: Vec<RunRecord>) -> anyhow::Result<()> {
    if let Some(file) = &args.junit {
        let xml = junit::junit(&records).context("the JUnit report could not be made")?;
        let failed = || format!("the JUnit report could not be written to {}", file.display());
        fs::write(file, xml).with_context(failed)?;
    }
    if args.format == RunFormat::Json {
        print(&(serde_json::to_string_pretty(&RunsDocument::new(records))? + "\n"))?;
    }
    Ok(())
}

/// The plans of all suites asked for, before any of them is run; `None` where a definition has errors, which are
/// shown.
fn plans(args: &RunArgs) -> anyhow::Result<Option<Vec<(String, RunPlan)>>> {
    let selection = Selection { cases: args.cases.clone(), tags: args.tags.iter().cloned().collect() };
    let scripts = ScriptPolicy { roots: args.script_roots.clone(), hosts: args.script_hosts.clone() };
    let options = SnapshotOptions { scripts, ..SnapshotOptions::default() };
    let mut repositories: Vec<(PathBuf, Repository)> = Vec::new();
    let mut plans = Vec::new();
    let mut refused = false;
    for suite in &args.suites {
        let (folder, name) = locate(args, suite);
        let position = match repositories.iter().position(|(known, _)| *known == folder) {
            Some(position) => position,
            None => {
                repositories.push((folder.clone(), Repository::load(&folder)?));
                repositories.len() - 1
            }
        };
        let (_, repository) = &repositories[position];
        match snapshot(&repository.catalogue, &name, &selection, &options) {
            Ok(plan) => {
                let plan = RunPlan { keep_on_failure: args.keep_on_failure, ..plan };
                plans.extend((0..args.repeat).map(|_| (suite.clone(), plan.clone())));
            }
            Err(error) => {
                refuse(&repository.root, &error)?;
                refused = true;
            }
        }
    }
    Ok((!refused).then_some(plans))
}

/// The repository and the name of a suite that was named, or given as a path.
fn locate(args: &RunArgs, suite: &str) -> (PathBuf, String) {
    let folder = match path_of(suite) {
        Some((path, _)) => path.to_owned(),
        None => args.definitions.clone().unwrap_or_else(|| PathBuf::from(".")),
    };
    (folder, suite_name(suite))
}

/// The name of a suite that was named, or given as a path.
pub(super) fn suite_name(suite: &str) -> String {
    path_of(suite).map_or_else(|| suite.to_owned(), |(_, name)| name)
}

pub(super) fn path_of(suite: &str) -> Option<(&Path, String)> {
    let path = Path::new(suite);
    let is_path = suite.contains('/') || path.extension().is_some_and(|extension| extension == "rhai");
    path.file_stem().filter(|_| is_path).map(|stem| (path, stem.to_string_lossy().into_owned()))
}

/// Says why a suite can't be run.
fn refuse(root: &Path, error: &SnapshotError) -> anyhow::Result<()> {
    let mut diagnostics = error.diagnostics().to_vec();
    name_files(root, &mut diagnostics)?;
    let color = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
    let style = anstyle::AnsiColor::Red.on_default().bold();
    say(&format!("{}{style}error{style:#}: {error}", findings::full(&diagnostics, source, color)));
    if let Some(help) = error.help() {
        say(&format!("  help: {help}"));
    }
    Ok(())
}

/// The command that runs what failed again.
fn repeat(args: &RunArgs, suite: &str, record: &RunRecord) -> String {
    let mut words = vec!["xrdtest run".to_owned(), quote(suite), "--local".to_owned()];
    words.extend(cases_again(args, record));
    words.extend(tags_again(args));
    if args.provider != LocalProvider::Sandbox {
        let provider = args.provider.to_possible_value();
        words.extend(provider.map(|provider| format!("--provider {}", provider.get_name())));
    }
    words.extend(args.pool.as_deref().map(|pool| format!("--pool {}", quote(pool))));
    let path = |option: &str, path: &Path| format!("{option} {}", quote(&path.to_string_lossy()));
    words.extend(args.script_roots.iter().map(|folder| path("--script-root", folder)));
    words.extend(args.script_hosts.iter().map(|host| format!("--script-host {}", quote(host))));
    words.extend(args.definitions.as_deref().map(|folder| path("--definitions", folder)));
    words.extend(args.slave.as_deref().map(|file| path("--slave", file)));
    if args.output != Path::new(RUNS) {
        words.push(path("--output", &args.output));
    }
    if args.state != Path::new(STATE) {
        words.push(path("--state", &args.state));
    }
    words.join(" ")
}

/// The options that choose what failed.
pub(super) fn cases_again(args: &RunArgs, record: &RunRecord) -> Vec<String> {
    let failed =
        record.cases.iter().filter(|case| case.verdict.is_some_and(|verdict| verdict.as_str() != "passed"));
    let mut cases: Vec<_> = failed.map(|case| case.name.clone()).collect();
    // What was not begun has to be run as well.
    if cases.is_empty() || record.cases.iter().any(|case| case.verdict.is_none()) {
        cases.clone_from(&args.cases);
    }
    cases.dedup();
    cases.iter().map(|case| format!("--case {}", quote(case))).collect()
}

/// The options that give tags other values.
pub(super) fn tags_again(args: &RunArgs) -> impl Iterator<Item = String> + '_ {
    args.tags.iter().map(|(name, value)| format!("--tag {}", quote(&format!("{name}={value}"))))
}

/// A word for the shell.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

pub(super) fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stdout())
        .map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_may_be_a_path() {
        for (suite, name) in [
            ("ts_1", "ts_1"),
            ("suites/ts_1/ts_1.rhai", "ts_1"),
            ("ts_1.rhai", "ts_1"),
            ("suites/ts_1/", "ts_1"),
        ] {
            assert_eq!(suite_name(suite), name);
        }
    }

    #[test]
    fn words_for_the_shell() {
        assert_eq!(quote("ts_001_mm"), "ts_001_mm");
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
