//! Whether a value fits a field: what fits is kept, and each part that does not is named with its place.

use rhai::{Array, Dynamic, Map};
use xrdtest_model::Span;

use super::class::Kind;
use super::object::{Handle, text_of};
use crate::place::{Node, Parts};

/// A value or a part of one that does not fit.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) span: Span,
    /// Behind the field's name: empty, `[1]`, `.hour`.
    pub(crate) part: String,
    /// What it must be, with an article.
    pub(crate) expected: String,
    /// What it is, with an article.
    pub(crate) found: String,
}

/// What of a value fits: `None` where nothing of it does.
pub(crate) type Admitted = Option<(Dynamic, Node)>;

/// Compares a value with the kind of its field.
pub(crate) fn admit(kind: Kind, value: Dynamic, node: &Node) -> (Admitted, Vec<Misfit>) {
    let value = value.flatten();
    let whole = |fits: bool| {
        if fits {
            (Some((value.clone(), node.clone())), Vec::new())
        } else {
            (None, vec![misfit(node.span, "", &kind.describe(), &value)])
        }
    };
    match kind {
        Kind::Text => whole(value.is_string()),
        Kind::TextOrNumber => whole(value.is_string() || value.is_int()),
        Kind::Flag => whole(value.is_bool()),
        Kind::Object(class) => whole(Handle::of(&value).is_some_and(|handle| handle.class() == class)),
        Kind::TextMapOrText if value.is_string() => whole(true),
        Kind::TextMap | Kind::TextMapOrText => match value.clone().try_cast::<Map>() {
            Some(map) => admit_map(map, node),
            None => whole(false),
        },
        Kind::TextPair => match value.clone().try_cast::<Array>() {
            Some(array) if array.len() == 2 => admit_array(array, node, "a string", Dynamic::is_string),
            _ => whole(false),
        },
        Kind::Texts | Kind::Objects(_) | Kind::ObjectsOrNames(_) => {
            let Some(array) = value.clone().try_cast::<Array>() else {
                return whole(false);
            };
            let is_object = |value: &Dynamic| match kind {
                Kind::Objects(class) | Kind::ObjectsOrNames(class) => {
                    Handle::of(value).is_some_and(|handle| handle.class() == class)
                }
                _ => false,
            };
            let names = !matches!(kind, Kind::Objects(_));
            let expected = match kind {
                Kind::Objects(class) => format!("a {} object", class.name),
                Kind::ObjectsOrNames(class) => format!("a string or a {} object", class.name),
                _ => "a string".to_owned(),
            };
            admit_array(array, node, &expected, |value| (names && value.is_string()) || is_object(value))
        }
    }
}

fn admit_array(
    array: Array,
    node: &Node,
    expected: &str,
    fits: impl Fn(&Dynamic) -> bool,
) -> (Admitted, Vec<Misfit>) {
    let mut misfits = Vec::new();
    let mut kept = Array::new();
    let mut nodes = Vec::new();
    for (index, value) in array.into_iter().enumerate() {
        let value = value.flatten();
        let item = node.item(index).cloned();
        if fits(&value) {
            kept.push(value);
            nodes.extend(item);
        } else {
            let span = item.map_or(node.span, |item| item.span);
            misfits.push(misfit(span, &format!("[{index}]"), expected, &value));
        }
    }
    let parts = match node.parts {
        Parts::Items(_) => Parts::Items(nodes),
        _ => Parts::Opaque,
    };
    let node = Node { span: node.span, parts };
    (Some((kept.into(), node)), misfits)
}

fn admit_map(map: Map, node: &Node) -> (Admitted, Vec<Misfit>) {
    let mut misfits = Vec::new();
    let mut kept = Map::new();
    for (key, value) in map {
        let value = value.flatten();
        if text_of(&value).is_some() {
            kept.insert(key, value);
        } else {
            let span = node.entry(&key).map_or(node.span, |entry| entry.value.span);
            misfits.push(misfit(span, &format!(".{key}"), "a string or an integer", &value));
        }
    }
    (Some((kept.into(), node.clone())), misfits)
}

fn misfit(span: Span, part: &str, expected: &str, value: &Dynamic) -> Misfit {
    Misfit { span, part: part.to_owned(), expected: expected.to_owned(), found: describe(value) }
}

/// What a value is, with an article.
pub(crate) fn describe(value: &Dynamic) -> String {
    if let Some(handle) = Handle::of(value) {
        return format!("a {} object", handle.class().name);
    }
    match value.type_name() {
        "string" => "a string".to_owned(),
        "char" => "a character".to_owned(),
        "i64" => "an integer".to_owned(),
        "f64" => "a number with a fraction".to_owned(),
        "bool" => "`true` or `false`".to_owned(),
        "array" => match value.as_array_ref().map(|array| array.len()) {
            Ok(1) => "an array with one element".to_owned(),
            Ok(count) => format!("an array with {count} elements"),
            Err(_) => "an array".to_owned(),
        },
        "map" => "an object map".to_owned(),
        "()" => "nothing".to_owned(),
        "Fn" => "a function".to_owned(),
        other => format!("a value of type {other}"),
    }
}
