//! What people hold back: the queue as a whole, or a hypervisor.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::HypervisorName;
use crate::time::Timestamp;

/// What gets nothing new to do while somebody holds it. Written `queue` or `hypervisor/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum Held {
    /// No waiting run gets a place.
    Queue,
    /// Nothing new is made on a hypervisor.
    Hypervisor(HypervisorName),
}

/// Who holds something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hold {
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => f.write_str(&self.by),
            reason => write!(f, "{}: {reason}", self.by),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue => f.write_str("queue"),
            Self::Hypervisor(name) => write!(f, "hypervisor/{name}"),
        }
    }
}

impl From<Held> for String {
    fn from(held: Held) -> Self {
        held.to_string()
    }
}

/// The text names nothing that can be held.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` can't be held: it is neither `queue` nor `hypervisor/NAME`")]
pub struct ParseHeldError(String);

impl FromStr for Held {
    type Err = ParseHeldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            None if text == "queue" => Ok(Self::Queue),
            Some(("hypervisor", name)) if !name.is_empty() => Ok(Self::Hypervisor(HypervisorName::new(name))),
            _ => Err(ParseHeldError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Held {
    type Error = ParseHeldError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_written_and_read() {
        for text in ["queue", "hypervisor/hv1", "hypervisor/a/b"] {
            let held: Held = text.parse().unwrap();
            assert_eq!(held.to_string(), text);
        }
        for text in ["", "hypervisor", "hypervisor/", "slave/x", "queue/x"] {
            assert!(text.parse::<Held>().is_err(), "{text}");
        }
    }
}
