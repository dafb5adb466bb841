//! Events, and with them records, states and the index of outputs.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;
use xrdtest_model::chronicle::Transition;
use xrdtest_model::event::{InstanceState, StageResult};
use xrdtest_model::{AgentName, Event, EventBody, Held, InstanceId, RunId, Verdict};

use super::memory::{Memory, filed_under};
use super::rows::{insert, int, statements};
use super::spelling;
use super::write::{Session, Write, WriteError};
use crate::{CaseVerdict, Measured};

/// Ids that each event has for the metrics that it tells, at least [`xrdtest_model::metric::MOST_METRICS`].
const METRICS_OF_EVENT: u64 = 1000;

/// Events to append, each with the JSON of its body.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) events: Vec<(Event, String)>,
}

impl Write for Append {
    type Answer = ();

    async fn carry_out(self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let next = session.memory.last + 1;
        for (expected, (event, _)) in (next..).zip(&self.events) {
            if event.number != expected {
                return Err(WriteError::Refused(format!(
                    "event {} can't be appended: the journal goes on with number {expected}",
                    event.number
                )));
            }
        }
        let changes = Changes::from(&mut *session.memory, self.events);
        session.memory.rows += changes.rows();
        if changes.are_one_statement() {
            changes.write_events(session.single_statement().await?).await?;
        } else {
            changes.write(session.connection().await?).await?;
        }
        Ok(())
    }
}

/// What events make of the tables.
#[derive(Debug, Default)]
struct Changes {
    events: Vec<EventRow>,
    queued: Vec<QueuedRow>,
    runs: BTreeMap<RunId, RunChange>,
    placed: Vec<PlacedRow>,
    instances: BTreeMap<InstanceId, InstanceState>,
    agents: BTreeMap<AgentName, u64>,
    holds: BTreeMap<Held, u64>,
    outputs: Vec<OutputRow>,
    cases: Vec<CaseVerdict>,
    metrics: Vec<(u64, Measured)>,
    transitions: Vec<Transition>,
}

#[derive(Debug)]
struct EventRow {
    number: u64,
    at: u64,
    run: Option<RunId>,
    body: String,
}

#[derive(Debug)]
struct QueuedRow {
    run: RunId,
    event: u64,
    suite: String,
    trigger: String,
    at: u64,
}

#[derive(Debug, Default)]
struct RunChange {
    started: Option<u64>,
    finished: Option<(u64, Verdict)>,
    reason: Option<String>,
    evidence: u64,
}

#[derive(Debug)]
struct PlacedRow {
    instance: InstanceId,
    run: RunId,
    cluster: String,
    hypervisor: String,
}

#[derive(Debug)]
struct OutputRow {
    run: RunId,
    position: usize,
    machine: String,
    attempt: u32,
    log: String,
    stage: String,
    file: String,
    length: u64,
    complete: bool,
}

impl Changes {
    /// Applies events to the memory, and notes what they change.
    fn from(memory: &mut Memory, events: Vec<(Event, String)>) -> Self {
        let mut changes = Self::default();
        for (event, body) in events {
            let run = memory.run_of(&event.body);
            changes.note(memory, &event);
            changes.transitions.extend(memory.tell(&event));
            memory.learn(&event);
            changes.events.push(EventRow { number: event.number, at: event.at.as_millis(), run, body });
        }
        changes
    }

