//! One stage on this machine: its folder, and what its supervisor and the agent say to each other.

pub mod folder;
pub mod wire;

pub use folder::{Assignment, Noted, StageFolder};
