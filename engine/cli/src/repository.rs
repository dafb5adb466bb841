//! Where definitions are, and how their files are called towards the user.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use xrdtest_definitions::{LoadOptions, find_root, load};
use xrdtest_model::Diagnostic;
use xrdtest_model::definition::Catalogue;

/// A loaded repository.
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
    pub(crate) catalogue: Catalogue,
}

impl Repository {
    /// Loads the repository that `path` belongs to.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| format!("there is no {}", path.display()))?;
        let root = find_root(&path).context("name the repository with `--definitions DIR`, or go there")?;
        let catalogue = load(&root, &LoadOptions::default());
        Ok(Self { root, catalogue })
    }
}

/// Names the files of findings as the user would type them here: relative where they lie below the current folder,
/// else absolute.
pub(crate) fn name_files(root: &Path, findings: &mut [Diagnostic]) -> anyhow::Result<()> {
    let here = std::env::current_dir().context("the current folder is gone")?;
    let shown = |file: &str| {
        let path = root.join(file);
        Arc::from(path.strip_prefix(&here).unwrap_or(&path).to_string_lossy())
    };
    for finding in findings {
        *finding = finding.clone().with_files(shown);
    }
    Ok(())
}

/// The text of a file that findings are about.
pub(crate) fn source(file: &str) -> Option<Arc<str>> {
    let bytes = std::fs::read(file).ok()?;
    Some(String::from_utf8_lossy(&bytes).into())
}
