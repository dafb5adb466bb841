//! The hypervisor agent: turns a cluster definition into running machines, and takes them away again.
//!
//! [`agent::Agent`] connects to the engine and does what it orders, with a [`provider`] that makes the machines: the
//! [`sandbox`], or libvirt. The [`relay`] lets the machines of an instance reach the engine and nobody else.

pub mod agent;
pub mod config;
pub mod daemon;
mod folder_watch;
mod instances;
#[cfg(feature = "libvirt")]
pub mod libvirt;
pub mod load;
pub mod provider;
pub mod relay;
pub mod sandbox;
