//! What a definition says, field by field, as written: nothing filled in, nothing taken from elsewhere.

use rhai::Dynamic;
use xrdtest_model::plan_document::Written;

use crate::draft::cluster::Cluster;
use crate::draft::suite::Suite;
use crate::language::class::{CLUSTER, HOST, Kind, NETWORK};
use crate::language::object::{Handle, Object, text_of};
use crate::place::Located;

/// The suite's fields. Cases that `getTestCases()` returned stand under `tests`, where such cases belong.
pub(crate) fn suite(suite: &Suite) -> Written {
    let mut fields = object(&suite.object);
    if !fields.iter().any(|(name, _)| name == "tests") && !suite.tests.is_empty() {
        let cases = suite.tests.iter().map(|case| {
            let text = |name: &str, value: &Option<Located<String>>| {
                value.as_ref().map(|value| (name.to_owned(), Written::Text(value.value.clone())))
            };
            let mut fields: Vec<_> = text("name", &case.name).into_iter().collect();
            if !case.machines.is_empty() {
                let machines = case.machines.iter().map(|name| Written::Text(name.value.clone()));
                fields.push(("machines".to_owned(), Written::List(machines.collect())));
            }
            fields.extend(text("initialize", &case.initialize));
            fields.extend(text("run", &case.run));
            fields.extend(text("finalize", &case.finalize));
            Written::Fields(fields)
        });
        fields.push(("tests".to_owned(), Written::List(cases.collect())));
    }
    Written::Fields(fields)
}

/// The cluster's fields, with its network, its hosts and their disks inside.
pub(crate) fn cluster(cluster: &Cluster) -> Written {
    Written::Fields(object(&cluster.object))
}

/// The fields of a definition whose evaluation ended early.
pub(crate) fn remains(handle: &Handle) -> Written {
    Written::Fields(object(handle))
}

/// The fields that were set, in the manual's order. Readers find `hosts` and `disks` where there are none, too.
fn object(handle: &Handle) -> Vec<(String, Written)> {
    // Copied out first: never two guards at once.
    let (class, slots) = {
        let object: &Object = &handle.lock();
        let class = object.class;
        let value = |name: &str| object.slot(name).and_then(|slot| slot.value.clone());
        (class, class.fields.iter().map(|field| (field, value(field.name))).collect::<Vec<_>>())
    };
    let listed = match class {
        class if *class == CLUSTER => "hosts",
        class if *class == HOST => "disks",
        _ => "",
    };
    let fields = slots.into_iter().filter_map(|(field, value)| {
        let mut written = match value {
            // A network only names its hosts: they stand in the cluster.
            Some(value) if *class == NETWORK && matches!(field.kind, Kind::Objects(_)) => {
                items(&value, &name)?
            }
            Some(value) => self::value(&value, field.kind)?,
            None if field.name == listed => Written::List(Vec::new()),
            None => return None,
        };
        // A cluster comes with a default host; what was not touched was not written.
        let is_default = field.name == "defaultHost";
        if is_default && let Written::Fields(fields) = &mut written {
            fields.retain(|(_, value)| *value != Written::List(Vec::new()));
        }
        let untouched = is_default && written == Written::Fields(Vec::new());
        (!untouched).then(|| (field.name.to_owned(), written))
    });
    fields.collect()
}

fn value(value: &Dynamic, kind: Kind) -> Option<Written> {
    match kind {
        Kind::Object(_) => Handle::of(value).map(|handle| Written::Fields(object(&handle))),
        Kind::Objects(_) => items(value, &|item| Some(Written::Fields(object(&Handle::of(item)?)))),
        Kind::ObjectsOrNames(class) if *class == HOST => items(value, &name),
        Kind::ObjectsOrNames(_) => items(value, &|item| match Handle::of(item) {
            Some(handle) => Some(Written::Fields(object(&handle))),
            None => plain(item),
        }),
        Kind::Text | Kind::TextOrNumber | Kind::Flag => plain(value),
        Kind::Texts | Kind::TextPair => items(value, &plain),
        Kind::TextMap | Kind::TextMapOrText => match value.as_map_ref() {
            Ok(map) => {
                let entries = map.iter().filter_map(|(key, value)| Some((key.to_string(), plain(value)?)));
                Some(Written::Fields(entries.collect()))
            }
            Err(_) => plain(value),
        },
    }
}

/// A host by its name.
fn name(item: &Dynamic) -> Option<Written> {
    match Handle::of(item) {
        Some(host) => host.lock().text("name").map(|name| Written::Text(name.value)),
        None => text_of(item).map(Written::Text),
    }
}

fn items(value: &Dynamic, of: &dyn Fn(&Dynamic) -> Option<Written>) -> Option<Written> {
    let array = value.as_array_ref().ok()?;
    Some(Written::List(array.iter().filter_map(of).collect()))
}

fn plain(value: &Dynamic) -> Option<Written> {
    if let Ok(flag) = value.as_bool() {
        return Some(Written::Flag(flag));
    }
    match value.as_int() {
        Ok(number) => Some(Written::Number(number)),
        Err(_) => text_of(value).map(Written::Text),
    }
}
