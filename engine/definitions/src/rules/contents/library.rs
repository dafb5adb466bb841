//! All scripts of a repository that suites name, each read once.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Script;
use crate::evaluate::bounds::STACK_BYTES;
use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::script::{SCRIPT_BYTES, ScriptProblem};
use crate::suppress::Suppressions;

/// More threads than this gain nothing.
const MOST_THREADS: usize = 8;

/// Scripts by their paths, or why they can't be read.
#[derive(Debug, Default)]
pub(crate) struct Library {
    scripts: HashMap<String, Result<Script, ScriptProblem>>,
}

impl Library {
    /// Reads scripts, and looks into them on all processors.
    pub(crate) fn read(paths: BTreeSet<String>, files: &Files) -> Self {
        let paths: Vec<String> = paths.into_iter().collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut read = Vec::new();
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                read.push((path.clone(), script(path, files)));
            }
            read
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
        let scripts = thread::scope(|scope| {
            let spawn = |_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work).ok();
            let others: Vec<_> = (1..threads).filter_map(spawn).collect();
            let mut scripts: HashMap<_, _> = work().into_iter().collect();
            for other in others {
                scripts.extend(other.join().unwrap_or_default());
            }
            scripts
        });
        Self { scripts }
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
