//! Loading a repository: find its files, evaluate them, check them alone and against each other.

mod piece;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xrdtest_model::definition::{self, Catalogue, SuiteDefinition};
use xrdtest_model::plan_document::Written;

use self::piece::{Draft, Evaluated, Evaluation, Piece};
use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::evaluate::bounds::{Bounds, STACK_BYTES};
use crate::evaluate::files::Files;
use crate::evaluate::{Evaluator, Turns};
use crate::findings::Findings;
use crate::layout::{self, Layout};
use crate::parallel;
use crate::place::Place;
use crate::plan::written;
use crate::reuse::Reuse;
use crate::rules::contents::{Library, shellcheck};
use crate::rules::evaluation::internal_error;
use crate::rules::layout::{in_two_repositories, unreadable_folder};
use crate::rules::{self, Context};
use crate::script::ScriptPolicy;
use crate::source::Source;
use crate::suppress::{Comments, Keep, Suppressions};

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
/// Takes no more processor time for any one definition than its bounds allow, by default half a second, on threads of
/// its own: up to eight, as many as there are processors.
pub fn load(root: &Path, options: &LoadOptions) -> Catalogue {
    load_all(root, options, false).suppressed().catalogue
}

/// As [`load()`], for those who want to show what is written.
pub fn load_as_written(root: &Path, options: &LoadOptions) -> Loaded {
    load_all(root, options, true).suppressed()
}

/// A repository's catalogue, and what there is to know beside it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// As [`load()`] answers it.
    pub catalogue: Catalogue,
    /// What is to be left out of the catalogue's diagnostics yet.
    pub(crate) suppressions: Suppressions,
    /// Scripts that a shell runs.
    pub(crate) shell_scripts: Vec<Arc<str>>,
    /// What suites say as written, by name, where that was asked for; of those that could not be evaluated to the end,
    /// what had been said until then.
    pub(crate) suites: BTreeMap<String, Written>,
    /// Clusters, the same.
    pub(crate) clusters: BTreeMap<String, Written>,
}

impl Loaded {
    /// Without the diagnostics that are suppressed, but with all errors.
    fn suppressed(mut self) -> Self {
        let diagnostics = std::mem::take(&mut self.catalogue.diagnostics);
        let suppressions = std::mem::take(&mut self.suppressions);
        self.catalogue.diagnostics = suppressions.apply(
            diagnostics,
            Keep::Errors,
            &[shellcheck::RULE.code, in_two_repositories::RULE.code],
        );
        self
    }
}

/// Loads a repository; nothing is suppressed. `as_written`: what its definitions say is wanted, too.
pub(crate) fn load_all(root: &Path, options: &LoadOptions, as_written: bool) -> Loaded {
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
        let diagnostics = findings.into_sorted();
        let catalogue = Catalogue { generation: options.generation, diagnostics, ..Catalogue::default() };
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
    if let Some(reuse) = &options.reuse {
        reuse.begin(options.bounds);
    }
    let layout = layout::discover(&files, &mut findings);
    let (unreached, suppressions) = (Findings::default(), Suppressions::default());
    let mut loading = Loading { files, findings, unreached, options, suppressions, as_written };
    let (clusters, suites) = loading.evaluate(&layout);
    loading.catalogue(&repository, clusters, suites)
}

struct Loading<'a> {
    files: Files,
    findings: Findings,
    /// Mistakes in code that may never be reached.
    unreached: Findings,
    suppressions: Suppressions,
    options: &'a LoadOptions,
    /// What is written is wanted, too.
    as_written: bool,
}

