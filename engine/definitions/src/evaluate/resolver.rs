//! Imports: the standard library, files beside the importer, files of the repository's `lib`, nothing else. Rhai's
//! own resolver opens any path and overflows the stack on a cycle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope};

use super::bounds::{IMPORT_DEPTH, Meter, exceeded_by_parser};
use super::failure::{limit, reported};
use super::files::{Files, within};
use super::imports::Imports;
use super::limit::Limit;
use crate::language::session::{STANDARD, SharedSession, lock};
use crate::place::Place;
use crate::rules::evaluation::evaluation_failed::Undefined;
use crate::rules::evaluation::{import_cycle, import_failed};
use crate::source::Source;

/// A file's text, and its syntax tree or why there is none.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) source: Arc<Source>,
    pub(crate) ast: Result<Arc<AST>, Arc<rhai::ParseError>>,
}

/// What a load has compiled, and what the current definition has imported.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    compiled: HashMap<String, Compiled>,
    /// Modules of the current definition. They may hold objects, so two definitions never share one.
    modules: HashMap<String, Arc<Module>>,
    /// Imports of the current definition.
    imports: Imports,
    /// Files that are being evaluated, the definition first.
    stack: Vec<String>,
}

/// Shared by the resolver and the evaluator.
pub(crate) type SharedLoaded = Arc<Mutex<Loaded>>;

pub(crate) fn lock_loaded(loaded: &SharedLoaded) -> MutexGuard<'_, Loaded> {
    loaded.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loaded {
    /// Begins a definition.
    pub(crate) fn begin(&mut self, file: &str) {
        self.modules.clear();
        self.imports = Imports::default();
        self.stack = vec![file.to_owned()];
    }

    /// Hands over the imports of the definition that was evaluated last.
    pub(crate) fn take_imports(&mut self) -> Imports {
        std::mem::take(&mut self.imports)
    }

    /// A file's syntax tree, compiled once per load.
    pub(crate) fn compile(&mut self, engine: &Engine, file: &str, text: String) -> Compiled {
        if let Some(compiled) = self.compiled.get(file) {
            return compiled.clone();
        }
        let ast = engine.compile(&text).map(|mut ast| {
            ast.set_source(file);
            Arc::new(ast)
        });
        let compiled = Compiled { source: Arc::new(Source::new(text)), ast: ast.map_err(Arc::new) };
        // What ran into a limit may do better at the next attempt.
        let is_final = compiled.ast.as_ref().err().is_none_or(|e| exceeded_by_parser(e.err_type()).is_none());
        if is_final {
            self.compiled.insert(file.to_owned(), compiled.clone());
        }
        compiled
    }

    /// The files of the repository that were compiled.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &Arc<Source>)> {
        let own = self.compiled.iter().filter(|(file, _)| !file.starts_with(STANDARD));
        own.map(|(file, compiled)| (file.as_str(), &compiled.source))
    }

    pub(crate) fn compiled(&self, file: &str) -> Option<Compiled> {
        self.compiled.get(file).cloned()
    }
}

/// The resolver of a repository's definitions.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) files: Files,
    pub(crate) session: SharedSession,
    pub(crate) loaded: SharedLoaded,
    pub(crate) meter: Arc<Meter>,
}

/// Why an import is refused.
struct Refusal {
    problem: String,
    help: Option<String>,
}

impl Resolver {
    /// The file that an import means, by its name in diagnostics.
    fn file(importer: &str, path: &str) -> Result<String, Refusal> {
        let refuse = |problem: &str| {
            Refusal {
            problem: problem.to_owned(),
            help: Some(
                "imports begin with `std/` (standard library), `./` (beside this file) or `/lib/` (this repository)"
                    .to_owned(),
            ),
        }
        };
        let stem = path.strip_suffix(".rhai").unwrap_or(path);
        if let Some(name) = stem.strip_prefix(STANDARD) {
            return Ok(format!("{STANDARD}{name}"));
        }
        let found = if stem.starts_with("./") && !importer.starts_with(STANDARD) {
            let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
            super::files::downward(stem).and_then(|down| within(folder, &down))
        } else {
            stem.strip_prefix("/lib/").and_then(super::files::downward).map(|down| format!("lib/{down}"))
        };
        found.map(|file| format!("{file}.rhai")).ok_or_else(|| refuse("definitions can't read it"))
    }

