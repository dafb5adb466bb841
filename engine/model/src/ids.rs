//! Identifiers. All are opaque text to everybody but their maker. Runs and instances are named by each word about each of
//! hundreds of machines, so copies of their ids share the text.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::stage::StageId;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into().into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

text_id! {
    /// One execution of one suite. Letters, digits, `-`, `_` and `.`, so that it can name a folder.
    RunId
}
text_id! {
    /// One running copy of a cluster definition. Safe as a folder's name, like [`RunId`].
    InstanceId
}
text_id! {
    /// The name under which a hypervisor agent is known; it is in the agent's certificate.
    HypervisorName
}

/// One machine: a host of an instance. Written `INSTANCE/HOST`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MachineId {
    /// The instance that the machine belongs to.
    pub instance: InstanceId,
    /// The host's name in the definition (an FQDN).
    pub host: String,
}

/// By host first: machines that are looked up beside each other mostly have their instance in common.
impl Ord for MachineId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.host.cmp(&other.host).then_with(|| self.instance.cmp(&other.instance))
    }
}

impl PartialOrd for MachineId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What stands for the instance, and for the hypervisor agent, of physical machines: nobody makes them.
pub const EXTERNAL: &str = "external";

impl MachineId {
    /// A physical machine as its slave agent's certificate names it, whatever instance it works for.
    pub fn physical(host: impl Into<String>) -> Self {
        Self::new(InstanceId::new(EXTERNAL), host)
    }

    /// Whether it is a physical machine outside of any instance.
    pub fn is_physical(&self) -> bool {
        self.instance.as_str() == EXTERNAL
    }

    /// The machine `host` of `instance`.
    pub fn new(instance: InstanceId, host: impl Into<String>) -> Self {
        Self { instance, host: host.into() }
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.instance, self.host)
    }
}

impl FromStr for MachineId {
    type Err = ParseMachineIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((instance, host)) if !instance.is_empty() && !host.is_empty() => {
                Ok(Self::new(InstanceId::new(instance), host))
            }
            _ => Err(ParseMachineIdError(text.to_owned())),
        }
    }
}

/// The text is not `INSTANCE/HOST`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a machine id of the form INSTANCE/HOST")]
pub struct ParseMachineIdError(String);

/// An agent that has a name of its own. Written `hypervisor/NAME` or `slave/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum AgentName {
    /// A hypervisor agent.
    Hypervisor(HypervisorName),
    /// The slave agent of a physical machine, by the machine's host name.
    Slave(String),
}

impl AgentName {
    /// The machine whose slave it is, where that was made for an instance.
    pub fn machine(&self) -> Option<MachineId> {
        match self {
            // Names of hosts have no slash.
            Self::Slave(name) => name.parse().ok(),
            Self::Hypervisor(_) => None,
        }
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hypervisor(name) => write!(f, "hypervisor/{name}"),
            Self::Slave(name) => write!(f, "slave/{name}"),
        }
    }
}

impl From<AgentName> for String {
    fn from(name: AgentName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for AgentName {
    type Error = ParseAgentNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for AgentName {
    type Err = ParseAgentNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("hypervisor", name)) if !name.is_empty() => Ok(Self::Hypervisor(name.into())),
            Some(("slave", name)) if !name.is_empty() => Ok(Self::Slave(name.to_owned())),
            _ => Err(ParseAgentNameError(text.to_owned())),
        }
    }
}

/// The text is neither `hypervisor/NAME` nor `slave/NAME`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an agent's name of the form hypervisor/NAME or slave/NAME")]
pub struct ParseAgentNameError(String);

/// One try to carry out one stage on one machine. It fences late answers: whoever reports an attempt that is not
/// the current one is not believed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptId {
    /// The run.
    pub run: RunId,
    /// The stage within the run.
    pub stage: StageId,
    /// The machine that carries it out.
    pub machine: MachineId,
    /// Counts from 1.
    pub number: u32,
}

/// By machine first, for the same reason as machines by host.
impl Ord for AttemptId {
    fn cmp(&self, other: &Self) -> Ordering {
        let rest = |id: &Self| (id.stage, id.number);
        self.machine
            .cmp(&other.machine)
            .then_with(|| rest(self).cmp(&rest(other)))
            .then_with(|| self.run.cmp(&other.run))
    }
}

impl PartialOrd for AttemptId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AttemptId {
    /// A folder's name for this attempt, unique within its machine: `RUN.STAGE.NUMBER`, as in
    /// `20261122-101500-ab12.2-run.1`.
    pub fn folder_name(&self) -> String {
        format!("{}.{}.{}", self.run, self.stage.slug(), self.number)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} on {} (attempt {})", self.run, self.stage, self.machine.host, self.number)
    }
}
