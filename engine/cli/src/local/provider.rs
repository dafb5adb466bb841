//! What makes the machines of `run --local`.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
#[cfg(feature = "libvirt")]
use xrdtest_hypervisor::config::libvirt::LibvirtConfig;
#[cfg(feature = "libvirt")]
use xrdtest_hypervisor::daemon::lock::StateLock;
#[cfg(feature = "libvirt")]
use xrdtest_hypervisor::libvirt::Libvirt;
use xrdtest_hypervisor::provider::{MachineGone, Provider};
use xrdtest_hypervisor::sandbox::{Sandbox, SandboxConfig};

use super::Local;
#[cfg(feature = "libvirt")]
use crate::args::RunArgs;
use crate::exit::say;

/// Runs with virtual machines that there can be on this machine at the same time.
#[cfg(feature = "libvirt")]
const SLOTS: u32 = 100;

/// A provider, and where it tells of machines that end by themselves.
type Opened = (Arc<dyn Provider>, mpsc::UnboundedReceiver<MachineGone>);

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

    /// For the agent of one run, with the receiver of machines that end by themselves.
    pub(super) async fn open(&self, local: &Local) -> anyhow::Result<Opened> {
        match self {
            Self::Sandbox => {
                let config = SandboxConfig {
                    state: local.state.clone(),
                    init: local.slave.clone(),
                    hidden: vec![local.runs.clone()],
                    ..SandboxConfig::default()
                };
                let opened = Sandbox::open_telling(config, say).await;
                let (sandbox, gone) = opened.context("this machine can't make sandboxes")?;
                Ok((Arc::new(sandbox), gone))
            }
            #[cfg(feature = "libvirt")]
            Self::Libvirt { config, .. } => {
                let opened = Libvirt::open(LibvirtConfig::clone(config)).await;
                let (libvirt, gone) = opened.context("this machine can't make virtual machines")?;
                Ok((Arc::new(libvirt), gone))
            }
        }
    }
}
