//! Hypervisor agents, as a running engine knows them.

use std::time::Duration;

use xrdtest_model::api::HypervisorInfo;
use xrdtest_model::time::{Timestamp, human, utc};
use xrdtest_report::findings::plural;

use super::Finding;
use super::engine::Running;

const CHECK: &str = "hypervisors";
/// Messages take their time.
const TOLERATED_MS: u64 = 5000;

/// What the engine says, and when; `None`: nobody could be asked.
pub(super) struct Facts {
    pub(super) known: Option<Vec<HypervisorInfo>>,
    pub(super) now: Timestamp,
}

pub(super) fn gather(running: &Running) -> Facts {
    let known = running.answer.as_ref().ok().map(|answer| answer.hypervisors.clone());
    Facts { known, now: crate::clock::Clock::new().now() }
}

pub(super) fn judge(Facts { known, now }: &Facts) -> Vec<Finding> {
    let Some(known) = known else {
        let what = "which are in contact is known to a running engine only";
        return vec![Finding::unseen(CHECK, "agents", what)];
    };
    if known.is_empty() {
        return vec![
            Finding::warning(CHECK, "agents", "none was ever in contact")
                .because("without one only suites for physical machines can run")
                .next("join one: `xrdtest token new hypervisor NAME`"),
        ];
    }
    known.iter().map(|known| of_one(known, *now)).collect()
}

fn of_one(known: &HypervisorInfo, now: Timestamp) -> Finding {
    let HypervisorInfo { name, since, connected, held, instances, .. } = known;
    if let Some(revoked) = &known.revoked {
        let since = format!("since {} ({} ago)", utc(revoked.at), human(now.since(revoked.at)));
        return Finding::ok(CHECK, name, format!("refused {since}: it is {}", revoked.words()));
    }
    let since = since.map_or_else(String::new, |at| format!(" since {} ({})", utc(at), human(now.since(at))));
    match (connected, held) {
        (false, _) => Finding::problem(CHECK, name, format!("it is out of contact{since}"))
            .because("its agent does not run, or does not reach the engine")
            .next("on its machine: systemctl status xrdtest-hypervisor, and its log"),
        (true, Some(hold)) => {
            Finding::warning(CHECK, name, format!("it is in contact, and held by {}", hold.by))
                .because(hold.reason.clone())
                .next(format!("`xrdtest hypervisors release {name}` when that is over"))
        }
        (true, None) if known.clock_ahead_ms.is_some_and(|ahead| ahead.unsigned_abs() > TOLERATED_MS) => {
            let ahead = known.clock_ahead_ms.unwrap_or_default();
            let by = human(Duration::from_millis(ahead.unsigned_abs()));
            let word = if ahead > 0 { "ahead of" } else { "behind" };
            Finding::warning(CHECK, name, format!("its clock is {by} {word} the engine's"))
                .because("times in logs that it collects differ from those in records")
                .next("have both set by a time server")
        }
        (true, None) => {
            Finding::ok(CHECK, name, format!("in contact{since}, {}", plural(instances.len(), "instance")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::*;

    #[test]
    fn in_contact_held_and_gone() {
        let info = |connected: bool, held: serde_json::Value| -> HypervisorInfo {
            let text = serde_json::json!({
                "name": "hv1", "state": { "constant": "S_NOT_CONNECTED", "code": 2, "text": "" }, "since": 1000, "connected": connected,
                "provider": "sandbox", "room": null, "free": null, "held": held, "instances": [],
            });
            serde_json::from_value(text).unwrap()
        };
        let hold = serde_json::json!({ "by": "alice", "since": 1000, "reason": "new disk" });
        let ahead = |ms| HypervisorInfo { clock_ahead_ms: Some(ms), ..info(true, serde_json::Value::Null) };
        let revoked =
            serde_json::json!({ "agent": "hypervisor/hv1", "at": 1000, "by": "alice", "reason": "sold" });
        let refused = HypervisorInfo {
            revoked: serde_json::from_value(revoked).unwrap(),
            ..info(false, serde_json::Value::Null)
        };
        let cases = [
            (info(true, serde_json::Value::Null), Grade::Ok, "in contact since 1970-01-01 00:00 UTC (1 h)"),
            (info(true, hold), Grade::Warning, "held by alice"),
            (ahead(-4000), Grade::Ok, "in contact"),
            (ahead(61_000), Grade::Warning, "its clock is 1 min 1 s ahead of the engine's"),
            (ahead(-61_000), Grade::Warning, "1 min 1 s behind the engine's"),
            (info(false, serde_json::Value::Null), Grade::Problem, "it is out of contact since"),
            (refused, Grade::Ok, "since 1970-01-01 00:00 UTC (1 h ago): it is revoked by alice: sold"),
        ];
        for (known, grade, words) in cases {
            let found = judge(&Facts { known: Some(vec![known]), now: Timestamp::from_millis(3_601_000) });
            assert_eq!(found[0].grade, grade);
            assert!(found[0].what.contains(words), "{found:?}");
        }
        let found = judge(&Facts { known: None, now: Timestamp::from_millis(0) });
        assert_eq!(found[0].grade, Grade::Unseen);
    }
}
