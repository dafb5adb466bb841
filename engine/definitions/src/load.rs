//! Loading a repository: find its files, evaluate them, check them alone and against each other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xrdtest_model::definition::Catalogue;
use xrdtest_model::plan_document::Written;

use crate::draft::DefinitionFile;
use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::evaluate::bounds::Bounds;
use crate::evaluate::files::Files;
use crate::evaluate::imports::Imports;
use crate::evaluate::{Evaluator, Subject};
use crate::findings::Findings;
use crate::language::object::Handle;
use crate::layout::{self, Layout};
use crate::place::Place;
use crate::plan::written;
use crate::rules::evaluation::internal_error;
use crate::rules::layout::unreadable_folder;
use crate::rules::{self, Context};
use crate::script::ScriptPolicy;

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Of the catalogue.
    pub generation: u64,
    /// Which scripts outside the repository will be allowed when a run is snapshotted: others get a warning.
    pub scripts: ScriptPolicy,
    /// What the evaluation of each definition may take.
    pub bounds: Bounds,
}

/// Loads all definitions of the repository at `root`. It never fails: what can't be read or is wrong is among the
/// diagnostics, which are sorted by file and place, and everything else is loaded. Definitions are known by the names
/// of their files.
///
/// Takes no more processor time for any one definition than its bounds allow, by default half a second, on a thread of
/// its own.
pub fn load(root: &Path, options: &LoadOptions) -> Catalogue {
    load_on_thread(root, options, false).catalogue
}

/// A catalogue, and what its definitions say as written.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// As [`load()`] answers it.
    pub catalogue: Catalogue,
    /// Suites by name; of those that could not be evaluated to the end, what had been said until then.
    pub(crate) suites: BTreeMap<String, Written>,
    /// Clusters, the same.
    pub(crate) clusters: BTreeMap<String, Written>,
}

/// As [`load()`], for those who want to show what is written.
pub fn load_as_written(root: &Path, options: &LoadOptions) -> Loaded {
    load_on_thread(root, options, true)
}

fn load_on_thread(root: &Path, options: &LoadOptions, as_written: bool) -> Loaded {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("definitions".to_owned())
            .stack_size(options.bounds.stack_bytes())
            .spawn_scoped(scope, || load_here(root, options, as_written))
            .ok()
            .and_then(|thread| thread.join().ok())
    })
    .unwrap_or_else(|| {
        let mut findings = Findings::default();
        internal_error::report(&mut findings, &Place::start_of(&Arc::from("suites")));
        let catalogue = Catalogue {
            generation: options.generation,
            diagnostics: findings.into_sorted(),
            ..Catalogue::default()
        };
        Loaded { catalogue, ..Loaded::default() }
    })
}

fn load_here(root: &Path, options: &LoadOptions, as_written: bool) -> Loaded {
    let mut findings = Findings::default();
    let root: PathBuf = root.canonicalize().unwrap_or_else(|problem| {
        unreadable_folder::report(&mut findings, "suites", &problem.to_string());
        root.to_owned()
    });
    let repository = root.to_string_lossy().into_owned();
    let files = Files::new(root);
    let mut loading =
        Loading { evaluator: Evaluator::new(&files, options.bounds), files, findings, as_written };
    let layout = layout::discover(&loading.files, &mut loading.findings);
    let clusters = loading.clusters(&layout);
    let suites = loading.suites(&layout);
    for helper in &layout.helpers {
        loading.evaluator.compile_helper(helper, &mut loading.findings);
    }
    loading.catalogue(&repository, options, clusters, suites)
}

/// A definition on its way into the catalogue.
struct Draft<T> {
    file: DefinitionFile,
    /// `None` where it could not be evaluated.
    value: Option<T>,
    /// What there is of it then, where that is wanted.
    remains: Option<Handle>,
    imports: Imports,
    /// Whether an error was found in it or in what it imports.
    broken: bool,
}

impl<T> Draft<T> {
    /// Takes over what was found about this definition. Errors in other files are reported at their imports as well.
    fn absorb(&mut self, own: Findings, findings: &mut Findings) {
        self.broken |= own.errors() > 0;
        findings.absorb(self.imports.report(&self.file.file, own.iter()));
        findings.absorb(own);
    }
}

