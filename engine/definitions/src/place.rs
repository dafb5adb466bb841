//! Places in source files, and values that remember theirs.

use std::sync::Arc;

use xrdtest_model::Span;

/// A range of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// As in `Diagnostic::file`.
    pub(crate) file: Arc<str>,
    pub(crate) span: Span,
}

impl Place {
    /// The beginning of a file, for findings that have no better place.
    pub(crate) fn start_of(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), span: Span::START }
    }
}

/// A value with the place where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// An expression of a definition, as far as its places can be told from the text alone: what a variable holds is
/// reported at the variable.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) parts: Parts,
}

/// The parts of a literal.
#[derive(Clone, Debug)]
pub(crate) enum Parts {
    /// No array or map literal.
    Opaque,
    /// The elements of an array literal.
    Items(Vec<Node>),
    /// The entries of an object map literal.
    Entries(Vec<Entry>),
}

/// One entry of an object map literal.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// Where a field got its value.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    /// The field's name, or the constructor's where the value is one of its arguments.
    pub(crate) name: Span,
    pub(crate) value: Node,
}

impl Origin {
    /// An origin of which only the place of a name is known.
    pub(crate) fn opaque(place: &Place) -> Self {
        Self { file: Arc::clone(&place.file), name: place.span, value: Node::opaque(place.span) }
    }

    pub(crate) fn at(&self, span: Span) -> Place {
        Place { file: Arc::clone(&self.file), span }
    }

    /// The field's name.
    pub(crate) fn name_place(&self) -> Place {
        self.at(self.name)
    }

    /// The whole value.
    pub(crate) fn place(&self) -> Place {
        self.at(self.value.span)
    }

    /// One element of the value; the whole value where it is no array literal.
    pub(crate) fn item(&self, index: usize) -> Place {
        self.at(self.value.item(index).map_or(self.value.span, |node| node.span))
    }

    /// One entry of the value, key and value; the whole value twice where it is no map literal.
    pub(crate) fn entry(&self, key: &str) -> (Place, Place) {
        let (name, value) = match self.value.entry(key) {
            Some(entry) => (entry.key_span, entry.value.span),
            None => (self.value.span, self.value.span),
        };
        (self.at(name), self.at(value))
    }
}

impl Node {
    pub(crate) fn opaque(span: Span) -> Self {
        Self { span, parts: Parts::Opaque }
    }

    pub(crate) fn item(&self, index: usize) -> Option<&Self> {
        match &self.parts {
            Parts::Items(items) => items.get(index),
            _ => None,
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.parts {
            Parts::Entries(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// What stands in an array of `count` elements after `more` was appended to it, for `+=` and `push`.
    pub(crate) fn extended(&self, count: usize, more: &[Self]) -> Self {
        let mut node = self.clone();
        for (index, item) in more.iter().enumerate() {
            node.append(count + index, item.clone());
        }
        node
    }

    /// Appends an element to an array of `count` elements. Where their own places are not known, theirs is the whole.
    pub(crate) fn append(&mut self, count: usize, item: Self) {
        let span = self.span;
        if let Parts::Items(items) = &mut self.parts {
            items.resize_with(count, || Self::opaque(span));
            items.push(item);
        } else {
            let mut items = vec![Self::opaque(span); count];
            items.push(item);
            self.parts = Parts::Items(items);
        }
    }
}
