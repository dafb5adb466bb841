//! The clock on the wall, which may be set: schedules go by it, limits do not.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::sync::watch;
use xrdtest_model::Timestamp;

/// 2200-01-01, in seconds: the kernel's clock does not go much further.
const FAR: u64 = 7_258_118_400;

/// What it shows.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::default().after(since_epoch)
}

/// Waits as long as it takes to a time if nobody sets the clock; for ever where there is none.
pub(crate) async fn sleep_until(at: Option<Timestamp>) {
    match at {
        Some(at) => tokio::time::sleep(at.since(now())).await,
        None => std::future::pending().await,
    }
}

/// Tells when the clock is set, also by a machine that was suspended.
#[derive(Debug)]
pub(crate) struct Watch {
    set: watch::Receiver<()>,
    /// The thread ends with it.
    _end: PipeWriter,
}

impl Watch {
    pub(crate) fn start() -> io::Result<Self> {
        // Only such a timer is told that the clock was set; that it goes off is of no interest.
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, TimerFlags::TFD_CLOEXEC)?;
        let far = Expiration::OneShot(TimeSpec::from_duration(Duration::from_secs(FAR)));
        timer.set(far, TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET)?;
        let (ended, end) = io::pipe()?;
        let (told, set) = watch::channel(());
        std::thread::Builder::new().name("clock".to_owned()).spawn(move || follow(&timer, &ended, &told))?;
        Ok(Self { set, _end: end })
    }

    /// Waits until it was set since this was asked last.
    pub(crate) async fn is_set(&mut self) {
        if self.set.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Waits in a thread of its own: the timer's descriptor is none that the runtime takes without `unsafe`.
fn follow(timer: &TimerFd, ended: &PipeReader, told: &watch::Sender<()>) {
    loop {
        let mut watched = [timer.as_fd(), ended.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return,
        }
        if watched[1].any() != Some(false) || timer.wait().is_err() {
            return;
        }
        told.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_thread_ends_with_the_watch() {
        let watch = Watch::start().unwrap();
        let mut set = watch.set.clone();
        assert!(!set.has_changed().unwrap());
        drop(watch);
        let ended = tokio::time::timeout(Duration::from_secs(10), set.changed()).await;
        assert!(ended.unwrap().is_err(), "nobody is there any more to tell of a change");
    }
}
