//! One file per command.

pub(crate) mod check;
pub(crate) mod rule;
pub(crate) mod run;
