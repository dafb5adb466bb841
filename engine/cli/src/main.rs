//! The `xrdtest` command: what authors of definitions use.
//!
//! Data goes to standard output, talk to standard error. Exit codes are in [`exit`].

mod args;
mod commands;
mod exit;
mod live;
mod local;
mod repository;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("XRDTEST_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match args.command {
        Command::Check(args) => commands::check::check(&args),
        Command::Rule(args) => commands::rule::rule(&args),
        Command::Run(args) => commands::run::run(&args),
    };
    result.unwrap_or_else(|error| exit::report(&error)).into()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
