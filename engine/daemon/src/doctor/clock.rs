//! The clock: set by a time server, and not behind what has happened already.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xrdtest_model::time::{Timestamp, human, millis, utc};

use super::Finding;
use super::store::{Facts as StoreFacts, Seen};
use crate::config::Config;

const CHECK: &str = "clock";
/// Clocks differ a little.
const TOLERATED: Duration = Duration::from_secs(5);

/// What clocks say.
pub(super) struct Facts {
    pub(super) now: Timestamp,
    /// What happened before now for sure, each with its time.
    pub(super) past: Vec<(String, Timestamp)>,
    /// A time server sets the clock; `None`: that can't be known.
    pub(super) synchronised: Option<bool>,
}

pub(super) fn gather(config: &Config, path: &Path, store: &StoreFacts) -> Facts {
    let files = [std::env::current_exe().ok(), Some(path.to_owned()), Some(config.state.join("ca/ca.pem"))];
    let mut past: Vec<_> = files.into_iter().flatten().filter_map(changed).collect();
    if let Seen::Looked(Ok(inspection)) = &store.seen
        && let Some(at) = inspection.last_event
    {
        past.push(("the last event in the store".to_owned(), at));
    }
    Facts { now: crate::clock::Clock::new().now(), past, synchronised: synchronised() }
}

fn changed(path: PathBuf) -> Option<(String, Timestamp)> {
    let at: SystemTime = std::fs::metadata(&path).ok()?.modified().ok()?;
    let at = Timestamp::from_millis(millis(at.duration_since(UNIX_EPOCH).ok()?));
    Some((format!("the last change of {}", path.display()), at))
}

/// What the kernel says, by systemd's word: whoever sets the clock tells it.
fn synchronised() -> Option<bool> {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match asked.ok()?.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

pub(super) fn judge(Facts { now, past, synchronised }: &Facts) -> Vec<Finding> {
    let place = utc(*now);
    let latest = past.iter().max_by_key(|(_, at)| *at);
    let behind = latest.filter(|(_, at)| at.since(*now) > TOLERATED).map(|(what, at)| {
        Finding::problem(CHECK, &place, format!("it is behind by at least {}", human(at.since(*now))))
            .because(format!("{what} was on {}", utc(*at)))
            .next("set the clock before the engine is started: schedules, records and certificates go by it")
    });
    let set = match synchronised {
        Some(true) => Finding::ok(CHECK, &place, "a time server sets it"),
        Some(false) => Finding::warning(CHECK, &place, "no time server sets it")
            .because("schedules go by it, and times in records would differ from those of other machines")
            .next("timedatectl set-ntp true, or install chrony"),
        None => Finding::unseen(CHECK, &place, "whether a time server sets it is not known here")
            .because("timedatectl is not there, or has nobody to ask"),
    };
    behind.into_iter().chain([set]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn behind_what_has_happened_and_not_set() {
        let at = |seconds: u64| Timestamp::from_millis(1_700_000_000_000 + seconds * 1000);
        let cases = [
            (vec![at(0)], Some(true), vec![Grade::Ok]),
            (vec![at(3)], Some(false), vec![Grade::Warning]),
            (vec![at(0), at(60)], None, vec![Grade::Problem, Grade::Unseen]),
        ];
        for (past, synchronised, grades) in cases {
            let past = past.into_iter().map(|at| ("x".to_owned(), at)).collect();
            let found = judge(&Facts { now: at(0), past, synchronised });
            assert_eq!(found.iter().map(|finding| finding.grade).collect::<Vec<_>>(), grades, "{found:?}");
        }
    }
}
