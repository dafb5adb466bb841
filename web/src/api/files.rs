//! Files of a run in its folder.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use xrdtest_model::document::OUTPUT_TAIL;
use xrdtest_model::event::{CollectedLog, StageResult};
use xrdtest_model::plan::{console_path, file_name};
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

/// Bytes that hold the last lines of a console.
const CONSOLE_END: u64 = 16 << 10;

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
        let (_, tail) = end_of(&self.folder.join(&relative), OUTPUT_TAIL as u64)?;
        Some((relative, tail))
    }

    fn log(&self, plan: &RunPlan, result: &StageResult, log: &CollectedLog) -> Option<String> {
        let place = if log.artifact { RunPlan::artifact_path } else { RunPlan::log_path };
        let relative = place(plan, result.stage, &result.machine.host, &log.path);
        self.folder.join(&relative).is_file().then_some(relative)
    }

    fn console(&self, host: &str) -> Option<(String, u64, Vec<u8>)> {
        let relative = console_path(host);
        let (length, end) = end_of(&self.folder.join(&relative), CONSOLE_END)?;
        Some((relative, length, end))
    }
}

/// Length and last bytes of a file.
fn end_of(path: &Path, bytes: u64) -> Option<(u64, Vec<u8>)> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes))).ok()?;
    file.take(bytes).read_to_end(&mut end).ok()?;
    Some((length, end))
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
