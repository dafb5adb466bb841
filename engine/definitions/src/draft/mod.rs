//! Definitions between evaluation and catalogue: the same fields as in the model, each with its place, so that the
//! rules can say where. What is missing or malformed is `None` here, and a finding made by a rule.

pub(crate) mod cluster;
pub(crate) mod script;
pub(crate) mod suite;

use std::sync::Arc;

use xrdtest_model::definition::Source;

/// The file of a definition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DefinitionFile {
    /// The file's name without its ending: what the definition must be called.
    pub(crate) stem: String,
    /// Relative to the repository's root.
    pub(crate) file: Arc<str>,
    /// Folder of its scripts or other files, relative to the root; it need not exist.
    pub(crate) folder: String,
}

impl DefinitionFile {
    pub(crate) fn source(&self, repository: &str, broken: bool) -> Source {
        Source {
            repository: repository.to_owned(),
            file: Arc::clone(&self.file),
            folder: self.folder.clone(),
            broken,
        }
    }
}
