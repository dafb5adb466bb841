//! Processes below this one: what signals wake it, who they are, how they are ended.

pub mod signals;
pub mod tree;
