//! Packing runs into files, and removing what is old.
//!
//! A packed run is `ARCHIVE/RUN.tar.zst` with `RUN/run.json` (the run document), `RUN/events.jsonl` (the journal's
//! part) and its outputs and logs. Its record stays in the store and names the file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::{info, warn};
use xrdtest_model::api::{ArchiveRequest, Archived, Problem, RunSummary};
use xrdtest_model::document::RunsDocument;
use xrdtest_model::plan::file_name;
use xrdtest_model::{Event, RunId};
use xrdtest_report::RunRecorder;
use xrdtest_store::retention::{RetentionAction, RetentionPolicy, decide};
use xrdtest_store::{RunFilter, StoreError};
use xrdtest_web::FileEvidence;
use xrdtest_web::engine::Refusal;

use crate::handle::EngineHandle;
use crate::run_files::RunFiles;

/// Between two looks at what is old enough to go.
const EVERY: Duration = Duration::from_secs(3600);
/// Good and small enough; higher levels cost minutes for little.
const COMPRESSION: i32 = 3;
/// Runs and events that are read at once.
const PAGE: u32 = 1000;

/// Why a run was not packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Not(&'static str),
    #[error("the record can't be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("packing broke off: {0}")]
    BrokenOff(#[from] tokio::task::JoinError),
}

impl EngineHandle {
    pub(crate) async fn archive_runs(&self, request: ArchiveRequest) -> Result<Archived, Refusal> {
        let unavailable = |error: StoreError| {
            Refusal::Unavailable(Problem {
                error: error.to_string(),
                help: String::new(),
                diagnostics: Vec::new(),
            })
        };
        let mut done = Archived::default();
        let runs = match request.runs.is_empty() {
            false => request.runs,
            true => {
                let age = Duration::from_secs(request.older_than_s.unwrap_or(0));
                let limit = self.clock.now().before(age);
                let all = self.all_runs().await.map_err(unavailable)?;
                // A pinned run stays as it is, unless it is named.
                let old = all.into_iter().filter(|run| run.evidence_removed.is_none() && !run.pinned);
                old.filter(|run| run.finished.is_some_and(|at| at <= limit)).map(|run| run.run).collect()
            }
        };
        for run in runs {
            match self.archive_run(&run).await {
                Ok(file) => done.archived.insert(run.to_string(), file.to_string_lossy().into_owned()),
                Err(error) => done.refused.insert(run.to_string(), error.to_string()),
            };
        }
        Ok(done)
    }

    async fn archive_run(&self, run: &RunId) -> Result<PathBuf, ArchiveError> {
        let summary = self.store.run(run.clone()).await?.ok_or(ArchiveError::Not("there is no such run"))?;
        if summary.verdict.is_none() {
            return Err(ArchiveError::Not("it is not over"));
        }
        if summary.evidence_removed.is_some() {
            return Err(ArchiveError::Not("its outputs and logs are gone already"));
        }
        let events = self.events_of(run).await?;
        let files = RunFiles::new(&self.runs, run);
        let target = self.archive.join(format!("{}.tar.zst", file_name(run.as_str())));
        let (id, folder, packed) = (run.clone(), files.folder().to_owned(), target.clone());
        tokio::task::spawn_blocking(move || pack(&id, &events, &folder, &packed)).await??;
        let archive = Some(target.to_string_lossy().into_owned());
        // In this order: what is noted as removed but still there is only untidy.
        self.store.evidence_removed(run.clone(), self.clock.now(), archive).await?;
        remove_evidence(&files).await?;
        info!(%run, file = %target.display(), "run packed");
        Ok(target)
    }

