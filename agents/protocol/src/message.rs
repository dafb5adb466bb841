//! The messages of the control stream. Enums are append-only (see [`crate::version`]); a kind that the receiver
//! does not know arrives as `Unknown`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xrdtest_model::event::{ImageUsed, InstanceStep};
use xrdtest_model::order::{EndCause, StageOrder, StageReport};
use xrdtest_model::plan::ClusterPlan;
use xrdtest_model::room::{Load, Room};
use xrdtest_model::{AttemptId, InstanceId};

/// A message as it is said to a peer that speaks a version: without what later versions brought.
pub trait Spoken: Clone + Serialize + Sync {
    /// `None`: it is nothing that the peer knows, and it is not said at all.
    fn spoken(&self, version: u32) -> Option<Cow<'_, Self>>;
}

impl Spoken for SlaveToEngine {
    fn spoken(&self, _version: u32) -> Option<Cow<'_, Self>> {
        Some(Cow::Borrowed(self))
    }
}

impl Spoken for EngineToSlave {
    fn spoken(&self, _version: u32) -> Option<Cow<'_, Self>> {
        Some(Cow::Borrowed(self))
    }
}

impl Spoken for HypervisorToEngine {
    fn spoken(&self, version: u32) -> Option<Cow<'_, Self>> {
        match self {
            Self::Status { room, load, now_ms: Some(_) } if version < 2 => {
                Some(Cow::Owned(Self::Status { room: *room, load: *load, now_ms: None }))
            }
            _ => Some(Cow::Borrowed(self)),
        }
    }
}

impl Spoken for EngineToHypervisor {
    fn spoken(&self, _version: u32) -> Option<Cow<'_, Self>> {
        Some(Cow::Borrowed(self))
    }
}

/// The first frame of a connection, from the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hello", rename_all = "snake_case")]
pub enum Hello {
    /// Without certificate: the only thing allowed.
    Join {
        /// Oldest and newest version spoken.
        versions: (u32, u32),
        /// The one-time token.
        token: String,
        /// Certificate signing request, PEM.
        request: String,
    },
    /// The slave agent of the machine that the certificate names.
    Slave {
        /// Oldest and newest version spoken.
        versions: (u32, u32),
        /// Version of the agent's software, for people.
        software: String,
        /// Differs after each boot of the machine.
        boot_id: String,
        /// Everything that the agent knows about stages.
        known: Vec<(AttemptId, StageReport)>,
    },
    /// The hypervisor agent that the certificate names.
    Hypervisor {
        /// Oldest and newest version spoken.
        versions: (u32, u32),
        /// Version of the agent's software, for people.
        software: String,
        /// What it can do.
        abilities: Abilities,
        /// The instances that it has, and whether all their machines are made.
        instances: Vec<(InstanceId, bool)>,
    },
}

impl Hello {
    /// The range of versions that the agent speaks.
    pub fn versions(&self) -> (u32, u32) {
        match self {
            Self::Join { versions, .. }
            | Self::Slave { versions, .. }
            | Self::Hypervisor { versions, .. } => *versions,
        }
    }
}

/// The engine's answer to [`Hello`], before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum HelloReply {
    /// Welcome; messages follow.
    Accepted {
        /// The version to speak.
        version: u32,
        /// The engine's clock, in milliseconds since 1970: some agents set theirs by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now_ms: Option<u64>,
    },
    /// A joining agent's certificate; the connection ends here.
    Joined {
        /// PEM.
        certificate: String,
        /// The CA's certificate, PEM.
        ca: String,
    },
    /// No; the connection ends here.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

/// What a hypervisor agent can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// `sandbox`, `libvirt`.
    pub provider: String,
    /// What it has for instances, all in all; what its living instances take is not subtracted.
    pub room: Room,
    /// Free words that definitions may ask for.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Whether a cluster definition and a subnet can be there only once at a time.
    pub exclusive: bool,
    /// What people should know of how it makes machines: `tcg: there is no /dev/kvm`. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// From a slave agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum SlaveToEngine {
    /// What is known about an attempt.
    Report {
        /// The attempt.
        attempt: AttemptId,
        /// What is known.
        report: StageReport,
    },
    /// The agent stops in an orderly way; stages go on without it.
    Goodbye,
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}

/// To a slave agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum EngineToSlave {
    /// Run a stage. The same order may come again; it is answered with what is known.
    Order {
        /// What to run.
        order: Box<StageOrder>,
    },
    /// End a stage: TERM, 5 s, KILL.
    EndStage {
        /// The attempt.
        attempt: AttemptId,
        /// What becomes of it.
        why: EndCause,
        /// For people.
        reason: String,
    },
    /// The result is durable: the record may go.
    Forget {
        /// The attempt.
        attempt: AttemptId,
    },
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}

/// From a hypervisor agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum HypervisorToEngine {
    /// A step of an instance's start or stop, for people.
    Progress {
        /// The instance.
        instance: InstanceId,
        /// `creating network`, `copying images` …
        detail: String,
        /// The same for programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<InstanceStep>,
    },
    /// All machines of the instance are made.
    Made {
        /// The instance.
        instance: InstanceId,
    },
    /// The instance could not be made, or broke as a whole. Nothing of it is left.
    Failed {
        /// The instance.
        instance: InstanceId,
        /// What, where, why.
        detail: String,
    },
    /// One machine is gone.
    MachineGone {
        /// The instance.
        instance: InstanceId,
        /// The host's name.
        host: String,
        /// How, with the last lines of its console.
        detail: String,
    },
    /// Nothing of the instance is left.
    Stopped {
        /// The instance.
        instance: InstanceId,
    },
    /// What the machines of an instance start from, known before they do.
    Images {
        /// The instance.
        instance: InstanceId,
        /// Each once.
        images: Vec<ImageUsed>,
    },
    /// The agent stops in an orderly way.
    Goodbye,
    /// How the agent's machine is, from time to time.
    Status {
        /// What it has for instances now, counted as in [`Abilities::room`].
        room: Room,
        /// How busy it is.
        load: Load,
        /// The clock of its machine, in milliseconds since 1970; since version 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now_ms: Option<u64>,
    },
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}

/// To a hypervisor agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum EngineToHypervisor {
    /// Make an instance. For one that is there already: say again how it is.
    StartInstance {
        /// The new instance.
        instance: InstanceId,
        /// Its definition.
        cluster: Arc<ClusterPlan>,
        /// Host name and one-time join token of each machine's slave agent.
        tokens: Vec<(String, String)>,
    },
    /// Take an instance away. For one that is not there: say `Stopped`.
    StopInstance {
        /// The instance.
        instance: InstanceId,
    },
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}
