//! What people ask for: runs, the end of a run's record, that the queue or a hypervisor gets nothing new to do.

use tokio::sync::oneshot;
use tracing::info;
use xrdtest_definitions::Selection;
use xrdtest_model::api::{RevocationInfo, RevocationRequest, RunRequest, RunSummary};
use xrdtest_model::chronicle::SubjectKind;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::{AgentName, Held, HypervisorName, MachineId, RunId, RunPlan};
use xrdtest_protocol::Identity;
use xrdtest_report::findings::plural;
use xrdtest_store::{Revocation, StoreError};
use xrdtest_web::engine::Refusal;

use crate::command::Command;
use crate::handle::EngineHandle;
use crate::service::{is_waiting, new_run_id, problem, refuse, stopping};

fn unavailable(error: &StoreError) -> Refusal {
    Refusal::Unavailable(problem(error.to_string(), "look at the engine's log, which says what to do"))
}

impl EngineHandle {
    /// Asks for as many runs as the request says, all by the definition as it is now.
    pub(crate) async fn queue_runs(&self, request: RunRequest, by: String) -> Result<Vec<RunId>, Refusal> {
        let count = request.repeat.unwrap_or(1);
        if !(1..=RunRequest::MOST).contains(&count) {
            let error = format!("{count} runs can't be asked for at once");
            return Err(Refusal::Invalid(problem(error, format!("it may be 1 to {}", RunRequest::MOST))));
        }
        let count = usize::try_from(count).unwrap_or(1);
        let waiting = self.now().runs.iter().filter(|run| is_waiting(run)).count();
        if waiting + count > self.queue {
            let error = match count {
                1 => {
                    let wait = if waiting == 1 { "waits" } else { "wait" };
                    format!("the queue is full: {} {wait} (key limits.queue)", plural(waiting, "run"))
                }
                _ => format!(
                    "the queue has no place for {count} runs: {waiting} of {} places taken (key limits.queue)",
                    self.queue
                ),
            };
            return Err(Refusal::Conflict(problem(error, "cancel some (`xrdtest queue`), or wait")));
        }
        let plan = self.plan_run(&request).await?;
        let trigger = match request.reason.as_str() {
            "" => by,
            reason => format!("{by}: {reason}"),
        };
        let mut runs = Vec::with_capacity(count);
        for number in 1..=count {
            let trigger =
                if count == 1 { trigger.clone() } else { format!("{trigger} ({number} of {count})") };
            runs.push(self.enqueue(new_run_id(&request.suite), plan.clone(), trigger).await?);
        }
        Ok(runs)
    }

    /// Asks for a run with an id that was chosen before, also where the queue is full: schedules have one run of a suite
    /// in it at most.
    pub(crate) async fn queue_run_as(
        &self,
        run: RunId,
        request: RunRequest,
        trigger: String,
    ) -> Result<RunId, Refusal> {
        let plan = self.plan_run(&request).await?;
        self.enqueue(run, plan, trigger).await
    }

    async fn plan_run(&self, request: &RunRequest) -> Result<RunPlan, Refusal> {
        let selection = Selection { cases: request.cases.clone(), tags: request.tags.clone() };
        let plan = self.definitions.plan(request.suite.clone(), selection).await.map_err(refuse)?;
        Ok(RunPlan { keep_on_failure: request.keep_on_failure, ..plan })
    }

    async fn enqueue(&self, run: RunId, plan: RunPlan, trigger: String) -> Result<RunId, Refusal> {
        let (queued, answer) = oneshot::channel();
        let command =
            Command::Submit { run: run.clone(), plan: Box::new(plan), trigger, queued: Some(queued) };
        self.commands.send(command).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?;
        Ok(run)
    }

