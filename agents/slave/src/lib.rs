//! The slave agent: runs stage scripts on one machine under a supervisor, and streams their output.

pub mod boot;
pub mod config;
pub mod init;
pub mod process;
pub mod stage;
pub mod supervisor;
