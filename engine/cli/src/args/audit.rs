//! `xrdtest audit`.

use super::Remote;

/// Who has asked the engine to change what, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every request to change something is there, done or refused, on the socket and over the network. What nobody
known has asked for is not, but for passwords that were tried.

Examples:
  xrdtest audit
  xrdtest audit --who alice --limit 20
  xrdtest audit --before 4711           those before number 4711")]
pub(crate) struct AuditArgs {
    /// What this user, account or token has asked for only
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// With smaller numbers only
    #[arg(long, value_name = "NUMBER")]
    pub(crate) before: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) remote: Remote,
}
