//! The limit of a core dump's size, which processes inherit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The kernel's sign for "not even through a pipe". Whoever set that limit does not want it raised.
const NOT_EVEN_PIPED: u64 = 1;

/// Lets this process and its children have core dumps of any size, as far as it may. What does not go stays as it is.
pub fn raise() {
    let now = getrlimit(Resource::Core);
    if now.maximum == Some(NOT_EVEN_PIPED) {
        return;
    }
    let none = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Core, none).is_err() {
        let highest = Rlimit { current: now.maximum, maximum: now.maximum };
        // It can't be refused: the highest that is allowed is asked for.
        let _ = setrlimit(Resource::Core, highest);
    }
}

/// Whether this process could raise it to more than nothing.
pub fn is_open() -> bool {
    getrlimit(Resource::Core).maximum.is_none_or(|limit| limit > NOT_EVEN_PIPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_raised_as_far_as_allowed() {
        let before = getrlimit(Resource::Core);
        raise();
        let after = getrlimit(Resource::Core);
        assert!(after.current == after.maximum || before.maximum == Some(NOT_EVEN_PIPED));
        assert_eq!(is_open(), after.maximum.is_none_or(|limit| limit > 1));
    }
}
