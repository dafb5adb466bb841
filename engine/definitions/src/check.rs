//! `check`: the findings about paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xrdtest_model::Diagnostic;

use crate::known;
use crate::load::{LoadOptions, load_all};
use crate::root::{RootError, find_root};
use crate::rules::contents::shellcheck::{self, ShellcheckError};
use crate::rules::layout::in_two_repositories::{self, in_two_repositories};
use crate::suppress::Keep;

/// How to check.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// How to load the repository.
    pub load: LoadOptions,
    /// Whether to run the program `shellcheck` over the scripts as well.
    pub shellcheck: bool,
}

/// Why something could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A path.
    #[error(transparent)]
    Root(#[from] RootError),
    /// Shellcheck was asked for, and did not work.
    #[error(transparent)]
    Shellcheck(#[from] ShellcheckError),
}

/// The findings in one repository.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Absolute path of the repository; the diagnostics' files are relative to it.
    pub root: PathBuf,
    /// Those about the paths that were asked for, sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Number of suites and clusters at these paths, those included that could not be evaluated.
    pub definitions: usize,
}

/// Loads the repositories of the given paths and keeps the findings that are about these paths: about a file itself,
/// or about files below a folder. A repository is loaded once, however many paths it has, and always as a whole, as
/// definitions refer to each other. What is suppressed by comments is left out, errors too: whoever wrote the comment
/// knows that a run is refused all the same. What a repository defines that an earlier one defines as well is reported, in
/// the order in which the paths name them.
///
/// # Errors
/// [`CheckError`] for the first path that does not exist or belongs to no repository, or where shellcheck was asked for
/// and can't be run.
pub fn check(paths: &[PathBuf], options: &CheckOptions) -> Result<Vec<Checked>, CheckError> {
    let mut wanted: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for path in paths {
        let root = find_root(path)?;
        let absolute =
            path.canonicalize().map_err(|source| RootError::Path { path: path.clone(), source })?;
        let relative = absolute.strip_prefix(&root).unwrap_or(Path::new(""));
        let relative = relative.to_string_lossy().into_owned();
        match wanted.iter_mut().find(|(known, _)| *known == root) {
            Some((_, paths)) => paths.push(relative),
            None => wanted.push((root, vec![relative])),
        }
    }
    let mut untried = Vec::new();
    if !options.shellcheck {
        untried.push(shellcheck::RULE.code);
    }
    if wanted.len() < 2 {
        untried.push(in_two_repositories::RULE.code);
    }
    let mut earlier = Earlier::default();
    let each = wanted.into_iter();
    each.map(|(root, paths)| check_root(root, &paths, options, &untried, &mut earlier)).collect()
}

/// Absolute paths of what the repositories so far define, by kind and name.
type Earlier = BTreeMap<(&'static str, String), String>;

/// `untried`: codes of what is not looked for.
fn check_root(
    root: PathBuf,
    paths: &[String],
    options: &CheckOptions,
    untried: &[&str],
    earlier: &mut Earlier,
) -> Result<Checked, CheckError> {
    let loaded = load_all(&root, &options.load, false);
    let catalogue = loaded.catalogue;
    let is_wanted = |file: &str| paths.iter().any(|path| is_at_or_below(file, path));
    let (suites, clusters) = (known::suites(&catalogue), known::clusters(&catalogue));
    let definitions = suites.values().chain(clusters.values()).filter(|file| is_wanted(file)).count();
    let mut diagnostics = catalogue.diagnostics;
    let of_suites = suites.into_iter().map(|(name, file)| (("suite", name), file));
    for ((kind, name), file) in of_suites.chain(clusters.into_iter().map(|(n, file)| (("cluster", n), file)))
    {
        if let Some(first) = earlier.get(&(kind, name.clone())) {
            diagnostics.push(in_two_repositories(kind, &name, file, first));
        } else {
            earlier.insert((kind, name), root.join(&*file).to_string_lossy().into_owned());
        }
    }
    if options.shellcheck {
        let scripts: Vec<_> = loaded.shell_scripts.into_iter().filter(|script| is_wanted(script)).collect();
        diagnostics.extend(shellcheck::shellcheck(&root, &scripts)?);
    }
    let mut diagnostics = loaded.suppressions.apply(diagnostics, Keep::Nothing, untried);
    diagnostics.retain(|finding| is_wanted(&finding.file));
    Ok(Checked { root, diagnostics, definitions })
}

fn is_at_or_below(file: &str, path: &str) -> bool {
    path.is_empty() || file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_whole_names() {
        for (file, path, expect) in [
            ("suites/a/a.rhai", "", true),
            ("suites/a/a.rhai", "suites", true),
            ("suites/a/a.rhai", "suites/a/a.rhai", true),
            ("suites/ab/ab.rhai", "suites/a", false),
            ("suites/a.rhai", "suites/a", false),
        ] {
            assert_eq!(is_at_or_below(file, path), expect, "{file} {path}");
        }
    }
}
