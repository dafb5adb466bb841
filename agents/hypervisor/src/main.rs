//! Entry point: arguments, configuration, log, and then the daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use xrdtest_hypervisor::agent::EngineAddress;
use xrdtest_hypervisor::agent::join::TokenSource;
use xrdtest_hypervisor::config::{Config, DEFAULT_PATH};
use xrdtest_hypervisor::daemon;

const EXAMPLES: &str = "\
Examples:
  xrdtest-hypervisor                              run the agent with /etc/xrdtest/hypervisor.toml
  xrdtest-hypervisor --config /tmp/h.toml         run it with another configuration
  xrdtest-hypervisor --join @token --engine engine.example.org:20000
                                                  join with the one-time token in the file `token`, and run

A token comes from the engine: xrdtest token new hypervisor NAME. The agent joins with it once, keeps its credentials in
/var/lib/xrdtest/hypervisor, and stays in contact with the engine until it gets TERM; then it takes all its machines
away. Exit codes: 0 it was told to stop; 2 it could not run.";

/// The hypervisor agent of xrdtest: turns cluster definitions into running machines, and takes them away again.
#[derive(Parser)]
#[command(name = "xrdtest-hypervisor", version, after_help = EXAMPLES)]
struct Arguments {
    /// The configuration [default: /etc/xrdtest/hypervisor.toml; not needed with --engine].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Join with this one-time token: the token itself, `-` for standard input, or `@FILE`. Without effect where the
    /// agent has joined already.
    #[arg(long, value_name = "TOKEN")]
    join: Option<String>,
    /// Where the engine is; goes before the configuration.
    #[arg(long, value_name = "HOST:PORT")]
    engine: Option<EngineAddress>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a daemon that cannot run")]
fn complain(error: &anyhow::Error) {
    eprintln!("xrdtest-hypervisor: {}", xrdtest_model::with_causes(error.as_ref()));
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { config, join, engine } = arguments;
    let config = configuration(config, engine)?;
    let log = daemon::log::start(&config).context("no log")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(daemon::run(config, join.map(TokenSource::Argument), log));
    // Nothing of any machine is left, so nothing is waited for: a thread may sit in a read of standard input.
    runtime.shutdown_background();
    Ok(result?)
}

/// The file, or the defaults where it is not asked for, does not exist, and the command line names the engine.
fn configuration(file: Option<PathBuf>, engine: Option<EngineAddress>) -> anyhow::Result<Config> {
    let path = file.clone().unwrap_or_else(|| DEFAULT_PATH.into());
    match engine {
        Some(engine) if file.is_none() && !path.exists() => Ok(Config::for_engine(engine)),
        engine => {
            let config = Config::load(&path)?;
            Ok(Config { engine: engine.unwrap_or_else(|| config.engine.clone()), ..config })
        }
    }
}
