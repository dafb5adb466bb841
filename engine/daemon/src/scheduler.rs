//! Runs that suites' schedules ask for: wakes at the times of [`Agenda`], and carries out what it decides.
//!
//! A run is in the journal before it is kept that its start was considered, and its id tells suite and start. So an
//! engine that ends anywhere between finds the run when it looks at the start again.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};
use xrdtest_model::api::{
    LastStart, RepositoryInfo, RunRequest, ScheduledStart, ScheduledSuite, SchedulesInfo,
};
use xrdtest_model::plan::file_name;
use xrdtest_model::{RunId, Timestamp};
use xrdtest_orchestrator::RunPhase;
use xrdtest_schedule::Zone;
use xrdtest_schedule::agenda::{Agenda, Decision, Last, Record, Standing, What, digest};
use xrdtest_store::{ScheduleRecord, StoreError};
use xrdtest_web::engine::Refusal;

use crate::definitions::DefinitionsConfig;
use crate::handle::{EngineHandle, EngineStatus};
use crate::service::{problem, stopping};
use crate::start::EngineError;
use crate::wall;

/// Who asks for runs at the times of schedules; what follows says which start.
const TRIGGER: &str = "schedule: ";

/// A suite (or all, by an empty name) is paused by somebody, or goes on.
#[derive(Debug)]
pub(crate) struct Pause {
    suite: String,
    by: Option<String>,
    /// Told when that is kept: whether the suite has a schedule.
    noted: oneshot::Sender<bool>,
}

/// What others hold of the scheduler.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerHandle {
    orders: mpsc::Sender<Pause>,
    published: watch::Sender<Published>,
}

/// The agenda as it is now.
#[derive(Clone, Debug, Default)]
struct Published {
    agenda: Arc<Agenda>,
    /// Of the catalogue that it is made from.
    generation: u64,
}

impl SchedulerHandle {
    /// Pauses or lets go on; answers whether the suite has a schedule, `None` where the engine is stopping.
    async fn pause(&self, suite: String, by: Option<String>) -> Option<bool> {
        let (noted, answer) = oneshot::channel();
        self.orders.send(Pause { suite, by, noted }).await.ok()?;
        answer.await.ok()
    }
}

impl EngineHandle {
    /// All schedules, with so many starts to come of each, or of all but one suite's.
    pub(crate) fn schedules_info(&self, only: Option<&str>, starts: usize) -> SchedulesInfo {
        let agenda = self.scheduler.published.borrow().agenda.clone();
        let (enabled, now) = (self.definitions.schedules().enabled, wall::now());
        let catalogue = self.definitions.catalogue();
        let suite = |name: &str| {
            let (words, zone) = agenda.describe(name)?;
            let show = |at: Timestamp| ScheduledStart { at, local: zone.show(at) };
            let broken = catalogue.suites.get(name).is_some_and(|suite| suite.source.broken);
            let last = agenda.last(name).map(|Last { start, run, reason }| LastStart {
                start: show(*start),
                run: run.as_ref().map(RunId::new),
                reason: reason.clone(),
            });
            Some(ScheduledSuite {
                suite: name.to_owned(),
                words,
                timezone: zone.name().to_owned(),
                paused: agenda.paused(name).map(str::to_owned),
                held: held(enabled, broken, &agenda, name),
                next: agenda.next_starts(name, now, starts).into_iter().map(show).collect(),
                last,
            })
        };
        let names = agenda.suites().filter(|name| only.is_none_or(|only| only == *name));
        let paused = agenda.all_paused().map(str::to_owned);
        SchedulesInfo { enabled, paused, suites: names.filter_map(suite).collect() }
    }

    /// Loads definitions again. When this is done their schedules are in force, also in the engine's next life.
    pub(crate) async fn reload_definitions(&self, config: DefinitionsConfig) {
        self.repositories.reload(config).await;
        self.schedules_in_force().await;
    }

    /// Looks at a repository now; answers how it goes with it then. When this is done the schedules of what was found are
    /// in force as well. `None` where there is no such repository.
    pub(crate) async fn fetch_definitions(&self, repository: &str) -> Option<RepositoryInfo> {
        let info = self.repositories.fetch(repository).await?;
        self.schedules_in_force().await;
        Some(info)
    }

