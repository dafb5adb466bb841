//! Entry point: the agent, and its two hidden roles: supervisor of a stage, first process of a sandbox machine.

#[path = "../../../engine/cli/src/args/shipped.rs"]
mod shipped;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, CommandFactory, Parser, Subcommand};
use xrdtest_protocol::EngineAddress;
use xrdtest_slave::agent::enrol::{self, TokenSource};
use xrdtest_slave::config::{Config, DEFAULT_PATH};
use xrdtest_slave::supervisor::{notes, reboot};
use xrdtest_slave::{agent, init, process, supervisor};

const EXAMPLES: &str = "\
Examples:
  xrdtest-slave join @token --engine engine.example.org:20000
      make this machine a slave for good; then: systemctl enable --now xrdtest-slave
  xrdtest-slave --join @token --engine engine.example.org:20000
      join and run at once, without a configuration file
  xrdtest-slave
      run the agent with /etc/xrdtest/slave.toml
  xrdtest-slave --config /tmp/slave.toml
      run it with another configuration

A token is made on the engine: xrdtest token new slave NAME. Give it as it is, as @FILE, or as - (standard input): what
stands on the command line can be seen by every user of the machine. A token joins one machine. The credentials that it
buys are kept in /var/lib/xrdtest/slave, and from then on the agent stays in contact with the engine until it gets TERM.
Scripts that run meanwhile go on: their supervisors are processes of their own.";

/// The slave agent of xrdtest: runs the scripts of test suites on this machine, as root, and streams their output to
/// the engine.
#[derive(Parser)]
#[command(name = "xrdtest-slave", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Join the engine with this one-time token first, unless this machine has joined it before.
    #[arg(long, value_name = "TOKEN|@FILE|-")]
    join: Option<TokenSource>,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Args)]
struct PlaceArguments {
    /// The configuration [default: /etc/xrdtest/slave.toml; with --engine it need not exist].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The engine's address for agents; wins over the configuration.
    #[arg(long, value_name = "HOST:PORT")]
    engine: Option<EngineAddress>,
    /// Folder of credentials, journal and working directories; wins over the configuration.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// File of the agent's own log; wins over the configuration.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// Make this machine a slave of an engine: join, and write the configuration file.
    Join {
        /// The one-time token, @FILE with it, or - for standard input.
        #[arg(value_name = "TOKEN|@FILE|-")]
        token: TokenSource,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Be the first process of a sandbox machine.
    #[command(hide = true)]
    Init {
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Supervise the stage whose folder this is.
    #[command(hide = true)]
    Supervise {
        /// The folder.
        stage: PathBuf,
        /// Take further stages from whoever started this, where nothing is left of the one before.
        #[arg(long)]
        stay: bool,
    },
    /// Announce a boot of this machine, for the script that calls it.
    #[command(hide = true)]
    AnnounceReboot,
    /// Keep files with the run, for the script that calls it.
    #[command(hide = true)]
    Keep {
        /// The files.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// State a number, for the script that calls it.
    #[command(hide = true, allow_negative_numbers = true)]
    Measure {
        /// What was measured.
        name: String,
        /// The number.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// What it counts.
        #[arg(default_value = "")]
        unit: String,
    },
    #[command(flatten)]
    Shipped(shipped::Shipped),
}

impl PlaceArguments {
    fn path(&self) -> &Path {
        self.config.as_deref().unwrap_or_else(|| Path::new(DEFAULT_PATH))
    }

    /// The configuration that holds.
    fn load(&self) -> anyhow::Result<Config> {
        // A file that was named must be there; the default one need not, where the command line says enough.
        let mut config = match &self.engine {
            Some(engine) if self.config.is_none() && !self.path().exists() => {
                Config::for_engine(engine.clone())
            }
            _ if self.config.is_none() && !self.path().exists() => bail!(
                "there is no {}, and no engine on the command line; join one: xrdtest-slave join TOKEN --engine HOST:PORT",
                self.path().display()
            ),
            _ => Config::load(self.path())?,
        };
        self.apply(&mut config)?;
        Ok(config)
    }

    fn apply(&self, config: &mut Config) -> anyhow::Result<()> {
        let Self { config: _, engine, state, log } = self;
        if let Some(engine) = engine {
            config.engine = engine.clone();
        }
        if let Some(state) = state {
            config.state = state.clone();
        }
        if let Some(log) = log {
            config.log = log.clone();
        }
        // The agent leaves the directory that it was started in.
        let paths = [&mut config.state, &mut config.log, &mut config.functions];
        for path in paths.into_iter().chain(&mut config.join_token_file) {
            *path = std::path::absolute(&*path).with_context(|| format!("cannot use {}", path.display()))?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let arguments = shipped::parse::<Arguments>();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a daemon that cannot start")]
fn complain(error: &anyhow::Error) {
    eprintln!("xrdtest-slave: {}", xrdtest_model::with_causes(error.as_ref()));
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.role {
        Some(Role::Join { token, place }) => join(token, place),
        Some(Role::Init { place }) => {
            let config = place.load()?;
            let folders: Vec<_> = config.folders().collect();
            init::run(place.path(), &folders).context("the machine cannot go on")
        }
        Some(Role::Supervise { stage, stay }) => {
            process::close_inherited();
            supervisor::run(stage, *stay).with_context(|| format!("cannot supervise {}", stage.display()))
        }
        Some(Role::AnnounceReboot) => Ok(reboot::announce()?),
        Some(Role::Keep { paths }) => Ok(notes::keep(paths)?),
        Some(Role::Measure { name, value, unit }) => Ok(notes::measure(name, value, unit)?),
        Some(Role::Shipped(what)) => Ok(what.write(Arguments::command(), "8")?),
        None => {
            let config = arguments.place.load()?;
            let token = arguments.join.as_ref().map(TokenSource::read).transpose()?;
            agent::setup::start_log(&config)
                .with_context(|| format!("cannot log to {}", config.log.display()))?;
            let program = own_program()?;
            std::env::set_current_dir("/").context("cannot go to /")?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let result = runtime.block_on(agent::setup::run(config, token, program));
            // Whatever still runs in the background is on disk already, and found again by the next agent.
            runtime.shutdown_background();
            Ok(result?)
        }
    }
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn join(token: &TokenSource, place: &PlaceArguments) -> anyhow::Result<()> {
    let mut config = match &place.engine {
        Some(engine) => Config::for_engine(engine.clone()),
        None => place.load()?,
    };
    place.apply(&mut config)?;
    let token = token.read()?;
    // An engine that does not answer is tried again for ever; whoever waits should see why.
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let machine = runtime.block_on(enrol::enrol(&config, place.path(), &token))?;
    println!(
        "This machine is {} for the engine at {}. Start its agent: systemctl enable --now xrdtest-slave",
        machine.host, config.engine
    );
    Ok(())
}

/// This program's file. Where it was replaced meanwhile, the kernel still has the one that runs.
fn own_program() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(if path.exists() { path } else { PathBuf::from("/proc/self/exe") })
}

#[cfg(test)]
#[path = "../../../engine/cli/src/args/reference.rs"]
mod reference;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_reference_is_current() {
        super::reference::check(super::Arguments::command());
    }
}
