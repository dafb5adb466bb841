//! Makes deliveries of what the journal says, and keeps them in the store.
//!
//! What was considered is kept with the deliveries that it led to. So a case that ended while the engine was being killed
//! is told once, by this life or the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use xrdtest_model::plan::title_of;
use xrdtest_model::{Event, EventBody, RunId, Verdict};
use xrdtest_report::RunRecorder;
use xrdtest_report::webhook::{About, Before, Happened};
use xrdtest_store::outbox::NewDelivery;
use xrdtest_store::{RunFilter, StoreError};
use xrdtest_web::FileEvidence;

use super::{Story, Target};
use crate::handle::EngineHandle;
use crate::run_files::RunFiles;

/// Events that are read at once.
const PAGE: u32 = 1000;
/// Events that led to no delivery are noted as considered when they are so many: they may be looked at again.
const NOTED: u64 = 1000;
/// Runs before a run that are looked at, for what its cases amounted to.
const BEFORE: u32 = 20;

/// The one who makes deliveries.
pub(super) struct Follower {
    engine: EngineHandle,
    targets: Vec<Followed>,
    end: CancellationToken,
    considered: u64,
    /// The same, as it is kept.
    noted: u64,
    /// Runs that go on, as far as there is anybody to tell.
    runs: BTreeMap<RunId, Option<RunRecorder>>,
}

/// A target, as the follower sees it.
struct Followed {
    target: Arc<dyn Target>,
    /// It is told of what comes after this event.
    from: u64,
    /// Told that there is something new.
    new: Arc<Notify>,
}

