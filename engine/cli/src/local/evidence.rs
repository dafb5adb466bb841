//! Outputs and logs of a run in its folder.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use xrdtest_engine::RunFiles;
use xrdtest_model::RunPlan;
use xrdtest_model::document::OUTPUT_TAIL;
use xrdtest_model::event::{CollectedLog, StageResult};
use xrdtest_report::Evidence;

/// Finds evidence in a run's folder.
pub(crate) struct FileEvidence {
    files: RunFiles,
}

impl FileEvidence {
    pub(crate) fn new(files: RunFiles) -> Self {
        Self { files }
    }
}

impl Evidence for FileEvidence {
    fn output(&self, plan: &RunPlan, result: &StageResult) -> Option<(String, Vec<u8>)> {
        let relative = RunFiles::output(plan, result.stage, &result.machine.host, result.attempt);
        let mut file = File::open(self.files.path(&relative)).ok()?;
        let length = file.metadata().ok()?.len();
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_TAIL as u64))).ok()?;
        file.take(OUTPUT_TAIL as u64).read_to_end(&mut tail).ok()?;
        Some((relative.to_string_lossy().into_owned(), tail))
    }

    fn log(&self, plan: &RunPlan, result: &StageResult, log: &CollectedLog) -> Option<String> {
        let relative = RunFiles::log(plan, result.stage, &result.machine.host, &log.path);
        self.files.path(&relative).is_file().then(|| relative.to_string_lossy().into_owned())
    }
}
