//! `xrdtest plan`.

use std::path::PathBuf;

use super::remote::SOCKET;
use super::run::RunFormat;

/// Tells what a suite or a cluster would do, without running anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Stages with machines and scripts, tags, limits, the next ten starts, clusters with hosts and disks, the
room they need. Where they fit is asked of the engine, if one listens; all else needs none. Of broken
definitions it tells what could be evaluated, and what is wrong; the exit code is 1 then.

With --diff the files as they are now are compared with a revision of their git repository: suites and
clusters that are new, gone or changed, field by field, and scripts that are others. Without NAME, all
of them.

Examples:
  xrdtest plan ts_001_mm
  xrdtest plan clusters/cluster_001_mm
  xrdtest plan ts_001_mm --format json | jq '.effective.suite.schedule.starts'
  xrdtest plan --diff origin/main
  xrdtest plan ts_001_mm --diff HEAD~1")]
pub(crate) struct PlanArgs {
    /// Name of a suite or a cluster, or path of its definition or folder
    #[arg(required_unless_present = "diff")]
    pub(crate) name: Option<String>,
    /// The repository, or a folder in it [default: where you are]
    #[arg(long, value_name = "DIR")]
    pub(crate) definitions: Option<PathBuf>,
    /// Tell instead what differs from this git revision: a branch, a tag, a commit
    #[arg(long, value_name = "REV")]
    pub(crate) diff: Option<String>,
    /// What to print on standard output; json is the document `xrdtest.plan/1`, with --diff `xrdtest.plan-diff/1`
    #[arg(long, value_enum, default_value_t = RunFormat::Text)]
    pub(crate) format: RunFormat,
    /// The engine's socket
    #[arg(long, value_name = "PATH", env = "XRDTEST_SOCKET", hide_env_values = true, default_value = SOCKET)]
    pub(crate) socket: PathBuf,
    /// Read scripts by absolute paths (`file:///…`) below DIR; may be repeated
    #[arg(long = "script-root", value_name = "DIR")]
    pub(crate) script_roots: Vec<PathBuf>,
    /// Fetch scripts by http(s) from HOST; may be repeated
    #[arg(long = "script-host", value_name = "HOST")]
    pub(crate) script_hosts: Vec<String>,
}
