//! Commands that have an engine do something with what it has.

use clap::Subcommand;

use super::remote::{NamedArgs, Remote};
use super::run::RUN_DOCUMENT;

/// Runs a suite again as a run that is over did: the same cases, tags and `--keep-on-failure`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The definition is taken as it is now. It is followed as `xrdtest run` does; Ctrl-C leaves it to the engine.

Examples:
  xrdtest rerun latest
  xrdtest rerun ts_001_mm/latest --failed    only the cases that did not pass
  xrdtest rerun latest --no-wait --reason \"after the fix\"")]
#[command(mut_arg("format", |arg| {
    arg.help(format!("{RUN_DOCUMENT}, with --no-wait the id of the run"))
}))]
pub(crate) struct RerunArgs {
    /// The run; see `xrdtest show --help`
    pub(crate) run: String,
    /// Only the cases that did not pass
    #[arg(long)]
    pub(crate) failed: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Say only which run was queued
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Hypervisor agents: their states, what room they have, what they run; holds and revokes them.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  xrdtest hypervisors
  xrdtest hypervisors hv1    with the history of its states
  xrdtest hypervisors hold hv1 --reason \"new kernel\"
  xrdtest hypervisors release hv1
  xrdtest hypervisors revoke hv1 --reason \"sold\""
)]
pub(crate) struct HypervisorsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HypervisorsCommand>,
    #[command(flatten)]
    pub(crate) which: NamedArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HypervisorsCommand {
    /// Makes nothing new on a hypervisor from now on; what is there goes on
    Hold {
        /// Its name
        name: String,
        /// Why, for those who wait for it
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Takes that back
    Release {
        /// Its name
        name: String,
    },
    /// Refuses a hypervisor agent from now on: its certificates and tokens are void, its connection ends
    Revoke(RevokeArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SlavesCommand {
    /// Refuses a slave agent from now on: its certificates and tokens are void, its connection ends
    Revoke(RevokeArgs),
}

/// Whose certificates are made void.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An agent that shall come back gets a fresh token and joins again: `xrdtest token new`.")]
pub(crate) struct RevokeArgs {
    /// Its name, as `xrdtest hypervisors` and `xrdtest slaves` tell it
    pub(crate) name: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}
