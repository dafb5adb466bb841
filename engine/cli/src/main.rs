//! The `xrdtest` command: what authors of definitions use, and the client of a running engine.
//!
//! Data goes to standard output, talk to standard error. Exit codes are in [`exit`].

mod args;
mod client;
mod commands;
mod exit;
mod live;
mod local;
mod repository;
mod show;

use std::process::ExitCode;

use clap::CommandFactory;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command};
use crate::exit::Exit;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = args::parse::<Args>();
    let filter = EnvFilter::try_from_env("XRDTEST_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match args.command {
        Command::Check(args) => commands::check::check(&args),
        Command::Rule(args) => commands::rule::rule(&args),
        Command::Plan(args) => commands::plan::plan(&args),
        Command::Run(args) => commands::run::run(&args),
        Command::Runs(args) => commands::runs::runs(&args),
        Command::Show(args) => commands::show::show(&args),
        Command::Report(args) => commands::report::report(&args),
        Command::Logs(args) => commands::logs::logs(&args),
        Command::Cancel(args) => commands::cancel::cancel(&args),
        Command::Rerun(args) => commands::rerun::rerun(&args),
        Command::Queue(args) => commands::queue::queue(&args),
        Command::Suites(args) => commands::suites::suites(&args),
        Command::Clusters(args) => commands::clusters::clusters(&args),
        Command::Cluster(args) => commands::cluster::cluster(&args),
        Command::Repositories(args) => commands::repositories::repositories(&args),
        Command::Hypervisors(args) => commands::hypervisors::hypervisors(&args),
        Command::Slaves(args) => commands::slaves::slaves(&args),
        Command::Token(args) => commands::token::token(&args),
        Command::Audit(args) => commands::audit::audit(&args),
        Command::Sim(args) => commands::sim::sim(&args),
        Command::Shipped(what) => what.write(Args::command(), "1").map(|()| Exit::Good).map_err(Into::into),
    };
    result.unwrap_or_else(|error| exit::report(&error)).into()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
