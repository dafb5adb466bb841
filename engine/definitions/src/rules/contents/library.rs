//! All scripts of a repository that suites name, each read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Contents, Script};
use crate::evaluate::bounds::STACK_BYTES;
use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::parallel;
use crate::reuse::{Reuse, Stamp};
use crate::script::{SCRIPT_BYTES, ScriptProblem};
use crate::suppress::Suppressions;

/// Scripts by their paths, or why they can't be read.
#[derive(Debug, Default)]
pub(crate) struct Library {
    scripts: BTreeMap<String, Result<Script, ScriptProblem>>,
}

impl Library {
    /// Reads scripts, and looks into them on all processors. Those that look as they did for an earlier load are not read
    /// again.
    pub(crate) fn read(paths: BTreeSet<String>, files: &Files, reuse: Option<&Reuse>) -> Self {
        let paths: Vec<String> = paths.into_iter().collect();
        let done = parallel::each(&paths, STACK_BYTES, || (), |(), path| script(path, files, reuse));
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
            findings.absorb(script.contents.findings.clone());
            findings.absorb(script.findings);
            suppressions.absorb(script.contents.suppressions.clone());
        }
        (findings, suppressions)
    }

    /// The scripts that a shell runs, sorted.
    pub(crate) fn of_shells(&self) -> Vec<Arc<str>> {
        let shells = self.scripts.values().flatten().filter(|script| super::is_shell(&script.contents.head));
        let mut files: Vec<_> = shells.map(|script| Arc::clone(&script.contents.file)).collect();
        files.sort();
        files
    }
}

fn script(path: &str, files: &Files, reuse: Option<&Reuse>) -> Result<Script, ScriptProblem> {
    let reuse = reuse.and_then(|reuse| Some((reuse, Stamp::of(files, path)?)));
    let contents = match reuse.and_then(|(reuse, stamp)| reuse.script(path, stamp)) {
        Some(known) => known,
        None => Arc::new(Contents::new(Arc::from(path), &files.read(path, SCRIPT_BYTES)?)),
    };
    if let Some((reuse, stamp)) = reuse {
        reuse.keep_script(stamp, &contents);
    }
    Ok(Script::new(contents, files))
}
