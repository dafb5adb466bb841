//! Entry point: arguments, configuration, log, and then the daemon.

#[path = "../../../engine/cli/src/args/shipped.rs"]
mod shipped;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use xrdtest_hypervisor::agent::EngineAddress;
use xrdtest_hypervisor::agent::join::TokenSource;
use xrdtest_hypervisor::config::{Config, DEFAULT_PATH};
use xrdtest_hypervisor::daemon;

const EXAMPLES: &str = "\
Examples:
  xrdtest-hypervisor                       run with /etc/xrdtest/hypervisor.toml
  xrdtest-hypervisor --config /tmp/h.toml  run with another configuration
  xrdtest-hypervisor --join @token --engine engine.example.org:20000
                                           join by the token in a file, and run
  xrdtest-hypervisor gc                    remove what is left of gone machines
  xrdtest-hypervisor gc --all              remove all that this agent ever made

A token comes from the engine: xrdtest token new hypervisor NAME. The agent joins with it once, keeps its credentials in
/var/lib/xrdtest/hypervisor, and stays in contact with the engine until it gets TERM; then it takes its sandboxes away.
Virtual machines go on, and are found again when it starts. Exit codes: 0 it was told to stop; 2 it could not run.";

/// The hypervisor agent of xrdtest: turns cluster definitions into running machines, and takes them away again.
#[derive(Parser)]
#[command(name = "xrdtest-hypervisor", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration [default: /etc/xrdtest/hypervisor.toml; not needed with --engine].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Join with this one-time token: the token itself, `-` for standard input, or `@FILE`. Without effect where the
    /// agent has joined already.
    #[arg(long, value_name = "TOKEN")]
    join: Option<String>,
    /// Where the engine is; goes before the configuration.
    #[arg(long, value_name = "HOST:PORT")]
    engine: Option<EngineAddress>,
}

#[derive(Subcommand)]
enum Command {
    /// Removes what is left in libvirt of instances that do not exist any more, and prints its names. The agent does so
    /// itself when it starts; here it must not be running.
    Gc {
        /// Also what does exist: all machines, networks and disks, those that keep their content as well.
        #[arg(long)]
        all: bool,
    },
    #[command(flatten)]
    Shipped(shipped::Shipped),
}

fn main() -> ExitCode {
    match run(shipped::parse::<Arguments>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "talk of a command")]
fn say(words: &str) {
    eprintln!("{words}");
}

#[expect(clippy::print_stderr, reason = "the last word of a daemon that cannot run")]
fn complain(error: &anyhow::Error) {
    eprintln!("xrdtest-hypervisor: {}", xrdtest_model::with_causes(error.as_ref()));
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { command, config, join, engine } = arguments;
    if let Some(Command::Shipped(what)) = &command {
        return Ok(what.write(Arguments::command(), "8")?);
    }
    let config = configuration(config, engine)?;
    if let Some(Command::Gc { all }) = command {
        return collect(&config, all);
    }
    let log = daemon::log::start(&config).context("no log")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(daemon::run(config, join.map(TokenSource::Argument), log));
    // Nothing of any machine is left, so nothing is waited for: a thread may sit in a read of standard input.
    runtime.shutdown_background();
    Ok(result?)
}

/// `gc`: names of what was removed on standard output.
fn collect(config: &Config, all: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let removed = runtime.block_on(daemon::gc::collect(config, all))?;
    if removed.is_empty() {
        say("nothing was left over");
    }
    let mut out = std::io::stdout().lock();
    for name in &removed {
        writeln!(out, "{name}")?;
    }
    Ok(())
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
