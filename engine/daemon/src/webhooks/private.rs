//! What nobody may read in a log, an error or an answer.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use crate::deliveries::Unsent;

/// Text that is not shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Private(String);

impl Private {
    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Private {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Where a secret is.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In the configuration.
    Here(Private),
    /// In the first line of a file, which is read whenever it is needed.
    File(&'static str, PathBuf),
}

impl Source {
    /// The secret.
    pub(crate) fn read(&self) -> Result<String, String> {
        let (key, path) = match self {
            Self::Here(text) => return Ok(text.0.clone()),
            Self::File(key, path) => (key, path),
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{key}, {}, can't be read: {error}", path.display()))?;
        match text.lines().next().map(str::trim) {
            Some(line) if !line.is_empty() => Ok(line.to_owned()),
            _ => Err(format!("{key}, {}: its first line is empty", path.display())),
        }
    }
}

/// Secrets that a request holds, so that no answer can bring them into a log.
#[derive(Default)]
pub(super) struct Hidden(pub(super) Vec<String>);

impl Hidden {
    /// The same, without them.
    pub(super) fn without(&self, unsent: Unsent) -> Unsent {
        let clean = |words: String| {
            let mut clean = words;
            // Shorter ones would tear words apart, and are no secrets.
            for secret in self.0.iter().filter(|secret| secret.len() >= 6) {
                clean = clean.replace(secret.as_str(), "…");
            }
            clean
        };
        match unsent {
            Unsent::Way(words) => Unsent::Way(clean(words)),
            Unsent::Later(words, pause) => Unsent::Later(clean(words), pause),
            Unsent::Refused(words) => Unsent::Refused(clean(words)),
            Unsent::Hopeless(words) => Unsent::Hopeless(clean(words)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secret: Private = serde_json::from_str("\"s3cret-word\"").unwrap();
        let source = Source::Here(secret.clone());
        assert!(!format!("{secret:?} {source:?}").contains("s3cret"));
        let hidden = Hidden(vec!["s3cret-word".to_owned(), "x".to_owned()]);
        let Unsent::Hopeless(words) = hidden.without(Unsent::Hopeless("`s3cret-word` is no exit".to_owned()))
        else {
            panic!("another kind")
        };
        assert_eq!(words, "`…` is no exit");
    }
}
