//! The slave agent: runs stage scripts on one machine under a supervisor, and streams their output.
//!
//! Three roles of one program: the [`agent`] talks to the engine; a [`supervisor`] per stage runs one script and
//! outlives the agent; [`init`] is the first process of a sandbox machine. What connects the first two is the
//! stage's folder ([`stage::folder`]): the machine's journal, by which a stage runs at most once.

pub mod agent;
pub mod boot;
pub mod config;
pub mod crash;
pub mod init;
pub mod logs;
pub mod notify;
pub mod process;
pub mod stage;
pub mod supervisor;
pub mod tags;
