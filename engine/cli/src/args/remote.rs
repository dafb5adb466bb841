//! Commands that ask a running engine.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use xrdtest_model::Verdict;
use xrdtest_model::api::Role;
use xrdtest_model::time::parse_duration;

use super::actions::SlavesCommand;
use super::run::RunFormat;

/// Where the engine listens unless it is told otherwise.
pub(crate) const SOCKET: &str = "/run/xrdtest/engine.sock";

/// Which engine, and what to print.
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    /// The engine's socket
    #[arg(long, global = true, value_name = "PATH", env = "XRDTEST_SOCKET", hide_env_values = true)]
    #[arg(default_value = SOCKET)]
    pub(crate) socket: PathBuf,
    /// What to print on standard output; json is what the engine's API answers
    #[arg(long, global = true, value_enum, default_value_t = RunFormat::Text)]
    pub(crate) format: RunFormat,
}

/// Lists runs, newest first; archives, pins and deletes them.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xrdtest runs
  xrdtest runs --suite ts_001_mm --verdict failed --limit 5
  xrdtest runs archive --older-than 30d
  xrdtest runs pin ts_001_mm/latest"
)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// Of this suite only
    #[arg(long, value_name = "NAME")]
    pub(crate) suite: Option<String>,
    /// With this verdict only: passed, failed, timed_out, error, cancelled
    #[arg(long, value_parser = verdict)]
    pub(crate) verdict: Option<Verdict>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Packs runs that are over into files, and frees their outputs and logs
    #[command(after_help = "\
Examples:
  xrdtest runs archive ts_001_mm/latest
  xrdtest runs archive --older-than 30d")]
    Archive {
        /// These runs; see `xrdtest show --help` for how to name one
        #[arg(value_name = "RUN", required_unless_present = "older_than")]
        runs: Vec<String>,
        /// All that ended longer ago than that, as 30d, 12h
        #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "runs")]
        older_than: Option<Duration>,
    },
    /// Keeps a run for ever: it is never removed by itself
    Pin {
        /// The run
        run: String,
    },
    /// Takes that back
    Unpin {
        /// The run
        run: String,
    },
    /// Removes runs that are over with all that they left; not those that are pinned
    #[command(after_help = "\
A file that a run was archived to stays. Exit code 2 where one of them could not be removed.

Examples:
  xrdtest runs delete ts_001_mm/latest")]
    Delete {
        /// These runs
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<String>,
    },
}

/// Tells a run: how each stage ended on each machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
RUN is a run's id, the beginning of one where only one begins so, `latest`, or SUITE/latest. The exit
code says what the run amounts to; 0 while it is not over.

Examples:
  xrdtest show latest
  xrdtest show ts_001_mm/latest --format json")]
