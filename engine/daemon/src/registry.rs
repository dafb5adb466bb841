//! Who is connected. A new connection of the same agent replaces the old one, whose words are not heard any more.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

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
    /// Made anew when somebody comes or goes, which is seldom beside how often it is asked for.
    names: Arc<Vec<K>>,
}

impl<K, M> Default for Registry<K, M> {
    fn default() -> Self {
        Self { agents: HashMap::new(), names: Arc::default() }
    }
}

impl<K: Clone + Eq + Hash + Ord, M> Registry<K, M> {
    /// An agent has connected.
    pub(crate) fn insert(&mut self, name: K, connected: Connected<M>) {
        match self.agents.insert(name, connected) {
            Some(old) => old.link.close("another connection of the same agent took its place"),
            None => self.note_names(),
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
            self.note_names();
        }
        current
    }

    /// The names of those that are connected, sorted.
    pub(crate) fn names(&self) -> Arc<Vec<K>> {
        self.names.clone()
    }

    fn note_names(&mut self) {
        let mut names: Vec<K> = self.agents.keys().cloned().collect();
        names.sort();
        self.names = Arc::new(names);
    }

    /// Sends a message where the agent is connected. Where it is not, the core says it again when it is.
    pub(crate) fn send(&self, name: &K, message: M) {
        if let Some(agent) = self.agents.get(name) {
            let _ = agent.messages.send(message);
        }
    }
}
