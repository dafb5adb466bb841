//! Objects of a definition. They are shared: a handle in a variable, in an array and in another object's field is
//! one and the same object, as in Python.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{Array, Dynamic, ImmutableString, Map};

use super::class::{CLUSTER, Class, HOST, Kind, NETWORK};
use crate::place::{Located, Origin, Place};

/// A reference to an object.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Arc<Mutex<Object>>);

/// An object: its class, and the fields that were set.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) class: &'static Class,
    /// Where it was made.
    pub(crate) made: Place,
    slots: BTreeMap<&'static str, Slot>,
    /// Fields that a misspelt one was probably meant to be: that they are missing is not reported as well.
    pub(crate) meant: BTreeSet<&'static str>,
}

/// A field that was set.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Of the field's kind; `None` where the value written was of another, which has been reported.
    pub(crate) value: Option<Dynamic>,
    pub(crate) origin: Origin,
}

impl Handle {
    /// A new object. A cluster comes with a network and a default host, as in the manual.
    pub(crate) fn new(class: &'static Class, made: Place) -> Self {
        let mut slots = BTreeMap::new();
        if *class == CLUSTER {
            for (field, of) in [("network", &NETWORK), ("defaultHost", &HOST)] {
                let part = Self::new(of, made.clone());
                slots.insert(field, Slot { value: Some(Dynamic::from(part)), origin: Origin::opaque(&made) });
            }
        }
        Self(Arc::new(Mutex::new(Object { class, made, slots, meant: BTreeSet::new() })))
    }

    /// The object. Never hold two of these guards at once: objects may refer to each other.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Object> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn class(&self) -> &'static Class {
        self.lock().class
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The handle in a value.
    pub(crate) fn of(value: &Dynamic) -> Option<Self> {
        value.read_lock::<Self>().map(|handle| handle.clone())
    }
}

impl Object {
    pub(crate) fn slot(&self, field: &str) -> Option<&Slot> {
        self.slots.get(field)
    }

    pub(crate) fn slot_or_insert(&mut self, field: &'static str, slot: impl FnOnce() -> Slot) -> &mut Slot {
        self.slots.entry(field).or_insert_with(slot)
    }

    pub(crate) fn set(&mut self, field: &'static str, slot: Slot) {
        self.slots.insert(field, slot);
    }

    pub(crate) fn unset(&mut self, field: &str) {
        self.slots.remove(field);
    }

    /// What reading a field yields in a definition: what was set, or the empty value of its kind.
    pub(crate) fn read(&self, field: &str, kind: Kind) -> Dynamic {
        if let Some(value) = self.slots.get(field).and_then(|slot| slot.value.clone()) {
            return value;
        }
        match kind {
            Kind::Text | Kind::TextOrNumber => ImmutableString::new().into(),
            Kind::Texts | Kind::Objects(_) | Kind::ObjectsOrNames(_) | Kind::TextPair => Array::new().into(),
            Kind::TextMap | Kind::TextMapOrText => Map::new().into(),
            Kind::Flag | Kind::Object(_) => Dynamic::UNIT,
        }
    }

    /// Whether nothing is known about a field: it was not set, not even wrongly or under a misspelt name.
    pub(crate) fn lacks(&self, field: &str) -> bool {
        !self.meant.contains(field)
            && self.slots.get(field).is_none_or(|slot| {
                slot.value
                    .as_ref()
                    .is_some_and(|value| value.as_immutable_string_ref().is_ok_and(|text| text.is_empty()))
            })
    }

    /// Whether an array is missing or was written without elements, as far as is known.
    pub(crate) fn lacks_items(&self, field: &str) -> bool {
        !self.meant.contains(field)
            && self.slots.get(field).is_none_or(|slot| {
                slot.value
                    .as_ref()
                    .is_some_and(|value| value.as_array_ref().is_ok_and(|array| array.is_empty()))
            })
    }

    /// A field's string; an integer counts as its digits, an empty string as not set.
    pub(crate) fn text(&self, field: &str) -> Option<Located<String>> {
        let slot = self.slots.get(field)?;
        let value = text_of(slot.value.as_ref()?)?;
        (!value.is_empty()).then(|| Located { value, place: slot.origin.place() })
    }

    /// A field's flag.
    pub(crate) fn flag(&self, field: &str) -> Option<bool> {
        self.slots.get(field)?.value.as_ref()?.as_bool().ok()
    }

    /// A field's array with the place of each element.
    pub(crate) fn items(&self, field: &str) -> Vec<Located<Dynamic>> {
        let Some(slot) = self.slots.get(field) else {
            return Vec::new();
        };
        let Some(array) = slot.value.as_ref().and_then(|value| value.as_array_ref().ok()) else {
            return Vec::new();
        };
        array
            .iter()
            .enumerate()
            .map(|(index, value)| Located { value: value.clone(), place: slot.origin.item(index) })
            .collect()
    }

    /// A field's array of strings.
    pub(crate) fn texts(&self, field: &str) -> Vec<Located<String>> {
        self.items(field)
            .into_iter()
            .filter_map(|item| Some(Located { value: text_of(&item.value)?, place: item.place }))
            .collect()
    }

    /// A field's array of objects.
    pub(crate) fn objects(&self, field: &str) -> Vec<Located<Handle>> {
        self.items(field)
            .into_iter()
            .filter_map(|item| Some(Located { value: Handle::of(&item.value)?, place: item.place }))
            .collect()
    }

    /// A field's object.
    pub(crate) fn object(&self, field: &str) -> Option<Handle> {
        Handle::of(self.slots.get(field)?.value.as_ref()?)
    }

    /// A field's map of strings: key, and the value with the places of both.
    pub(crate) fn map(&self, field: &str) -> Option<Vec<(Located<String>, Located<String>)>> {
        let slot = self.slots.get(field)?;
        let map = slot.value.as_ref()?.as_map_ref().ok()?;
        let entries = map
            .iter()
            .filter_map(|(key, value)| {
                let (key_place, value_place) = slot.origin.entry(key);
                let key = Located { value: key.to_string(), place: key_place };
                let value = Located { value: text_of(value)?, place: value_place };
                Some((key, value))
            })
            .collect();
        Some(entries)
    }
}

/// A string, or an integer's digits.
pub(crate) fn text_of(value: &Dynamic) -> Option<String> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(text.to_string());
    }
    value.as_int().ok().map(|number| number.to_string())
}