    /// Reads and compiles it.
    fn compile(&self, engine: &Engine, file: &str) -> Result<Compiled, Refusal> {
        if let Some(compiled) = lock_loaded(&self.loaded).compiled(file) {
            return Ok(compiled);
        }
        let text = match file.strip_prefix(STANDARD) {
            Some(name) => xrdtest_stdlib::modules::find(name)
                .map(|module| module.source.to_owned())
                .ok_or_else(|| Refusal {
                    problem: "there is no such module in the standard library".to_owned(),
                    help: Some(modules_that_are(name)),
                })?,
            None => self
                .files
                .read(file, self.meter.bounds().file)
                .map_err(|problem| Refusal { problem: format!("{file}: {problem}"), help: problem.help() })?,
        };
        Ok(lock_loaded(&self.loaded).compile(engine, file, text))
    }

    fn refuse(&self, place: &Place, path: &str, refusal: Refusal) -> Box<EvalAltResult> {
        import_failed::report(&mut lock(&self.session).findings, place, path, &refusal.problem, refusal.help);
        reported()
    }

    /// Evaluates a compiled file as a module.
    fn evaluate(
        &self,
        engine: &Engine,
        file: &str,
        ast: &AST,
        position: Position,
    ) -> Result<Arc<Module>, Box<EvalAltResult>> {
        lock_loaded(&self.loaded).stack.push(file.to_owned());
        let module = Module::eval_ast_as_new(Scope::new(), ast, engine);
        let mut loaded = lock_loaded(&self.loaded);
        loaded.stack.pop();
        let module = Arc::new(
            module
                .map_err(|error| Box::new(EvalAltResult::ErrorInModule(file.to_owned(), error, position)))?,
        );
        loaded.modules.insert(file.to_owned(), Arc::clone(&module));
        Ok(module)
    }
}

/// All modules of the standard library, and which of them was probably meant.
fn modules_that_are(written: &str) -> String {
    let names = xrdtest_stdlib::modules::ALL.iter().map(|module| module.name);
    let all: Vec<String> = names.clone().map(|name| format!("`{STANDARD}{name}`")).collect();
    let all = format!("its modules are {}", all.join(", "));
    match crate::suggest::nearest(written, names) {
        Some(near) => format!("did you mean `{STANDARD}{near}`? {all}"),
        None => all,
    }
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        importer: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Arc<Module>, Box<EvalAltResult>> {
        let importer = importer.unwrap_or_default();
        let place = {
            let session = lock(&self.session);
            let site = session.source(importer).map(|_| (Arc::from(importer), position));
            session.token(site.as_ref())
        };
        if let Some(exceeded) = self.meter.look() {
            return Err(limit(exceeded, position));
        }
        let file = Self::file(importer, path).map_err(|refusal| self.refuse(&place, path, refusal))?;
        {
            let mut loaded = lock_loaded(&self.loaded);
            loaded.imports.add(&file, path, &place);
            if let Some(start) = loaded.stack.iter().position(|loading| *loading == file) {
                let mut chain: Vec<&str> = loaded.stack[start..].iter().map(String::as_str).collect();
                chain.push(&file);
                import_cycle::report(&mut lock(&self.session).findings, &place, &chain);
                return Err(reported());
            }
            if loaded.stack.len() > IMPORT_DEPTH {
                return Err(limit(Limit::ImportDepth, position));
            }
            if let Some(module) = loaded.modules.get(&file) {
                return Ok(Arc::clone(module));
            }
        }
        let compiled = self.compile(engine, &file).map_err(|refusal| self.refuse(&place, path, refusal))?;
        lock(&self.session).add_source(Arc::from(file.as_str()), Arc::clone(&compiled.source));
        match &compiled.ast {
            Ok(ast) => self.evaluate(engine, &file, ast, position),
            Err(error) => {
                let what =
                    if Undefined::of(error.err_type()).is_some() { "an error" } else { "a syntax error" };
                let line = error.position().line().unwrap_or(1);
                let problem = format!("{file} has {what} in line {line}");
                Err(self.refuse(&place, path, Refusal { problem, help: None }))
            }
        }
    }
}