    /// Removes a run that is over, and everything that it left; a file that it was archived to stays. Answers what was
    /// known of it.
    pub(crate) async fn delete(&self, run: RunId, by: String) -> Result<RunSummary, Refusal> {
        let known = self.store.run(run.clone()).await.map_err(|error| unavailable(&error))?;
        let known = known.ok_or_else(|| {
            Refusal::Unknown(problem(format!("there is no run {run}"), "`xrdtest runs` lists them"))
        })?;
        let refused = |error: String, help: String| Err(Refusal::Conflict(problem(error, help)));
        if known.verdict.is_none() {
            return refused(format!("{run} is not over"), format!("`xrdtest cancel {run}` ends it"));
        }
        if known.pinned {
            return refused(
                format!("{run} is pinned, so that nobody removes it"),
                format!("`xrdtest runs unpin {run}` takes that back"),
            );
        }
        let now = self.now();
        let left = now.instances.iter().find(|instance| instance.owner.run() == Some(&run));
        if let Some(left) = left.map(|left| &left.instance) {
            return refused(
                format!("{run} still has instance {left}"),
                format!(
                    "`xrdtest cluster stop {left}` ends one that is kept; one that is being stopped is gone soon"
                ),
            );
        }
        self.remove_run(&run).await.map_err(|error| Refusal::Unavailable(problem(error.to_string(), "")))?;
        info!(%run, by, "run deleted");
        Ok(known)
    }

    /// With a reason it is held, without one it is not any more. That is in the journal when this is done.
    pub(crate) async fn hold_back(
        &self,
        on: Held,
        by: String,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        if let Held::Hypervisor(name) = &on
            && !self.knows_hypervisor(name).await?
        {
            return Err(Refusal::Unknown(problem(
                format!("there is no hypervisor `{name}`"),
                "`xrdtest hypervisors` lists them",
            )));
        }
        let (noted, answer) = oneshot::channel();
        self.commands.send(Command::Hold { on, by, reason, noted }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }

    /// The certificates that an agent was given so far are void from now on, and its connection ends. Who is revoked
    /// already stays so: since then, by whom and why is as it was.
    pub(crate) async fn revoke_agent(
        &self,
        request: RevocationRequest,
        by: String,
    ) -> Result<RevocationInfo, Refusal> {
        let RevocationRequest { agent, reason } = request;
        let (identity, known) = match &agent {
            AgentName::Hypervisor(name) => {
                (Identity::Hypervisor(name.clone()), self.knows_hypervisor(name).await?)
            }
            AgentName::Slave(name) => {
                // Names of hosts have no slash.
                let machine = name.parse().unwrap_or_else(|_| MachineId::physical(name.clone()));
                let of = if machine.is_physical() { Vec::new() } else { vec![machine.instance.clone()] };
                let known = self.store.machines(of).await.map_err(|error| unavailable(&error))?;
                let known = known.iter().any(|state| state.subject.name == *name);
                (Identity::Slave(machine), known)
            }
        };
        let named = identity.to_string();
        let tokens = self.store.tokens(self.clock.now()).await.map_err(|error| unavailable(&error))?;
        if !known && !tokens.iter().any(|token| token.identity == named) {
            let help =
                "`xrdtest hypervisors` and `xrdtest slaves --all` list those that have ever been in contact";
            return Err(Refusal::Unknown(problem(format!("there is no {agent}"), help)));
        }
        let made = self.revocations.revoke(&identity, by.clone(), reason).await;
        let (made, already) = made.map_err(|error| unavailable(&error))?;
        let Revocation { at, by: first, reason, .. } = made;
        if already {
            info!(%agent, by, "revoked already, which stands: its tokens are void as well");
        } else {
            let why = self.revocations.refusal(&identity, 0).unwrap_or_default();
            let (noted, answer) = oneshot::channel();
            let (agent, by, reason) = (agent.clone(), first.clone(), reason.clone());
            let command = Command::Disconnect { agent, identity, by, reason, why, noted };
            self.commands.send(command).await.map_err(|_| stopping())?;
            answer.await.map_err(|_| stopping())?;
        }
        Ok(RevocationInfo { agent, at, by: first, reason, joined: None, already })
    }

    /// Whether an agent of that name has ever been in contact.
    async fn knows_hypervisor(&self, name: &HypervisorName) -> Result<bool, Refusal> {
        if name.as_str() == EXTERNAL {
            return Ok(false);
        }
        let known = self.store.states(SubjectKind::Hypervisor).await.map_err(|error| unavailable(&error))?;
        Ok(known.iter().any(|state| state.subject.name == name.as_str()))
    }
}
