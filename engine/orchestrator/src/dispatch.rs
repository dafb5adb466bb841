//! From decisions to effects.

use std::sync::Arc;

use xrdtest_model::crash::CoreOrder;
use xrdtest_model::definition::CoreDumps;
use xrdtest_model::event::{InstanceState, Placement, StageResult};
use xrdtest_model::{AttemptId, EndCause, EventBody, HypervisorName, InstanceId, RunId, StageId, StageOrder};

use crate::rules::CutOff;
use crate::scope::Scope;
use crate::state::{Barrier, Run};
use crate::world::Has;
use crate::{Effect, Orchestrator};

/// What is due to one machine.
enum Due {
    Order(Box<StageOrder>),
    End(AttemptId, CutOff),
}

impl Orchestrator {
    /// The effects of an event itself, asked before it is applied; [`Self::dispatch`] has those that follow from the
    /// state afterwards.
    pub(crate) fn effects_of(&mut self, body: &EventBody) {
        match body {
            EventBody::RunQueued { run, .. } => self.touched.run(run),
            EventBody::RunPlaced { run, instances } => {
                self.start_instances(run, instances);
                self.touched.run(run);
                // Others may wait for another reason now.
                self.placement_due = true;
            }
            EventBody::ClusterOrdered { instance, plan, hypervisor, .. } => {
                self.effects.push(Effect::StartInstance {
                    hypervisor: hypervisor.clone(),
                    instance: instance.clone(),
                    cluster: Arc::clone(plan),
                });
                self.touched_instances.insert(instance.clone());
                self.placement_due = true;
            }
            EventBody::InstanceKept { instance, .. } => {
                self.touched_instances.insert(instance.clone());
                self.placement_due = true;
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopping, .. } => {
                self.stop_instance(instance);
            }
            EventBody::StageFinished { run, result } => self.close_attempt(run, result),
            EventBody::RunFinished { .. } | EventBody::HoldBegan { .. } | EventBody::HoldEnded { .. } => {
                self.placement_due = true;
            }
            EventBody::InstanceChanged { instance, state: InstanceState::Stopped, .. } => {
                self.placement_due = true;
                // Who is out of contact will not come back; who is in contact is forgotten when it goes.
                self.world.links.retain(|machine, link| machine.instance != *instance || link.is_in());
            }
            _ => {}
        }
    }

    fn start_instances(&mut self, id: &RunId, placements: &[Placement]) {
        let Some(run) = self.state.runs.get(id) else {
            return;
        };
        let clusters = run.plan.clusters.iter().zip(placements);
        self.effects.extend(clusters.map(|(cluster, placement)| Effect::StartInstance {
            hypervisor: placement.hypervisor.clone(),
            instance: placement.instance.clone(),
            cluster: Arc::clone(cluster),
        }));
    }

    /// Orders the end of an instance when it is decided, not again with every word about it.
    fn stop_instance(&mut self, id: &InstanceId) {
        let Some(instance) = self.state.instances.get(id) else {
            return;
        };
        if instance.state != InstanceState::Stopping {
            let hypervisor = instance.hypervisor.clone();
            self.send_stop(hypervisor, id.clone());
        }
    }

    /// A hypervisor out of contact is told when it is back.
    pub(crate) fn send_stop(&mut self, hypervisor: HypervisorName, instance: InstanceId) {
        if self.world.is_connected(&hypervisor) {
            let stop = Effect::StopInstance { hypervisor, instance };
            self.effects.push(stop);
        }
    }

