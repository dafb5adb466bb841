//! Evaluates definition files, within bounds, on a thread with a big stack.

pub(crate) mod bounds;
mod failure;
pub(crate) mod files;
pub(crate) mod imports;
mod limit;
mod resolver;
mod unreached;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rhai::{CallFnOptions, Dynamic, Engine, Scope};

use self::bounds::{Bounds, Meter};
use self::files::Files;
use self::imports::Imports;
use self::resolver::{Compiled, Loaded, Resolver, SharedLoaded, lock_loaded};
use crate::findings::Findings;
use crate::language::admit::describe;
use crate::language::class::{CLUSTER, Class, TEST_CASE, TEST_SUITE};
use crate::language::object::Handle;
use crate::language::register::register;
use crate::language::session::{STANDARD, SharedSession, lock};
use crate::place::{Located, Place};
use crate::reuse::Texts;
use crate::rules::evaluation::evaluation_failed::Undefined;
use crate::rules::evaluation::{
    evaluation_failed, internal_error, limit_exceeded, missing_function, syntax_error, unreadable_file,
    wrong_return,
};
use crate::source::without_mark;

/// What a definition file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Suite,
    Cluster,
}

impl Subject {
    fn function(self) -> &'static str {
        match self {
            Self::Suite => "getTestSuite",
            Self::Cluster => "getCluster",
        }
    }

    fn class(self) -> &'static Class {
        match self {
            Self::Suite => &TEST_SUITE,
            Self::Cluster => &CLUSTER,
        }
    }
}

/// What the evaluation of a file yields.
#[derive(Debug)]
pub(crate) struct Evaluated {
    /// The object that the file's function returned.
    pub(crate) object: Handle,
    /// The function's name in the file: the place for what is missing.
    pub(crate) place: Place,
    /// What `getTestCases()` returned, where the file has it and `ts.tests` is absent.
    pub(crate) cases: Option<Vec<Located<Handle>>>,
}

/// Shared by the evaluators of one load. Who holds it for reading may evaluate beside others, who holds it for writing
/// is alone.
pub(crate) type Turns = Arc<RwLock<()>>;

/// Evaluates files of one repository with one engine, on one thread.
pub(crate) struct Evaluator {
    engine: Engine,
    files: Files,
    session: SharedSession,
    loaded: SharedLoaded,
    meter: Arc<Meter>,
    turns: Turns,
    /// Names of all functions of the language.
    functions: OnceCell<HashSet<String>>,
}

impl Evaluator {
    pub(crate) fn new(files: &Files, bounds: Bounds, turns: &Turns) -> Self {
        let session = SharedSession::default();
        let loaded = Arc::new(Mutex::new(Loaded::default()));
        let meter = Arc::new(Meter::new(bounds));
        let mut engine = Engine::new();
        bounds::apply(&mut engine, &meter);
        register(&mut engine, &session);
        engine.set_module_resolver(Resolver {
            files: files.clone(),
            session: Arc::clone(&session),
            loaded: Arc::clone(&loaded),
            meter: Arc::clone(&meter),
        });
        Self {
            engine,
            files: files.clone(),
            session,
            loaded,
            meter,
            turns: Arc::clone(turns),
            functions: OnceCell::new(),
        }
    }

    /// Evaluates a definition file. `None` where that was not possible; why is among the findings. The imports are
    /// those that were met.
    pub(crate) fn evaluate(
        &self,
        file: &Arc<str>,
        subject: Subject,
        findings: &mut Findings,
    ) -> (Option<Evaluated>, Imports) {
        let evaluated = self.attempts(file, subject, findings);
        (evaluated, lock_loaded(&self.loaded).take_imports())
    }

    /// The texts that a definition was evaluated from; `None` where one of them can't be told.
    pub(crate) fn texts(&self, file: &Arc<str>, imports: &Imports) -> Option<Texts> {
        let loaded = lock_loaded(&self.loaded);
        let imported = imports.files().filter(|file| !file.starts_with(STANDARD)).map(Arc::from);
        let all = std::iter::once(Arc::clone(file)).chain(imported);
        all.map(|file| loaded.compiled(&file).map(|compiled| (file, compiled.source))).collect()
    }

    fn attempts(&self, file: &Arc<str>, subject: Subject, findings: &mut Findings) -> Option<Evaluated> {
        for number in 1..ATTEMPTS {
            let mut own = Findings::default();
            let evaluated = if number == 1 {
                let _beside_others = self.turns.read().unwrap_or_else(PoisonError::into_inner);
                self.attempt(file, subject, &mut own)
            } else {
                let _alone = self.turns.write().unwrap_or_else(PoisonError::into_inner);
                self.attempt(file, subject, &mut own)
            };
            if !self.meter.is_out_of_memory() {
                findings.absorb(own);
                return evaluated;
            }
        }
        let _alone = self.turns.write().unwrap_or_else(PoisonError::into_inner);
        self.attempt(file, subject, findings)
    }

