//! Waiting for files in a folder without looking again and again.

use std::io;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe;

/// Tells that something has happened in a folder; who waits looks at the folder itself.
#[derive(Debug)]
pub(crate) struct FolderWatch(pipe::Receiver);

impl FolderWatch {
    /// Begins to watch for these events. Needs a runtime.
    pub(crate) fn new(folder: &Path, events: AddWatchFlags) -> io::Result<Self> {
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        watch.add_watch(folder, events)?;
        // It is read like a pipe.
        Ok(Self(pipe::Receiver::from_owned_fd_unchecked(watch.into())?))
    }

    /// Waits until something has happened since this was last called, or since the watch began.
    pub(crate) async fn changed(&self) -> io::Result<()> {
        self.0.readable().await?;
        let mut events = [0; 4096];
        while self.0.try_read(&mut events).is_ok_and(|length| length > 0) {}
        Ok(())
    }
}
