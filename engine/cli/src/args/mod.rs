//! The command line.

mod actions;
mod audit;
mod cluster;
mod plan;
#[cfg(test)]
mod reference;
mod remote;
mod report;
mod run;
mod shipped;
mod sim;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use self::actions::{HypervisorsArgs, HypervisorsCommand, RerunArgs, SlavesCommand};
pub(crate) use self::audit::AuditArgs;
pub(crate) use self::cluster::{ClusterArgs, ClusterCommand};
pub(crate) use self::plan::PlanArgs;
pub(crate) use self::remote::{
    AgentKind, CancelArgs, LogsArgs, NamedArgs, PauseArgs, QueueArgs, QueueCommand, Remote, RepositoriesArgs,
    RepositoriesCommand, RunsArgs, RunsCommand, ShowArgs, SlavesArgs, SuitesArgs, SuitesCommand, TokenArgs,
    TokenCommand,
};
pub(crate) use self::report::ReportArgs;
pub(crate) use self::run::{LocalProvider, RUNS, RunArgs, RunFormat, STATE};
pub(crate) use self::shipped::{Shipped, parse};
pub(crate) use self::sim::{SimArgs, SimCommand};

/// Runs distributed test suites on clusters of machines.
#[derive(Debug, Parser)]
#[command(name = "xrdtest", version, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 all is well; 1 bad news about the subject (errors found, a run failed or timed out);
2 it could not be done (usage, invalid definition, no engine, a run ended as error); 130 cancelled by
a signal.

Examples:
  xrdtest check                         look for mistakes in all definitions of this repository
  xrdtest plan ts_001_mm                what a run of it would do
  xrdtest run ts_001_mm --local         run a suite on this machine, each host in a sandbox
  xrdtest run ts_001_mm                 ask the engine for a run, and follow it
  xrdtest logs -f ts_001_mm/latest      what its machines write")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(CheckArgs),
    Rule(RuleArgs),
    Plan(PlanArgs),
    Run(RunArgs),
    Runs(RunsArgs),
    Show(ShowArgs),
    Report(ReportArgs),
    Logs(LogsArgs),
    Cancel(CancelArgs),
    Rerun(RerunArgs),
    Queue(QueueArgs),
    Suites(SuitesArgs),
    /// Clusters of the engine's definitions: their states and instances
    #[command(
        after_help = "Examples:\n  xrdtest clusters\n  xrdtest clusters cluster_001_mm    with the history of its states"
    )]
    Clusters(NamedArgs),
    Cluster(ClusterArgs),
    Repositories(RepositoriesArgs),
    Hypervisors(HypervisorsArgs),
    Slaves(SlavesArgs),
    Token(TokenArgs),
    Audit(AuditArgs),
    Sim(SimArgs),
    #[command(flatten)]
    Shipped(Shipped),
}

/// Looks for mistakes in definitions, without running anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Definitions refer to each other, so the whole repository of a path is read; findings are shown for
the paths only. Exit code 1 where one of them is an error.

Examples:
  xrdtest check
  xrdtest check suites/ts_001_mm
  xrdtest check --format json suites clusters
  xrdtest check --shellcheck suites
  xrdtest check --deny warnings --ignore XT3,stray-file
  xrdtest check --format sarif > findings.sarif")]
pub(crate) struct CheckArgs {
    /// Repositories, folders or files
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to show findings
    #[arg(long, value_enum, default_value_t = CheckFormat::Full)]
    pub(crate) format: CheckFormat,
    /// Treat warnings as errors
    #[arg(long, value_enum)]
    pub(crate) deny: Option<Denied>,
    /// Run shellcheck over the scripts as well
    #[arg(long)]
    pub(crate) shellcheck: bool,
    /// Show only these findings: codes, beginnings of codes (XT3) or names of rules
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// Show all but these findings; of --select and --ignore the longer code counts
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
}

/// What counts as an error beside errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Denied {
    /// All warnings
    Warnings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// With the source and what to do
    Full,
    /// One line each
    Concise,
    /// For programs
    Json,
    /// Workflow commands of GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML: one test per finding
    Junit,
}

/// Explains a rule of `xrdtest check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xrdtest rule XT1001\n  xrdtest rule            lists all rules")]
pub(crate) struct RuleArgs {
    /// The rule's code or name; without it all rules are listed
    pub(crate) code: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn format_says_what_is_printed() {
        let mut all = super::Args::command();
        all.build();
        let help = |path: &[&str]| {
            let command = path.iter().fold(&all, |command, name| command.find_subcommand(name).unwrap());
            let format = command.get_arguments().find(|arg| arg.get_id() == "format").unwrap();
            format.get_help().unwrap().to_string()
        };
        for (path, said) in [
            (&["run"] as &[&str], "`xrdtest.run/1`"),
            (&["show"], "`xrdtest.run/1`"),
            (&["rerun"], "`xrdtest.run/1`, with --no-wait"),
            (&["plan"], "`xrdtest.plan/1`"),
            (&["logs"], "list of files"),
            (&["sim"], "figures"),
            (&["runs"], "the engine's API answers"),
            (&["queue", "pause"], "the engine's API answers"),
            (&["token", "list"], "the engine's API answers"),
        ] {
            assert!(help(path).contains(said), "{path:?}: {}", help(path));
        }
    }

    #[test]
    fn the_reference_is_current() {
        super::reference::check(super::Args::command());
    }
}