    fn note(&mut self, memory: &Memory, event: &Event) {
        let at = event.at.as_millis();
        match &event.body {
            EventBody::RunQueued { run, plan, trigger } => self.queued.push(QueuedRow {
                run: run.clone(),
                event: event.number,
                suite: plan.suite.clone(),
                trigger: trigger.clone(),
                at,
            }),
            EventBody::RunWaiting { run, reason } => self.run(run).reason = Some(reason.clone()),
            EventBody::RunPlaced { run, instances } => {
                self.run(run).reason = Some(String::new());
                self.placed.extend(instances.iter().map(|placement| PlacedRow {
                    instance: placement.instance.clone(),
                    run: run.clone(),
                    cluster: placement.cluster.clone(),
                    hypervisor: placement.hypervisor.to_string(),
                }));
            }
            EventBody::ClusterOrdered { instance, plan, hypervisor, .. } => self.placed.push(PlacedRow {
                instance: instance.clone(),
                run: filed_under(instance),
                cluster: plan.name.clone(),
                hypervisor: hypervisor.to_string(),
            }),
            EventBody::InstanceChanged { instance, state, .. }
                if memory.state(instance).is_some_and(|known| known != *state) =>
            {
                self.instances.insert(instance.clone(), *state);
            }
            EventBody::StageStarted { run, .. } if !memory.has_begun(run) => {
                self.run(run).started.get_or_insert(at);
            }
            EventBody::StageFinished { run, result } => {
                self.note_outputs(memory, run, result);
                self.note_metrics(event.number, run, result);
            }
            EventBody::CaseFinished { run, case, verdict, .. } => {
                let name = memory.plan(run).and_then(|plan| Some(plan.case(*case)?.name.clone()));
                let name = name.unwrap_or_default();
                self.cases.push(CaseVerdict { run: run.clone(), position: *case, name, verdict: *verdict });
            }
            EventBody::RunFinished { run, verdict, reason } => {
                let change = self.run(run);
                change.finished = Some((at, *verdict));
                change.reason = Some(reason.clone());
            }
            EventBody::AgentConnected { agent, .. } | EventBody::AgentGone { agent, .. } => {
                self.agents.insert(agent.clone(), event.number);
            }
            // Of machines that are made for instances none is awaited after a restart.
            EventBody::AgentRevoked { agent, .. } if agent.machine().is_none() => {
                self.agents.insert(agent.clone(), event.number);
            }
            EventBody::HoldBegan { on, .. } | EventBody::HoldEnded { on, .. } => {
                self.holds.insert(on.clone(), event.number);
            }
            _ => {}
        }
    }

    /// The files of a stage that was tried; one that was not run has left none.
    fn note_outputs(&mut self, memory: &Memory, run: &RunId, result: &StageResult) {
        let Some(plan) = memory.plan(run).filter(|_| result.attempt > 0) else {
            return;
        };
        let (stage, host) = (result.stage, &result.machine.host);
        let position = plan.stages().position(|other| other == stage).unwrap_or(0);
        let folder = plan.stage_folder(stage);
        let row = |log: &str, file: String, length: u64| OutputRow {
            run: run.clone(),
            position,
            machine: host.clone(),
            attempt: result.attempt,
            log: log.to_owned(),
            stage: folder.clone(),
            file,
            length,
            complete: result.output_complete,
        };
        // There is no file without a byte.
        if result.output_length > 0 || !result.output_complete {
            self.outputs.push(row("", plan.output_path(stage, host, result.attempt), result.output_length));
        }
        let collected = result.logs.iter().map(|file| match file.artifact {
            true => {
                let name = spelling::artifact(&file.path);
                row(&name, plan.artifact_path(stage, host, &file.path), file.length)
            }
            false => row(&file.path, plan.log_path(stage, host, &file.path), file.length),
        });
        self.outputs.extend(collected);
        if let length @ 1.. = result.evidence_length() {
            self.run(run).evidence += length;
        }
    }

    fn note_metrics(&mut self, event: u64, run: &RunId, result: &StageResult) {
        let numbered = (event * METRICS_OF_EVENT..).zip(&result.metrics);
        self.metrics.extend(numbered.map(|(id, metric)| {
            let measured = Measured {
                run: run.clone(),
                name: metric.name.clone(),
                machine: result.machine.host.clone(),
                value: metric.value.get(),
                unit: metric.unit.clone(),
            };
            (id, measured)
        }));
    }

    fn run(&mut self, run: &RunId) -> &mut RunChange {
        self.runs.entry(run.clone()).or_default()
    }

    fn rows(&self) -> u64 {
        let results = self.outputs.len() + self.cases.len() + self.metrics.len();
        let rows = self.events.len() + results + self.transitions.len();
        u64::try_from(rows).unwrap_or(u64::MAX)
    }

    /// Whether there is nothing but a few events, as of hundreds of machines that report the end of a silent stage.
    fn are_one_statement(&self) -> bool {
        let rows = usize::try_from(self.rows()).unwrap_or(usize::MAX);
        let is_events = rows == self.events.len() && self.queued.is_empty() && self.placed.is_empty();
        let is_only = is_events && self.runs.is_empty() && self.instances.is_empty();
        is_only && self.agents.is_empty() && self.holds.is_empty() && statements(rows) == 1
    }

    async fn write(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.write_events(connection).await?;
        self.write_standing(connection).await?;
        self.write_runs(connection).await?;
        self.write_instances(connection).await?;
        self.write_outputs(connection).await?;
        self.write_trends(connection).await?;
        self.write_transitions(connection).await
    }

