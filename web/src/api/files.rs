//! Files of a run in its folder.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use xrdtest_model::document::OUTPUT_TAIL;
use xrdtest_model::event::{CollectedLog, StageResult};
use xrdtest_model::plan::file_name;
use xrdtest_model::{RunId, RunPlan};
use xrdtest_report::Evidence;

/// The folder of a run below the folder of all runs.
pub(crate) fn folder_of(runs: &Path, run: &RunId) -> PathBuf {
    runs.join(file_name(run.as_str()))
}

/// A file below a folder; `None` where the path could lead out of it.
pub(crate) fn inside(folder: &Path, relative: &str) -> Option<PathBuf> {
    let mut parts = Path::new(relative).components();
    let plain = !relative.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| folder.join(relative))
}

/// Evidence for the run document.
#[derive(Debug)]
pub struct FileEvidence {
    folder: PathBuf,
}

impl FileEvidence {
    /// In this folder of a run.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Evidence for FileEvidence {
    fn output(&self, plan: &RunPlan, result: &StageResult) -> Option<(String, Vec<u8>)> {
        let relative = plan.output_path(result.stage, &result.machine.host, result.attempt);
        let mut file = File::open(self.folder.join(&relative)).ok()?;
        let length = file.metadata().ok()?.len();
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_TAIL as u64))).ok()?;
        file.take(OUTPUT_TAIL as u64).read_to_end(&mut tail).ok()?;
        Some((relative, tail))
    }

    fn log(&self, plan: &RunPlan, result: &StageResult, log: &CollectedLog) -> Option<String> {
        let relative = plan.log_path(result.stage, &result.machine.host, &log.path);
        self.folder.join(&relative).is_file().then_some(relative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let folder = Path::new("/runs/r");
        assert_eq!(inside(folder, "outputs/01/a.log"), Some("/runs/r/outputs/01/a.log".into()));
        for path in ["", "/etc/passwd", "../x", "a/../../x", "./a", "a/.."] {
            assert_eq!(inside(folder, path), None, "{path}");
        }
        assert_eq!(folder_of(Path::new("/runs"), &"../evil".into()), Path::new("/runs/_._evil"));
    }
}
