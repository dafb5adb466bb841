//! The engine as HTTP sees it.

mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{oneshot, watch};
use xrdtest_definitions::SnapshotError;
use xrdtest_model::api::{
    ArchiveRequest, Archived, ClusterRequest, EngineInfo, HypervisorInfo, InstanceInfo, Problem, QueueEntry,
    RepositoryInfo, RevocationInfo, RevocationRequest, RunProgress, RunRequest, RunSummary, ScheduledSuite,
    SchedulesInfo, TokenCreated, TokenRequest,
};
use xrdtest_model::definition::Catalogue;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::plan::file_name;
use xrdtest_model::{AgentName, Held, Hold, InstanceId, MachineId, RunId};
use xrdtest_orchestrator::{HypervisorStatus, InstanceStatus, RunPhase, RunStatus};
use xrdtest_protocol::Identity;
use xrdtest_store::Store;
use xrdtest_web::access::{Access, Settings};
use xrdtest_web::engine::{Answer, Engine, Refusal};
use xrdtest_web::metrics::Waits;

use self::words::{contact_word, instance_word, phase_words};
use crate::command::{CancelHow, Command, NotCancelled};
use crate::controls::Controls;
use crate::handle::{EngineHandle, EngineStatus, HypervisorNote};

/// How long a join token is good where nobody says it.
const TOKEN_VALID: Duration = Duration::from_secs(24 * 3600);
/// How long one may be good at most.
const TOKEN_LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

pub(crate) fn problem(error: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem { error: error.into(), help: help.into(), diagnostics: Vec::new() }
}

pub(crate) fn stopping() -> Refusal {
    Refusal::Unavailable(problem("the engine is stopping", "try again when it is up again"))
}

impl EngineHandle {
    pub(crate) fn now(&self) -> Arc<EngineStatus> {
        self.status.borrow().clone()
    }

    fn controls(&self) -> Result<&Controls, Refusal> {
        let help = "ask the program that it is part of";
        self.controls.get().ok_or_else(|| Refusal::Conflict(problem("this engine is no daemon", help)))
    }

    async fn cancel_run(
        &self,
        run: RunId,
        by: String,
        reason: String,
        how: CancelHow,
    ) -> Result<(), Refusal> {
        let (noted, answer) = oneshot::channel();
        let command = Command::Cancel { run: run.clone(), by, reason, how, noted: Some(noted) };
        self.commands.send(command).await.map_err(|_| stopping())?;
        match answer.await.map_err(|_| stopping())? {
            Ok(()) => Ok(()),
            Err(NotCancelled::Running) => Err(Refusal::Conflict(problem(
                format!("{run} does not wait any more: it has a place"),
                format!("`xrdtest cancel {run}` ends it"),
            ))),
            Err(NotCancelled::NotAlive) => match self.store.run(run.clone()).await {
                Ok(Some(over)) => {
                    let verdict = over.verdict.map(|verdict| verdict.to_string()).unwrap_or_default();
                    Err(Refusal::Conflict(problem(format!("{run} is over already: {verdict}"), "")))
                }
                _ => Err(Refusal::Unknown(problem(
                    format!("there is no run {run}"),
                    "`xrdtest runs` lists them",
                ))),
            },
        }
    }

    async fn make_token(&self, request: TokenRequest, by: String) -> Result<TokenCreated, Refusal> {
        let identity = match &request.agent {
            AgentName::Hypervisor(name) if name.as_str() == EXTERNAL => {
                return Err(Refusal::Invalid(problem(
                    format!("`{EXTERNAL}` stands for physical machines"),
                    "give the hypervisor agent another name",
                )));
            }
            AgentName::Hypervisor(name) => Identity::Hypervisor(name.clone()),
            AgentName::Slave(host) => Identity::Slave(MachineId::physical(host.clone())),
        };
        let valid = request.valid_s.map_or(TOKEN_VALID, Duration::from_secs);
        if valid.is_zero() || valid > TOKEN_LONGEST {
            return Err(Refusal::Invalid(problem("a token is good for 1 s to 30 days", "")));
        }
        let now = self.clock.now();
        let made = self.tokens.make(&[identity], &by, now, valid).await;
        let tokens = made.map_err(|error| Refusal::Unavailable(problem(format!("no token: {error}"), "")))?;
        let token = tokens.first().ok_or_else(stopping)?;
        Ok(TokenCreated {
            id: token.digest()[..12].to_owned(),
            token: token.to_string(),
            agent: request.agent,
            engine: self.address.to_string(),
            expires: now.after(valid),
        })
    }
}

