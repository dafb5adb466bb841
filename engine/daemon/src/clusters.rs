//! Clusters that are started and stopped by hand.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use xrdtest_model::InstanceId;
use xrdtest_model::api::ClusterRequest;
use xrdtest_orchestrator::ClusterOrder;
use xrdtest_web::engine::Refusal;

use crate::command::{Command, NotStopped};
use crate::handle::EngineHandle;
use crate::service::{new_run_id, problem, refuse, stopping};

/// How long a cluster may be kept at most where somebody says for how long.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl EngineHandle {
    /// It is in the journal, and has its place, when this is done.
    pub(crate) async fn order_cluster(
        &self,
        request: ClusterRequest,
        by: String,
    ) -> Result<InstanceId, Refusal> {
        let keep = request.keep_ms.map(Duration::from_millis);
        if keep.is_some_and(|keep| keep.is_zero() || keep > LONGEST) {
            return Err(Refusal::Invalid(problem("a cluster is kept for 1 ms to 366 days", "")));
        }
        let (mut plan, repository, start_ms) = self.definitions.cluster(&request.cluster).map_err(refuse)?;
        if request.hypervisor.is_some() {
            Arc::make_mut(&mut plan).hypervisor = request.hypervisor;
        }
        // As ids of runs: it sorts by time, and tells its cluster.
        let instance = InstanceId::new(new_run_id(&plan.name).as_str());
        let (placed, answer) = oneshot::channel();
        let cluster = plan.name.clone();
        let order =
            ClusterOrder { instance: instance.clone(), cluster: plan, repository, by, start_ms, keep };
        let command = Command::StartCluster { order: Box::new(order), placed };
        self.commands.send(command).await.map_err(|_| stopping())?;
        match answer.await.map_err(|_| stopping())? {
            Ok(()) => Ok(instance),
            Err(reason) => Err(Refusal::Conflict(problem(
                format!("cluster {cluster} can't be started now: {reason}"),
                "clusters that are started by hand do not wait in the queue: ask again when that has changed",
            ))),
        }
    }

    /// Stops an instance that belongs to no run; that is in the journal when this is done.
    pub(crate) async fn release_cluster(&self, instance: InstanceId, by: String) -> Result<(), Refusal> {
        let (noted, answer) = oneshot::channel();
        let command = Command::StopCluster { instance: instance.clone(), by, noted };
        self.commands.send(command).await.map_err(|_| stopping())?;
        match answer.await.map_err(|_| stopping())? {
            Ok(()) => Ok(()),
            Err(NotStopped::NotThere) => Err(Refusal::Unknown(problem(
                format!("there is no instance {instance}"),
                "`xrdtest cluster list` lists those that exist",
            ))),
            Err(NotStopped::OfRun(run)) => Err(Refusal::Conflict(problem(
                format!("{instance} belongs to run {run}, and ends with it"),
                format!("`xrdtest cancel {run}` ends the run"),
            ))),
        }
    }

    /// Stops an instance that belongs to no run, for the program that the engine is part of.
    pub async fn stop_cluster(&self, instance: InstanceId, by: impl Into<String>) {
        // Where it is gone already, or the engine is, nothing has to be done.
        let _ = self.release_cluster(instance, by.into()).await;
    }
}
