//! Where the files of a run lie.
//!
//! ```text
//! RUNS/RUN/run.json                                    the run document, when the run is over
//! RUNS/RUN/outputs/03-copy_to-run/ds1.xrd.test.log     output of one stage on one machine
//! RUNS/RUN/logs/03-copy_to-run/ds1.xrd.test/var/log/…  what was new in a log file after that stage
//! RUNS/RUN/engine/journal.jsonl                        the events, where the engine served this run alone
//! ```

use std::path::{Component, Path, PathBuf};

use xrdtest_model::plan::file_name;
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

    /// Output of a stage, relative to the folder. Attempts after the first have their number in the name.
    pub fn output(plan: &RunPlan, stage: StageId, host: &str, attempt: u32) -> PathBuf {
        let host = file_name(host);
        let file = if attempt <= 1 { format!("{host}.log") } else { format!("{host}.{attempt}.log") };
        Path::new("outputs").join(plan.stage_folder(stage)).join(file)
    }

    /// A log file that a machine collected after a stage, relative to the folder. `path` is the machine's word and
    /// can't lead out of the folder.
    pub fn log(plan: &RunPlan, stage: StageId, host: &str, path: &str) -> PathBuf {
        let mut file = Path::new("logs").join(plan.stage_folder(stage)).join(file_name(host));
        let mut named = false;
        for component in Path::new(path).components() {
            if let Component::Normal(part) = component {
                file.push(part);
                named = true;
            }
        }
        if named { file } else { file.join("log") }
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
