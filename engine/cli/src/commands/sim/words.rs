//! What a fleet has seen, in words.

use std::fmt::Write as _;

use xrdtest_report::findings::plural;
use xrdtest_report::text::readable;
use xrdtest_sim::{Latency, Snapshot};

/// Agents whose troubles are told; the JSON document has all.
const TROUBLES: usize = 10;

/// One line: how the fleet is.
pub(super) fn now(seen: &Snapshot) -> String {
    let Snapshot { hypervisors_connected, slaves_connected, slaves, orders, .. } = seen;
    let mut text = format!(
        "{} and {slaves_connected} of {} in contact, {}",
        plural(*hypervisors_connected, "hypervisor agent"),
        plural(*slaves, "slave"),
        plural(*orders, "order")
    );
    if seen.barrier.count > 0 {
        let _ = write!(text, ", barriers {}", latency(seen.barrier));
    }
    let troubles: u64 = seen.troubles.values().map(|trouble| trouble.count).sum();
    if troubles > 0 {
        let _ = write!(text, ", {}", plural(troubles, "trouble"));
    }
    text
}

/// All of it.
pub(super) fn all(seen: &Snapshot) -> String {
    let mut text = format!(
        "agents       {} joined, {}, {} of them again\n\
         orders       {}, reports {}\n\
         output       {} complete, {} sent\n",
        seen.joins,
        plural(seen.connections, "connection"),
        seen.reconnects,
        seen.orders,
        seen.reports,
        plural(seen.uploads, "file"),
        plural(seen.uploaded_bytes, "byte"),
    );
    if seen.barrier.count > 0 {
        let _ = writeln!(text, "barriers     {}", latency(seen.barrier));
    }
    for (agent, trouble) in seen.troubles.iter().take(TROUBLES) {
        let _ = writeln!(
            text,
            "trouble      {agent}: {}, last: {}",
            plural(trouble.count, "time"),
            readable(&trouble.last)
        );
    }
    if let Some(more) = seen.troubles.len().checked_sub(TROUBLES).filter(|more| *more > 0) {
        let _ = writeln!(text, "             and {}; --format json has all", plural(more, "other agent"));
    }
    text
}

fn latency(times: Latency) -> String {
    let ms = |us: u64| {
        let tenths = (us + 50) / 100;
        format!("{}.{} ms", tenths / 10, tenths % 10)
    };
    format!("p50 {}, p99 {}, longest {}", ms(times.p50_us), ms(times.p99_us), ms(times.max_us))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use xrdtest_sim::Trouble;

    use super::*;

    #[test]
    fn a_fleet_in_words() {
        let barrier = Latency { count: 2500, p50_us: 6_144, p99_us: 12_288, max_us: 14_999 };
        let trouble = Trouble { count: 2, last: "no\u{7}answer".to_owned() };
        let seen = Snapshot {
            hypervisors_connected: 1,
            slaves: 250,
            slaves_connected: 249,
            joins: 251,
            connections: 253,
            reconnects: 2,
            orders: 2750,
            reports: 5500,
            uploads: 3,
            uploaded_bytes: 300,
            barrier,
            troubles: (0..12)
                .map(|number| (format!("m{number}"), trouble.clone()))
                .collect::<BTreeMap<_, _>>(),
        };
        insta::assert_snapshot!(format!("{}\n\n{}", now(&seen), all(&seen)));
        let quiet = Snapshot { barrier: Latency::default(), troubles: BTreeMap::new(), ..seen };
        insta::assert_snapshot!(format!("{}\n\n{}", now(&quiet), all(&quiet)));
    }
}
