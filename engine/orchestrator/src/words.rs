//! Pieces of sentences for people.

use std::time::Duration;

pub(crate) use xrdtest_model::time::limit;

/// The limit of so many milliseconds.
pub(crate) fn limit_ms(millis: u64) -> String {
    limit(Duration::from_millis(millis))
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}
