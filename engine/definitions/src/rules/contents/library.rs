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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::evaluate::bounds::Bounds;

    #[test]
    fn scripts_that_look_as_before_are_not_read_again_but_what_they_need_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let files = Files::new(root.clone());
        let (reuse, paths) = (Reuse::default(), ["a.sh", "b.sh"].map(str::to_owned));
        let write = |file: &str, text: &str| fs::write(root.join(file), text).unwrap();
        write("a.sh", "#!/bin/sh\ncurl -O http://x/downloadScript/data\n. more.sh\n");
        write("b.sh", "#!/bin/sh\nif\n");
        let read = || {
            reuse.begin(Bounds::default());
            let library = Library::read(paths.iter().cloned().collect(), &files, Some(&reuse));
            let contents = ["a.sh", "b.sh"]
                .map(|path| Arc::clone(&library.get(path).unwrap().as_ref().unwrap().contents));
            let codes: Vec<_> = library.into_findings().0.iter().map(|found| found.code.clone()).collect();
            (contents, codes)
        };
        let (first, codes) = read();
        assert_eq!(codes, ["XT5005", "XT5004", "XT5003"]);
        write("data", "");
        let (second, codes) = read();
        assert!(first.iter().zip(&second).all(|(first, second)| Arc::ptr_eq(first, second)));
        assert_eq!(codes, ["XT5004", "XT5003"]);
        fs::remove_file(root.join("data")).unwrap();
        write("b.sh", "#!/bin/sh\ntrue; true\n");
        let (third, codes) = read();
        assert!(Arc::ptr_eq(&first[0], &third[0]) && !Arc::ptr_eq(&first[1], &third[1]));
        assert_eq!(codes, ["XT5005", "XT5004"]);
    }
}