    fn attempt(&self, file: &Arc<str>, subject: Subject, findings: &mut Findings) -> Option<Evaluated> {
        self.meter.begin();
        let compiled = self.compile(file, findings)?;
        let fallback = compiled
            .source
            .function(subject.function())
            .map_or_else(|| Place::start_of(file), |span| at(file, span));
        {
            let mut session = lock(&self.session);
            session.begin(fallback.clone());
            session.add_source(Arc::clone(file), Arc::clone(&compiled.source));
        }
        lock_loaded(&self.loaded).begin(file);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run(file, &compiled, subject, &fallback)));
        findings.absorb(std::mem::take(&mut lock(&self.session).findings));
        outcome.unwrap_or_else(|_| {
            internal_error::report(findings, &fallback);
            None
        })
    }

    /// What there is of a definition whose evaluation has just ended early.
    pub(crate) fn remains(&self, subject: Subject) -> Option<Handle> {
        let first = lock(&self.session).first.take();
        first.filter(|handle| handle.class() == subject.class())
    }

    /// Looks for a syntax error in a file that is no definition itself.
    pub(crate) fn compile_helper(&self, file: &Arc<str>, findings: &mut Findings) {
        self.meter.begin();
        self.compile(file, findings);
    }

    /// Looks for mistakes in functions of a file that may never be called.
    pub(crate) fn look_through(&self, file: &Arc<str>, findings: &mut Findings) {
        let compiled = lock_loaded(&self.loaded).compiled(file);
        if let Some(compiled) = compiled
            && let Ok(ast) = &compiled.ast
        {
            let functions = self.functions.get_or_init(|| unreached::functions(&self.engine));
            unreached::check(ast, file, &compiled.source, functions, findings);
        }
    }

    /// The texts of all files that were compiled.
    pub(crate) fn sources(&self) -> Texts {
        let loaded = lock_loaded(&self.loaded);
        loaded.sources().map(|(file, source)| (Arc::from(file), Arc::clone(source))).collect()
    }

    fn compile(&self, file: &Arc<str>, findings: &mut Findings) -> Option<Compiled> {
        let text = match self.files.read(file, self.meter.bounds().file) {
            Ok(text) => text,
            Err(problem) => {
                unreadable_file::report(findings, file, &problem);
                return None;
            }
        };
        let text = match without_mark(&text) {
            rest if rest.len() < text.len() => rest.to_owned(),
            _ => text,
        };
        let compiled = lock_loaded(&self.loaded).compile(&self.engine, file, text);
        if let Err(error) = &compiled.ast {
            let place = compiled
                .source
                .token_at(error.position())
                .map_or_else(|| Place::start_of(file), |span| at(file, span));
            let from = compiled.source.offset(error.position()).unwrap_or_default();
            let behind = compiled.source.text().get(from..).unwrap_or_default();
            match bounds::exceeded_by_parser(error.err_type()) {
                Some(problem) => limit_exceeded::report(findings, &place, problem, limit::WHILE_COMPILING),
                None => match Undefined::of(error.err_type()) {
                    Some(undefined) => evaluation_failed::undefined(findings, &place, &undefined, behind),
                    None => syntax_error::report(findings, &place, error.err_type(), behind),
                },
            }
            return None;
        }
        Some(compiled)
    }

    fn run(
        &self,
        file: &Arc<str>,
        compiled: &Compiled,
        subject: Subject,
        fallback: &Place,
    ) -> Option<Evaluated> {
        let function = subject.function();
        if !self.defines(compiled, function) {
            let empty = compiled.source.text().trim().is_empty();
            missing_function::report(&mut lock(&self.session).findings, fallback, function, empty);
            return None;
        }
        let value = self.call(file, compiled, function)?;
        let class = subject.class();
        let Some(object) = Handle::of(&value).filter(|handle| handle.class() == class) else {
            let expected = format!("a {} object", class.name);
            let findings = &mut lock(&self.session).findings;
            wrong_return::report(findings, fallback, function, &expected, &describe(&value));
            return None;
        };
        let wants_cases = subject == Subject::Suite && object.lock().lacks("tests");
        let cases = if wants_cases && self.defines(compiled, GET_TEST_CASES) {
            // What went wrong there is reported there: the tests are not missing as well.
            object.lock().meant.insert("tests");
            self.cases(file, compiled)
        } else {
            None
        };
        Some(Evaluated { object, place: fallback.clone(), cases })
    }

    /// Calls `getTestCases()`, which the first versions of the original had.
    fn cases(&self, file: &Arc<str>, compiled: &Compiled) -> Option<Vec<Located<Handle>>> {
        let value = self.call(file, compiled, GET_TEST_CASES)?;
        let place = compiled
            .source
            .function(GET_TEST_CASES)
            .map_or_else(|| Place::start_of(file), |span| at(file, span));
        let cases = value.as_array_ref().ok().and_then(|array| {
            array
                .iter()
                .map(|item| Handle::of(item).filter(|handle| *handle.class() == TEST_CASE))
                .collect::<Option<Vec<_>>>()
        });
        let Some(cases) = cases else {
            let findings = &mut lock(&self.session).findings;
            let expected = "an array of TestCase objects";
            wrong_return::report(findings, &place, GET_TEST_CASES, expected, &describe(&value));
            return None;
        };
        let located = cases.into_iter().map(|value| {
            let place = value.lock().made.clone();
            Located { value, place }
        });
        Some(located.collect())
    }

    fn defines(&self, compiled: &Compiled, function: &str) -> bool {
        compiled.ast.as_ref().is_ok_and(|ast| {
            ast.iter_functions().any(|defined| defined.name == function && defined.params.is_empty())
        })
    }

    fn call(&self, file: &Arc<str>, compiled: &Compiled, function: &str) -> Option<Dynamic> {
        let ast = compiled.ast.as_ref().ok()?;
        let options = CallFnOptions::new().eval_ast(true).rewind_scope(true);
        let result =
            self.engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), ast, function, ());
        match result {
            Ok(value) => Some(value.flatten()),
            Err(error) => {
                failure::report(&mut lock(&self.session), error, file, self.meter.bounds());
                None
            }
        }
    }
}

/// A definition is out of memory only if it is so each time: the growth may have been another thread's. From the second
/// time on no other definition of this load is evaluated beside it.
const ATTEMPTS: usize = 3;

const GET_TEST_CASES: &str = "getTestCases";

fn at(file: &Arc<str>, span: xrdtest_model::Span) -> Place {
    Place { file: Arc::clone(file), span }
}
