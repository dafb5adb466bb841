//! `xrdtest sim`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use xrdtest_protocol::EngineAddress;
use xrdtest_sim::Rule;

use super::remote::{Remote, duration};

/// Plays a fleet of fake agents to an engine: to see how large a fleet it carries, and how it takes bad ones.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Fake hypervisor agents join the engine, claim to have room for everything, and start a fake slave for
each host that the engine has made. Fakes speak the real protocol over real connections, and run
nothing: a stage passes at once where no rule says otherwise. Use an engine of its own: real suites
would run on fakes too.

A RULE is PATTERN[@STAGE]=KIND[:ARGUMENT]; the first that matches counts. PATTERN is a glob over host
names, or over hypervisor/NAME; STAGE one over suite-initialize, 0-initialize, 0-run, … KIND is one of
  prompt          passes at once
  slow:TIME       passes after that time
  output:SIZE     writes so much
  fails:CODE      ends with that code
  late:TIME       connects so late
  dead            accepts, and says nothing more
  gone            leaves without a word
  lying           reports what is not so
  flooding        reports and writes without end
  flapping:TIME   drops its connection after about that

Examples:
  xrdtest sim definitions /srv/sim --machines 250
  xrdtest sim
  xrdtest sim --for 10m --behaviour '*=flapping:30s'
  xrdtest sim --behaviour 'm7@*-run=dead' --behaviour 'm1?=slow:2s' --format json
while another terminal says:
  xrdtest run sim",
    mut_arg("format", |arg| arg.help("What to print on standard output at the end; json has all figures"))
)]
pub(crate) struct SimArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SimCommand>,
    /// Fake hypervisor agents
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) hypervisors: u16,
    /// They are called PREFIX1, PREFIX2, …
    #[arg(long, value_name = "PREFIX", default_value = "sim")]
    pub(crate) prefix: String,
    /// How fakes behave; may be repeated
    #[arg(long = "behaviour", value_name = "RULE")]
    pub(crate) behaviours: Vec<Rule>,
    /// The same seed gives the same chances
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// End after that time; else by Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// Where agents connect to the engine; else where it says
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) engine: Option<EngineAddress>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Writes a suite and a cluster, both called sim, for an engine to run on fakes
    #[command(after_help = "Example:\n  xrdtest sim definitions /srv/sim --machines 250 --cases 3")]
    Definitions {
        /// The repository: a folder to be made, or an empty one
        folder: PathBuf,
        /// Hosts of the cluster: m1.xrd.test, m2.xrd.test, …
        #[arg(long, value_name = "N", default_value_t = 250)]
        #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
        machines: u16,
        /// Cases of the suite; each has three stages
        #[arg(long, value_name = "N", default_value_t = 3)]
        #[arg(value_parser = clap::value_parser!(u16).range(1..=500))]
        cases: u16,
    },
}
