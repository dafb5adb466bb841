//! A place where tests end the engine as `kill -9` does. Built only with the feature `failpoints`.

/// Between two effects. `XRDTEST_KILL_AT=n` ends the process at the n-th such place.
#[cfg(feature = "failpoints")]
pub(crate) fn between_effects() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    static LEFT: LazyLock<AtomicI64> = LazyLock::new(|| {
        let at = std::env::var("XRDTEST_KILL_AT").ok().and_then(|text| text.parse().ok());
        AtomicI64::new(at.unwrap_or(i64::MAX))
    });
    if LEFT.fetch_sub(1, Ordering::Relaxed) == 0 {
        // No destructor, no farewell: what is not durable now is lost.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Between two effects.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn between_effects() {}
