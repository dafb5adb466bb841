//! What each input changes by itself: facts about the world, and the events that are nothing but the input. What
//! follows from them is left to the rules.

mod agents;
mod hypervisors;
mod reports;
mod slaves;

use std::collections::BTreeSet;

use xrdtest_model::{AgentName, EventBody, Hold, RunId, RunPlan, Verdict};

use crate::rules::stopping;
use crate::state::AgentNote;
use crate::{Input, Orchestrator};

impl Orchestrator {
    /// Takes an input in and marks what it touches.
    pub(crate) fn take(&mut self, input: Input) {
        match input {
            Input::Submit { run, plan, trigger } => self.submit(run, plan, trigger),
            Input::Cancel { run, by, reason, force } => self.cancel(run, by, reason, force),
            Input::StartCluster(order) => {
                if !self.state.instances.contains_key(&order.instance) {
                    self.orders.push_back(*order);
                }
            }
            Input::StopCluster { instance, by } => {
                if self.state.stands(&instance) {
                    self.touched_instances.insert(instance.clone());
                    self.record(stopping(&instance, format!("stopped by {by}")));
                }
            }
            Input::Hold { on, by, reason } => {
                let same = |known: &Hold| known.by == by && known.reason == reason;
                if !self.state.holds.get(&on).is_some_and(same) {
                    self.record(EventBody::HoldBegan { on, by, reason });
                }
            }
            Input::Release { on, by } => {
                if self.state.holds.contains_key(&on) {
                    self.record(EventBody::HoldEnded { on, by });
                }
            }
            Input::Revoke { agent, by, reason } => self.agent_revoked(agent, by, reason),
            Input::HypervisorConnected { name, software, ability, instances } => {
                self.hypervisor_connected(&name, software, ability, &instances);
            }
            Input::HypervisorDisconnected { name, orderly } => self.hypervisor_disconnected(&name, orderly),
            Input::HypervisorRoom { name, room } => self.hypervisor_room(&name, &room),
            Input::PhysicalConnected { host, software } => {
                self.agent_connected(AgentName::Slave(host), AgentNote { software, detail: String::new() });
            }
            Input::PhysicalDisconnected { host, orderly } => {
                self.agent_disconnected(&AgentName::Slave(host), orderly);
            }
            Input::InstanceReport { hypervisor, instance, report } => {
                self.instance_report(hypervisor, instance, report);
            }
            Input::SlaveConnected { machine, boot_id, known } => {
                self.slave_connected(&machine, boot_id, known);
            }
            Input::SlaveDisconnected { machine, orderly, last_contact } => {
                self.slave_disconnected(&machine, orderly, last_contact);
            }
            Input::StageReport { attempt, report } => self.stage_report(attempt, report),
            Input::EvidenceArrived { attempt, length } => self.evidence_arrived(attempt, length),
            Input::Tick => self.touch_all(),
        }
    }

    fn submit(&mut self, run: RunId, plan: Box<RunPlan>, trigger: String) {
        let known = self.state.runs.contains_key(&run)
            || self.state.instances.values().any(|instance| instance.run() == Some(&run));
        if known {
            return;
        }
        let defect = defect(&plan);
        self.record(EventBody::RunQueued { run: run.clone(), plan, trigger });
        match defect {
            None => self.placement_due = true,
            Some(reason) => self.record(EventBody::RunFinished { run, verdict: Verdict::Error, reason }),
        }
    }

    fn cancel(&mut self, run: RunId, by: String, reason: String, force: bool) {
        let Some(known) = self.state.runs.get(&run) else {
            return;
        };
        let news = known.cancel.as_ref().is_none_or(|cancel| force && !cancel.force);
        if news {
            self.touched.run(&run);
            self.record(EventBody::CancelRequested { run, by, reason, force });
        }
    }
}

/// What makes a plan impossible to carry out. Definitions are checked long before; this keeps a bad one from hanging.
fn defect(plan: &RunPlan) -> Option<String> {
    if plan.machines.is_empty() {
        return Some("no machine of the suite runs scripts".to_owned());
    }
    let hosts = || plan.clusters.iter().flat_map(|cluster| &cluster.hosts);
    for machine in &plan.machines {
        match hosts().filter(|host| host.name == *machine).count() {
            1 => {}
            0 => return Some(format!("no cluster of the suite has a host {machine}")),
            _ => {
                return Some(format!("more than one host of the suite's clusters is named {machine}"));
            }
        }
    }
    let mut external = BTreeSet::new();
    let physical = plan.clusters.iter().filter(|cluster| cluster.external).flat_map(|cluster| &cluster.hosts);
    for host in physical {
        if !external.insert(&host.name) {
            return Some(format!("{} is needed twice at the same time", host.name));
        }
    }
    for case in &plan.cases {
        if case.machines.is_empty() {
            return Some(format!("no machine takes part in case {}", case.name));
        }
        let stranger = case.machines.iter().find(|machine| !plan.machines.contains(machine));
        if let Some(machine) = stranger {
            return Some(format!("{machine} of case {} runs no scripts in this suite", case.name));
        }
    }
    None
}
