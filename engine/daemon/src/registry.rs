//! Who is connected. A new connection of the same agent replaces the old one, whose words are not heard any more.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::sync::mpsc;
use xrdtest_protocol::server::Link;

/// Counts connections; tells those of one agent apart.
pub(crate) type Serial = u64;

/// The engine's end of one agent's connection.
#[derive(Debug)]
pub(crate) struct Connected<M> {
    pub(crate) serial: Serial,
    pub(crate) messages: mpsc::UnboundedSender<M>,
    pub(crate) link: Link,
}

/// The connected agents of one role, by name.
#[derive(Debug)]
pub(crate) struct Registry<K, M> {
    agents: HashMap<K, Connected<M>>,
}

impl<K, M> Default for Registry<K, M> {
    fn default() -> Self {
        Self { agents: HashMap::new() }
    }
}

impl<K: Eq + Hash, M> Registry<K, M> {
    /// An agent has connected.
    pub(crate) fn insert(&mut self, name: K, connected: Connected<M>) {
        if let Some(old) = self.agents.insert(name, connected) {
            old.link.close("another connection of the same agent took its place");
        }
    }

    /// Whether `serial` is the agent's present connection.
    pub(crate) fn is_current(&self, name: &K, serial: Serial) -> bool {
        self.agents.get(name).is_some_and(|agent| agent.serial == serial)
    }

    /// A connection is over; answers whether it was the agent's present one.
    pub(crate) fn remove(&mut self, name: &K, serial: Serial) -> bool {
        let current = self.is_current(name, serial);
        if current {
            self.agents.remove(name);
        }
        current
    }

    /// How many are connected.
    pub(crate) fn len(&self) -> usize {
        self.agents.len()
    }

    /// Sends a message where the agent is connected. Where it is not, the core says it again when it is.
    pub(crate) fn send(&self, name: &K, message: M) {
        if let Some(agent) = self.agents.get(name) {
            let _ = agent.messages.send(message);
        }
    }
}