    /// Waits until the schedules of the present catalogue are noted.
    async fn schedules_in_force(&self) {
        let generation = *self.definitions.generation().borrow();
        let mut published = self.scheduler.published.subscribe();
        tokio::select! {
            _ = published.wait_for(|published| published.generation >= generation) => {}
            () = self.commands.closed() => {}
        }
    }

    pub(crate) async fn pause_schedule(&self, suite: String, by: Option<String>) -> Result<(), Refusal> {
        match self.scheduler.pause(suite.clone(), by).await {
            Some(true) => Ok(()),
            Some(false) => Err(Refusal::Unknown(problem(
                format!("there is no suite `{suite}` with a schedule"),
                "`xrdtest suites schedule` lists them",
            ))),
            None => Err(stopping()),
        }
    }
}

/// Why a suite is not started by its schedule now; empty: it is.
fn held(enabled: bool, broken: bool, agenda: &Agenda, suite: &str) -> String {
    match (enabled, agenda.all_paused(), agenda.paused(suite)) {
        (false, _, _) => "schedules are off in the engine's configuration".to_owned(),
        (true, Some(by), _) => format!("all schedules are paused by {by}"),
        (true, None, Some(by)) => format!("paused by {by}"),
        (true, None, None) if broken => "its definition has errors".to_owned(),
        (true, None, None) => String::new(),
    }
}

/// The ends of a scheduler that is to be.
pub(crate) fn channels() -> (SchedulerHandle, mpsc::Receiver<Pause>) {
    let (orders, received) = mpsc::channel(16);
    let (published, _) = watch::channel(Published::default());
    (SchedulerHandle { orders, published }, received)
}

pub(crate) struct Scheduler {
    engine: EngineHandle,
    orders: mpsc::Receiver<Pause>,
    /// Of the catalogue: another one wakes.
    changed: watch::Receiver<u64>,
    clock: wall::Watch,
    agenda: Agenda,
    generation: u64,
}

impl Scheduler {
    pub(crate) async fn new(
        engine: EngineHandle,
        orders: mpsc::Receiver<Pause>,
    ) -> Result<Self, EngineError> {
        // Before anybody looks at the clock.
        let clock = wall::Watch::start().map_err(EngineError::Clock)?;
        let kept = engine.store.schedules().await?;
        let agenda = Agenda::new(kept.into_iter().map(from_store));
        let changed = engine.definitions.generation();
        let mut scheduler = Self { engine, orders, changed, clock, agenda, generation: 0 };
        scheduler.define().await?;
        scheduler.publish();
        Ok(scheduler)
    }

    pub(crate) async fn run(mut self) {
        // When the engine's task answers, there is a picture of the runs that go on.
        if !self.engine.is_alive().await {
            return;
        }
        if let Err(why) = self.go().await {
            self.engine.fail(format!("what becomes of suites' starts can't be recorded: {why}")).await;
        }
    }

    async fn go(&mut self) -> Result<(), StoreError> {
        loop {
            self.work().await?;
            self.publish();
            let wakeup = self.agenda.next_wakeup().filter(|_| self.enabled());
            tokio::select! {
                () = self.engine.commands.closed() => return Ok(()),
                () = wall::sleep_until(wakeup) => {}
                () = self.clock.is_set() => info!("the clock was set: starts that come again are not run again"),
                // What is due before is decided by what was in force until now.
                Some(order) = self.orders.recv() => {
                    self.work().await?;
                    self.pause(order).await?;
                }
                Ok(()) = self.changed.changed() => {
                    self.work().await?;
                    self.define().await?;
                }
            }
        }
    }

    fn enabled(&self) -> bool {
        self.engine.definitions.schedules().enabled
    }

    fn publish(&self) {
        let (agenda, generation) = (Arc::new(self.agenda.clone()), self.generation);
        self.engine.scheduler.published.send_replace(Published { agenda, generation });
    }

    async fn look(&mut self) -> Result<Timestamp, StoreError> {
        let now = wall::now();
        let set_back = self.agenda.look(now);
        self.keep(set_back).await?;
        Ok(now)
    }

    async fn define(&mut self) -> Result<(), StoreError> {
        let now = self.look().await?;
        let zone = self.engine.definitions.schedules().timezone;
        let zone = zone.as_deref().and_then(Zone::find).unwrap_or_else(Zone::utc);
        let catalogue = self.engine.definitions.catalogue();
        let new = self.agenda.define(&catalogue.suites, &zone, now);
        self.generation = catalogue.generation;
        self.keep(new).await?;
        // Records of an engine whose clock was ahead.
        self.look().await?;
        Ok(())
    }

