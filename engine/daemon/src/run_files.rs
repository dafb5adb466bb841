//! Where the files of a run lie.
//!
//! ```text
//! RUNS/RUN/run.json                                    the run document, when the run is over
//! RUNS/RUN/outputs/03-copy_to-run/ds1.xrd.test.log     output of one stage on one machine
//! RUNS/RUN/logs/03-copy_to-run/ds1.xrd.test/var/log/…  what was new in a log file after that stage
//! RUNS/RUN/artifacts/03-copy_to-run/ds1.xrd.test/tmp/…  a file that the script kept
//! RUNS/RUN/consoles/ds1.xrd.test.log                   the serial console of a virtual machine
//! RUNS/RUN/engine/store.sqlite                         the store, where the engine served this run alone
//! ```

use std::path::{Path, PathBuf};

use xrdtest_model::plan::{console_path, file_name};
use xrdtest_model::{RunId, RunPlan, StageId};

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFiles {
    folder: PathBuf,
}

impl RunFiles {
    /// The folder of `run` below the folder of all runs.
    pub fn new(runs: &Path, run: &RunId) -> Self {
        Self { folder: runs.join(file_name(run.as_str())) }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The run document.
    pub fn document(&self) -> PathBuf {
        self.folder.join("run.json")
    }

    /// Output of a stage, relative to the folder; [`RunPlan::output_path`].
    pub fn output(plan: &RunPlan, stage: StageId, host: &str, attempt: u32) -> PathBuf {
        plan.output_path(stage, host, attempt).into()
    }

    /// A log file that a machine collected after a stage, or a file that its script kept, relative to the folder;
    /// [`RunPlan::log_path`], [`RunPlan::artifact_path`].
    pub fn collected(plan: &RunPlan, stage: StageId, host: &str, path: &str, artifact: bool) -> PathBuf {
        let place = if artifact { RunPlan::artifact_path } else { RunPlan::log_path };
        place(plan, stage, host, path).into()
    }

    /// What a machine wrote to its serial console, relative to the folder; [`console_path`].
    pub fn console(host: &str) -> PathBuf {
        console_path(host).into()
    }

    /// The absolute path of one of the above.
    pub fn path(&self, relative: &Path) -> PathBuf {
        self.folder.join(relative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let files = RunFiles::new(Path::new("/runs"), &"../evil".into());
        assert_eq!(files.folder(), Path::new("/runs/_._evil"));
    }
}