impl Loading<'_> {
    /// Evaluates all files that are not as they were before, on all processors.
    fn evaluate(&mut self, layout: &Layout) -> (Vec<Draft<Cluster>>, Vec<Draft<Suite>>) {
        let definitions =
            layout.clusters.iter().map(Piece::Cluster).chain(layout.suites.iter().map(Piece::Suite));
        let pieces: Vec<_> = definitions.chain(layout.helpers.iter().map(Piece::Helper)).collect();
        let reuse = self.options.reuse.as_ref();
        let mut sources: BTreeMap<Arc<str>, Arc<Source>> = BTreeMap::new();
        let kept: Vec<Option<Evaluated>> = pieces
            .iter()
            .map(|piece| {
                let (evaluated, texts) = piece.find(reuse?, &self.files)?;
                sources.extend(texts);
                Some(evaluated)
            })
            .collect();
        let open: Vec<_> = pieces.iter().zip(&kept).filter(|(_, kept)| kept.is_none()).collect();
        let (bounds, turns) = (self.options.bounds, Turns::default());
        let begin = || Evaluator::new(&self.files, bounds, &turns);
        let done = parallel::each(&open, bounds.stack_bytes(), begin, |evaluator, (piece, _)| {
            let evaluation = piece.evaluate(evaluator, self.as_written);
            if let Some(reuse) = reuse {
                piece.keep(&evaluation, evaluator, reuse);
            }
            evaluation
        });
        let mut new = done.results.into_iter();
        let (mut clusters, mut suites) = (Vec::new(), Vec::new());
        for (piece, kept) in pieces.iter().zip(kept) {
            let evaluation = match kept {
                Some(evaluated) => Evaluation::without_findings(evaluated),
                None => new.next().flatten().unwrap_or_else(|| piece.failed()),
            };
            let Evaluation { evaluated, own, unreached } = evaluation;
            self.unreached.absorb(unreached);
            match evaluated {
                Evaluated::Cluster(mut draft) => {
                    draft.absorb(own, &mut self.findings);
                    clusters.push(draft);
                }
                Evaluated::Suite(mut draft) => {
                    draft.absorb(own, &mut self.findings);
                    suites.push(draft);
                }
                Evaluated::Helper => self.findings.absorb(own),
            }
        }
        sources.extend(done.states.iter().flat_map(Evaluator::sources));
        for (file, source) in &sources {
            self.suppressions.read(file, source.text(), Comments::Rhai);
        }
        (clusters, suites)
    }

    fn catalogue(
        mut self,
        repository: &str,
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
            clusters.iter().map(|draft| (draft.file.stem.as_str(), draft.value.as_deref())).collect();
        let library = library(&suites, &self.files, self.options.reuse.as_ref());
        let context = Context {
            files: &self.files,
            clusters: &known,
            scripts: &self.options.scripts,
            library: &library,
        };
        let begin = || ();
        let judged =
            parallel::each(&suites, STACK_BYTES, begin, |(), draft| judge_suite(draft, &context, repository));
        let mut of_suites = BTreeMap::new();
        for (draft, judged) in suites.iter_mut().zip(judged.results) {
            if let Some((own, suite)) = judged.flatten() {
                draft.absorb(own, findings);
                of_suites.insert(draft.file.stem.clone(), Arc::new(suite));
            }
        }
        let written = match self.as_written {
            true => (written(&suites, written::suite), written(&clusters, written::cluster)),
            false => Default::default(),
        };
        let of_clusters = clusters.iter().filter_map(|draft| {
            let cluster = draft.value.as_ref()?.to_model(repository, draft.broken);
            Some((draft.file.stem.clone(), Arc::new(cluster)))
        });
        let of_clusters = of_clusters.collect();
        let (unreadable_suites, unreadable_clusters) =
            (unreadable(&suites, repository), unreadable(&clusters, repository));
        let shell_scripts = library.of_shells();
        let (of_scripts, suppressed_in_scripts) = library.into_findings();
        self.findings.absorb(of_scripts);
        self.findings.absorb_elsewhere(self.unreached);
        self.suppressions.absorb(suppressed_in_scripts);
        let catalogue = Catalogue {
            generation: self.options.generation,
            suites: of_suites,
            clusters: of_clusters,
            unreadable_suites,
            unreadable_clusters,
            diagnostics: self.findings.into_sorted(),
        };
        let suppressions = self.suppressions;
        Loaded { catalogue, suppressions, shell_scripts, suites: written.0, clusters: written.1 }
    }
}

/// The definitions that could not be evaluated.
fn unreadable<T>(drafts: &[Draft<T>], repository: &str) -> BTreeMap<String, definition::Source> {
    let unreadable = drafts.iter().filter(|draft| draft.value.is_none());
    unreadable.map(|draft| (draft.file.stem.clone(), draft.file.source(repository, true))).collect()
}

fn written<T>(drafts: &[Draft<T>], say: impl Fn(&T) -> Written) -> BTreeMap<String, Written> {
    let said = |draft: &Draft<T>| match (&draft.value, &draft.remains) {
        (Some(value), _) => Some(say(value)),
        (None, remains) => remains.as_ref().map(written::remains),
    };
    drafts.iter().filter_map(|draft| Some((draft.file.stem.clone(), said(draft)?))).collect()
}

/// What the rules find in a suite, and what it is in the catalogue; `None` where it could not be evaluated.
fn judge_suite(
    draft: &Draft<Suite>,
    context: &Context<'_>,
    repository: &str,
) -> Option<(Findings, SuiteDefinition)> {
    let suite = draft.value.as_ref()?;
    let own = judge(&suite.place, |own| rules::check_suite(suite, draft.broken, context, own));
    let broken = draft.broken || own.errors() > 0;
    Some((own, suite.to_model(context.files, repository, broken)))
}

/// Reads the scripts of all suites.
fn library(suites: &[Draft<Suite>], files: &Files, reuse: Option<&Reuse>) -> Library {
    let mut paths = BTreeSet::new();
    for suite in suites.iter().filter_map(|draft| draft.value.as_ref()) {
        rules::scripts::files_of(suite, files, &mut paths);
    }
    Library::read(paths, files, reuse)
}

/// What rules find in one definition. A rule that panics must not keep the other definitions from loading.
fn judge(place: &Place, rules: impl FnOnce(&mut Findings)) -> Findings {
    let mut own = Findings::default();
    if catch_unwind(AssertUnwindSafe(|| rules(&mut own))).is_err() {
        internal_error::report(&mut own, place);
    }
    own
}
