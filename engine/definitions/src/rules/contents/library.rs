//! All scripts of a repository that suites name, each read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Script;
use crate::evaluate::bounds::STACK_BYTES;
use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::parallel;
use crate::script::{SCRIPT_BYTES, ScriptProblem};
use crate::suppress::Suppressions;

/// Scripts by their paths, or why they can't be read.
#[derive(Debug, Default)]
pub(crate) struct Library {
    scripts: BTreeMap<String, Result<Script, ScriptProblem>>,
}

impl Library {
    /// Reads scripts, and looks into them on all processors.
    pub(crate) fn read(paths: BTreeSet<String>, files: &Files) -> Self {
        let paths: Vec<String> = paths.into_iter().collect();
        let done = parallel::each(&paths, STACK_BYTES, || (), |(), path| script(path, files));
        let read = paths.into_iter().zip(done.results).map(|(path, result)| {
            let script = result.unwrap_or_else(|| Ok(Script::failed(Arc::from(path.as_str()))));
            (path, script)
        });
        Self { scripts: read.collect() }
    }

    /// A script that was read.
    pub(crate) fn get(&self, path: &str) -> Option<&Result<Script, ScriptProblem>> {
        self.scripts.get(path)
    }

    /// What was found in the scripts, and what is suppressed there.
    pub(crate) fn into_findings(self) -> (Findings, Suppressions) {
        let (mut findings, mut suppressions) = (Findings::default(), Suppressions::default());
        for script in self.scripts.into_values().flatten() {
            findings.absorb(script.findings);
            suppressions.absorb(script.suppressions);
        }
        (findings, suppressions)
    }

    /// The scripts that a shell runs, sorted.
    pub(crate) fn of_shells(&self) -> Vec<Arc<str>> {
        let shells = self.scripts.values().flatten().filter(|script| super::is_shell(&script.head));
        let mut files: Vec<_> = shells.map(|script| Arc::clone(&script.file)).collect();
        files.sort();
        files
    }
}

fn script(path: &str, files: &Files) -> Result<Script, ScriptProblem> {
    let text = files.read(path, SCRIPT_BYTES)?;
    Ok(Script::new(Arc::from(path), &text, files))
}
