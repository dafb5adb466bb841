//! Looks for mistakes in functions without calling them: what evaluation reaches is reported by evaluation, the rest
//! here. Only what is certain counts: of a variable the class is known where it is made by a constructor and never
//! becomes anything else in its function.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use crate::findings::Findings;
use crate::language::class::{CLASSES, Class, Kind};
use crate::place::Place;
use crate::rules::evaluation::unreached_mistake;
use crate::source::Source;
use crate::suggest::nearest;

/// What Rhai understands without there being a function.
const BUILT_IN: [&str; 10] =
    ["Fn", "call", "curry", "type_of", "is_shared", "is_def_var", "is_def_fn", "eval", "print", "debug"];

/// The names of all functions that every definition has.
pub(super) fn functions(engine: &Engine) -> HashSet<String> {
    let names = engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true);
    names.into_iter().chain(BUILT_IN.map(str::to_owned)).collect()
}

/// Looks through all functions of a file.
pub(super) fn check(
    ast: &AST,
    file: &Arc<str>,
    source: &Source,
    functions: &HashSet<String>,
    findings: &mut Findings,
) {
    let own: HashSet<&str> = ast.iter_functions().map(|function| function.name).collect();
    let mut look = Look { file, source, functions, own: &own, variables: HashMap::new(), findings };
    for function in ast.iter_functions() {
        let parameters = function.params.len();
        let alone = ast.clone_functions_only_filtered(|_, _, _, name, count| {
            name == function.name && count == parameters
        });
        look.variables = function.params.iter().map(|name| ((*name).to_owned(), None)).collect();
        alone.walk(&mut |path| {
            look.bind(path.last());
            true
        });
        alone.walk(&mut |path| {
            look.node(path.last());
            true
        });
    }
}

struct Look<'a> {
    file: &'a Arc<str>,
    source: &'a Source,
    /// Functions of the language.
    functions: &'a HashSet<String>,
    /// Functions of the file.
    own: &'a HashSet<&'a str>,
    /// Variables of the current function; with a class where it is certain.
    variables: HashMap<String, Option<&'static Class>>,
    findings: &'a mut Findings,
}

impl Look<'_> {
    /// Notes what a node makes of variables.
    fn bind(&mut self, node: Option<&ASTNode<'_>>) {
        let Some(ASTNode::Stmt(statement)) = node else { return };
        match statement {
            Stmt::Var(var, ..) => self.become_of(&var.0.name, self.made(&var.1)),
            Stmt::For(parts, ..) => {
                self.become_of(&parts.0.name, None);
                if let Some(counter) = &parts.1 {
                    self.become_of(&counter.name, None);
                }
            }
            Stmt::Assignment(parts) => {
                if let Some(name) = variable(&parts.1.lhs) {
                    self.become_of(name, self.made(&parts.1.rhs));
                }
            }
            Stmt::TryCatch(parts, ..) => {
                if let Some(name) = variable(&parts.expr) {
                    self.become_of(name, None);
                }
            }
            _ => {}
        }
    }

    fn become_of(&mut self, name: &str, class: Option<&'static Class>) {
        let known = self.variables.entry(name.to_owned()).or_insert(class);
        if *known != class {
            *known = None;
        }
    }

    /// The class of an object that an expression makes.
    fn made(&self, expression: &Expr) -> Option<&'static Class> {
        match expression {
            Expr::FnCall(call, ..) => self.constructed(call),
            _ => None,
        }
    }

    fn constructed(&self, call: &FnCallExpr) -> Option<&'static Class> {
        let name = call.name.as_str();
        let is_plain = call.namespace.is_empty() && !self.own.contains(name);
        CLASSES.into_iter().find(|class| is_plain && class.name == name)
    }

    fn node(&mut self, node: Option<&ASTNode<'_>>) {
        match node {
            Some(ASTNode::Expr(Expr::Dot(parts, ..))) => {
                let class = match variable(&parts.lhs) {
                    Some(name) => self.variables.get(name).copied().flatten(),
                    None => self.made(&parts.lhs),
                };
                if let Some(class) = class {
                    self.chain(class, &parts.rhs);
                }
            }
            Some(
                ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => {
                self.call(call, *position);
            }
            _ => {}
        }
    }

    /// `.field.field…`, behind an object of a class.
    fn chain(&mut self, class: &'static Class, rest: &Expr) {
        let (first, next) = match rest {
            Expr::Dot(parts, ..) => (&parts.lhs, Some(&parts.rhs)),
            Expr::Index(parts, ..) => (&parts.lhs, None),
            single => (single, None),
        };
        let Expr::Property(property, position) = first else { return };
        match class.field(&property.2).map(|field| field.kind) {
            None => {
                let place = self.place(*position);
                unreached_mistake::unknown_field(self.findings, &place, class, &property.2);
            }
            Some(Kind::Object(inner)) => {
                if let Some(next) = next {
                    self.chain(inner, next);
                }
            }
            Some(_) => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        if let Some(class) = self.constructed(call) {
            return self.arguments(class, call, position);
        }
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let is_known = self.functions.contains(name) || self.own.contains(name);
        if is_name && call.namespace.is_empty() && !is_known && !self.variables.contains_key(name) {
            let own = self.own.iter().copied().filter(|name| !name.contains('$'));
            let near = nearest(name, own.chain(CLASSES.iter().map(|class| class.name)));
            unreached_mistake::unknown_function(self.findings, &self.place(position), name, near);
        }
    }

    /// Those of a constructor: by position, then those of an object map.
    fn arguments(&mut self, class: &'static Class, call: &FnCallExpr, position: Position) {
        // The last one may be an object map.
        let most = class.parameters.len() + 1;
        let mut count = call.args.len();
        if let Some(Expr::Map(entries, ..)) = call.args.last() {
            count -= 1;
            for (key, _) in entries.0.iter().filter(|(key, _)| class.field(&key.name).is_none()) {
                unreached_mistake::unknown_field(self.findings, &self.place(key.pos), class, &key.name);
            }
        }
        if count > most {
            unreached_mistake::too_many(self.findings, &self.place(position), class, count);
        }
    }

    fn place(&self, position: Position) -> Place {
        match self.source.token_at(position) {
            Some(span) => Place { file: Arc::clone(self.file), span },
            None => Place::start_of(self.file),
        }
    }
}

/// The name of a variable of this file.
fn variable(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(parts, ..) if parts.2.is_empty() => Some(parts.1.as_str()),
        _ => None,
    }
}
