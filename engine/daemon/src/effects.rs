//! Effects of the core, carried out in order.

use std::sync::Arc;

use tracing::warn;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::{AttemptId, ClusterPlan, Event, EventBody, HypervisorName, InstanceId, MachineId};
use xrdtest_orchestrator::{Effect, Input, InstanceReport};
use xrdtest_protocol::Identity;
use xrdtest_protocol::message::{EngineToHypervisor, EngineToSlave};
use xrdtest_store::StoreError;

use crate::engine::Engine;
use crate::failpoint;
use crate::tokens::{MACHINE_TOKEN, TokenError};
use crate::told;

impl Engine {
    pub(crate) async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        for effect in effects {
            failpoint::between_effects();
            match effect {
                Effect::Persist(events) => self.persist(events).await?,
                Effect::ClusterRefused { instance, reason } => {
                    if let Some(placed) = self.orders.remove(&instance) {
                        // Whoever does not wait any more need not know.
                        let _ = placed.send(Err(reason));
                    }
                }
                Effect::StartInstance { hypervisor, instance, cluster } => {
                    self.start_instance(hypervisor, instance, cluster).await?;
                }
                Effect::StopInstance { hypervisor, instance } => self.stop_instance(&hypervisor, instance),
                Effect::Order { machine, order } => self.tell(&machine, EngineToSlave::Order { order }),
                Effect::EndStage { machine, attempt, cause, reason } => {
                    self.tell(&machine, EngineToSlave::EndStage { attempt, why: cause, reason });
                }
                Effect::Forget { machine, attempt } => self.forget(&machine, attempt),
            }
        }
        failpoint::between_effects();
        Ok(())
    }

    /// The fence: everybody learns of events only when they are durable.
    async fn persist(&mut self, events: Vec<Event>) -> Result<(), StoreError> {
        self.store.append(events.clone()).await?;
        let last = events.last().map(|event| event.number);
        for event in events {
            self.runs.apply(&event);
            self.urgent |=
                matches!(event.body, EventBody::InstanceChanged { .. } | EventBody::InstanceKept { .. });
            if let EventBody::RunFinished { run, .. } = &event.body {
                self.trust.forget(run.clone());
            }
            told::tell(&event);
            if !self.subscribers.is_empty() {
                let event = Arc::new(event);
                self.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
            }
        }
        if let Some(last) = last {
            self.last_event.send_replace(last);
        }
        Ok(())
    }

    /// Sends the order with a fresh join token for each machine. Those of an earlier order stay good: it may have
    /// arrived.
    async fn start_instance(
        &mut self,
        hypervisor: HypervisorName,
        instance: InstanceId,
        cluster: Arc<ClusterPlan>,
    ) -> Result<(), StoreError> {
        if hypervisor.as_str() == EXTERNAL {
            self.take_machines(hypervisor, instance, &cluster);
            return Ok(());
        }
        let machine = |host: &str| Identity::Slave(MachineId::new(instance.clone(), host));
        let identities: Vec<_> = cluster.hosts.iter().map(|host| machine(&host.name)).collect();
        let made = self.tokens.make(&identities, "the engine", self.clock.now(), MACHINE_TOKEN).await;
        let tokens = match made {
            Ok(tokens) => tokens,
            Err(TokenError::Store(error)) => return Err(error),
            Err(TokenError::Protocol(error)) => {
                let detail = format!("no join tokens could be made: {error}");
                let report = InstanceReport::Failed { detail };
                self.follow_up.push(Input::InstanceReport { hypervisor, instance, report });
                return Ok(());
            }
        };
        let hosts = cluster.hosts.iter().map(|host| host.name.clone());
        let tokens = hosts.zip(tokens.iter().map(ToString::to_string)).collect();
        let order = EngineToHypervisor::StartInstance { instance, cluster, tokens };
        self.hypervisors.send(&hypervisor, order);
        Ok(())
    }

    /// Physical machines are there already: those in contact begin to work for the instance at once, the others when
    /// they connect.
    fn take_machines(&mut self, hypervisor: HypervisorName, instance: InstanceId, cluster: &ClusterPlan) {
        self.follow_up.extend(self.external.take(&instance, cluster));
        let report = InstanceReport::Made;
        self.follow_up.push(Input::InstanceReport { hypervisor, instance, report });
    }

    fn stop_instance(&mut self, hypervisor: &HypervisorName, instance: InstanceId) {
        if hypervisor.as_str() == EXTERNAL {
            let (hypervisor, report) = (hypervisor.clone(), InstanceReport::Stopped);
            self.follow_up.push(Input::InstanceReport { hypervisor, instance, report });
            return;
        }
        let (tokens, of) = (self.tokens.clone(), instance.clone());
        tokio::spawn(async move {
            // They would expire anyway.
            if let Err(error) = tokens.forget(&of).await {
                warn!(instance = %of, %error, "join tokens of a stopped instance could not be removed");
            }
        });
        self.hypervisors.send(hypervisor, EngineToHypervisor::StopInstance { instance });
    }

    /// That a record is not needed any more saves room, and nobody waits for it.
    fn forget(&mut self, machine: &MachineId, attempt: AttemptId) {
        self.arrivals.forget(&attempt);
        self.inherited.forget(&attempt);
        self.slaves.send_later(&self.agent_of(machine), EngineToSlave::Forget { attempt });
    }

    fn tell(&mut self, machine: &MachineId, message: EngineToSlave) {
        self.slaves.send(&self.agent_of(machine), message);
    }
}
