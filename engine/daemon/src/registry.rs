//! Who is connected. A new connection of the same agent replaces the old one, whose words are not heard any more.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;
use xrdtest_protocol::server::Link;

/// A message that is in no hurry travels with the next one, or after this time.
const NO_HURRY: Duration = Duration::from_millis(200);

/// Counts connections; tells those of one agent apart.
pub(crate) type Serial = u64;

/// The engine's end of one agent's connection.
#[derive(Debug)]
pub(crate) struct Connected<M> {
    pub(crate) serial: Serial,
    pub(crate) messages: mpsc::UnboundedSender<M>,
    pub(crate) link: Link,
}

/// A connected agent.
#[derive(Debug)]
struct Agent<M> {
    connected: Connected<M>,
    /// Messages in no hurry, and since when the first of them waits.
    waiting: Vec<M>,
    since: Option<Instant>,
}

impl<M> Agent<M> {
    fn send(&mut self, messages: impl IntoIterator<Item = M>) {
        self.since = None;
        for message in self.waiting.drain(..).chain(messages) {
            let _ = self.connected.messages.send(message);
        }
    }
}

/// The connected agents of one role, by name.
#[derive(Debug)]
pub(crate) struct Registry<K, M> {
    agents: HashMap<K, Agent<M>>,
    /// Before that no message that waits is due.
    due: Option<Instant>,
    /// Made anew when somebody comes or goes, which is seldom beside how often it is asked for.
    names: Arc<Vec<K>>,
}

impl<K, M> Default for Registry<K, M> {
    fn default() -> Self {
        Self { agents: HashMap::new(), due: None, names: Arc::default() }
    }
}

impl<K: Clone + Display + Eq + Hash + Ord, M> Registry<K, M> {
    /// An agent has connected.
    pub(crate) fn insert(&mut self, name: K, connected: Connected<M>) {
        let agent = Agent { connected, waiting: Vec::new(), since: None };
        let Some(old) = self.agents.insert(name.clone(), agent) else {
            self.note_names();
            return;
        };
        if old.connected.link.close_reason().is_none() {
            warn!(
                agent = %name,
                "connected anew while its connection stood: its process was started anew or its address has changed; \
                 or, where this repeats, two agents have one name"
            );
        }
        old.connected.link.displace();
    }

    /// Whether `serial` is the agent's present connection.
    pub(crate) fn is_current(&self, name: &K, serial: Serial) -> bool {
        self.agents.get(name).is_some_and(|agent| agent.connected.serial == serial)
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

    /// Ends an agent's connection, with words for it; answers which that was.
    pub(crate) fn close(&self, name: &K, why: &str) -> Option<Serial> {
        let connected = &self.agents.get(name)?.connected;
        connected.link.close(why);
        Some(connected.serial)
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
    pub(crate) fn send(&mut self, name: &K, message: M) {
        if let Some(agent) = self.agents.get_mut(name) {
            agent.send([message]);
        }
    }

    /// As [`Self::send`], but it may wait for the next message: to hundreds of machines that saves a packet each.
    pub(crate) fn send_later(&mut self, name: &K, message: M) {
        if let Some(agent) = self.agents.get_mut(name) {
            let since = *agent.since.get_or_insert_with(Instant::now);
            self.due.get_or_insert(since + NO_HURRY);
            agent.waiting.push(message);
        }
    }

    /// When to call [`Self::send_due`].
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sends what has waited for long enough.
    pub(crate) fn send_due(&mut self, now: Instant) {
        for agent in self.agents.values_mut() {
            if agent.since.is_some_and(|since| since + NO_HURRY <= now) {
                agent.send([]);
            }
        }
        let since = self.agents.values().filter_map(|agent| agent.since).min();
        self.due = since.map(|since| since + NO_HURRY);
    }
}
