//! Agents that have a name of their own: hypervisor agents, and the slaves of physical machines.

use xrdtest_model::{AgentName, EventBody};

use crate::Orchestrator;
use crate::state::AgentNote;
use crate::world::Seen;

impl Orchestrator {
    /// Recorded where it is news: who was away for a moment is not recorded again.
    pub(super) fn agent_connected(&mut self, agent: AgentName, note: AgentNote) {
        self.world.agents.insert(agent.clone(), Seen::In);
        self.agents_due = true;
        if self.state.agents.get(&agent) != Some(&note) {
            let AgentNote { software, detail } = note;
            self.record(EventBody::AgentConnected { agent, software, detail });
        }
    }

    /// Recorded at once after a goodbye. Who says nothing may be back in a moment, and a link that flaps is not to fill
    /// the journal: see [`Self::note_absent_agents`].
    pub(super) fn agent_disconnected(&mut self, agent: &AgentName, orderly: bool) {
        if self.world.agents.get(agent) != Some(&Seen::In) {
            return;
        }
        self.agents_due = true;
        if orderly {
            self.agent_gone(agent.clone(), true);
        } else {
            self.world.agents.insert(agent.clone(), Seen::Out { since: self.world.now });
        }
    }

    /// Recorded at once, and instead of that it is gone: who is refused is not awaited.
    pub(super) fn agent_revoked(&mut self, agent: AgentName, by: String, reason: String) {
        self.world.agents.remove(&agent);
        self.agents_due = true;
        self.record(EventBody::AgentRevoked { agent, by, reason });
    }

    fn agent_gone(&mut self, agent: AgentName, orderly: bool) {
        self.world.agents.remove(&agent);
        if self.state.agents.contains_key(&agent) {
            self.record(EventBody::AgentGone { agent, orderly });
        }
    }

    /// Records who has been away for too long: after a restart also those who did not come back.
    pub(crate) fn note_absent_agents(&mut self) {
        let now = self.world.now;
        let absent = self.view().absent_agents().filter(|(_, until)| *until <= now);
        let absent: Vec<AgentName> = absent.map(|(agent, _)| agent.clone()).collect();
        for agent in absent {
            self.agent_gone(agent, false);
        }
        self.agents_wakeup = self.view().absent_agents().map(|(_, until)| until).min();
    }
}
