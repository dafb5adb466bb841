//! What happens when a definition makes an object, sets a field or adds hosts. Mistakes become findings; evaluation
//! goes on as if the mistake had not been written.

use rhai::{Array, Dynamic, ImmutableString, Map};

use super::admit::{admit, admit_field, describe};
use super::class::{CLUSTER, Class, Field, HOST, Kind, TEST_SUITE};
use super::object::{Handle, Object, Slot};
use super::session::{Session, Site};
use crate::place::{Node, Origin, Parts, Place};
use crate::rules::evaluation::{too_large, unknown_field, wrong_arguments, wrong_type};
use crate::shape::Change;
use crate::suggest::did_you_mean;

/// `Class(arguments)`.
pub(crate) fn construct(
    session: &mut Session,
    class: &'static Class,
    site: Option<&Site>,
    mut arguments: Vec<Dynamic>,
) -> Handle {
    let made = session.token(site);
    let nodes = session.arguments(site);
    let node_of = |index: usize| nodes.get(index).cloned().unwrap_or_else(|| Node::opaque(made.span));
    let origin_of = |index: usize| Origin { file: made.file.clone(), name: made.span, value: node_of(index) };
    let handle = Handle::new(class, made.clone());
    if session.first.is_none() && (*class == CLUSTER || *class == TEST_SUITE) {
        session.first = Some(handle.clone());
    }

    let named = match arguments.pop() {
        Some(last) if last.is_map() => last.try_cast::<Map>(),
        Some(last) => {
            arguments.push(last);
            None
        }
        None => None,
    };
    let named_origin = origin_of(arguments.len());
    if arguments.len() > class.parameters.len() {
        wrong_arguments::too_many(session, class, &made, arguments.len());
    }
    for (index, (value, parameter)) in arguments.into_iter().zip(class.parameters).enumerate() {
        let Some(field) = class.field(parameter) else {
            continue;
        };
        let origin = origin_of(index);
        let found = describe(&value);
        let (kept, misfits) = admit_field(field, value, &origin.value);
        match misfits.first() {
            None => {}
            Some(misfit) if misfit.too_large => {
                too_large::report(session, field.name, &origin.at(misfit.span), misfit);
            }
            Some(_) => wrong_arguments::wrong_type(session, class, field, &origin.place(), &found),
        }
        store(&handle, field.name, kept.filter(|_| misfits.is_empty()), origin);
    }
    for (key, value) in named.unwrap_or_default() {
        let (name, value_place) = named_origin.entry(&key);
        let node = named_origin
            .value
            .entry(&key)
            .map_or_else(|| Node::opaque(value_place.span), |entry| entry.value.clone());
        let origin = Origin { file: made.file.clone(), name: name.span, value: node };
        assign(session, &handle, &key, value, origin);
    }
    name_network(&handle);
    handle
}

/// The network of a cluster that got its name from the constructor is called after it at once, so that the name can
/// be read in the definition.
fn name_network(handle: &Handle) {
    let (name, network) = {
        let object = handle.lock();
        if *object.class != CLUSTER {
            return;
        }
        (object.slot("name").cloned(), object.object("network"))
    };
    if let (Some(Slot { value: Some(name), origin }), Some(network)) = (name, network)
        && network.lock().lacks("name")
    {
        let value = ImmutableString::from(format!("{name}_net")).into();
        network.lock().set("name", Slot { value: Some(value), origin });
    }
}

/// `object.field = value` and its relatives, as Rhai calls them.
pub(crate) fn set_field(
    session: &mut Session,
    handle: &Handle,
    name: &str,
    value: Dynamic,
    site: Option<&Site>,
) {
    let access = site.and_then(|site| session.access(site));
    let old = handle.lock().slot(name).cloned();
    let Some((access, (file, _))) = access.zip(site) else {
        let place = session.token(site);
        return assign(session, handle, name, value, Origin::opaque(&place));
    };
    let node = match (&access.change, old) {
        (Change::Set(node), _) => node.clone(),
        // What is appended to a string can't be told from the rest of it.
        (Change::Append(_), _) if !value.is_array() => Node::opaque(access.name),
        (Change::Append(more), Some(old)) => {
            let total = value.as_array_ref().map_or(0, |array| array.len());
            old.origin.value.extended(total.saturating_sub(more.len()), more)
        }
        (Change::Append(more), None) => Node { span: access.name, parts: Parts::Items(more.clone()) },
        // Rhai writes back what was read on the way to something deeper (`cluster.network.ip = …`, `ts.tests.len()`).
        (Change::Other, Some(old)) => old.origin.value,
        (Change::Other, None) => Node::opaque(access.name),
    };
    let origin = Origin { file: file.clone(), name: access.name, value: node };
    assign(session, handle, name, value, origin);
}

