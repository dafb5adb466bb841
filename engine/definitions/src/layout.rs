//! Which files of a repository are what: `suites/NAME/NAME.rhai` or flat `suites/NAME.rhai`, the same for clusters;
//! helpers in `lib/` and in the folders of definitions; nothing else, and none in the root.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::draft::DefinitionFile;
use crate::evaluate::Subject;
use crate::evaluate::files::Files;
use crate::findings::Findings;
use crate::rules::layout::{defined_twice, folder_without_definition, stray_file, unreadable_folder};

/// Folders below a definition's folder that are looked through for helpers.
const DEPTH: usize = 8;
/// More files than this are not looked through.
const MOST_FILES: usize = 20_000;

/// The files of a repository.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) suites: Vec<DefinitionFile>,
    pub(crate) clusters: Vec<DefinitionFile>,
    /// Files that definitions may import, relative to the root.
    pub(crate) helpers: Vec<Arc<str>>,
}

/// What a folder holds.
#[derive(Debug, Default)]
struct Listing {
    /// `.rhai` files without that ending.
    definitions: BTreeSet<String>,
    folders: BTreeSet<String>,
}

/// Finds the files of the repository.
pub(crate) fn discover(files: &Files, findings: &mut Findings) -> Layout {
    let mut layout = Layout::default();
    let mut walk = Walk { files, findings, helpers: Vec::new(), seen: 0 };
    layout.suites = walk.definitions("suites", Subject::Suite);
    layout.clusters = walk.definitions("clusters", Subject::Cluster);
    walk.helpers_below("lib", None, DEPTH);
    walk.strays_in_root();
    layout.helpers = walk.helpers;
    layout
}

struct Walk<'a> {
    files: &'a Files,
    findings: &'a mut Findings,
    helpers: Vec<Arc<str>>,
    seen: usize,
}

impl Walk<'_> {
    fn definitions(&mut self, below: &str, subject: Subject) -> Vec<DefinitionFile> {
        let Some(listing) = self.list(below) else {
            return Vec::new();
        };
        let mut found = BTreeMap::new();
        for folder in &listing.folders {
            let path = format!("{below}/{folder}");
            let file = format!("{path}/{folder}.rhai");
            let flat = format!("{below}/{folder}.rhai");
            if self.files.exists(&file) {
                if listing.definitions.contains(folder) {
                    defined_twice::report(self.findings, &flat, &file);
                }
                self.helpers_below(&path, Some(&file), DEPTH);
                found.insert(folder.clone(), definition(folder, file, path));
            } else if listing.definitions.contains(folder) {
                self.helpers_below(&path, None, DEPTH);
            } else {
                let strays = self.list(&path).unwrap_or_default().definitions;
                folder_without_definition::report(self.findings, &path, folder, &strays, subject);
                for folder in self.list(&path).unwrap_or_default().folders {
                    self.strays_below(&format!("{path}/{folder}"), DEPTH);
                }
            }
        }
        for name in listing.definitions {
            let (file, folder) = (format!("{below}/{name}.rhai"), format!("{below}/{name}"));
            found.entry(name.clone()).or_insert_with(|| definition(&name, file, folder));
        }
        found.into_values().collect()
    }

    /// Every `.rhai` file below a definition's folder or `lib` may be imported.
    fn helpers_below(&mut self, folder: &str, except: Option<&str>, depth: usize) {
        let Some(listing) = self.list(folder).filter(|_| depth > 0) else {
            return;
        };
        for name in listing.definitions {
            let file = format!("{folder}/{name}.rhai");
            if except != Some(&file) {
                self.helpers.push(Arc::from(file));
            }
        }
        for name in listing.folders {
            self.helpers_below(&format!("{folder}/{name}"), except, depth - 1);
        }
    }

    /// Below a folder without a definition nothing can be imported or evaluated.
    fn strays_below(&mut self, folder: &str, depth: usize) {
        let Some(listing) = self.list(folder).filter(|_| depth > 0) else {
            return;
        };
        for name in listing.definitions {
            stray_file::report(self.findings, &format!("{folder}/{name}.rhai"));
        }
        for name in listing.folders {
            self.strays_below(&format!("{folder}/{name}"), depth - 1);
        }
    }

    /// Definitions that were put beside the folders where they belong. Other folders are not looked into.
    fn strays_in_root(&mut self) {
        for name in self.files.names("") {
            if name.ends_with(".rhai") && !name.starts_with('.') && !self.files.is_folder(&name) {
                stray_file::report(self.findings, &name);
            }
        }
    }

    /// What is directly in a folder; `None` where there is no such folder. Hidden files are nobody's business.
    fn list(&mut self, folder: &str) -> Option<Listing> {
        let path = self.files.root().join(folder);
        if !self.is_folder_inside(&path) {
            return None;
        }
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(problem) => {
                unreadable_folder::report(self.findings, folder, &problem.to_string());
                return None;
            }
        };
        let mut listing = Listing::default();
        for entry in entries.flatten() {
            self.seen += 1;
            if self.seen > MOST_FILES {
                let problem = format!("the repository has more than {MOST_FILES} files in these folders");
                unreadable_folder::report(self.findings, folder, &problem);
                break;
            }
            let Ok(name) = entry.file_name().into_string() else {
                unreadable_folder::report(self.findings, folder, "a name in it is not UTF-8");
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type();
            if kind.is_ok_and(|kind| kind.is_dir() || kind.is_symlink() && entry.path().is_dir()) {
                listing.folders.insert(name);
            } else if let Some(stem) = name.strip_suffix(".rhai") {
                listing.definitions.insert(stem.to_owned());
            }
        }
        Some(listing)
    }

    /// Whether it is a folder inside the repository. A linked one may lead anywhere, also back to where it stands; any
    /// other is inside, as the folder that it was found in is.
    fn is_folder_inside(&self, path: &Path) -> bool {
        match path.symlink_metadata() {
            Ok(found) if !found.is_symlink() => found.is_dir(),
            _ => {
                path.is_dir() && path.canonicalize().is_ok_and(|target| target.starts_with(self.files.root()))
            }
        }
    }
}

fn definition(name: &str, file: String, folder: String) -> DefinitionFile {
    DefinitionFile { stem: name.to_owned(), file: Arc::from(file), folder }
}

/// The definition that a file in `suites` or `clusters` holds, by its place alone: `NAME.rhai` or `NAME/NAME.rhai`.
pub(crate) fn name_of<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    let stem = file.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".rhai")?;
    match stem.split_once('/') {
        Some((above, name)) => (above == name).then_some(name),
        None => Some(stem),
    }
}