impl Engine for EngineHandle {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn access(&self) -> Arc<Access> {
        // An engine that is no daemon has no HTTP, so nobody comes back to it with what it has signed.
        let of_this_life = || {
            let mut key = [0; 32];
            key.chunks_mut(16).for_each(|half| half.copy_from_slice(uuid::Uuid::new_v4().as_bytes()));
            Arc::new(Access::new(Settings::default(), &key))
        };
        self.access.get_or_init(of_this_life).clone()
    }

    fn runs_folder(&self) -> PathBuf {
        self.runs.clone()
    }

    fn last_event(&self) -> watch::Receiver<u64> {
        self.last_event.subscribe()
    }

    fn output_arrived(&self) -> watch::Receiver<u64> {
        self.output_arrived.subscribe()
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.definitions.catalogue()
    }

    fn repositories(&self) -> Vec<RepositoryInfo> {
        self.repositories.infos()
    }

    fn fetch(&self, repository: String) -> Answer<'_, RepositoryInfo> {
        async move {
            let fetched = self.fetch_definitions(&repository).await;
            let names = || {
                let names = self.repositories.infos().into_iter().map(|info| format!("`{}`", info.name));
                names.collect::<Vec<_>>().join(", ")
            };
            fetched.ok_or_else(|| {
                let error = format!("there is no repository `{repository}`");
                Refusal::Unknown(problem(error, format!("there are {}", names())))
            })
        }
        .boxed()
    }

    fn info(&self) -> EngineInfo {
        let now = self.now();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let waiting = now.runs.iter().filter(|run| is_waiting(run)).count();
        let hypervisors = agents(&now).filter(|hypervisor| hypervisor.connected);
        EngineInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            agents_address: self.address.to_string(),
            state: self.state.to_string_lossy().into_owned(),
            log_level: self.controls.get().map(|controls| (controls.log_level)()).unwrap_or_default(),
            last_event: now.last_event,
            runs_running: count(now.runs.len() - waiting),
            runs_waiting: count(waiting),
            queue_paused: now.holds.get(&Held::Queue).cloned(),
            hypervisors: count(hypervisors.count()),
            slaves: count(now.slaves.len()),
            definitions: self.definitions.info(),
            mail: self.mail_info(),
            deliveries: self.deliveries.borrow().clone(),
        }
    }

    fn waits(&self) -> Waits {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn queue(&self) -> Vec<QueueEntry> {
        let now = self.now();
        let waiting = now.runs.iter().filter_map(|run| match &run.phase {
            RunPhase::Waiting { reason } => Some((run, reason.clone())),
            _ => None,
        });
        let entry = |(position, (run, reason)): (u32, (&RunStatus, String))| QueueEntry {
            position,
            run: run.run.clone(),
            suite: run.suite.clone(),
            trigger: run.trigger.clone(),
            queued: run.queued,
            reason,
        };
        (1u32..).zip(waiting).map(entry).collect()
    }

    fn progress(&self) -> Vec<(RunId, RunProgress)> {
        let progress = |run: &RunStatus| {
            let (done, stages) = run.stages;
            (run.run.clone(), RunProgress { begun: run.began.is_some(), done, stages })
        };
        self.now().runs.iter().map(progress).collect()
    }

    fn phases(&self) -> Vec<(RunId, String)> {
        self.now().runs.iter().map(|run| (run.run.clone(), phase_words(run))).collect()
    }

    fn instances(&self) -> Vec<InstanceInfo> {
        self.now().instances.iter().map(instance_info).collect()
    }

    fn hypervisors(&self) -> Vec<HypervisorInfo> {
        let now = self.now();
        agents(&now).map(|hypervisor| hypervisor_info(hypervisor, &now)).collect()
    }

    fn slaves(&self) -> Vec<MachineId> {
        self.now().slaves.to_vec()
    }

    fn submit(&self, request: RunRequest, by: String) -> Answer<'_, Vec<RunId>> {
        self.queue_runs(request, by).boxed()
    }

    fn delete_run(&self, run: RunId, by: String) -> Answer<'_, RunSummary> {
        self.delete(run, by).boxed()
    }

    fn holds(&self) -> BTreeMap<Held, Hold> {
        self.now().holds.clone()
    }

    fn hold(&self, on: Held, by: String, reason: Option<String>) -> Answer<'_, ()> {
        self.hold_back(on, by, reason).boxed()
    }

    fn cancel(&self, run: RunId, by: String, reason: String, force: bool) -> Answer<'_, ()> {
        let how = if force { CancelHow::Force } else { CancelHow::Orderly };
        self.cancel_run(run, by, reason, how).boxed()
    }

    fn dequeue(&self, run: RunId, by: String, reason: String) -> Answer<'_, ()> {
        self.cancel_run(run, by, reason, CancelHow::IfWaiting).boxed()
    }

    fn start_cluster(&self, request: ClusterRequest, by: String) -> Answer<'_, InstanceId> {
        self.order_cluster(request, by).boxed()
    }

    fn stop_cluster(&self, instance: InstanceId, by: String) -> Answer<'_, ()> {
        self.release_cluster(instance, by).boxed()
    }

    fn schedules(&self, starts: usize) -> SchedulesInfo {
        self.schedules_info(None, starts)
    }

    fn schedule(&self, suite: &str, starts: usize) -> Option<ScheduledSuite> {
        self.schedules_info(Some(suite), starts).suites.pop()
    }

    fn pause(&self, suite: String, paused: bool, by: String) -> Answer<'_, ()> {
        self.pause_schedule(suite, paused.then_some(by)).boxed()
    }

    fn new_token(&self, request: TokenRequest, by: String) -> Answer<'_, TokenCreated> {
        self.make_token(request, by).boxed()
    }

    fn revoke(&self, request: RevocationRequest, by: String) -> Answer<'_, RevocationInfo> {
        self.revoke_agent(request, by).boxed()
    }

    fn archive(&self, request: ArchiveRequest) -> Answer<'_, Archived> {
        self.archive_runs(request).boxed()
    }

    fn reload(&self) -> Answer<'_, ()> {
        async move {
            let reloaded = (self.controls()?.reload)().await;
            reloaded.map_err(|why| Refusal::Invalid(problem(why, "what was in force before stays in force")))
        }
        .boxed()
    }

    fn stop(&self) -> Answer<'_, ()> {
        async move {
            (self.controls()?.stop)();
            Ok(())
        }
        .boxed()
    }

    fn set_log_level(&self, level: String) -> Answer<'_, ()> {
        async move {
            let help = "`info`, or a filter such as `info,xrdtest_engine=debug`";
            let set = (self.controls()?.set_log_level)(&level);
            set.map_err(|why| Refusal::Invalid(problem(why, help)))
        }
        .boxed()
    }
}