struct Loading {
    evaluator: Evaluator,
    files: Files,
    findings: Findings,
    /// What is written is wanted, too.
    as_written: bool,
}

impl Loading {
    fn clusters(&mut self, layout: &Layout) -> Vec<Draft<Cluster>> {
        layout.clusters.iter().map(|file| self.evaluate(file, Subject::Cluster, Cluster::new)).collect()
    }

    fn suites(&mut self, layout: &Layout) -> Vec<Draft<Suite>> {
        layout.suites.iter().map(|file| self.evaluate(file, Subject::Suite, Suite::new)).collect()
    }

    fn evaluate<T>(
        &mut self,
        file: &DefinitionFile,
        subject: Subject,
        draft: impl FnOnce(DefinitionFile, crate::evaluate::Evaluated) -> T,
    ) -> Draft<T> {
        let mut own = Findings::default();
        let (evaluated, imports) = self.evaluator.evaluate(&file.file, subject, &mut own);
        let remains = match (&evaluated, self.as_written) {
            (None, true) => self.evaluator.remains(subject),
            _ => None,
        };
        let value = evaluated.map(|evaluated| draft(file.clone(), evaluated));
        let mut draft = Draft { file: file.clone(), value, remains, imports, broken: false };
        draft.absorb(own, &mut self.findings);
        draft
    }

    fn catalogue(
        mut self,
        repository: &str,
        options: &LoadOptions,
        mut clusters: Vec<Draft<Cluster>>,
        mut suites: Vec<Draft<Suite>>,
    ) -> Loaded {
        let findings = &mut self.findings;
        let mut taken = rules::cluster::network_conflict::Taken::default();
        for draft in &mut clusters {
            if let Some(cluster) = &draft.value {
                let own = judge(&cluster.place, |own| rules::cluster::check(cluster, &mut taken, own));
                draft.absorb(own, findings);
            }
        }
        let known: BTreeMap<&str, Option<&Cluster>> =
            clusters.iter().map(|draft| (draft.file.stem.as_str(), draft.value.as_ref())).collect();
        let context = Context { files: &self.files, clusters: &known, scripts: &options.scripts };
        for draft in &mut suites {
            if let Some(suite) = &draft.value {
                let own = judge(&suite.place, |own| rules::check_suite(suite, &context, own));
                draft.absorb(own, findings);
            }
        }
        let written = match self.as_written {
            true => (written(&suites, written::suite), written(&clusters, written::cluster)),
            false => Default::default(),
        };
        let suites = suites.iter().filter_map(|draft| {
            let suite = draft.value.as_ref()?.to_model(&self.files, repository, draft.broken);
            Some((draft.file.stem.clone(), Arc::new(suite)))
        });
        let suites = suites.collect();
        let clusters = clusters.iter().filter_map(|draft| {
            let cluster = draft.value.as_ref()?.to_model(repository, draft.broken);
            Some((draft.file.stem.clone(), Arc::new(cluster)))
        });
        let clusters = clusters.collect();
        let catalogue = Catalogue {
            generation: options.generation,
            suites,
            clusters,
            diagnostics: self.findings.into_sorted(),
        };
        Loaded { catalogue, suites: written.0, clusters: written.1 }
    }
}

fn written<T>(drafts: &[Draft<T>], say: impl Fn(&T) -> Written) -> BTreeMap<String, Written> {
    let said = |draft: &Draft<T>| match (&draft.value, &draft.remains) {
        (Some(value), _) => Some(say(value)),
        (None, remains) => remains.as_ref().map(written::remains),
    };
    drafts.iter().filter_map(|draft| Some((draft.file.stem.clone(), said(draft)?))).collect()
}

/// What rules find in one definition. A rule that panics must not keep the other definitions from loading.
fn judge(place: &Place, rules: impl FnOnce(&mut Findings)) -> Findings {
    let mut own = Findings::default();
    if catch_unwind(AssertUnwindSafe(|| rules(&mut own))).is_err() {
        internal_error::report(&mut own, place);
    }
    own
}
