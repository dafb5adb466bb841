//! The machine's clock, set by the engine's where the configuration wants that: a virtual machine may begin with any.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};

/// How far a clock may be off before it is set: reports are in milliseconds, logs of one suite are read side by side.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Sets the clock to the engine's where it is off by more than a second. That it can't be set is said, nothing more.
pub(super) fn set_by(engine_ms: u64) {
    let engine = Duration::from_millis(engine_ms);
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if !is_off(ours, engine) {
        return;
    }
    match clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from(engine)) {
        Ok(()) => tracing::info!(
            was_ms = ours.as_millis(),
            is_ms = engine_ms,
            "the clock was off by more than a second; it is set by the engine's"
        ),
        Err(error) => tracing::warn!(%error, "the clock is off by more than a second and can't be set"),
    }
}

fn is_off(ours: Duration, engine: Duration) -> bool {
    ours.abs_diff(engine) > TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_let_be() {
        let ms = Duration::from_millis;
        for (ours, engine, off) in [
            (5000, 5000, false),
            (5000, 6000, false),
            (6001, 5000, true),
            (5000, 6001, true),
            (0, 1 << 40, true),
        ] {
            assert_eq!(is_off(ms(ours), ms(engine)), off, "{ours} {engine}");
        }
    }
}