    async fn pause(&mut self, order: Pause) -> Result<(), StoreError> {
        let now = self.look().await?;
        let records = self.agenda.pause(&order.suite, order.by, now);
        let known = records.is_some();
        self.keep(records.unwrap_or_default()).await?;
        self.publish();
        // Who does not wait any more need not know.
        let _ = order.noted.send(known);
        Ok(())
    }

    async fn keep(&self, records: impl IntoIterator<Item = Record>) -> Result<(), StoreError> {
        self.engine.store.keep_schedules(records.into_iter().map(to_store).collect()).await
    }

    /// Decides and carries out all that is due.
    async fn work(&mut self) -> Result<(), StoreError> {
        let mut now = self.look().await?;
        while self.enabled()
            && let Some((suite, start)) = self.agenda.due(now)
        {
            let run = run_id(&suite, start);
            let record = if self.engine.store.run(run.clone()).await?.is_some() {
                self.agenda.has_run(&suite, start, run.to_string())
            } else {
                let standing = standing(&self.engine.status.borrow(), &suite);
                let Some(decision) = self.agenda.decide(&suite, now, standing) else { break };
                let Some((run, reason)) = self.carry_out(&decision, run).await else { break };
                self.agenda.tell(&decision, run.map(|run| run.to_string()), reason)
            };
            self.keep(record).await?;
            now = self.look().await?;
        }
        Ok(())
    }

    /// Answers the run, or why there is none; nothing where the engine is stopping.
    async fn carry_out(&self, decision: &Decision, run: RunId) -> Option<(Option<RunId>, String)> {
        let Decision { suite, start, what, .. } = decision;
        let at = self.agenda.describe(suite).map(|(_, zone)| zone.show(*start)).unwrap_or_default();
        let (trigger, late) = match what {
            What::Run => (format!("{TRIGGER}{at}"), ""),
            What::MakeUp => (format!("{TRIGGER}{at}, made up for"), "missed, and made up for"),
            What::Missed => {
                let why = "missed, and nothing makes up for it (ts.missed)";
                warn!(suite, start = at, why, "not started by its schedule");
                return Some((None, why.to_owned()));
            }
            What::Overlaps => {
                let why = "left out: an earlier start's run was not over (ts.overlap)";
                info!(suite, start = at, why, "not started by its schedule");
                return Some((None, why.to_owned()));
            }
        };
        let request = RunRequest { suite: suite.clone(), ..RunRequest::default() };
        match self.engine.queue_run_as(run, request, trigger).await {
            Ok(run) => Some((Some(run), late.to_owned())),
            Err(Refusal::Unavailable(_)) => None,
            Err(Refusal::Unknown(why) | Refusal::Invalid(why) | Refusal::Conflict(why)) => {
                warn!(suite, start = at, why = why.error, "not started by its schedule");
                Some((None, why.error))
            }
        }
    }
}

fn standing(status: &EngineStatus, suite: &str) -> Standing {
    let ours = status.runs.iter().filter(|run| run.suite == suite && run.trigger.starts_with(TRIGGER));
    ours.fold(Standing::default(), |standing, run| match run.phase {
        RunPhase::Waiting { .. } => Standing { waits: true, ..standing },
        _ => Standing { runs: true, ..standing },
    })
}

/// As other runs' ids, but the same for the same start.
fn run_id(suite: &str, start: Timestamp) -> RunId {
    let seconds = i64::try_from(start.as_millis() / 1000).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y%m%d-%H%M%S");
    let digest = digest(suite, start) & 0xffff_ffff;
    RunId::new(format!("{at}-{}-{digest:08x}", file_name(suite)))
}

fn from_store(kept: ScheduleRecord) -> Record {
    let ScheduleRecord { suite, considered, schedule, paused, last } = kept;
    let last = last.map(|xrdtest_store::LastStart { start, run, reason }| Last {
        start,
        run: run.map(|run| run.to_string()),
        reason,
    });
    Record { suite, considered, schedule, paused, last }
}

fn to_store(record: Record) -> ScheduleRecord {
    let Record { suite, considered, schedule, paused, last } = record;
    let last = last.map(|Last { start, run, reason }| xrdtest_store::LastStart {
        start,
        run: run.map(RunId::new),
        reason,
    });
    ScheduleRecord { suite, considered, schedule, paused, last }
}
