//! Which definitions there are, those included that could not be evaluated and so are in no catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use xrdtest_model::definition::Catalogue;

use crate::layout::name_of;
use crate::rules::layout::{folder_without_definition, unreadable_folder};

/// Files of definitions by their names.
pub(crate) type Known = BTreeMap<String, Arc<str>>;

pub(crate) fn suites(catalogue: &Catalogue) -> Known {
    let loaded = catalogue.suites.iter().map(|(name, suite)| (name, &suite.source.file));
    all("suites", loaded, catalogue)
}

pub(crate) fn clusters(catalogue: &Catalogue) -> Known {
    let loaded = catalogue.clusters.iter().map(|(name, cluster)| (name, &cluster.source.file));
    all("clusters", loaded, catalogue)
}

/// Each definition that could not be evaluated has a finding of its own.
fn all<'a>(
    folder: &str,
    loaded: impl Iterator<Item = (&'a String, &'a Arc<str>)>,
    catalogue: &Catalogue,
) -> Known {
    let mut known: Known = loaded.map(|(name, file)| (name.clone(), Arc::clone(file))).collect();
    // A folder may be called `x.rhai`.
    let of_folders = [folder_without_definition::RULE.code, unreadable_folder::RULE.code];
    for finding in catalogue.diagnostics.iter().filter(|finding| !of_folders.contains(&&*finding.code)) {
        if let Some(name) = name_of(folder, &finding.file) {
            known.entry(name.to_owned()).or_insert_with(|| Arc::clone(&finding.file));
        }
    }
    known
}
