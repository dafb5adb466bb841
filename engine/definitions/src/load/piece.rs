//! Files on their way into the catalogue: evaluated one by one, or taken over from the load before.

use std::sync::Arc;

use crate::draft::DefinitionFile;
use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::evaluate::files::Files;
use crate::evaluate::imports::Imports;
use crate::evaluate::{Evaluator, Subject};
use crate::findings::Findings;
use crate::language::object::Handle;
use crate::place::Place;
use crate::reuse::{Found, Reuse, Texts};
use crate::rules::evaluation::internal_error;

/// A definition on its way into the catalogue.
pub(super) struct Draft<T> {
    pub(super) file: DefinitionFile,
    /// `None` where it could not be evaluated.
    pub(super) value: Option<Arc<T>>,
    /// What there is of it then, where that is wanted.
    pub(super) remains: Option<Handle>,
    imports: Imports,
    /// Whether an error was found in it or in what it imports.
    pub(super) broken: bool,
}

impl<T: Send + Sync + 'static> Draft<T> {
    fn new(file: &DefinitionFile, value: Option<Arc<T>>, imports: Imports) -> Self {
        Self { file: file.clone(), value, remains: None, imports, broken: false }
    }

    fn keep(&self, evaluator: &Evaluator, reuse: &Reuse) {
        if let Some(value) = &self.value {
            keep(&self.file.file, value, &self.imports, evaluator, reuse);
        }
    }

    /// Takes over what was found about this definition. Errors in other files are reported at their imports as well.
    pub(super) fn absorb(&mut self, own: Findings, findings: &mut Findings) {
        self.broken |= own.errors() > 0;
        findings.absorb(self.imports.report(&self.file.file, own.iter()));
        findings.absorb(own);
    }
}

fn keep<T: Send + Sync + 'static>(
    file: &Arc<str>,
    value: &Arc<T>,
    imports: &Imports,
    evaluator: &Evaluator,
    reuse: &Reuse,
) {
    if let Some(texts) = evaluator.texts(file, imports) {
        reuse.keep(file, texts, value, imports);
    }
}

/// A file to be evaluated.
pub(super) enum Piece<'a> {
    Cluster(&'a DefinitionFile),
    Suite(&'a DefinitionFile),
    Helper(&'a Arc<str>),
}

impl Piece<'_> {
    fn file(&self) -> &Arc<str> {
        match self {
            Self::Cluster(file) | Self::Suite(file) => &file.file,
            Self::Helper(file) => file,
        }
    }

    /// Evaluates it; `as_written`: with what there is of it where that fails.
    pub(super) fn evaluate(&self, evaluator: &Evaluator, as_written: bool) -> Evaluation {
        let (mut own, mut unreached) = (Findings::default(), Findings::default());
        let evaluated = match self {
            Self::Cluster(file) => {
                let (evaluated, imports) = evaluator.evaluate(&file.file, Subject::Cluster, &mut own);
                let remains = if as_written { evaluator.remains(Subject::Cluster) } else { None };
                let value = evaluated.map(|evaluated| Arc::new(Cluster::new((*file).clone(), evaluated)));
                Evaluated::Cluster(Draft { remains, ..Draft::new(file, value, imports) })
            }
            Self::Suite(file) => {
                let (evaluated, imports) = evaluator.evaluate(&file.file, Subject::Suite, &mut own);
                let remains = if as_written { evaluator.remains(Subject::Suite) } else { None };
                let value = evaluated.map(|evaluated| Arc::new(Suite::new((*file).clone(), evaluated)));
                Evaluated::Suite(Draft { remains, ..Draft::new(file, value, imports) })
            }
            Self::Helper(file) => {
                evaluator.compile_helper(file, &mut own);
                Evaluated::Helper
            }
        };
        evaluator.look_through(self.file(), &mut unreached);
        Evaluation { evaluated, own, unreached }
    }

    /// What it was evaluated to before, where nothing that it was made from has changed; with those texts.
    pub(super) fn find(&self, reuse: &Reuse, files: &Files) -> Option<(Evaluated, Texts)> {
        Some(match self {
            Self::Cluster(file) => {
                let Found { value, imports, texts } = reuse.find(&file.file, files)?;
                (Evaluated::Cluster(Draft::new(file, Some(value), imports)), texts)
            }
            Self::Suite(file) => {
                let Found { value, imports, texts } = reuse.find(&file.file, files)?;
                (Evaluated::Suite(Draft::new(file, Some(value), imports)), texts)
            }
            Self::Helper(file) => (Evaluated::Helper, reuse.find::<()>(file, files)?.texts),
        })
    }

    /// Keeps what it was evaluated to for the next load, where nothing was found.
    pub(super) fn keep(&self, evaluation: &Evaluation, evaluator: &Evaluator, reuse: &Reuse) {
        if !evaluation.own.is_empty() || !evaluation.unreached.is_empty() {
            return;
        }
        let file = self.file();
        match &evaluation.evaluated {
            Evaluated::Cluster(draft) => draft.keep(evaluator, reuse),
            Evaluated::Suite(draft) => draft.keep(evaluator, reuse),
            Evaluated::Helper => keep(file, &Arc::new(()), &Imports::default(), evaluator, reuse),
        }
    }

    /// What there is of it where that panicked.
    pub(super) fn failed(&self) -> Evaluation {
        let mut own = Findings::default();
        internal_error::report(&mut own, &Place::start_of(self.file()));
        let evaluated = match self {
            Self::Cluster(file) => Evaluated::Cluster(Draft::new(file, None, Imports::default())),
            Self::Suite(file) => Evaluated::Suite(Draft::new(file, None, Imports::default())),
            Self::Helper(_) => Evaluated::Helper,
        };
        Evaluation { evaluated, own, unreached: Findings::default() }
    }
}

/// What came of a file, and what was found.
pub(super) struct Evaluation {
    pub(super) evaluated: Evaluated,
    pub(super) own: Findings,
    /// In code that may never be reached.
    pub(super) unreached: Findings,
}

impl Evaluation {
    pub(super) fn without_findings(evaluated: Evaluated) -> Self {
        Self { evaluated, own: Findings::default(), unreached: Findings::default() }
    }
}

/// What came of a file.
pub(super) enum Evaluated {
    Cluster(Draft<Cluster>),
    Suite(Draft<Suite>),
    Helper,
}