#[command(mut_arg("format", |arg| arg.help(super::run::RUN_DOCUMENT)))]
pub(crate) struct ShowArgs {
    /// The run
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Prints what the scripts of a run wrote.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line begins with its machine where there are several. With --format json it is the list of files
that the run left. STAGE is a folder of that list (03-copy_to-run), its number, or the name without it
or without its last part (copy_to).

Examples:
  xrdtest logs latest
  xrdtest logs -f ts_001_mm/latest
  xrdtest logs ts_001_mm/latest --machine ds1 --stage copy_to-run
  xrdtest logs ts_001_mm/latest --console ds1.xrd.test
  xrdtest logs ts_001_mm/latest --artifact report.xml --machine client1 > report.xml
  xrdtest logs ts_001_mm/latest --artifact backtrace.xrootd.77.txt")]
#[command(mut_arg("format", |arg| {
    arg.help("What to print on standard output; json is the list of files that the run left")
}))]
pub(crate) struct LogsArgs {
    /// The run; see `xrdtest show --help`
    pub(crate) run: String,
    /// Go on as they write, until the run is over
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Of this machine only; may be repeated; the short name is enough
    #[arg(long = "machine", value_name = "HOST")]
    pub(crate) machines: Vec<String>,
    /// Of this stage only; may be repeated
    #[arg(long = "stage", value_name = "STAGE")]
    pub(crate) stages: Vec<String>,
    /// Instead, what this virtual machine wrote to its serial console
    #[arg(long, value_name = "HOST", conflicts_with_all = ["follow", "machines", "stages"])]
    pub(crate) console: Option<String>,
    /// Instead, a file that a script kept or a log that was collected, as back-traces are, by its path on the machine
    /// or the end of it
    #[arg(long, value_name = "PATH", conflicts_with_all = ["follow", "console"])]
    pub(crate) artifact: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Gives a run up, whether it waits or runs. Finalize stages still run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xrdtest cancel latest
  xrdtest cancel 20261122-101500-ts_001_mm-3fa2 --reason \"wrong branch\"
  xrdtest cancel latest --force         without finalize stages")]
pub(crate) struct CancelArgs {
    /// The run; see `xrdtest show --help`
    pub(crate) run: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// At once, without finalize stages
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Lists the runs that wait, in the order in which they get a place, each with what it waits for.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  xrdtest queue\n  xrdtest queue remove RUN --reason \"not needed\"\n  xrdtest queue pause --reason \"the switch is being replaced\"\n  xrdtest queue resume"
)]
pub(crate) struct QueueArgs {
    #[command(subcommand)]
    pub(crate) command: Option<QueueCommand>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// Gives no waiting run a place from now on; what runs goes on
    Pause {
        /// Why, for those who wait
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Takes that back
    Resume,
    /// Takes a run out of the queue; one that runs already is left alone
    Remove {
        /// The run
        run: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// Repositories that the engine's definitions come from: how it goes with them
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xrdtest repositories
  xrdtest repositories suites           with details
  xrdtest repositories fetch suites     look at it now, and say how it goes"
)]
pub(crate) struct RepositoriesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RepositoriesCommand>,
    /// Only this one, with details
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RepositoriesCommand {
    /// Looks at a repository now; exit code 1 where its newest content can't be had
    Fetch {
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct NamedArgs {
    /// Only this one, with details and the history of its states
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Suites of the engine's definitions: their states and latest runs, and their schedules.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xrdtest suites
  xrdtest suites ts_001_mm    with its runs and the history of its states
  xrdtest suites schedule     when suites start by themselves
  xrdtest suites pause ts_001_mm"
)]
pub(crate) struct SuitesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SuitesCommand>,
    #[command(flatten)]
    pub(crate) which: NamedArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SuitesCommand {
    /// Shows when suites start by themselves
    Schedule,
    /// Leaves starts of a schedule out from now on; runs by hand are taken as ever
    Pause(PauseArgs),
    /// Takes that back; what was left out meanwhile is not made up for
    Resume(PauseArgs),
}

/// Which schedules.
#[derive(Debug, clap::Args)]
pub(crate) struct PauseArgs {
    /// The suite
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub(crate) name: Option<String>,
    /// All suites
    #[arg(long, conflicts_with = "name")]
    pub(crate) all: bool,
}

/// Slave agents: of physical machines, and of the machines that instances have; revokes them.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xrdtest slaves
  xrdtest slaves node7.example.org                    a physical machine
  xrdtest slaves 20261122-101500-ts_001_mm-3fa2.0/ds1.xrd.test  a machine of an instance
  xrdtest slaves revoke node7.example.org --reason \"sold\""
)]
pub(crate) struct SlavesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SlavesCommand>,
    /// Only this one, with details and the history of its states
    pub(crate) name: Option<String>,
    /// Those of instances that are gone, too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Tokens: what lets a new agent join the engine, once, or a program use its API.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  xrdtest token new hypervisor hv1
  xrdtest token new slave node7.example.org --valid 2h > token
  xrdtest token new api nightly --role operator --expires 90d
  xrdtest token list
  xrdtest token revoke 3fa29c01")]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token, and prints it: it is told this once
    New {
        /// What joins, or `api` for what uses the API
        #[arg(value_enum)]
        agent: AgentKind,
        /// Its name: any name of a hypervisor agent; the host name of a physical machine; who uses the API
        name: String,
        /// Of a token for the API: what may be done with it: viewer, operator or admin
        #[arg(long, required_if_eq("agent", "api"))]
        role: Option<Role>,
        /// For how long it is good; unless told otherwise a day, and 90 days for the API
        #[arg(long, visible_alias = "expires", value_name = "TIME", value_parser = duration)]
        valid: Option<Duration>,
    },
    /// Lists tokens that are not expired
    List,
    /// Makes a token void
    Revoke {
        /// Its id in the list
        id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentKind {
    /// A hypervisor agent
    Hypervisor,
    /// The slave agent of a physical machine
    Slave,
    /// A program that uses the API
    Api,
}

/// A duration as definitions write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let millis = parse_duration(text);
    millis.map(Duration::from_millis).ok_or_else(|| "say it as 30d, 12h, 1h30m, 90s".to_owned())
}

fn verdict(text: &str) -> Result<Verdict, String> {
    use Verdict::{Cancelled, Error, Failed, Passed, TimedOut};
    let all = [Passed, Failed, TimedOut, Error, Cancelled];
    let words: Vec<_> = all.iter().map(|verdict| verdict.as_str()).collect();
    all.into_iter()
        .find(|verdict| verdict.as_str() == text)
        .ok_or_else(|| format!("it is one of {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("30d", 30 * 86400), ("1d", 86400), ("12h", 43200), ("90s", 90)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "0d", "-1d", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn verdicts() {
        assert_eq!(verdict("timed_out"), Ok(Verdict::TimedOut));
        assert_eq!(
            verdict("bad"),
            Err("it is one of passed, failed, timed_out, error, cancelled".to_owned())
        );
    }
}
