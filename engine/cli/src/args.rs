//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Where runs are kept.
pub(crate) const RUNS: &str = "/var/lib/xrdtest/local";
/// Where sandbox machines have their files.
pub(crate) const STATE: &str = "/var/lib/xrdtest/sandbox";

/// Runs distributed test suites on clusters of machines.
#[derive(Debug, Parser)]
#[command(name = "xrdtest", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 all is well; 1 bad news about the subject (errors found, a run failed or timed out);
2 it could not be done (usage, invalid definition, a run ended as error); 130 cancelled by a signal.

Examples:
  xrdtest check                         look for mistakes in all definitions of this repository
  xrdtest run ts_001_mm --local         run a suite on this machine, each host in a sandbox")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(CheckArgs),
    Rule(RuleArgs),
    Run(RunArgs),
}

/// Looks for mistakes in definitions, without running anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Definitions refer to each other, so the whole repository of a path is read; findings are shown for
the paths only. Exit code 1 where one of them is an error.

Examples:
  xrdtest check
  xrdtest check suites/ts_001_mm
  xrdtest check --format json suites clusters")]
pub(crate) struct CheckArgs {
    /// Repositories, folders or files
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to show findings
    #[arg(long, value_enum, default_value_t = CheckFormat::Full)]
    pub(crate) format: CheckFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// With the source and what to do
    Full,
    /// One line each
    Concise,
    /// For programs
    Json,
}

/// Explains a rule of `xrdtest check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xrdtest rule XT1001\n  xrdtest rule            lists all rules")]
pub(crate) struct RuleArgs {
    /// The rule's code or name; without it all rules are listed
    pub(crate) code: Option<String>,
}

/// Runs suites, one after the other, and says how each stage ended on each machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --local everything happens on this machine: each host of the suite's cluster is a sandbox made
from this machine's own files (root is required, and the package runc). The first Ctrl-C cancels in
an orderly way (finalize stages run), the second at once.

Examples:
  xrdtest run ts_001_mm --local
  xrdtest run ts_001_mm --local --case copy_to
  xrdtest run ts_001_mm ts_002_frm --local --junit report.xml --format json > runs.json")]
pub(crate) struct RunArgs {
    /// Names of suites, or paths of their definitions
    #[arg(required = true, value_name = "SUITE")]
    pub(crate) suites: Vec<String>,
    /// Run on this machine, in sandboxes
    #[arg(long)]
    pub(crate) local: bool,
    /// Run only this case of each suite; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    pub(crate) cases: Vec<String>,
    /// The repository, or a folder in it [default: where you are]
    #[arg(long, value_name = "DIR")]
    pub(crate) definitions: Option<PathBuf>,
    /// Allow scripts by absolute paths (`file:///…`) below DIR; may be repeated
    #[arg(long = "script-root", value_name = "DIR")]
    pub(crate) script_roots: Vec<PathBuf>,
    /// Allow scripts by http(s) from HOST; may be repeated
    #[arg(long = "script-host", value_name = "HOST")]
    pub(crate) script_hosts: Vec<String>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = RunFormat::Text)]
    pub(crate) format: RunFormat,
    /// Keep each run's output, logs and journal in a folder of its own below DIR
    #[arg(long, value_name = "DIR", default_value = RUNS)]
    pub(crate) output: PathBuf,
    /// Keep the machines' files below DIR while they run: a local file system such as ext4 or xfs
    #[arg(long, value_name = "DIR", default_value = STATE)]
    pub(crate) state: PathBuf,
    /// The slave agent's program [default: beside this program, else /usr/bin/xrdtest-slave]
    #[arg(long, value_name = "FILE", env = "XRDTEST_SLAVE", hide_env = true)]
    pub(crate) slave: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    /// A summary for people
    Text,
    /// The run document `xrdtest.run/1`
    Json,
}
