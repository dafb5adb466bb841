//! The hypervisor agent: turns a cluster definition into running machines, and takes them away again.

pub mod provider;
pub mod sandbox;