    async fn write_events(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let events = ("INSERT INTO events (number, at, run, body)", "");
        insert(connection, events, &self.events, |columns, row| {
            columns.push_bind(int(row.number)).push_bind(int(row.at));
            columns.push_bind(row.run.as_ref().map(RunId::to_string)).push_bind(row.body.clone());
        })
        .await
    }

    async fn write_standing(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let agents = ("INSERT OR REPLACE INTO agents (agent, event)", "");
        let latest: Vec<_> = self.agents.iter().collect();
        insert(connection, agents, &latest, |columns, (agent, number)| {
            columns.push_bind(agent.to_string()).push_bind(int(**number));
        })
        .await?;
        let holds = ("INSERT OR REPLACE INTO holds (held, event)", "");
        let latest: Vec<_> = self.holds.iter().collect();
        insert(connection, holds, &latest, |columns, (held, number)| {
            columns.push_bind(held.to_string()).push_bind(int(**number));
        })
        .await
    }

    async fn write_runs(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let queued = ("INSERT INTO runs (id, event, suite, asked_by, queued)", " ON CONFLICT DO NOTHING");
        insert(connection, queued, &self.queued, |columns, row| {
            columns.push_bind(row.run.to_string()).push_bind(int(row.event)).push_bind(row.suite.clone());
            columns.push_bind(row.trigger.clone()).push_bind(int(row.at));
        })
        .await?;
        for (run, change) in &self.runs {
            let (finished, verdict) = change.finished.unzip();
            sqlx::query(
                "UPDATE runs SET started = coalesce(started, ?2), finished = coalesce(finished, ?3), \
                 verdict = coalesce(verdict, ?4), reason = coalesce(?5, reason), \
                 evidence_bytes = evidence_bytes + ?6 WHERE id = ?1",
            )
            .bind(run.as_str())
            .bind(change.started.map(int))
            .bind(finished.map(int))
            .bind(verdict.map(Verdict::as_str))
            .bind(&change.reason)
            .bind(int(change.evidence))
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    async fn write_instances(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let placed = ("INSERT OR REPLACE INTO instances (id, run, cluster, hypervisor, state)", "");
        insert(connection, placed, &self.placed, |columns, row| {
            columns.push_bind(row.instance.to_string()).push_bind(row.run.to_string());
            columns.push_bind(row.cluster.clone()).push_bind(row.hypervisor.clone());
            columns.push_bind(spelling::instance_state(InstanceState::Starting));
        })
        .await?;
        for (instance, state) in &self.instances {
            sqlx::query("UPDATE instances SET state = ?2 WHERE id = ?1")
                .bind(instance.as_str())
                .bind(spelling::instance_state(*state))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn write_outputs(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let outputs = (
            "INSERT OR REPLACE INTO outputs \
             (run, position, machine, attempt, log, stage, file, length, complete)",
            "",
        );
        insert(connection, outputs, &self.outputs, |columns, row| {
            let position = i64::try_from(row.position).unwrap_or(i64::MAX);
            columns.push_bind(row.run.to_string()).push_bind(position).push_bind(row.machine.clone());
            columns.push_bind(row.attempt).push_bind(row.log.clone()).push_bind(row.stage.clone());
            columns.push_bind(row.file.clone()).push_bind(int(row.length)).push_bind(row.complete);
        })
        .await
    }

    async fn write_trends(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let cases = ("INSERT OR REPLACE INTO cases (run, position, name, verdict)", "");
        insert(connection, cases, &self.cases, |columns, row| {
            columns.push_bind(row.run.to_string()).push_bind(row.position);
            columns.push_bind(row.name.clone()).push_bind(row.verdict.as_str());
        })
        .await?;
        let metrics = ("INSERT OR REPLACE INTO metrics (run, id, name, machine, value, unit)", "");
        insert(connection, metrics, &self.metrics, |columns, (id, row)| {
            columns.push_bind(row.run.to_string()).push_bind(int(*id)).push_bind(row.name.clone());
            columns.push_bind(row.machine.clone()).push_bind(row.value).push_bind(row.unit.clone());
        })
        .await
    }

    async fn write_transitions(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let transitions = ("INSERT INTO transitions (event, at, kind, name, word, detail, run)", "");
        insert(connection, transitions, &self.transitions, |columns, row| {
            columns.push_bind(int(row.event)).push_bind(int(row.at.as_millis()));
            columns.push_bind(spelling::subject_kind(row.subject.kind)).push_bind(row.subject.name.clone());
            columns.push_bind(row.state.constant.clone()).push_bind(row.detail.clone());
            columns.push_bind(row.run.as_ref().map(RunId::to_string));
        })
        .await
    }
}
