//! The language as data: classes, their fields, what a field may hold and what it means. Constructors, field access,
//! "did you mean", type checks and the reference in `docs/` all read these tables; to add a field, add an entry in
//! `suite`, `cluster` or `host` and a line in `draft`.

pub(crate) use super::cluster::{CLUSTER, NETWORK};
pub(crate) use super::host::{DISK, HOST};
pub(crate) use super::suite::{TEST_CASE, TEST_SUITE};

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A string, or an integer that stands for its digits.
    TextOrNumber,
    /// `true` or `false`.
    Flag,
    /// An array of strings.
    Texts,
    /// One object of a class.
    Object(&'static Class),
    /// An array of objects of a class.
    Objects(&'static Class),
    /// An array of objects of a class or of their names.
    ObjectsOrNames(&'static Class),
    /// An array of two strings.
    TextPair,
    /// An object map whose values are strings or integers.
    TextMap,
    /// Such a map, or a string.
    TextMapOrText,
}

impl Kind {
    /// In people's words, with an article.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Text => "a string".to_owned(),
            Self::TextOrNumber => "a string or an integer".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Texts => "an array of strings".to_owned(),
            Self::Object(class) => format!("a {}", class.name),
            Self::Objects(class) => format!("an array of {} objects", class.name),
            Self::ObjectsOrNames(class) => format!("an array of strings or {} objects", class.name),
            Self::TextPair => "an array of two strings".to_owned(),
            Self::TextMap => "an object map of strings".to_owned(),
            Self::TextMapOrText => "a string or an object map of strings".to_owned(),
        }
    }
}

/// A field of a class.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Most bytes of a string, elements of an array, entries of a map. Objects are shared, so a few lines can make a
    /// definition of any size out of them: what is worked on later is bounded by these.
    pub(crate) most: usize,
    /// What a value looks like: its unit, its form, the words that there are. Empty where the kind says enough.
    pub(crate) value: &'static str,
    /// What holds where it is not set; [`MANDATORY`] where it has to be.
    pub(crate) unset: &'static str,
    /// The manual's chapter, or [`NEW`].
    pub(crate) manual: &'static str,
    /// Codes of the rules that watch it.
    pub(crate) rules: &'static [&'static str],
    /// Whole sentences in Markdown, as seen from `docs/`.
    pub(crate) meaning: &'static str,
}

/// A field that has to be set.
pub(crate) const MANDATORY: &str = "mandatory";
/// What the manual does not know.
pub(crate) const NEW: &str = "";

/// A method of a class.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// The fields to which its argument (an object or an array of them) is appended.
    pub(crate) targets: &'static [&'static str],
    /// Whole sentences in Markdown.
    pub(crate) meaning: &'static str,
}

/// Most bytes of a string in an array or a map.
pub(crate) const ELEMENT_BYTES: usize = 1024;

/// Most bytes of a string in a map: a tag may stand for a whole configuration file.
pub(crate) const TEXT_BYTES: usize = 16 << 10;

/// A class of objects.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// Whole sentences in Markdown, as seen from `docs/`.
    pub(crate) meaning: &'static str,
    /// The manual's chapter.
    pub(crate) manual: &'static str,
    /// The constructor's positional parameters, in the manual's order. Each is a field.
    pub(crate) parameters: &'static [&'static str],
    pub(crate) fields: &'static [Field],
    pub(crate) methods: &'static [Method],
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Class {}

impl Class {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn field_names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.fields.iter().map(|field| field.name)
    }

    /// `Disk(name, size, device, mountPoint, cache)`.
    pub(crate) fn signature(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }
}

/// Most bytes of a string that is no script.
pub(crate) const TEXT: usize = 1024;
/// Most bytes of a script that stands in a definition. Longer ones stand in files.
pub(crate) const SCRIPT: usize = 32 << 10;
/// Most hosts of a cluster.
pub(crate) const HOSTS: usize = 1000;

/// All classes.
pub(crate) static CLASSES: [&Class; 6] = [&TEST_SUITE, &TEST_CASE, &CLUSTER, &NETWORK, &HOST, &DISK];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree() {
        for class in CLASSES {
            for name in class.parameters {
                assert!(class.field(name).is_some(), "{}.{name}", class.name);
            }
            for method in class.methods {
                for target in method.targets {
                    assert!(class.field(target).is_some(), "{}.{}", class.name, method.name);
                }
            }
        }
    }

    #[test]
    fn everything_has_words() {
        let sentence = |text: &str| text.ends_with('.') && !text.starts_with(char::is_lowercase);
        for class in CLASSES {
            assert!(sentence(class.meaning), "{}", class.name);
            assert!(class.methods.iter().all(|method| sentence(method.meaning)), "{}", class.name);
            for field in class.fields {
                let name = format!("{}.{}", class.name, field.name);
                assert!(sentence(field.meaning), "{name}: {}", field.meaning);
                assert!(!field.unset.is_empty(), "{name} has no word on what holds where it is not set");
                for code in field.rules {
                    assert!(crate::rules::find(code).is_some(), "{name} speaks of {code}");
                }
            }
        }
    }
}
