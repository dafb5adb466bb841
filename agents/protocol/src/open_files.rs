//! How many files and sockets a process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to what the system allows at most: engines have a file open for each output that is
/// on its way, fleets of fakes a socket for each agent. A process may always do that; whoever hits the limit says so.
pub fn raise_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
