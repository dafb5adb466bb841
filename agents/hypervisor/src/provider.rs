//! What a provider is: the way in which a hypervisor agent makes machines.

use std::fmt;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use xrdtest_model::InstanceId;
use xrdtest_model::event::{ImageUsed, InstanceStep};
use xrdtest_model::plan::ClusterPlan;
use xrdtest_protocol::message::Abilities;

use crate::sandbox::SandboxError;

/// Makes instances and takes them away.
///
/// Orders may repeat and overlap: the engine and the agent may each have been killed in between. An order counts from
/// the call on, so that a stop that is called after a start finds the instance; the future that a call returns is done
/// when the work is, and dropping it does not stop the work. Nothing here blocks the calling thread. An id is used for
/// one instance only, ever.
pub trait Provider: Send + Sync + 'static {
    /// What it can do and what it has.
    fn abilities(&self) -> Abilities;

    /// Where its machines' disks are, for the load that the agent reports.
    fn folder(&self) -> PathBuf;

    /// Makes an instance; returns when all its machines run. When it fails, nothing of the instance is left. For an
    /// instance that runs already this says so at once, and for one that is being made it waits for the outcome;
    /// neither sends steps.
    fn start(
        &self,
        order: StartOrder,
        steps: mpsc::UnboundedSender<Step>,
    ) -> BoxFuture<'static, Result<(), ProviderError>>;

    /// Takes an instance away, also one that is still being made; returns when nothing of it is left. For one that
    /// does not exist that is at once.
    fn stop(&self, instance: &InstanceId) -> BoxFuture<'static, Result<(), ProviderError>>;

    /// Its instances, and whether all their machines are made.
    fn instances(&self) -> Vec<(InstanceId, bool)>;

    /// A command for people that looks into a machine: a shell in it, or its console. `None` where there is no such
    /// machine, or it is being made or removed.
    fn shell(&self, instance: &InstanceId, host: &str) -> Option<Command>;

    /// Instances that an earlier process of this agent made and that were found again. Asked once.
    fn found_again(&self) -> Vec<FoundAgain> {
        Vec::new()
    }

    /// Whether machines go on when the agent ends, and are found again by the next one.
    fn outlive_agent(&self) -> bool {
        false
    }

    /// The console of each machine of an instance, by host name: files that grow, and that are gone when the instance
    /// is. Empty where this provider keeps none, or the instance is not made.
    fn consoles(&self, _: &InstanceId) -> Vec<(String, PathBuf)> {
        Vec::new()
    }
}

/// An instance that goes on from an earlier process.
#[derive(Debug)]
pub struct FoundAgain {
    /// Its id.
    pub instance: InstanceId,
    /// Its definition.
    pub cluster: Arc<ClusterPlan>,
    /// For its relay, which ended with that process.
    pub sockets: RelaySockets,
}

/// An instance to make.
#[derive(Clone)]
pub struct StartOrder {
    /// Its id.
    pub instance: InstanceId,
    /// Which engine orders it, as [`xrdtest_protocol::Credentials::engine_id`] tells.
    pub engine: Arc<str>,
    /// Its definition.
    pub cluster: Arc<ClusterPlan>,
    /// Host name and one-time join token of each machine's slave agent.
    pub tokens: Vec<(String, String)>,
}

impl fmt::Debug for StartOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens are secrets, and debug output ends in logs.
        f.debug_struct("StartOrder")
            .field("instance", &self.instance)
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// What happens while an instance is made.
#[derive(Debug)]
pub enum Step {
    /// What is being done.
    Progress {
        /// For programs.
        step: InstanceStep,
        /// For people: `making the network`.
        detail: String,
    },
    /// What the machines start from.
    Images(Vec<ImageUsed>),
    /// The network is there, and no machine runs yet: the sockets at its own address, for the relay.
    Network(RelaySockets),
}

/// The relay's sockets in the network of an instance. What they receive waits in them until the relay reads.
#[derive(Debug)]
pub struct RelaySockets {
    /// For the slave agents' QUIC.
    pub udp: UdpSocket,
    /// For scripts' HTTP.
    pub tcp: TcpListener,
}

/// A machine ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineGone {
    /// Its instance.
    pub instance: InstanceId,
    /// Its host's name.
    pub host: String,
    /// How, with the last line of its console; one line.
    pub detail: String,
}

/// Why a provider could not do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The sandbox says why.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// libvirt says why.
    #[cfg(feature = "libvirt")]
    #[error(transparent)]
    Libvirt(#[from] crate::libvirt::LibvirtError),
    /// A task of the provider ended without a word, which is a fault of this program.
    #[error("a task of the {provider} provider broke off: {reason}. Please report this")]
    BrokenOff {
        /// Which.
        provider: &'static str,
        /// What is known.
        reason: String,
    },
}

impl ProviderError {
    /// Whether this is only because the instance was ordered to stop meanwhile.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Sandbox(error) => matches!(error, SandboxError::Cancelled(_)),
            #[cfg(feature = "libvirt")]
            Self::Libvirt(error) => matches!(error, crate::libvirt::LibvirtError::Cancelled(_)),
            Self::BrokenOff { .. } => false,
        }
    }
}
