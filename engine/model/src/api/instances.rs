//! Instances, and clusters that are started by hand.

use serde::{Deserialize, Serialize};

use super::SlaveInfo;
use crate::chronicle::{StateWord, Transition};
use crate::event::InstanceOwner;
use crate::ids::{HypervisorName, InstanceId, RunId};
use crate::time::Timestamp;

/// `POST /instances`: starts a cluster by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClusterRequest {
    /// The cluster's name.
    pub cluster: String,
    /// For how long it is wanted, in milliseconds; absent: as long as the engine keeps such clusters.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 31_622_400_000u64)))]
    pub keep_ms: Option<u64>,
    /// Name or label of the hypervisor that shall make it; absent: as its definition says.
    #[serde(default)]
    pub hypervisor: Option<String>,
}

/// An instance of which something may be left: in `GET /instances`, and in what is told of clusters and hypervisors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceInfo {
    /// Its id.
    pub instance: InstanceId,
    /// Its cluster's name.
    pub cluster: String,
    /// Who makes it.
    pub hypervisor: HypervisorName,
    /// The run that it was made for; `null`: it was started by hand.
    pub run: Option<RunId>,
    /// In the manual's words.
    pub state: StateWord,
    /// Whose it is.
    pub owner: InstanceOwner,
    /// When it was ordered.
    pub since: Timestamp,
    /// When it is stopped, if nobody stops it before; `null`: it ends with its run.
    pub until: Option<Timestamp>,
    /// Names of its hosts.
    pub hosts: Vec<String>,
}

/// An instance with its machines: `GET /instances/INSTANCE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceDetails {
    /// As lists tell it.
    #[serde(flatten)]
    pub instance: InstanceInfo,
    /// The slaves of its hosts, in their order.
    pub machines: Vec<SlaveInfo>,
    /// Its activity log: its states, newest first.
    pub history: Vec<Transition>,
}
