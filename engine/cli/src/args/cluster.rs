//! `xrdtest cluster`.

use std::time::Duration;

use clap::Subcommand;

use super::remote::{Remote, duration};

/// Clusters without a run: started by hand, or kept after a run that did not pass.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A cluster that is started by hand, or kept (`xrdtest run --keep-on-failure`), stays until somebody stops
it or its time is over. `xrdtest clusters` tells of definitions, this command of what exists of them.

Examples:
  xrdtest cluster start cluster_001_mm --for 2h
  xrdtest cluster list
  xrdtest cluster show cluster_001_mm
  xrdtest cluster stop cluster_001_mm")]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Starts a cluster, and shows how it comes up; its instance is printed
    #[command(after_help = "\
It has a place at once, or is refused: clusters that are started by hand do not wait in the queue.
Ctrl-C leaves it starting. Exit code 0: it is active; 2: it could not be started.

Examples:
  xrdtest cluster start cluster_001_mm
  xrdtest cluster start cluster_001_mm --hypervisor big
  xrdtest cluster start cluster_001_mm --for 30m --no-wait")]
    Start {
        /// The cluster's name
        name: String,
        /// Stop it by itself after this time, as 2h, 30m [default: the engine's limits.kept, a day]
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        keep: Option<Duration>,
        /// Where: the name or label of a hypervisor [default: as its definition says, else wherever it fits]
        #[arg(long, value_name = "NAME")]
        hypervisor: Option<String>,
        /// Say only which instance it is
        #[arg(long)]
        no_wait: bool,
    },
    /// Stops one, and waits until nothing is left of it
    #[command(after_help = "\
Of a cluster's name the only instance without a run is meant. One that belongs to a run ends with the
run: see `xrdtest cancel`.

Examples:
  xrdtest cluster stop cluster_001_mm
  xrdtest cluster stop 20261122-101500-cluster_001_mm-3fa2c1d0 --no-wait")]
    Stop {
        /// The cluster's name, or an instance of `xrdtest cluster list`
        #[arg(value_name = "NAME|INSTANCE")]
        name: String,
        /// Do not wait
        #[arg(long)]
        no_wait: bool,
    },
    /// Lists all instances that exist, whoever owns them
    #[command(after_help = "Examples:\n  xrdtest cluster list\n  xrdtest cluster list --format json")]
    List,
    /// Shows one: its machines and its activity log
    #[command(
        after_help = "Examples:\n  xrdtest cluster show cluster_001_mm\n  xrdtest cluster show 20261122-101500-ts_001_mm-3fa2c1d0.0"
    )]
    Show {
        /// The cluster's name, or an instance of `xrdtest cluster list`
        #[arg(value_name = "NAME|INSTANCE")]
        name: String,
    },
}
