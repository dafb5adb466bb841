//! The output of a stage that may still grow.

use std::collections::BTreeMap;
use std::io;
use std::io::SeekFrom;
use std::path::PathBuf;

use bytes::Bytes;
use futures::Stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::watch;
use xrdtest_model::api::RunSummary;
use xrdtest_model::{Event, EventBody, RunId, RunPlan, StageId};
use xrdtest_store::StoreError;

use super::Shared;
use super::journal;
use super::outputs::CHUNK;
use super::problem::{Answer, Failure};

/// One stage on one machine, as far as the events tell.
#[derive(Debug)]
pub(crate) struct Stage {
    run: RunId,
    plan: Box<RunPlan>,
    stage: StageId,
    machine: String,
    /// The attempt that was asked for.
    asked: Option<u32>,
    /// The latest attempt.
    latest: Option<u32>,
    over: bool,
    /// Events up to this one are known.
    after: u64,
}

impl Stage {
    /// By the name of the stage's folder.
    pub(crate) async fn find(
        engine: &Shared,
        run: &RunId,
        folder: &str,
        machine: &str,
        asked: Option<u32>,
    ) -> Answer<Self> {
        let plan = journal::plan(&*engine.store(), run).await?;
        let folders: BTreeMap<String, StageId> =
            plan.stages().map(|stage| (plan.stage_folder(stage), stage)).collect();
        let stage = *folders.get(folder).ok_or_else(|| {
            let known: Vec<_> = folders.keys().map(String::as_str).collect();
            Failure::not_found(format!("run {run} has no stage `{folder}`"))
                .help(format!("its stages are {}", known.join(", ")))
        })?;
        let machines = plan.machines_of(stage);
        if !machines.iter().any(|known| known == machine) {
            return Err(Failure::not_found(format!("{machine} does not take part in {folder} of run {run}"))
                .help(format!("its machines are {}", machines.join(", "))));
        }
        let machine = machine.to_owned();
        Ok(Self { run: run.clone(), plan, stage, machine, asked, latest: None, over: false, after: 0 })
    }

    /// Reads the events that have come.
    pub(crate) async fn catch_up(&mut self, engine: &Shared) -> Result<(), StoreError> {
        let (run, after) = (self.run.clone(), self.after);
        self.after = journal::each(&*engine.store(), &run, after, |event| self.apply(event)).await?;
        Ok(())
    }

    fn apply(&mut self, event: &Event) {
        match &event.body {
            EventBody::StageStarted { stage, machines, .. } if *stage == self.stage => {
                let own = machines.iter().find(|(machine, _)| machine.host == self.machine);
                self.latest = own.map(|(_, attempt)| *attempt).or(self.latest);
            }
            EventBody::StageFinished { result, .. } => {
                self.over |= result.stage == self.stage && result.machine.host == self.machine;
            }
            EventBody::RunFinished { .. } => self.over = true,
            _ => {}
        }
    }

    /// Nothing will be added any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The file, relative to the run's folder.
    pub(crate) fn file(&self) -> String {
        let attempt = self.asked.or(self.latest).unwrap_or(1);
        self.plan.output_path(self.stage, &self.machine, attempt)
    }

    /// Why there is no file.
    pub(crate) fn has_no_output(&self, summary: &RunSummary) -> Failure {
        let what = format!("{} on {} of run {}", self.plan.stage_title(self.stage), self.machine, self.run);
        match (self.over, &summary.archive) {
            (true, Some(archive)) => Failure::not_found(format!("there is no output of {what}"))
                .help(format!("look into {archive}")),
            (true, None) => Failure::not_found(format!("there is no output of {what}")),
            (false, _) => Failure::not_found(format!("there is no output of {what} yet"))
                .help("add ?follow=true to wait for it"),
        }
    }
}

/// The bytes of a stage's output from `offset` on as they come, until the stage is over on that machine.
pub(crate) fn stream(
    engine: &Shared,
    stage: Stage,
    folder: PathBuf,
    offset: u64,
) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let follower = Follower {
        arrived: engine.output_arrived(),
        last: engine.last_event(),
        engine: engine.clone(),
        stage,
        folder,
        offset,
        file: None,
    };
    futures::stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|bytes| (bytes, follower)))
    })
}

struct Follower {
    engine: Shared,
    arrived: watch::Receiver<u64>,
    last: watch::Receiver<u64>,
    stage: Stage,
    folder: PathBuf,
    offset: u64,
    file: Option<File>,
}

impl Follower {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            // Marked as seen before the file is read: what comes meanwhile wakes.
            self.arrived.borrow_and_update();
            let last = *self.last.borrow_and_update();
            let was_over = self.stage.is_over();
            let piece = self.read().await?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            if was_over {
                return Ok(None);
            }
            if last > self.stage.after {
                self.stage.catch_up(&self.engine).await.map_err(io::Error::other)?;
                // Other runs have events too: they need not be looked for again.
                self.stage.after = self.stage.after.max(last);
                // It may be over, or its file known, now: what came with that is read first.
                continue;
            }
            let woken = tokio::select! {
                woken = self.arrived.changed() => woken,
                woken = self.last.changed() => woken,
            };
            // Broken off, not ended: who follows must not take it for the whole.
            woken.map_err(|_| io::Error::other("the engine stops"))?;
        }
    }

    /// What is there and was not read yet; empty where there is nothing.
    async fn read(&mut self) -> io::Result<Bytes> {
        if self.file.is_none() {
            self.file = match File::open(self.folder.join(self.stage.file())).await {
                Ok(mut file) => {
                    file.seek(SeekFrom::Start(self.offset)).await?;
                    Some(file)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        let mut piece = Vec::new();
        if let Some(file) = &mut self.file {
            piece.reserve(CHUNK);
            file.read_buf(&mut piece).await?;
        }
        Ok(piece.into())
    }
}
