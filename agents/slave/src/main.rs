//! Entry point: the agent, and its two hidden roles: supervisor of a stage, first process of a sandbox machine.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use xrdtest_slave::config::{Config, DEFAULT_PATH};
use xrdtest_slave::{agent, init, process, supervisor};

const EXAMPLES: &str = "\
Examples:
  xrdtest-slave                                   run the agent with /etc/xrdtest/slave.toml
  xrdtest-slave --config /tmp/slave.toml          run it with another configuration

The smallest configuration:
  engine = \"192.0.2.1:20000\"
  join_token_file = \"/etc/xrdtest/join-token\"

The agent joins with the token once, keeps its credentials in /var/lib/xrdtest/slave, and stays in contact with the
engine until it gets TERM. Scripts that run meanwhile go on: their supervisors are processes of their own.";

/// The slave agent of xrdtest: runs the scripts of test suites on this machine and streams their output to the engine.
#[derive(Parser)]
#[command(name = "xrdtest-slave", version, after_help = EXAMPLES)]
struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH, global = true)]
    config: PathBuf,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Be the first process of a sandbox machine.
    #[command(hide = true)]
    Init,
    /// Supervise the stage whose folder this is.
    #[command(hide = true)]
    Supervise {
        /// The folder.
        stage: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
    eprintln!("xrdtest-slave: {error:#}");
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.role {
        Some(Role::Init) => {
            let config = Config::load(&arguments.config)?;
            let folders: Vec<_> = config.folders().collect();
            init::run(&arguments.config, &folders).context("the machine cannot go on")
        }
        Some(Role::Supervise { stage }) => {
            process::close_inherited();
            supervisor::run(stage).with_context(|| format!("cannot supervise {}", stage.display()))
        }
        None => {
            let config = Config::load(&arguments.config)?;
            agent::setup::start_log(&config)
                .with_context(|| format!("cannot log to {}", config.log.display()))?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let result = runtime.block_on(agent::setup::run(config, own_program()?));
            // Whatever still runs in the background is on disk already, and found again by the next agent.
            runtime.shutdown_background();
            Ok(result?)
        }
    }
}

/// This program's file. Where it was replaced meanwhile, the kernel still has the one that runs.
fn own_program() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("cannot find this program's own file")?;
    Ok(if path.exists() { path } else { PathBuf::from("/proc/self/exe") })
}
