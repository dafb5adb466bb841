//! What makes the machines of `run --local`.

#[cfg(feature = "libvirt")]
use anyhow::Context;
use xrdtest_hypervisor::agent::ProviderConfig;
#[cfg(feature = "libvirt")]
use xrdtest_hypervisor::daemon::lock::StateLock;
#[cfg(feature = "libvirt")]
use xrdtest_hypervisor::libvirt::LibvirtConfig;
use xrdtest_hypervisor::sandbox::SandboxConfig;

use super::Local;
#[cfg(feature = "libvirt")]
use crate::args::RunArgs;

/// Runs with virtual machines that there can be on this machine at the same time.
#[cfg(feature = "libvirt")]
const SLOTS: u32 = 100;

/// A way to make machines, as the command line asks for it.
#[derive(Debug)]
pub(super) enum LocalMachines {
    Sandbox,
    #[cfg(feature = "libvirt")]
    Libvirt {
        config: Box<LibvirtConfig>,
        /// Held for as long as the command runs.
        _lock: StateLock,
    },
}

impl LocalMachines {
    /// In libvirt things are known by the agent that made them, and what a killed one left is removed by the next one of
    /// the same folder: each command that runs takes the first folder that no other one has.
    #[cfg(feature = "libvirt")]
    pub(super) fn libvirt(args: &RunArgs, slave: &std::path::Path) -> anyhow::Result<Self> {
        let folder = |number| args.state.join(format!("libvirt-{number}"));
        let mut slots = (0..SLOTS).map(|number| (folder(number), StateLock::take(&folder(number))));
        let free = slots.find(|(_, lock)| !matches!(lock, Err(error) if error.is_taken()));
        let (state, lock) = free.context("a hundred runs with virtual machines go on already")?;
        let lock = lock.context("virtual machines need a folder of their own")?;
        let defaults = LibvirtConfig::default();
        let config = LibvirtConfig {
            uri: std::env::var("LIBVIRT_DEFAULT_URI").unwrap_or(defaults.uri),
            pool: args.pool.clone().unwrap_or(defaults.pool),
            agent: slave.to_owned(),
            consoles: state.join("consoles"),
            state,
            ..LibvirtConfig::default()
        };
        Ok(Self::Libvirt { config: Box::new(config), _lock: lock })
    }

    /// For the agent of one run.
    pub(super) fn config(&self, local: &Local) -> ProviderConfig {
        match self {
            Self::Sandbox => ProviderConfig::Sandbox(SandboxConfig {
                state: local.state.clone(),
                init: local.slave.clone(),
                hidden: vec![local.runs.clone()],
                ..SandboxConfig::default()
            }),
            #[cfg(feature = "libvirt")]
            Self::Libvirt { config, .. } => ProviderConfig::Libvirt(LibvirtConfig::clone(config)),
        }
    }

    /// What it makes, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Sandbox => "sandboxes",
            #[cfg(feature = "libvirt")]
            Self::Libvirt { .. } => "virtual machines",
        }
    }
}
