//! Who imports what in one definition, so that what is wrong in a helper is said where it is imported as well.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use xrdtest_model::{Diagnostic, Span};

use crate::findings::Findings;
use crate::place::Place;
use crate::rules::evaluation::import_failed;

/// Where a file is imported first.
#[derive(Clone, Debug)]
struct Import {
    /// As written.
    path: String,
    place: Place,
}

/// The imports of one definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imports {
    /// By the imported file. An importer is imported before what it imports: these lead to the definition.
    first: HashMap<String, Import>,
    /// Imports in the definition that a finding was made about.
    reported: BTreeSet<Span>,
}

impl Imports {
    pub(crate) fn add(&mut self, file: &str, path: &str, place: &Place) {
        let import = || Import { path: path.to_owned(), place: place.clone() };
        self.first.entry(file.to_owned()).or_insert_with(import);
    }

    /// The files that were imported, also by imported ones.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.first.keys().map(String::as_str)
    }

    /// The import in the definition by which a file got there.
    fn origin(&self, definition: &str, file: &str) -> Option<&Import> {
        let mut import = self.first.get(file)?;
        while *import.place.file != *definition {
            import = self.first.get(&*import.place.file)?;
        }
        Some(import)
    }

    /// What to report in a definition because of errors in the files that it imports: one finding per import.
    pub(crate) fn report<'a>(
        &mut self,
        definition: &Arc<str>,
        found: impl Iterator<Item = &'a Diagnostic>,
    ) -> Findings {
        let mut findings = Findings::default();
        for error in found.filter(|finding| finding.is_error() && finding.file != *definition) {
            let Some(import) = self.origin(definition, &error.file).cloned() else {
                continue;
            };
            if self.reported.insert(import.place.span) {
                import_failed::broken_helper(&mut findings, &import.place, &import.path, error);
            }
        }
        findings
    }
}
