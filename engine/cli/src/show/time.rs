//! Points in time for people.

use jiff::tz::TimeZone;
use xrdtest_model::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago something was: `just now`, `3 min ago`, `2 h ago`, `5 days ago`; what is longer ago than a month, as a
/// date.
pub(super) fn ago(now: Timestamp, at: Timestamp) -> String {
    match now.since(at).as_secs() {
        0..10 => "just now".to_owned(),
        seconds @ 10..MINUTE => format!("{seconds} s ago"),
        seconds @ MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h ago", seconds / HOUR),
        seconds if seconds < 2 * DAY => "1 day ago".to_owned(),
        seconds if seconds < 31 * DAY => format!("{} days ago", seconds / DAY),
        _ => local(at, "%Y-%m-%d"),
    }
}

/// How far ahead something is: `in 3 min`.
pub(super) fn ahead(now: Timestamp, at: Timestamp) -> String {
    match at.since(now).as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..MINUTE => format!("in {seconds} s"),
        seconds @ MINUTE..HOUR => format!("in {} min", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("in {} h", seconds / HOUR),
        seconds if seconds < 2 * DAY => "in 1 day".to_owned(),
        seconds => format!("in {} days", seconds / DAY),
    }
}

/// Date and time where the user is.
pub(super) fn clock(at: Timestamp) -> String {
    local(at, "%Y-%m-%d %H:%M:%S")
}

fn local(at: Timestamp, format: &str) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let zone = if cfg!(test) { TimeZone::UTC } else { TimeZone::system() };
    jiff::Timestamp::from_millisecond(millis)
        .map(|time| time.to_zoned(zone).strftime(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_for_people() {
        let now = Timestamp::from_millis(1_795_342_500_000);
        for (seconds, past, future) in [
            (0, "just now", "now"),
            (59, "59 s ago", "in 59 s"),
            (3599, "59 min ago", "in 59 min"),
            (7200, "2 h ago", "in 2 h"),
            (DAY, "1 day ago", "in 1 day"),
            (5 * DAY, "5 days ago", "in 5 days"),
            (40 * DAY, "2026-10-13", "in 40 days"),
        ] {
            let distance = Duration::from_secs(seconds);
            assert_eq!(ago(now, now.before(distance)), past);
            assert_eq!(ahead(now, now.after(distance)), future);
        }
    }
}
