//! Whether a value fits a field: what fits is kept, and each part that does not is named with its place.

use rhai::{Array, Dynamic, Map};
use xrdtest_model::Span;

use super::class::{ELEMENT_BYTES, Field, Kind, TEXT_BYTES};
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
    /// Whether it is of the right type, but too large.
    pub(crate) too_large: bool,
}

/// What of a value fits: `None` where nothing of it does.
pub(crate) type Admitted = Option<(Dynamic, Node)>;

/// Compares a value with what its field may hold.
pub(crate) fn admit_field(field: &Field, value: Dynamic, node: &Node) -> (Admitted, Vec<Misfit>) {
    if let Some((size, unit)) = size_of(&value).filter(|(size, _)| *size > field.most) {
        let misfit = Misfit {
            span: node.span,
            part: String::new(),
            expected: format!("at most {} {unit}", field.most),
            found: size.to_string(),
            too_large: true,
        };
        return (None, vec![misfit]);
    }
    admit(field.kind, value, node)
}

/// What is bounded of a value, and what it is counted in.
fn size_of(value: &Dynamic) -> Option<(usize, &'static str)> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some((text.len(), "bytes"));
    }
    if let Ok(array) = value.as_array_ref() {
        return Some((array.len(), "elements"));
    }
    value.as_map_ref().ok().map(|map| (map.len(), "entries"))
}

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
        if fits(&value) && !is_too_long(&value, ELEMENT_BYTES) {
            kept.push(value);
            nodes.extend(item);
            continue;
        }
        let span = item.map_or(node.span, |item| item.span);
        let part = format!("[{index}]");
        misfits.push(if fits(&value) {
            too_long(span, part, &value, ELEMENT_BYTES)
        } else {
            misfit(span, &part, expected, &value)
        });
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
        let span = node.entry(&key).map_or(node.span, |entry| entry.value.span);
        let part = format!(".{key}");
        if text_of(&value).is_none() {
            misfits.push(misfit(span, &part, "a string or an integer", &value));
        } else if is_too_long(&value, TEXT_BYTES) {
            misfits.push(too_long(span, part, &value, TEXT_BYTES));
        } else {
            kept.insert(key, value);
        }
    }
    (Some((kept.into(), node.clone())), misfits)
}

fn is_too_long(value: &Dynamic, most: usize) -> bool {
    value.as_immutable_string_ref().is_ok_and(|text| text.len() > most)
}

fn too_long(span: Span, part: String, value: &Dynamic, most: usize) -> Misfit {
    let length = value.as_immutable_string_ref().map_or(0, |text| text.len());
    Misfit {
        span,
        part,
        expected: format!("at most {most} bytes"),
        found: length.to_string(),
        too_large: true,
    }
}

fn misfit(span: Span, part: &str, expected: &str, value: &Dynamic) -> Misfit {
    Misfit {
        span,
        part: part.to_owned(),
        expected: expected.to_owned(),
        found: describe(value),
        too_large: false,
    }
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