impl Follower {
    pub(super) async fn start(
        engine: EngineHandle,
        targets: Vec<Arc<dyn Target>>,
        new: Vec<Arc<Notify>>,
        end: CancellationToken,
    ) -> Result<Self, StoreError> {
        let names = targets.iter().map(|target| target.name()).collect();
        // Nobody wants to be told of what was before they wanted to be told.
        let last = *engine.last_event.borrow();
        let from = engine.store.tell_targets(names, last).await?;
        let considered = from.iter().copied().min().unwrap_or(last);
        let targets = targets.into_iter().zip(from).zip(new);
        let targets = targets.map(|((target, from), new)| Followed { target, from, new }).collect();
        Ok(Self { engine, targets, end, considered, noted: considered, runs: BTreeMap::new() })
    }

    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        let mut last_event = self.engine.last_event.subscribe();
        loop {
            while self.step().await? {}
            tokio::select! {
                () = self.end.cancelled() => return Ok(()),
                Ok(()) = last_event.changed() => {}
            }
        }
    }

    /// Considers the next events; answers whether there were any.
    async fn step(&mut self) -> Result<bool, StoreError> {
        if self.targets.is_empty() {
            return Ok(false);
        }
        let events = self.engine.store.events(None, self.considered, PAGE).await?;
        let Some(last) = events.last().map(|event| event.number) else { return Ok(false) };
        let mut deliveries = Vec::new();
        for event in &events {
            deliveries.extend(self.consider(event).await?);
        }
        self.considered = last;
        if !deliveries.is_empty() || last - self.noted >= NOTED {
            // One that was added lately is ahead of the others.
            let reached = self.targets.iter().filter(|followed| followed.from <= last);
            let names = reached.map(|followed| followed.target.name()).collect();
            let to: Vec<String> = deliveries.iter().map(|new| new.target.clone()).collect();
            self.engine.store.keep_deliveries(names, last, deliveries).await?;
            self.noted = last;
            let told = self.targets.iter().filter(|followed| to.contains(&followed.target.name()));
            told.for_each(|followed| followed.new.notify_one());
        }
        Ok(true)
    }

    async fn consider(&mut self, event: &Event) -> Result<Vec<NewDelivery>, StoreError> {
        if let EventBody::RunQueued { run, plan, .. } = &event.body {
            let told = self.targets.iter().any(|followed| followed.target.is_told_of(plan));
            self.runs.insert(run.clone(), told.then(|| RunRecorder::new(run.clone())));
        }
        self.runs.values_mut().flatten().for_each(|recorder| recorder.apply(event));
        let (run, happened) = match &event.body {
            EventBody::RunPlaced { run, .. } => (run, Happened::Started),
            EventBody::CaseFinished { run, case, verdict, .. } => {
                (run, Happened::Ended(About::Case(*case), *verdict))
            }
            EventBody::RunFinished { run, verdict, .. } => (run, Happened::Ended(About::Run, *verdict)),
            _ => return Ok(Vec::new()),
        };
        if !self.runs.contains_key(run) {
            let recorder = self.recorder(run, event.number).await?;
            self.runs.insert(run.clone(), recorder);
        }
        let recorder = match happened {
            Happened::Ended(About::Run, _) => self.runs.remove(run).flatten(),
            _ => self.runs.get(run).cloned().flatten(),
        };
        match recorder {
            Some(recorder) => self.deliveries(event, run, happened, recorder).await,
            None => Ok(Vec::new()),
        }
    }

    /// All that happened to a run up to an event; `None` where there is nobody to tell.
    async fn recorder(&self, run: &RunId, until: u64) -> Result<Option<RunRecorder>, StoreError> {
        let mut recorder = RunRecorder::new(run.clone());
        let events = self.engine.events_of(run).await?;
        events.iter().take_while(|event| event.number <= until).for_each(|event| recorder.apply(event));
        let told = |followed: &Followed| recorder.plan().is_some_and(|plan| followed.target.is_told_of(plan));
        Ok(self.targets.iter().any(told).then_some(recorder))
    }

    async fn deliveries(
        &self,
        event: &Event,
        run: &RunId,
        happened: Happened,
        recorder: RunRecorder,
    ) -> Result<Vec<NewDelivery>, StoreError> {
        let Some(plan) = recorder.plan().cloned() else { return Ok(Vec::new()) };
        let told = |followed: &&Followed| {
            let Followed { target, from, .. } = followed;
            event.number > *from && target.is_told_of(&plan) && target.may_be_told(&plan, happened)
        };
        let targets: Vec<&Followed> = self.targets.iter().filter(told).collect();
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let before = match happened {
            Happened::Started => Before::default(),
            Happened::Ended(..) => self.before(run, &plan.suite).await?,
        };
        let evidence = FileEvidence::new(RunFiles::new(&self.engine.runs, run).folder().to_owned());
        let record = tokio::task::spawn_blocking(move || recorder.record(&evidence)).await;
        let Ok(Some(record)) = record else {
            warn!(%run, "nobody is told about it, as its record can't be made");
            return Ok(Vec::new());
        };
        let story = Story { run: run.clone(), at: event.at, happened, plan, record, before };
        let mut all = Vec::new();
        for Followed { target, .. } in targets {
            match target.deliveries(&story) {
                Ok(deliveries) => all.extend(deliveries),
                Err(error) => {
                    warn!(%run, to = target.name(), %error, "it is not told about it, as that can't be kept");
                }
            }
        }
        Ok(all)
    }

    /// How it went before that run, as far as runs that were asked for earlier are over.
    async fn before(&self, run: &RunId, suite: &str) -> Result<Before, StoreError> {
        let store = &self.engine.store;
        let Some(summary) = store.run(run.clone()).await? else { return Ok(Before::default()) };
        let filter = RunFilter {
            suite: Some(suite.to_owned()),
            over: Some(true),
            before: Some(summary.queued),
            limit: BEFORE,
            ..RunFilter::default()
        };
        let runs = store.runs(filter).await?;
        let verdicts = runs.iter().filter_map(|run| run.verdict);
        let last = verdicts.into_iter().find(|verdict| *verdict != Verdict::Cancelled);
        let mut cases = BTreeMap::new();
        let all = store.cases(suite.to_owned(), 2 * BEFORE).await?;
        for of_run in all.chunk_by(|a, b| a.run == b.run) {
            if !runs.iter().any(|before| before.run == of_run[0].run) {
                continue;
            }
            for (index, case) in (0u32..).zip(of_run) {
                if case.verdict != Verdict::Cancelled {
                    let title = title_of(of_run.iter().map(|case| case.name.as_str()), index);
                    cases.entry(title).or_insert(case.verdict);
                }
            }
        }
        Ok(Before { run: last, cases })
    }
}