pub(crate) fn refuse(error: SnapshotError) -> Refusal {
    let problem = Problem {
        error: error.to_string(),
        help: error.help().unwrap_or_default(),
        diagnostics: error.diagnostics().to_vec(),
    };
    match error {
        SnapshotError::UnknownSuite { .. }
        | SnapshotError::Cluster { .. }
        | SnapshotError::UnknownCluster { .. } => Refusal::Unknown(problem),
        _ => Refusal::Invalid(problem),
    }
}

pub(crate) fn is_waiting(run: &RunStatus) -> bool {
    matches!(run.phase, RunPhase::Waiting { .. })
}

/// Hypervisor agents, without what stands for physical machines.
fn agents(now: &EngineStatus) -> impl Iterator<Item = &HypervisorStatus> {
    now.hypervisors.iter().filter(|hypervisor| hypervisor.name.as_str() != EXTERNAL)
}

fn instance_info(status: &InstanceStatus) -> InstanceInfo {
    InstanceInfo {
        instance: status.instance.clone(),
        cluster: status.cluster.clone(),
        hypervisor: status.hypervisor.clone(),
        run: status.owner.run().cloned(),
        state: instance_word(status.state),
        owner: status.owner.clone(),
        since: status.since,
        until: status.until,
        hosts: status.hosts.clone(),
    }
}

fn hypervisor_info(status: &HypervisorStatus, now: &EngineStatus) -> HypervisorInfo {
    let here = now.instances.iter().filter(|instance| instance.hypervisor == status.name);
    let HypervisorNote { detail, load, clock_ahead_ms } =
        now.notes.get(&status.name).cloned().unwrap_or_default();
    HypervisorInfo {
        name: status.name.clone(),
        state: contact_word(status.connected),
        since: None,
        connected: status.connected,
        provider: status.provider.clone(),
        room: Some(status.room),
        free: Some(status.free),
        labels: status.labels.clone(),
        detail,
        load,
        clock_ahead_ms,
        held: now.holds.get(&Held::Hypervisor(status.name.clone())).cloned(),
        revoked: None,
        instances: here.map(instance_info).collect(),
        history: Vec::new(),
    }
}

/// `20261122-101500-ts_001_mm-3fa2c1d0`: sorts by time, and tells its suite.
pub(crate) fn new_run_id(suite: &str) -> RunId {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    let random = uuid::Uuid::new_v4().simple().to_string();
    RunId::new(format!("{now}-{}-{}", file_name(suite), &random[..8]))
}
