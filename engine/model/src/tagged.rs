//! Reads enums whose tag is a field beside their own, in one go.
//!
//! What serde derives for these keeps every field in an intermediate form until the tag is known, wherever that stands;
//! what it writes has the tag first. With hundreds of machines per barrier the difference shows.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// An enum that is written with `#[serde(tag = …)]`.
pub trait Tagged<'de>: Sized {
    /// The field that names the variant. It stands first.
    const TAG: &'static str;

    /// The variant of this name, from the other fields.
    ///
    /// # Errors
    /// Where there is no such variant, or the fields are not its own.
    fn variant<D: Deserializer<'de>>(name: &str, fields: D) -> Result<Self, D::Error>;
}

/// The whole enum.
///
/// # Errors
/// Where the tag does not stand first, or as [`Tagged::variant`].
pub fn read<'de, T: Tagged<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(TagFirst(PhantomData))
}

/// A variant without fields.
///
/// # Errors
/// Where what should be fields is none.
pub fn unit<'de, T, D: Deserializer<'de>>(variant: T, fields: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(fields).map(|_| variant)
}

struct TagFirst<T>(PhantomData<T>);

impl<'de, T: Tagged<'de>> Visitor<'de> for TagFirst<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fields of which the first is `{}`", T::TAG)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<T, A::Error> {
        match fields.next_key::<String>()? {
            Some(tag) if tag == T::TAG => {}
            Some(other) => {
                return Err(A::Error::custom(format_args!("the first field is `{other}`, not `{}`", T::TAG)));
            }
            None => return Err(A::Error::missing_field(T::TAG)),
        }
        let name = fields.next_value::<String>()?;
        T::variant(&name, MapAccessDeserializer::new(fields))
    }
}

#[cfg(test)]
mod tests {
    use crate::order::StageReport;

    #[test]
    fn mistakes_are_explained() {
        for (text, words) in [
            (r#"{"report":"finished"}"#, "missing field `outcome`"),
            (r#"{"report":"new"}"#, "unknown variant `new`"),
            (r#"{"outcome":"passed","report":"finished"}"#, "the first field is `outcome`, not `report`"),
            ("{}", "missing field `report`"),
            ("5", "fields of which the first is `report`"),
        ] {
            let error = serde_json::from_str::<StageReport>(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let more = r#"{"report":"accepted","later":{"than":"this build"}}"#;
        assert_eq!(serde_json::from_str::<StageReport>(more).unwrap(), StageReport::Accepted);
    }
}
