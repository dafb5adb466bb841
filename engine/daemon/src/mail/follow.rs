//! Makes mails of what the journal says, and keeps them in the store.
//!
//! What was considered is kept with the mails that it led to. So a case that ended while the engine was being killed is
//! told once, by this life or the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use xrdtest_model::plan::title_of;
use xrdtest_model::{Event, EventBody, RunId, Verdict};
use xrdtest_report::RunRecorder;
use xrdtest_report::mail::{About, Before, is_asked_for, mail};
use xrdtest_store::outbox::NewMail;
use xrdtest_store::{RunFilter, StoreError};
use xrdtest_web::FileEvidence;

use super::Settings;
use crate::handle::EngineHandle;
use crate::run_files::RunFiles;

/// Events that are read at once.
const PAGE: u32 = 1000;
/// Events that led to no mail are noted as considered when they are so many: they may be looked at again.
const NOTED: u64 = 1000;
/// Runs before a run that are looked at, for what its cases amounted to.
const BEFORE: u32 = 20;

/// The one who makes mails.
pub(super) struct Follower {
    engine: EngineHandle,
    settings: Arc<Settings>,
    new: Arc<Notify>,
    end: CancellationToken,
    considered: u64,
    /// The same, as it is kept.
    noted: u64,
    /// Runs that go on, as far as there is anybody to tell.
    runs: BTreeMap<RunId, Option<RunRecorder>>,
}

impl Follower {
    pub(super) async fn start(
        engine: EngineHandle,
        settings: Arc<Settings>,
        new: Arc<Notify>,
        end: CancellationToken,
    ) -> Result<Self, StoreError> {
        let considered = match engine.store.mail_considered().await? {
            Some(considered) => considered,
            None => {
                // Nobody wants mail about what was before there was mail.
                let last = *engine.last_event.borrow();
                engine.store.keep_mails(Some(last), Vec::new()).await?;
                last
            }
        };
        Ok(Self { engine, settings, new, end, considered, noted: considered, runs: BTreeMap::new() })
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
        let events = self.engine.store.events(None, self.considered, PAGE).await?;
        let Some(last) = events.last().map(|event| event.number) else { return Ok(false) };
        let mut mails = Vec::new();
        for event in &events {
            mails.extend(self.consider(event).await?);
        }
        self.considered = last;
        if !mails.is_empty() || last - self.noted >= NOTED {
            let new = !mails.is_empty();
            self.engine.store.keep_mails(Some(last), mails).await?;
            self.noted = last;
            if new {
                self.new.notify_one();
            }
        }
        Ok(true)
    }

    async fn consider(&mut self, event: &Event) -> Result<Vec<NewMail>, StoreError> {
        if let EventBody::RunQueued { run, plan, .. } = &event.body {
            let told = !plan.alerts.emails.is_empty();
            self.runs.insert(run.clone(), told.then(|| RunRecorder::new(run.clone())));
        }
        self.runs.values_mut().flatten().for_each(|recorder| recorder.apply(event));
        let (run, about, verdict) = match &event.body {
            EventBody::CaseFinished { run, case, verdict, .. } => (run, About::Case(*case), *verdict),
            EventBody::RunFinished { run, verdict, .. } => (run, About::Run, *verdict),
            _ => return Ok(Vec::new()),
        };
        if !self.runs.contains_key(run) {
            let recorder = self.recorder(run, event.number).await?;
            self.runs.insert(run.clone(), recorder);
        }
        let recorder = match about {
            About::Run => self.runs.remove(run).flatten(),
            About::Case(_) => self.runs.get(run).cloned().flatten(),
        };
        match recorder {
            Some(recorder) => self.mails(event, run, about, verdict, recorder).await,
            None => Ok(Vec::new()),
        }
    }

    /// All that happened to a run up to an event; `None` where there is nobody to tell.
    async fn recorder(&self, run: &RunId, until: u64) -> Result<Option<RunRecorder>, StoreError> {
        let mut recorder = RunRecorder::new(run.clone());
        let events = self.engine.events_of(run).await?;
        events.iter().take_while(|event| event.number <= until).for_each(|event| recorder.apply(event));
        let told = recorder.plan().is_some_and(|plan| !plan.alerts.emails.is_empty());
        Ok(told.then_some(recorder))
    }

    async fn mails(
        &self,
        event: &Event,
        run: &RunId,
        about: About,
        verdict: Verdict,
        recorder: RunRecorder,
    ) -> Result<Vec<NewMail>, StoreError> {
        let Some(plan) = recorder.plan().cloned() else { return Ok(Vec::new()) };
        // A run may have to tell what its cases did not.
        if about != About::Run && !is_asked_for(&plan.alerts, about, verdict) {
            return Ok(Vec::new());
        }
        let before = self.before(run, &plan.suite).await?;
        let evidence = FileEvidence::new(RunFiles::new(&self.engine.runs, run).folder().to_owned());
        let record = tokio::task::spawn_blocking(move || recorder.record(&evidence)).await;
        let Ok(Some(record)) = record else {
            warn!(%run, "there is no mail about it, as its record can't be made");
            return Ok(Vec::new());
        };
        let Some(mail) = mail(&plan, &record, about, &before, &self.settings.common) else {
            return Ok(Vec::new());
        };
        let content = match serde_json::to_string(&mail) {
            Ok(content) => content,
            Err(error) => {
                warn!(%run, %error, "there is no mail about it, as it can't be kept");
                return Ok(Vec::new());
            }
        };
        let mut addresses = plan.alerts.emails;
        addresses.sort();
        addresses.dedup();
        let new = |recipient| NewMail {
            run: run.clone(),
            about: about.name(),
            recipient,
            content: content.clone(),
            queued: event.at,
        };
        Ok(addresses.into_iter().map(new).collect())
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
