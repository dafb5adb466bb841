//! `xrdtest run`.

use std::path::PathBuf;

use clap::ValueEnum;
use xrdtest_model::api::RunRequest;

use super::remote::SOCKET;

/// Where runs are kept.
pub(crate) const RUNS: &str = "/var/lib/xrdtest/local";
/// Where sandbox machines have their files.
pub(crate) const STATE: &str = "/var/lib/xrdtest/sandbox";

/// What `--format` is good for where a run is shown.
pub(super) const RUN_DOCUMENT: &str =
    "What to print on standard output; json is the run document `xrdtest.run/1`";

/// Runs suites, and says how each stage ended on each machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The engine runs them: all are queued, then followed one after the other. Ctrl-C leaves them to it
(`xrdtest cancel RUN` ends one), but with --cancel-on-interrupt the first cancels in an orderly way
(finalize stages run), the second at once.

With --keep-on-failure the machines of a run that does not pass stay as they are, to look into; with
--local until Ctrl-C, in an engine until `xrdtest cluster stop` or for a day. Cancelled runs keep nothing.

With --local everything happens on this machine, without an engine: each host of the suite's cluster
is a sandbox made from this machine's own files (root is required, and the package runc). The first
Ctrl-C cancels in an orderly way, the second at once.

Examples:
  xrdtest run ts_001_mm
  xrdtest run ts_001_mm ts_002_frm --no-wait --reason 'before the release'
  xrdtest run ts_001_mm --tag version=5.8.1 --repeat 20
  xrdtest run ts_001_mm --local
  xrdtest run ts_001_mm --local --case copy_to --keep-on-failure
  xrdtest run ts_001_mm --local --junit report.xml --format json > runs.json")]
pub(crate) struct RunArgs {
    /// Names of suites, or paths of their definitions
    #[arg(required = true, value_name = "SUITE")]
    pub(crate) suites: Vec<String>,
    /// Run on this machine, without an engine: in sandboxes, or what `--provider` says
    #[arg(long)]
    pub(crate) local: bool,
    /// The engine's socket
    #[arg(long, value_name = "PATH", env = "XRDTEST_SOCKET", hide_env_values = true, default_value = SOCKET)]
    pub(crate) socket: PathBuf,
    /// Say only which runs were queued
    #[arg(long, conflicts_with_all = ["local", "junit", "cancel_on_interrupt"])]
    pub(crate) no_wait: bool,
    /// Why, for the record
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "local"
    )]
    pub(crate) reason: String,
    /// Let Ctrl-C cancel the runs in the engine
    #[arg(long, conflicts_with = "local")]
    pub(crate) cancel_on_interrupt: bool,
    /// Leave the machines of a run that does not pass as they are, to look into
    #[arg(long)]
    pub(crate) keep_on_failure: bool,
    /// Run only this case of each suite; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    pub(crate) cases: Vec<String>,
    /// Give a tag of the suite another value, as `version=5.8`; may be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    pub(crate) tags: Vec<(String, String)>,
    /// Run each suite so many times, one run after the other
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(RunRequest::MOST)))]
    pub(crate) repeat: u32,
    /// With --local: the repository, or a folder in it [default: where you are]
    #[arg(long, value_name = "DIR", requires = "local")]
    pub(crate) definitions: Option<PathBuf>,
    /// With --local: allow scripts by absolute paths (`file:///…`) below DIR; may be repeated
    #[arg(long = "script-root", value_name = "DIR", requires = "local")]
    pub(crate) script_roots: Vec<PathBuf>,
    /// With --local: allow scripts by http(s) from HOST; may be repeated
    #[arg(long = "script-host", value_name = "HOST", requires = "local")]
    pub(crate) script_hosts: Vec<String>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// What to print on standard output; json is the run document `xrdtest.run/1`, with --no-wait the ids of the runs
    #[arg(long, value_enum, default_value_t = RunFormat::Text)]
    pub(crate) format: RunFormat,
    /// With --local: keep each run's output, logs and events in a folder of its own below DIR
    #[arg(long, value_name = "DIR", default_value = RUNS, requires = "local")]
    pub(crate) output: PathBuf,
    /// With --local: how machines are made
    #[arg(long, value_enum, default_value_t = LocalProvider::Sandbox, requires = "local")]
    pub(crate) provider: LocalProvider,
    /// With --provider libvirt: the storage pool of images [default: `xrdtest`, or where there is none `default`]
    #[arg(long, value_name = "NAME", requires = "local")]
    pub(crate) pool: Option<String>,
    /// With --local: keep the machines' files below DIR while they run: a local file system such as ext4 or xfs
    #[arg(long, value_name = "DIR", default_value = STATE, requires = "local")]
    pub(crate) state: PathBuf,
    /// With --local: the slave agent's program [default: beside this program, else /usr/bin/xrdtest-slave]
    #[arg(long, value_name = "FILE", env = "XRDTEST_SLAVE", hide_env = true)]
    pub(crate) slave: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LocalProvider {
    /// As containers made from this machine's own files
    Sandbox,
    /// As virtual machines, by the libvirt that LIBVIRT_DEFAULT_URI names, else qemu:///system
    Libvirt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// `NAME=VALUE`; the value may be empty.
fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("say it as NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_have_a_name_and_a_value() {
        for (text, name, value) in [("a=b", "a", "b"), ("a=", "a", ""), ("a=b=c", "a", "b=c")] {
            assert_eq!(tag(text), Ok((name.to_owned(), value.to_owned())), "{text}");
        }
        assert!(tag("a").is_err() && tag("=b").is_err());
    }
}
