//! The states of suites, clusters, hypervisors, slaves and jobs in the manual's words, told from the events.
//!
//! Source: manual chapter 9, the constants `S_*` of the classes Cluster, Job, Slave, TCPClient and TestSuite. Every one
//! of them has its place here; those before any event are [`StateWord::before_any_event`].
//!
//! | event | suite | cluster | slave | job |
//! |---|---|---|---|---|
//! | none yet | DEF_OK | DEFINED | NOT_CONNECTED | ADDED |
//! | `RunQueued` | IDLE | | | ADDED |
//! | `RunWaiting` | IDLE (why) | UNKNOWN_NOHYPERV, while no hypervisor is in contact | | |
//! | `RunPlaced` | | DEFINITION_SENT | | STARTED |
//! | `ClusterOrdered` | | DEFINITION_SENT (by whom) | | |
//! | `InstanceChanged` `starting` | | the step; without one STARTING_CLUSTER | | |
//! | … `waiting_slaves`, `active` | | WAITING_SLAVES, ACTIVE | | |
//! | … `failed` before and after `active` | | ERROR_START, ERROR | | |
//! | … `stopping`; a step; a failure | | STOPCOMMAND_SENT; DESTROYING_CLUSTER; ERROR_STOP | | |
//! | … `stopped` | | STOPPED | NOT_CONNECTED | |
//! | `InstanceKept` | | as before (until when) | | |
//! | `AgentGone`, `AgentRevoked` of the hypervisor | | UNKNOWN; UNKNOWN_NOHYPERV for waiting runs if it was the last | | |
//! | `AgentConnected` of the hypervisor | | as before; DEFINED for waiting runs | | |
//! | `MachineConnected`, `MachineBack` | | | CONNECTED_IDLE, or what it is busy with | |
//! | `MachineLate`, `-Away`, `-Lost`, `-Rebooting` | | | NOT_CONNECTED (why) | |
//! | `StageStarted` | WAIT_4_\* | | \*_SENT | |
//! | `StageFinished` on a machine | SLAVE_\* (machine, outcome) | | \*_INITIALIZED, \*_FINISHED, \*_FINALIZED | |
//! | … on the last machine | ALL_\*; INIT_ERROR | | | |
//! | `RunFinished` | ALL_FINALIZED (verdict); INIT_ERROR or DEF_OK without any stage | | | as before (verdict) |
//!
//! A stage without a script, and one that was not run, is in nobody's history: nothing was sent to anybody. There is no
//! word for a slave whose suite finalize is over: it is CONNECTED_IDLE. Several instances of one cluster definition, and
//! several runs of one suite, share a history; its entries name the run, if there is one. Physical slaves and hypervisors are
//! CONNECTED_IDLE and NOT_CONNECTED by `AgentConnected` and `AgentGone`; `AgentRevoked` says NOT_CONNECTED (by whom, why).

pub(crate) mod contact;
mod instances;
mod runs;
mod words;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventBody};
use crate::ids::{AgentName, InstanceId, RunId};
use crate::time::Timestamp;

use instances::Instance;
use runs::Run;
use words::Word;

/// A state in the manual's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateWord {
    /// `S_ACTIVE`.
    pub constant: Cow<'static, str>,
    /// The manual's number.
    pub code: i32,
    /// `Cluster active.`
    pub text: Cow<'static, str>,
}

/// Whose state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its name: of a suite, a cluster, a hypervisor, a run; `INSTANCE/HOST` or a physical machine's host name.
    pub name: String,
}

/// What has states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A suite.
    Suite,
    /// A cluster definition.
    Cluster,
    /// A hypervisor agent.
    Hypervisor,
    /// A slave agent.
    Slave,
    /// A run (the manual's job).
    Job,
}

/// A state that was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Transition {
    /// Number of the event that says so.
    pub event: u64,
    /// When.
    pub at: Timestamp,
    /// Whose state.
    pub subject: Subject,
    /// The state.
    pub state: StateWord,
    /// What is known beside that, in words: a hypervisor's error, which machine, which case; else empty.
    pub detail: String,
    /// The run that it has to do with.
    pub run: Option<RunId>,
    /// Each stage of a run brings one for each of its machines, and the run's events alone tell it again: whoever keeps
    /// them need not keep this.
    #[serde(skip)]
    pub is_step: bool,
}

