//! Who may do what, and who has done what.

use serde::{Deserialize, Serialize};

use super::Role;
use crate::chronicle::contact::by_whom;
use crate::order::is_false;
use crate::{AgentName, Timestamp};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserInfo {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// Sessions that are not over.
    #[serde(default)]
    pub sessions: u32,
}

/// Makes an account.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// Its name: letters, digits and `. _ @ -`.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its password.
    pub password: String,
}

/// Changes an account; what is absent stays.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct UserChange {
    /// What it may do from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Its new password; all its sessions end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Makes a token for a program that uses the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiTokenRequest {
    /// For records: who uses it.
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// For how long it is good, in seconds; absent: 90 days.
    #[serde(default)]
    pub valid_s: Option<u64>,
}

/// The answer to [`ApiTokenRequest`]: the only time that the token is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiTokenCreated {
    /// Its id in lists.
    pub id: String,
    /// The secret, for `Authorization: Bearer`.
    pub token: String,
    /// Who uses it.
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// How somebody is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Via {
    /// As a user of the engine's machine, on the Unix socket.
    Socket,
    /// By logging in.
    Session,
    /// By a token.
    Token,
    /// Not at all: whoever tried to log in.
    Nobody,
}

/// One request to change something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Its number, from 1.
    pub id: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked; empty: nobody knows.
    pub who: String,
    /// What they may do.
    pub role: Option<Role>,
    /// How they are known.
    pub via: Via,
    /// Where they asked from; empty on the socket.
    pub address: String,
    /// Method and path.
    pub action: String,
    /// What it is about: a run, a suite, an account.
    pub target: String,
    /// Why, where they said it.
    pub reason: String,
    /// The status of the answer: 200 to 399 is done, 403 they may not.
    pub status: u16,
}

/// Which of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AuditFilter {
    /// Of this one only.
    pub who: Option<String>,
    /// With smaller numbers, which is how a list is continued.
    pub before: Option<u64>,
    /// How many at most; absent: 100.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub limit: Option<u32>,
}

/// `POST /revocations`: makes the certificates void that an agent was given so far, and its join tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevocationRequest {
    /// Whose: `hypervisor/NAME`, `slave/NAME`, and of a machine of an instance `slave/INSTANCE/HOST`.
    pub agent: AgentName,
    /// Why, for the record.
    #[serde(default)]
    pub reason: String,
}

/// An agent whose certificates are void: `GET /revocations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevocationInfo {
    /// Whose: `hypervisor/NAME`, `slave/NAME`, `slave/INSTANCE/HOST`.
    pub agent: AgentName,
    /// Certificates that were given later are good: the agent has joined again.
    pub at: Timestamp,
    /// Who said so.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
    /// When it was in contact with a certificate that was given later; absent: it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<Timestamp>,
    /// In the answer to a request: it was revoked before, and that stands.
    #[serde(default, skip_serializing_if = "is_false")]
    pub already: bool,
}

impl RevocationInfo {
    /// `revoked by alice: sold`.
    pub fn words(&self) -> String {
        format!("revoked {}", self.by_whom())
    }

    /// `by alice: sold`.
    pub fn by_whom(&self) -> String {
        by_whom(&self.by, &self.reason)
    }
}
