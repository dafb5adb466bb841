//! Loading a repository: find its files, evaluate them, check them alone and against each other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xrdtest_model::definition::Catalogue;

use crate::draft::DefinitionFile;
use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::evaluate::bounds::Bounds;
use crate::evaluate::files::Files;
use crate::evaluate::imports::Imports;
use crate::evaluate::{Evaluator, Subject};
use crate::findings::Findings;
use crate::layout::{self, Layout};
use crate::place::Place;
use crate::reuse::Reuse;
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
    /// What was loaded before of the same repository: only what has changed since is evaluated.
    pub reuse: Option<Reuse>,
}

/// Loads all definitions of the repository at `root`. It never fails: what can't be read or is wrong is among the
/// diagnostics, which are sorted by file and place, and everything else is loaded. Definitions are known by the names
/// of their files.
///
/// Takes no more processor time for any one definition than its bounds allow, by default half a second, on a thread of
/// its own.
pub fn load(root: &Path, options: &LoadOptions) -> Catalogue {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("definitions".to_owned())
            .stack_size(options.bounds.stack_bytes())
            .spawn_scoped(scope, || load_here(root, options))
            .ok()
            .and_then(|thread| thread.join().ok())
    })
    .unwrap_or_else(|| {
        let mut findings = Findings::default();
        internal_error::report(&mut findings, &Place::start_of(&Arc::from("suites")));
        Catalogue {
            generation: options.generation,
            diagnostics: findings.into_sorted(),
            ..Catalogue::default()
        }
    })
}

fn load_here(root: &Path, options: &LoadOptions) -> Catalogue {
    let mut findings = Findings::default();
    let root: PathBuf = root.canonicalize().unwrap_or_else(|problem| {
        unreadable_folder::report(&mut findings, "suites", &problem.to_string());
        root.to_owned()
    });
    let repository = root.to_string_lossy().into_owned();
    let files = Files::new(root);
    if let Some(reuse) = &options.reuse {
        reuse.begin(options.bounds);
    }
    let evaluator = Evaluator::new(&files, options.bounds);
    let mut loading = Loading { evaluator, files, reuse: options.reuse.clone(), findings };
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
    value: Option<Arc<T>>,
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
    reuse: Option<Reuse>,
    findings: Findings,
}

impl Loading {
    fn clusters(&mut self, layout: &Layout) -> Vec<Draft<Cluster>> {
        layout.clusters.iter().map(|file| self.evaluate(file, Subject::Cluster, Cluster::new)).collect()
    }

    fn suites(&mut self, layout: &Layout) -> Vec<Draft<Suite>> {
        layout.suites.iter().map(|file| self.evaluate(file, Subject::Suite, Suite::new)).collect()
    }

    fn evaluate<T: Send + Sync + 'static>(
        &mut self,
        file: &DefinitionFile,
        subject: Subject,
        draft: impl FnOnce(DefinitionFile, crate::evaluate::Evaluated) -> T,
    ) -> Draft<T> {
        if let Some((value, imports)) =
            self.reuse.as_ref().and_then(|reuse| reuse.find(&file.file, &self.files))
        {
            return Draft { file: file.clone(), value: Some(value), imports, broken: false };
        }
        let mut own = Findings::default();
        let (evaluated, imports) = self.evaluator.evaluate(&file.file, subject, &mut own);
        let value = evaluated.map(|evaluated| Arc::new(draft(file.clone(), evaluated)));
        if let (Some(reuse), Some(value), true) = (&self.reuse, &value, own.is_empty())
            && let Some(texts) = self.evaluator.texts(&file.file, &imports)
        {
            reuse.keep(&file.file, texts, value, &imports);
        }
        let mut draft = Draft { file: file.clone(), value, imports, broken: false };
        draft.absorb(own, &mut self.findings);
        draft
    }

    fn catalogue(
        mut self,
        repository: &str,
        options: &LoadOptions,
        mut clusters: Vec<Draft<Cluster>>,
        mut suites: Vec<Draft<Suite>>,
    ) -> Catalogue {
        let findings = &mut self.findings;
        let mut taken = rules::cluster::network_conflict::Taken::default();
        for draft in &mut clusters {
            if let Some(cluster) = &draft.value {
                let own = judge(&cluster.place, |own| rules::cluster::check(cluster, &mut taken, own));
                draft.absorb(own, findings);
            }
        }
        let known: BTreeMap<&str, Option<&Cluster>> =
            clusters.iter().map(|draft| (draft.file.stem.as_str(), draft.value.as_deref())).collect();
        let context = Context {
            files: &self.files,
            clusters: &known,
            scripts: &options.scripts,
            reuse: self.reuse.as_ref(),
        };
        for draft in &mut suites {
            if let Some(suite) = &draft.value {
                let own = judge(&suite.place, |own| rules::check_suite(suite, &context, own));
                draft.absorb(own, findings);
            }
        }
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
        Catalogue {
            generation: options.generation,
            suites,
            clusters,
            diagnostics: self.findings.into_sorted(),
        }
    }
}

/// What rules find in one definition. A rule that panics must not keep the other definitions from loading.
fn judge(place: &Place, rules: impl FnOnce(&mut Findings)) -> Findings {
    let mut own = Findings::default();
    if catch_unwind(AssertUnwindSafe(|| rules(&mut own))).is_err() {
        internal_error::report(&mut own, place);
    }
    own
}
