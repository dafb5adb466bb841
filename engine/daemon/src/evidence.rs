//! What was on the disk already when the engine was started.
//!
//! An agent that has been told that a file is here does not send it again. So after a restart the engine looks itself,
//! for the attempts that were open then.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use xrdtest_model::event::CollectedLog;
use xrdtest_model::{AttemptId, RunPlan};

use crate::run_files::RunFiles;
use crate::uploads::EvidenceFile;

/// The attempts whose evidence may be on the disk without a word from their agents.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    runs: PathBuf,
    attempts: HashSet<AttemptId>,
}

impl Inherited {
    pub(crate) fn new(runs: &Path, attempts: impl IntoIterator<Item = AttemptId>) -> Self {
        Self { runs: runs.to_owned(), attempts: attempts.into_iter().collect() }
    }

    /// The files of an attempt with their present lengths, once it is known which logs there are; nothing for an
    /// attempt that was begun after the start.
    pub(crate) fn files(
        &self,
        plan: &RunPlan,
        attempt: &AttemptId,
        logs: &[CollectedLog],
    ) -> Vec<(EvidenceFile, u64)> {
        if !self.attempts.contains(attempt) {
            return Vec::new();
        }
        let files = RunFiles::new(&self.runs, &attempt.run);
        let host = &attempt.machine.host;
        let output = RunFiles::output(plan, attempt.stage, host, attempt.number);
        let logs = (0u32..).zip(logs).map(|(index, log)| {
            let path = RunFiles::collected(plan, attempt.stage, host, &log.path, log.artifact);
            (EvidenceFile::Log(index), path)
        });
        std::iter::once((EvidenceFile::Output, output))
            .chain(logs)
            .filter_map(|(file, path)| Some((file, std::fs::metadata(files.path(&path)).ok()?.len())))
            .collect()
    }

    /// The attempt is over.
    pub(crate) fn forget(&mut self, attempt: &AttemptId) {
        self.attempts.remove(attempt);
    }
}
