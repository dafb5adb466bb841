//! Turns the errors of Rhai into findings at the right place.

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, Position};

use super::bounds::Bounds;
use super::limit::Limit;
use crate::language::class::CLASSES;
use crate::language::session::{STANDARD, Session};
use crate::place::Place;
use crate::rules::evaluation::evaluation_failed::Undefined;
use crate::rules::evaluation::{evaluation_failed, limit_exceeded};
use crate::suggest::nearest;

/// Travels through Rhai as an error that has become a finding already.
#[derive(Clone, Debug)]
struct Reported;

pub(crate) fn reported() -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(Reported), Position::NONE).into()
}

/// An error that says that a limit is exceeded; a definition can't catch it.
pub(crate) fn limit(limit: Limit, position: Position) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(limit), position).into()
}

/// Reports why an evaluation ended.
pub(crate) fn report(session: &mut Session, error: Box<EvalAltResult>, main: &Arc<str>, bounds: &Bounds) {
    let mut error = error;
    let mut file = main.to_string();
    // The innermost place in a file of the user's, and the calls that led there, outermost first.
    let mut place: Option<Place> = None;
    let mut calls: Vec<Place> = Vec::new();
    loop {
        let position = error.position();
        if let Some(found) = place_of(session, &file, position) {
            calls.extend(place.replace(found));
        }
        error = match *error {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                if !source.is_empty() {
                    file = source;
                }
                inner
            }
            EvalAltResult::ErrorInModule(module, inner, _) => {
                file = module;
                inner
            }
            innermost => {
                error = innermost.into();
                break;
            }
        };
    }
    let place = place.unwrap_or_else(|| session.fallback());
    if let EvalAltResult::ErrorRuntime(value, _) = &*error
        && value.is::<Reported>()
    {
        return;
    }
    if let Some(limit) = Limit::of(&error) {
        return limit_exceeded::report(&mut session.findings, &place, &limit.problem(bounds), &limit.help());
    }
    let (message, help) = explain(*error);
    let help = help.or_else(|| {
        let call = calls.iter().rev().find(|call| call.file != place.file)?;
        Some(format!("called in {}, line {}", call.file, call.span.line))
    });
    evaluation_failed::report(&mut session.findings, &place, message, help);
}

fn place_of(session: &Session, file: &str, position: Position) -> Option<Place> {
    if position.is_none() || file.starts_with(STANDARD) {
        return None;
    }
    let span = session.source(file)?.token_at(position)?;
    Some(Place { file: Arc::from(file), span })
}

/// In people's words: what is wrong, and what to do about it.
fn explain(mut error: EvalAltResult) -> (String, Option<String>) {
    error.set_position(Position::NONE);
    match &error {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => function_not_found(signature),
        EvalAltResult::ErrorVariableNotFound(name, _) => Undefined::Variable(name).explain(),
        EvalAltResult::ErrorModuleNotFound(name, _) => Undefined::Module(name).explain(),
        EvalAltResult::ErrorDataRace(what, _) => data_race(what),
        EvalAltResult::ErrorRuntime(value, _) if value.is_string() => (value.to_string(), None),
        EvalAltResult::ErrorRuntime(..) => ("the definition ended with `throw`".to_owned(), None),
        EvalAltResult::ErrorDotExpr(_, _) | EvalAltResult::ErrorIndexingType(_, _) => (
            "this value has no such field".to_owned(),
            Some("fields belong to objects such as TestSuite, Host and Disk, and to object maps".to_owned()),
        ),
        other => (other.to_string(), None),
    }
}

/// A closure that uses the array which the function that calls it works on: `argument #1 of function 'map'`.
fn data_race(what: &str) -> (String, Option<String>) {
    let message = match what.rsplit_once(' ').map(|(_, name)| name.trim_matches('\'')) {
        Some(name) if what.contains("function") => {
            format!("a closure uses the value that `{name}` works on")
        }
        _ => "a value is used while it is being worked on".to_owned(),
    };
    (message, Some("give the closure a copy of its own: `let copy = value;` before the call".to_owned()))
}

fn function_not_found(signature: &str) -> (String, Option<String>) {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let count = arguments.matches(',').count() + usize::from(arguments != ")" && !arguments.is_empty());
    if let Some(class) = CLASSES.iter().find(|class| class.name == name) {
        let help = format!("the signature is `{}`", class.signature());
        return (format!("`{name}` does not take {count} arguments"), Some(help));
    }
    let methods = CLASSES.iter().flat_map(|class| class.methods.iter().map(|method| method.name));
    let known = methods.chain(CLASSES.iter().map(|class| class.name));
    let message = match arguments.trim_end_matches(')') {
        "" => format!("there is no function `{name}` without arguments"),
        types => format!("there is no function `{name}` that takes ({})", readable(types)),
    };
    // Many come from Python, in which the manual's definitions are written.
    let help = match name {
        "dict" => Some("an object map is written `#{ key: value }`".to_owned()),
        "append" => Some("elements are added to an array with `push`".to_owned()),
        "str" => Some("write `value.to_string()`".to_owned()),
        _ => nearest(name, known).map(|near| format!("did you mean `{near}`?")),
    };
    (message, help)
}

/// Rhai's names of types in the words of definitions.
fn readable(types: &str) -> String {
    types
        .replace("&str | ImmutableString | String", "string")
        .replace("i64", "integer")
        .replace("f64", "number")
}
