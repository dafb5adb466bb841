//! Pieces of sentences for people.

use std::time::Duration;

use xrdtest_model::time::human;

/// A limit as it was written: `30 s`, where a measured time is `30.0 s`.
pub(crate) fn limit(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_nanos()) {
        (seconds @ 1..60, 0) => format!("{seconds} s"),
        _ => human(duration),
    }
}

/// The same of milliseconds.
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
