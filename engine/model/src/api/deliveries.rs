//! How it goes with what people and programs are told about runs.

use serde::{Deserialize, Serialize};

/// How it goes with mail about runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MailInfo {
    /// Mails that are not sent yet.
    pub waiting: u64,
    /// Why the latest of them that was tried was not sent; empty where none failed.
    #[serde(default)]
    pub error: String,
}

/// How it goes with what a target is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliveryInfo {
    /// `mail`, or `webhook/NAME`.
    pub target: String,
    /// The way there, in words and without secrets: `the mail server mail.example.org:587`, `https://chat.example.org`.
    pub way: String,
    /// What is not sent yet.
    pub waiting: u64,
    /// What was taken since the engine's start.
    pub sent: u64,
    /// What was given up since the engine's start.
    pub failed: u64,
    /// Why the latest that was tried was not taken; empty where it was.
    #[serde(default)]
    pub error: String,
}
