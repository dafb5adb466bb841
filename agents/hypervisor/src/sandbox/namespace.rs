//! Namespaces that exist only as long as somebody uses them.
//!
//! A thread may leave the namespaces of its process and make its own; the kernel keeps those alive by threads,
//! processes, open descriptors and sockets, and by nothing else. So nothing is ever bound into the file system
//! (`/run/netns` stays empty), no mount shows in this machine's mount table, and everything vanishes with the last
//! user, however that ended. A thread that has called one of these functions must not go back to a pool: each caller
//! runs on a thread made for the purpose.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Gives the calling thread a mount table of its own, from which nothing propagates back.
pub(crate) fn private_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    Ok(())
}

/// Puts the calling thread into a new network namespace and returns a descriptor that keeps it.
pub(crate) fn new_network() -> io::Result<OwnedFd> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok(File::open("/proc/thread-self/ns/net")?.into())
}

/// A path under which another process can open what this process holds open.
pub(crate) fn path_of(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), descriptor.as_fd().as_raw_fd()))
}