    /// The result is final: the agent may drop its record or, where it still has the script, is to end it first.
    fn close_attempt(&mut self, run: &RunId, result: &StageResult) {
        if result.attempt == 0 {
            return;
        }
        let id = AttemptId {
            run: run.clone(),
            stage: result.stage,
            machine: result.machine.clone(),
            number: result.attempt,
        };
        self.world.ordered.remove(&id);
        self.world.arrived.remove(&id);
        let Some(link) = self.world.links.get_mut(&id.machine).filter(|link| link.is_in()) else {
            return;
        };
        link.denied.remove(&id);
        let machine = id.machine.clone();
        match link.has.remove(&id) {
            None => self.effects.push(Effect::Forget { machine, attempt: id }),
            Some(Has { ended: true }) => {}
            Some(Has { ended: false }) => self.effects.push(Effect::EndStage {
                machine,
                attempt: id,
                cause: EndCause::Cancelled,
                reason: result.reason.clone(),
            }),
        }
    }

    /// Sends what the machines of a run are to do and have not been told on their present connection.
    pub(crate) fn dispatch(&mut self, id: &RunId, scope: &Scope) {
        let Some(run) = self.state.runs.get(id) else {
            return;
        };
        let due: Vec<Due> =
            run.open_barrier().into_iter().flat_map(|barrier| self.due(run, barrier, scope)).collect();
        for due in due {
            self.send(due);
        }
    }

    fn due(&self, run: &Run, barrier: &Barrier, scope: &Scope) -> Vec<Due> {
        let open = scope.open(barrier).filter(|attempt| attempt.report.is_none());
        let due = open.filter_map(|attempt| {
            let id = &attempt.id;
            let link = self.world.link_in(&id.machine)?;
            let unwanted = self.view().unwanted(run, barrier, id);
            match (link.has.get(id), unwanted) {
                (None, None) if link.may_order(id) => {
                    let order = order(run, id, link.boot_id.clone())?;
                    Some(Due::Order(Box::new(order)))
                }
                (Some(Has { ended: false }), Some(cut)) => Some(Due::End(id.clone(), cut)),
                _ => None,
            }
        });
        due.collect()
    }

    fn send(&mut self, due: Due) {
        let (id, ended) = match &due {
            Due::Order(order) => (&order.attempt, false),
            Due::End(id, _) => (id, true),
        };
        if let Some(link) = self.world.links.get_mut(&id.machine) {
            link.has.insert(id.clone(), Has { ended });
        }
        let effect = match due {
            Due::Order(order) => {
                self.world.ordered.insert(order.attempt.clone(), self.world.now);
                Effect::Order { machine: order.attempt.machine.clone(), order }
            }
            Due::End(attempt, cut) => Effect::EndStage {
                machine: attempt.machine.clone(),
                attempt,
                cause: cut.cause,
                reason: cut.reason,
            },
        };
        self.effects.push(effect);
    }
}

fn order(run: &Run, attempt: &AttemptId, boot_id: String) -> Option<StageOrder> {
    let plan = &run.plan;
    let case = attempt.stage.case.and_then(|index| plan.case(index));
    Some(StageOrder {
        attempt: attempt.clone(),
        boot_id,
        suite: plan.suite.clone(),
        case: case.map(|case| case.name.clone()),
        script: Arc::clone(plan.script(attempt.stage)?),
        tags: plan.tags.clone(),
        timeout_ms: plan.limits.stage_ms,
        output_limit: plan.limits.output_bytes,
        logs: plan.logs.clone(),
        log_limit: plan.limits.log_bytes,
        aliases: run.aliases(&attempt.machine.host),
        cores: cores(run, attempt.stage),
    })
}

/// What a machine may keep of core dumps in a stage. Machines of a stage do not know of each other, so each has an equal
/// share of what the run has left.
fn cores(run: &Run, stage: StageId) -> Option<CoreOrder> {
    let limits = &run.plan.limits;
    let left = limits.run_core_bytes.saturating_sub(run.core_bytes);
    let machines = u64::try_from(run.plan.machines_of(stage).len()).unwrap_or(u64::MAX).max(1);
    let order = CoreOrder { each: limits.core_bytes, count: limits.cores, total: left / machines };
    (run.plan.core_dumps != CoreDumps::Off).then_some(order)
}
