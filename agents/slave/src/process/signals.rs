//! Signals as something that `poll` can wait for.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::SigSet;
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
    SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};

/// Signals that a process may have inherited as ignored (a shell's `&` ignores INT and QUIT, `nohup` ignores HUP,
/// Python ignores XFSZ). A handler takes their place, because `exec` sets handled signals to their default, whereas
/// ignored ones stay ignored. PIPE is left to the standard library, which gives each child its default.
const HANDLED: [i32; 17] = [
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
];

/// Wakes a poll loop when a child ended or a TERM came.
#[derive(Debug)]
pub struct Signals {
    wake: UnixStream,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over the signals of this process: none is blocked, CHLD and TERM wake, every other one that can be caught is caught and
    /// means nothing, so that neither a closed terminal nor an inherited setting reaches the children.
    ///
    /// # Errors
    /// Where no socket pair can be had or the system refuses a handler.
    pub fn take_over() -> std::io::Result<Self> {
        // Children inherit what is blocked.
        SigSet::empty().thread_set_mask()?;
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let terminate = Arc::new(AtomicBool::new(false));
        let nothing = Arc::new(AtomicBool::new(false));
        for signal in HANDLED {
            signal_hook::flag::register(signal, Arc::clone(&nothing))?;
        }
        // The flag stands before the wake-up is sent: handlers run in the order of their registration.
        signal_hook::flag::register(SIGTERM, Arc::clone(&terminate))?;
        signal_hook::low_level::pipe::register(SIGTERM, sender.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGCHLD, sender)?;
        Ok(Self { wake, terminate })
    }

    /// Forgets the wake-ups so far; to be called before looking at what they are about.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.wake).read(&mut bytes), Ok(64)) {}
    }

    /// Whether a TERM has come.
    pub fn terminate(&self) -> bool {
        self.terminate.load(Ordering::SeqCst)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
