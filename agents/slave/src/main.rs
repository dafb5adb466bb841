//! Entry point: the agent, and its two hidden roles: supervisor of a stage, first process of a sandbox machine.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use xrdtest_slave::config::{Config, DEFAULT_PATH};
use xrdtest_slave::{init, process, supervisor};

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
            Config::load(&arguments.config)?;
            // Until the agent is there, a process that lives is enough for whoever makes machines.
            loop {
                std::thread::park();
            }
        }
    }
}
