//! Makes the classes known to an engine.

use std::any::TypeId;
use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext};

use super::class::{CLASSES, Class};
use super::construct::{add_hosts, construct, get_field, set_field};
use super::object::Handle;
use super::session::{SharedSession, lock};

/// Constructors take up to this many arguments in Rhai's eyes: more than any signature has, so that too many of them
/// are reported in our words.
const MOST_ARGUMENTS: usize = 14;

/// Keywords of Rhai that definitions must not use.
pub(crate) const DISABLED: [&str; 2] = ["eval", "curry"];

/// Registers classes, field access and methods, and takes away what definitions must not do.
pub(crate) fn register(engine: &mut Engine, session: &SharedSession) {
    engine.register_type_with_name::<Handle>("object");
    engine.register_fn("==", |left: Handle, right: Handle| left.is(&right));
    engine.register_fn("!=", |left: Handle, right: Handle| !left.is(&right));
    for class in CLASSES {
        register_constructor(engine, session, class);
        for method in class.methods {
            register_method(engine, session, method.name);
        }
    }
    register_fields(engine, session);
    for name in DISABLED {
        engine.disable_symbol(name);
    }
    engine.on_print(|_| {});
    engine.on_debug(|_, _, _| {});
    forbid(engine);
}

/// Replaces functions of Rhai's own library that a definition must not have: they wait, or depend on when it is read.
/// The arguments have the types of the originals, as Rhai prefers an exact match to any other.
fn forbid(engine: &mut Engine) {
    type Refused = Result<(), Box<EvalAltResult>>;
    fn refuse(name: &str) -> Refused {
        Err(format!("`{name}` is not available in definitions").into())
    }
    engine.register_fn("sleep", |_: i64| refuse("sleep"));
    engine.register_fn("sleep", |_: f64| refuse("sleep"));
    engine.register_fn("timestamp", || refuse("timestamp"));
    engine.register_fn("exit", || refuse("exit"));
    engine.register_fn("exit", |_: Dynamic| refuse("exit"));
}

fn register_constructor(engine: &mut Engine, session: &SharedSession, class: &'static Class) {
    for count in 0..=MOST_ARGUMENTS {
        let session = Arc::clone(session);
        engine.register_raw_fn(
            class.name,
            vec![TypeId::of::<Dynamic>(); count],
            move |context: NativeCallContext<'_>, arguments| {
                let arguments = arguments.iter_mut().map(|value| value.take()).collect();
                let mut session = lock(&session);
                let site = session.site(&context);
                Ok(construct(&mut session, class, site.as_ref(), arguments))
            },
        );
    }
}

fn register_method(engine: &mut Engine, session: &SharedSession, method: &'static str) {
    let session = Arc::clone(session);
    engine.register_raw_fn(
        method,
        [TypeId::of::<Handle>(), TypeId::of::<Dynamic>()],
        move |context: NativeCallContext<'_>, arguments| {
            if let [target, argument] = arguments
                && let Some(handle) = Handle::of(target)
            {
                let mut session = lock(&session);
                let site = session.site(&context);
                add_hosts(&mut session, &handle, method, argument, site.as_ref());
            }
            Ok(())
        },
    );
}

/// Fields are reached through the indexer that Rhai falls back on where a property has no getter: so an unknown field
/// is ours to report, and does not end the evaluation.
fn register_fields(engine: &mut Engine, session: &SharedSession) {
    let reading = Arc::clone(session);
    engine.register_indexer_get(
        move |context: NativeCallContext<'_>, handle: &mut Handle, name: ImmutableString| {
            let mut session = lock(&reading);
            let site = session.site(&context);
            get_field(&mut session, handle, &name, site.as_ref())
        },
    );
    let writing = Arc::clone(session);
    engine.register_indexer_set(
        move |context: NativeCallContext<'_>, handle: &mut Handle, name: ImmutableString, value: Dynamic| {
            let mut session = lock(&writing);
            let site = session.site(&context);
            set_field(&mut session, handle, &name, value, site.as_ref());
        },
    );
}