/// Gives a field its value, if there is such a field and the value fits.
fn assign(session: &mut Session, handle: &Handle, name: &str, value: Dynamic, origin: Origin) {
    let class = handle.class();
    let Some(field) = class.field(name) else {
        return unknown(session, handle, name, &origin.name_place());
    };
    if value.is_unit() {
        // `()` is Python's `None`: as if it had not been set.
        return handle.lock().unset(field.name);
    }
    let (kept, misfits) = admit_field(field, value, &origin.value);
    for misfit in misfits {
        let place = origin.at(misfit.span);
        if misfit.too_large {
            too_large::report(session, field.name, &place, &misfit);
        } else {
            wrong_type::report(session, field.name, &place, &misfit);
        }
    }
    store(handle, field.name, kept, origin);
}

fn store(handle: &Handle, field: &'static str, kept: Option<(Dynamic, Node)>, origin: Origin) {
    let slot = match kept {
        Some((value, node)) => Slot { value: Some(value), origin: Origin { value: node, ..origin } },
        None => Slot { value: None, origin },
    };
    handle.lock().set(field, slot);
}

/// Reads a field; an unknown one is reported and reads as nothing.
pub(crate) fn get_field(session: &mut Session, handle: &Handle, name: &str, site: Option<&Site>) -> Dynamic {
    let class = handle.class();
    if let Some(field) = class.field(name) {
        return handle.lock().read(field.name, field.kind);
    }
    let place = match site.and_then(|site| session.access(site).map(|access| (site, access))) {
        Some(((file, _), access)) => Place { file: file.clone(), span: access.name },
        None => session.token(site),
    };
    unknown(session, handle, name, &place);
    Dynamic::UNIT
}

fn unknown(session: &mut Session, handle: &Handle, name: &str, place: &Place) {
    let class = handle.class();
    let help = did_you_mean(name, class.field_names(), &format!("the fields of a {} are", class.name));
    if let Some(meant) = crate::suggest::nearest(name, class.field_names())
        && let Some(field) = class.field(meant)
    {
        handle.lock().meant.insert(field.name);
    }
    unknown_field::report(session, class, name, place, help);
}

/// `cluster.addHost(host)`, `network.addHosts([…])` and their relatives: appends hosts to the method's fields.
pub(crate) fn add_hosts(
    session: &mut Session,
    handle: &Handle,
    method: &'static str,
    argument: &Dynamic,
    site: Option<&Site>,
) {
    let class = handle.class();
    let Some((_, targets)) = class.methods.iter().find(|(name, _)| *name == method) else {
        let place = session.token(site);
        return wrong_arguments::no_such_method(session, class, method, &place);
    };
    let place = session.token(site);
    let node = session.arguments(site).pop().unwrap_or_else(|| Node::opaque(place.span));
    let argument = argument.clone().flatten();
    let (hosts, nodes): (Array, Vec<Node>) = match argument.clone().try_cast::<Array>() {
        Some(array) => {
            let nodes = (0..array.len()).map(|index| node.item(index).unwrap_or(&node).clone());
            let nodes = nodes.collect();
            (array, nodes)
        }
        None => (vec![argument], vec![node]),
    };
    for (value, node) in hosts.into_iter().zip(nodes) {
        let at = Place { file: place.file.clone(), span: node.span };
        match admit(Kind::Object(&HOST), value.clone(), &node) {
            (Some((host, node)), _) => {
                for target in *targets {
                    let Some(field) = class.field(target) else { continue };
                    if !append(&mut handle.lock(), field, host.clone(), &node, &place) {
                        too_large::too_many_hosts(session, field, &at);
                    }
                }
            }
            (None, _) => wrong_arguments::no_host(session, method, &at, &describe(&value)),
        }
    }
}

/// Appends a host to a field's array; `false` where it is full.
fn append(object: &mut Object, field: &Field, host: Dynamic, node: &Node, place: &Place) -> bool {
    let slot = object.slot_or_insert(field.name, || Slot {
        value: None,
        origin: Origin {
            file: place.file.clone(),
            name: place.span,
            value: Node { span: place.span, parts: Parts::Items(Vec::new()) },
        },
    });
    let value = slot.value.get_or_insert_with(|| Array::new().into());
    let Some(mut hosts) = value.write_lock::<Array>() else {
        return true;
    };
    if hosts.len() >= field.most {
        return false;
    }
    slot.origin.value.append(hosts.len(), node.clone());
    hosts.push(host);
    true
}
