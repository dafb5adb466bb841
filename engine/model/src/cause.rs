//! Errors in words.

use std::error::Error;

/// What an error and its causes say, from the outermost on, separated by colons. Many errors tell their cause
/// themselves; nothing is said twice.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string().trim_end().to_owned();
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    for cause in causes.map(|cause| cause.to_string().trim_end().to_owned()) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Self>>);

    impl std::fmt::Display for Link {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn nothing_is_said_twice() {
        for (chain, expect) in [
            (&["no configuration"][..], "no configuration"),
            (&["cannot start", "no lock", "denied"], "cannot start: no lock: denied"),
            (&["cannot read x: denied", "denied"], "cannot read x: denied"),
            (&["not valid: line 1\n", "line 1\n"], "not valid: line 1"),
        ] {
            let link = |cause, words: &&'static str| Some(Box::new(Link(words, cause)));
            let error = chain.iter().rev().fold(None, link).unwrap();
            assert_eq!(with_causes(&*error), expect);
        }
    }
}
