//! Reports in a folder, written when a run is over: FOLDER/SUITE/RUN.junit.xml and so on.
//!
//! A note in the engine's state says up to which event this was done. An engine that was killed between the end of a
//! run and its files reads on from there when it is started again, and writes them then; a file that is there already is
//! replaced by the same.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{debug, warn};
use xrdtest_model::api::ReportFormat;
use xrdtest_model::plan::file_name;
use xrdtest_model::{Event, EventBody, RunId};
use xrdtest_report::{ReportError, RunRecorder, render};
use xrdtest_store::StoreError;
use xrdtest_web::FileEvidence;

use crate::config::ReportsSection;
use crate::handle::EngineHandle;
use crate::run_files::RunFiles;

/// The note's file in the engine's state.
const NOTE: &str = "reports.last";
/// Events that are read at once.
const PAGE: u32 = 1000;

/// Why there are no files of a run.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("writing broke off: {0}")]
    BrokenOff(#[from] tokio::task::JoinError),
}

/// Writes reports until the engine stops. What can't be written is a warning: the run is over in any case, and its
/// reports can be had from the API.
pub(crate) async fn keep(engine: EngineHandle, section: ReportsSection) {
    let note = engine.state.join(NOTE);
    let Some(folder) = section.folder else {
        // Else the runs of the time without reports would get theirs when there is a folder again.
        let _ = fs::remove_file(note);
        return;
    };
    let begin = *engine.last_event.borrow();
    let keeper = Keeper { engine, folder, formats: section.formats, note };
    let events = keeper.engine.events().await;
    // From here on no event is missed: the engine's task has taken note of who listens.
    keeper.engine.is_alive().await;
    if let Err(error) = keeper.go(begin, events).await {
        warn!(%error, "no more reports are written until the engine's next start");
    }
}

struct Keeper {
    engine: EngineHandle,
    folder: PathBuf,
    formats: Vec<ReportFormat>,
    note: PathBuf,
}

impl Keeper {
    async fn go(
        &self,
        begin: u64,
        mut events: mpsc::UnboundedReceiver<Arc<Event>>,
    ) -> Result<(), StoreError> {
        let mut done = self.catch_up(begin).await?;
        while let Some(event) = events.recv().await {
            if event.number > done {
                done = event.number;
                self.take(&event).await;
            }
        }
        Ok(())
    }

    /// Runs that ended after what the note says, or where there is none after `begin`; answers up to which event all is
    /// done.
    async fn catch_up(&self, begin: u64) -> Result<u64, StoreError> {
        let noted = fs::read_to_string(&self.note).ok().and_then(|text| text.trim().parse().ok());
        let mut done = noted.unwrap_or(begin);
        if noted.is_none() {
            self.keep_note(begin);
        }
        loop {
            let page = self.engine.store.events(None, done, PAGE).await?;
            let Some(last) = page.last() else { return Ok(done) };
            done = last.number;
            for event in &page {
                self.take(event).await;
            }
        }
    }

    async fn take(&self, event: &Event) {
        let EventBody::RunFinished { run, .. } = &event.body else { return };
        match self.write(run).await {
            Ok(()) => debug!(%run, folder = %self.folder.display(), "reports written"),
            Err(error) => warn!(
                %run, %error,
                "its reports are not written; `xrdtest report` makes them, once the folder can be written"
            ),
        }
        self.keep_note(event.number);
    }

    fn keep_note(&self, number: u64) {
        if let Err(error) = replace(&self.note, number.to_string().as_bytes()) {
            warn!(%error, "after the engine's next start reports may be written again");
        }
    }

    async fn write(&self, run: &RunId) -> Result<(), NotWritten> {
        let events = self.engine.events_of(run).await?;
        let mut recorder = RunRecorder::new(run.clone());
        events.iter().for_each(|event| recorder.apply(event));
        let files = RunFiles::new(&self.engine.runs, run);
        let (folder, formats) = (self.folder.clone(), self.formats.clone());
        let written = tokio::task::spawn_blocking(move || {
            let Some(mut record) = recorder.record(&FileEvidence::new(files.folder().to_owned())) else {
                return Ok(());
            };
            record.directory = Some(files.folder().to_string_lossy().into_owned());
            let folder = folder.join(file_name(&record.suite));
            for format in formats {
                let text = render(format, &record, &events)?;
                let path = folder.join(format!("{}.{}", file_name(&record.id), format.extension()));
                replace(&path, text.as_bytes())?;
            }
            Ok(())
        });
        written.await?
    }
}

/// A file has its name only when all of it is on the disk.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), NotWritten> {
    let failed = |source| NotWritten::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    let mut file = File::create(part).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(part, path).map_err(failed)
}