    pub(crate) async fn events_of(&self, run: &RunId) -> Result<Vec<Event>, StoreError> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let after = events.last().map_or(0, |event| event.number);
            let page = self.store.events(Some(run.clone()), after, PAGE).await?;
            if page.is_empty() {
                return Ok(events);
            }
            events.extend(page);
        }
    }

    async fn all_runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let mut runs: Vec<RunSummary> = Vec::new();
        loop {
            let before = runs.last().map(|run| run.queued);
            let filter = RunFilter { before, limit: PAGE, ..RunFilter::default() };
            let page = self.store.runs(filter).await?;
            if page.is_empty() {
                return Ok(runs);
            }
            runs.extend(page);
        }
    }

    /// Removes what is old, now and every hour, until the engine stops.
    pub async fn keep_tidy(self, policy: RetentionPolicy) {
        while !self.commands.is_closed() {
            if let Err(error) = self.tidy(&policy).await {
                warn!(%error, "old runs could not be removed; it is tried again in an hour");
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.commands.closed() => {}
            }
        }
    }

    /// Everything of a run that is over: first its files, so that none is left that no record knows.
    pub(crate) async fn remove_run(&self, run: &RunId) -> Result<(), ArchiveError> {
        remove_folder(RunFiles::new(&self.runs, run).folder().to_owned()).await?;
        Ok(self.store.remove_run(run.clone()).await?)
    }

    async fn tidy(&self, policy: &RetentionPolicy) -> Result<(), ArchiveError> {
        for action in decide(policy, &self.all_runs().await?, self.clock.now()) {
            match action {
                RetentionAction::RemoveEvidence(run) => {
                    self.store.evidence_removed(run.clone(), self.clock.now(), None).await?;
                    remove_evidence(&RunFiles::new(&self.runs, &run)).await?;
                    info!(%run, "outputs and logs removed, as they are older or more than is kept");
                }
                RetentionAction::RemoveRun(run) => {
                    self.remove_run(&run).await?;
                    info!(%run, "run removed, as it is older or more than is kept");
                }
            }
        }
        Ok(())
    }
}

async fn remove_evidence(files: &RunFiles) -> Result<(), ArchiveError> {
    for part in ["outputs", "logs", "artifacts"] {
        remove_folder(files.path(Path::new(part))).await?;
    }
    Ok(())
}

async fn remove_folder(path: PathBuf) -> Result<(), ArchiveError> {
    match tokio::fs::remove_dir_all(&path).await {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ArchiveError::File { path, source }),
        _ => Ok(()),
    }
}

/// Writes the file; it has its name only when all of it is on the disk.
fn pack(run: &RunId, events: &[Event], folder: &Path, target: &Path) -> Result<(), ArchiveError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ArchiveError::File { path, source }
    };
    let parent = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let part = target.with_extension("part");
    let file = File::create(&part).map_err(failed(&part))?;
    let encoder = zstd::Encoder::new(file, COMPRESSION).map_err(failed(&part))?;
    let mut tar = tar::Builder::new(encoder);
    tar.follow_symlinks(false);
    let name = file_name(run.as_str());

    let mut recorder = RunRecorder::new(run.clone());
    events.iter().for_each(|event| recorder.apply(event));
    let record = recorder.record(&FileEvidence::new(folder.to_owned()));
    let mut document = serde_json::to_vec_pretty(&RunsDocument::new(record.into_iter().collect()))?;
    document.push(b'\n');
    add(&mut tar, &format!("{name}/run.json"), &document).map_err(failed(&part))?;
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    add(&mut tar, &format!("{name}/events.jsonl"), &lines).map_err(failed(&part))?;
    for evidence in ["outputs", "logs", "artifacts"] {
        let from = folder.join(evidence);
        if from.is_dir() {
            tar.append_dir_all(format!("{name}/{evidence}"), &from).map_err(failed(&from))?;
        }
    }
    let finish = || -> io::Result<()> {
        let mut file = tar.into_inner()?.finish()?;
        file.flush()?;
        file.sync_all()?;
        fs::rename(&part, target)?;
        File::open(parent)?.sync_all()
    };
    finish().map_err(failed(target))
}

fn add<W: Write>(tar: &mut tar::Builder<W>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content)
}
