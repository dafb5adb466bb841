//! One file per command.

mod ask;
pub(crate) mod audit;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod clusters;
mod follow;
pub(crate) mod hypervisors;
pub(crate) mod logs;
mod output;
pub(crate) mod plan;
pub(crate) mod queue;
mod remote_run;
pub(crate) mod report;
pub(crate) mod repositories;
pub(crate) mod rerun;
pub(crate) mod rule;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod sim;
pub(crate) mod slaves;
pub(crate) mod suites;
pub(crate) mod token;

pub(crate) use self::run::quote;