/// Tells states from events. It has to see the events of all live runs and instances from their beginning, and the last
/// of each agent about its contact; more changes nothing. It remembers only what is live.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chronicle {
    runs: BTreeMap<RunId, Run>,
    instances: BTreeMap<InstanceId, Instance>,
    /// Whether an agent is in contact.
    agents: BTreeMap<AgentName, bool>,
}

impl Chronicle {
    /// The states that an event leads to, in order.
    pub fn apply(&mut self, event: &Event) -> Vec<Transition> {
        let mut told = Told { number: event.number, at: event.at, transitions: Vec::new() };
        match &event.body {
            EventBody::RunQueued { run, plan, trigger } => self.run_queued(run, plan, trigger, &mut told),
            EventBody::RunWaiting { run, reason } => self.run_waiting(run, reason, &mut told),
            EventBody::RunPlaced { run, instances } => self.run_placed(run, instances, &mut told),
            EventBody::InstanceChanged { instance, state, detail, step } => {
                self.instance_changed(instance, *state, detail, *step, &mut told);
            }
            EventBody::StageStarted { run, stage, machines } => {
                self.stage_started(run, *stage, machines, &mut told);
            }
            EventBody::StageFinished { run, result } => self.stage_finished(run, result, &mut told),
            EventBody::RunFinished { run, verdict, reason } => {
                self.run_finished(run, *verdict, reason, &mut told);
            }
            EventBody::MachineConnected { machine, .. } => self.machine_in(machine, "", &mut told),
            EventBody::MachineBack { machine } => self.machine_in(machine, "in contact again", &mut told),
            EventBody::MachineLate { machine } => self.machine_late(machine, &mut told),
            EventBody::MachineAway { machine } => {
                self.machine_out(machine, "it said goodbye".to_owned(), &mut told);
            }
            EventBody::MachineLost { machine, reason } => {
                self.machine_out(machine, format!("given up: {reason}"), &mut told);
            }
            EventBody::MachineRebooting { machine, within_ms } => {
                self.machine_rebooting(machine, *within_ms, &mut told);
            }
            EventBody::AgentConnected { agent, software, detail } => {
                self.agent_connected(agent, software, detail, &mut told);
            }
            EventBody::AgentGone { agent, orderly: true } => {
                self.agent_gone(agent, "it said goodbye".to_owned(), &mut told);
            }
            EventBody::AgentGone { agent, .. } => {
                self.agent_gone(agent, "out of contact".to_owned(), &mut told);
            }
            EventBody::AgentRevoked { agent, by, reason } => {
                let detail = format!("revoked {}", contact::by_whom(by, reason));
                self.agent_revoked(agent, detail, &mut told);
            }
            EventBody::ClusterOrdered { instance, plan, hypervisor, by, .. } => {
                self.cluster_ordered(instance, plan, (hypervisor, by), &mut told);
            }
            EventBody::InstanceKept { instance, until } => self.instance_kept(instance, *until, &mut told),
            EventBody::ImagesUsed { .. }
            | EventBody::HoldBegan { .. }
            | EventBody::HoldEnded { .. }
            | EventBody::StageReported { .. }
            | EventBody::CancelRequested { .. }
            | EventBody::RunTimedOut { .. }
            | EventBody::CaseFinished { .. } => {}
        }
        told.transitions
    }
}

/// What an event leads to.
#[derive(Debug)]
struct Told {
    number: u64,
    at: Timestamp,
    transitions: Vec<Transition>,
}

impl Told {
    fn tell(
        &mut self,
        (kind, name): (SubjectKind, impl Into<String>),
        word: Word,
        detail: impl Into<String>,
        run: Option<&RunId>,
    ) {
        self.transitions.push(Transition {
            event: self.number,
            at: self.at,
            subject: Subject { kind, name: name.into() },
            state: word.into(),
            detail: detail.into(),
            run: run.cloned(),
            is_step: false,
        });
    }

    /// As [`Self::tell`], for what [`Transition::is_step`] says.
    fn tell_step(
        &mut self,
        subject: (SubjectKind, impl Into<String>),
        word: Word,
        detail: impl Into<String>,
        run: &RunId,
    ) {
        self.tell(subject, word, detail, Some(run));
        if let Some(transition) = self.transitions.last_mut() {
            // What a physical machine does is told by the events of many runs, and by its own.
            let physical =
                transition.subject.kind == SubjectKind::Slave && !transition.subject.name.contains('/');
            transition.is_step = !physical;
        }
    }
}
