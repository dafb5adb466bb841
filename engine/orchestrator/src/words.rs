//! Pieces of sentences for people.

use std::time::Duration;

use xrdtest_model::HypervisorName;
use xrdtest_model::ids::EXTERNAL;

pub(crate) use xrdtest_model::time::limit;

/// The limit of so many milliseconds.
pub(crate) fn limit_ms(millis: u64) -> String {
    limit(Duration::from_millis(millis))
}

/// Whether it is the engine itself, which takes physical machines into its service.
pub(crate) fn is_external(hypervisor: &HypervisorName) -> bool {
    hypervisor.as_str() == EXTERNAL
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
