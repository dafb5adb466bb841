//! `xrdtest-hypervisor gc`: takes away what is left of an agent's machines, while the agent does not run.

use super::DaemonError;
use super::lock::StateLock;
use crate::config::{Config, ProviderName};
#[cfg(feature = "libvirt")]
use crate::libvirt::Libvirt;
use crate::sandbox::Sandbox;

/// Removes left-overs, and with `all` everything that this agent ever made. Answers the names of what was removed; for
/// sandboxes there are none to tell: their machines end with the agent, and what is left in folders has no names.
///
/// # Errors
/// Where the agent runs (it removes left-overs by itself), or the provider can't work here.
pub async fn collect(config: &Config, all: bool) -> Result<Vec<String>, DaemonError> {
    let _lock = StateLock::take(&config.state)?;
    match config.provider {
        ProviderName::Sandbox => {
            // It cleans when it begins, and nothing of it outlives an agent.
            let _ = all;
            drop(Sandbox::open(config.sandbox()).await?);
            Ok(Vec::new())
        }
        #[cfg(not(feature = "libvirt"))]
        ProviderName::Libvirt => Err(DaemonError::NotBuilt),
        #[cfg(feature = "libvirt")]
        ProviderName::Libvirt => Ok(Libvirt::clean(config.libvirt(), all).await?),
    }
}
