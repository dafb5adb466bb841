//! `@tags@` in scripts and log paths (manual 6.2.1).

use std::collections::BTreeMap;

/// The tags that hold for one stage on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    values: BTreeMap<String, String>,
}

impl Tags {
    /// The suite's own tags, and those of the machine, which win.
    pub fn new(of_suite: &BTreeMap<String, String>, of_machine: &BTreeMap<String, String>) -> Self {
        let mut values = of_suite.clone();
        values.extend(of_machine.iter().map(|(name, value)| (name.clone(), value.clone())));
        Self { values }
    }

    /// The text with each known `@name@` replaced by its value. Everything else stays as it is, `user@host` as well
    /// as `@unknown@`; values are not searched for tags again.
    pub fn replace(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('@') {
            let (before, from_at) = rest.split_at(start);
            result.push_str(before);
            let behind = &from_at[1..];
            let end = behind.find(|c: char| !is_name(c)).unwrap_or(behind.len());
            let (name, after) = behind.split_at(end);
            match (self.values.get(name), after.strip_prefix('@')) {
                (Some(value), Some(after)) => {
                    result.push_str(value);
                    rest = after;
                }
                // The second at sign, where there is one, may begin a tag itself.
                _ => {
                    result.push('@');
                    result.push_str(name);
                    rest = after;
                }
            }
        }
        result.push_str(rest);
        result
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-' || c == '.'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let map = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Tags::new(&map, &BTreeMap::new())
    }

    #[test]
    fn known_tags_are_replaced_and_nothing_else() {
        let tags =
            tags(&[("slavename", "ds1.xrd.test"), ("port", "8080"), ("loop", "@port@"), ("empty", "")]);
        for (text, expected) in [
            ("", ""),
            ("no tags", "no tags"),
            ("@slavename@", "ds1.xrd.test"),
            ("a@slavename@b@port@c", "ads1.xrd.testb8080c"),
            ("@slavename@@port@", "ds1.xrd.test8080"),
            ("@unknown@ stays", "@unknown@ stays"),
            ("@unknown@port@", "@unknown8080"),
            ("root@slavename@port@", "rootds1.xrd.testport@"),
            ("user@host", "user@host"),
            ("@", "@"),
            ("@@", "@@"),
            ("@@port@@", "@8080@"),
            ("@port", "@port"),
            ("@ port @", "@ port @"),
            ("\"$@\" @port@", "\"$@\" 8080"),
            ("@loop@", "@port@"),
            ("[@empty@]", "[]"),
            ("ü@port@ü", "ü8080ü"),
        ] {
            assert_eq!(tags.replace(text), expected, "{text}");
        }
    }

    #[test]
    fn the_machine_wins() {
        let suite =
            BTreeMap::from([("port".to_owned(), "1".to_owned()), ("mine".to_owned(), "2".to_owned())]);
        let machine = BTreeMap::from([("port".to_owned(), "8080".to_owned())]);
        assert_eq!(Tags::new(&suite, &machine).replace("@port@ @mine@"), "8080 2");
    }

    proptest! {
        #[test]
        fn text_without_known_tags_is_untouched(text in "[a-z@ \n$]{0,60}") {
            prop_assert_eq!(tags(&[("PORT", "8080")]).replace(&text), text);
        }
    }
}
